"""Only HubSpot's own calls are taken, and each says no more than it knows."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from hubspot.utils.signature import Signature

from connectors.hubspot.inbox import signature
from connectors.hubspot.sandbox import SECRET, HubSpotSandbox
from steward.model.errors import RecordRejected, SignatureRejected
from steward.model.records import Noun, Record

AT = 1_772_697_600_000


def event(kind: str, **more: Any) -> dict[str, Any]:
    return {"eventId": 1, "subscriptionId": 2, "occurredAt": AT, "subscriptionType": kind, "objectId": 5, **more}


def body(*events: dict[str, Any]) -> bytes:
    return json.dumps(events).encode()


def test_the_signature_is_that_of_hubspots_own_library() -> None:
    """Two programs that agree are rarely wrong in the same way."""
    url, told = "https://steward.example.com/hooks/1?x=1", '[{"a":"ä"}]'

    ours = signature(SECRET, "POST", url, told.encode(), "1772697600000")

    assert ours == Signature.get_signature(SECRET, told, "v3", url, "POST", "1772697600000")


def test_what_hubspot_decodes_in_the_address_is_decoded_before_checking(sandbox: HubSpotSandbox, connect: Any) -> None:
    """A receiver whose path holds a colon or an at sign would refuse every call otherwise."""
    told = body(event("company.deletion"))
    headers = sandbox.sign(told, "https://steward.example.com/hooks/a:b@c?next=/x;y&keep=%20%C3%A4")
    called = "https://steward.example.com/hooks/a%3Ab%40c?next=%2fx%3By&keep=%20%C3%A4"

    connect().inbox.verify({**headers, ":url": called}, told)

    with pytest.raises(SignatureRejected):
        connect().inbox.verify({**headers, ":url": called.replace("a%3A", "z%3A")}, told)


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_call_from_the_past_or_the_future_is_refused(sandbox: HubSpotSandbox, connect: Any, minutes: int) -> None:
    """A call that was recorded must not work again; HubSpot's library forgets the future."""
    told = body(event("company.deletion"))

    with pytest.raises(SignatureRejected, match="5 minutes"):
        connect(timedelta(minutes=minutes)).inbox.verify(sandbox.sign(told), told)


def test_a_delivery_sent_again_keeps_its_name(connect: Any) -> None:
    """HubSpot tries ten times, and each time counts the attempt in the body."""
    inbox = connect().inbox
    first = inbox.delivery_id({}, body(event("company.deletion", attemptNumber=0), event("company.merge", eventId=3)))
    again = inbox.delivery_id({}, body(event("company.merge", eventId=3), event("company.deletion", attemptNumber=1)))

    assert first == again
    assert first != inbox.delivery_id({}, body(event("company.deletion", eventId=4)))


def test_two_events_under_one_id_are_two_deliveries(connect: Any) -> None:
    """HubSpot does not promise that an event's id is its own; the second must not be taken for a repetition."""
    inbox = connect().inbox

    assert inbox.delivery_id({}, body(event("company.deletion"))) != inbox.delivery_id(
        {}, body(event("company.deletion", occurredAt=AT + 1)))


def test_changes_of_one_company_become_one_record_that_speaks_of_them_only(connect: Any) -> None:
    """The other fields must stay as the last pull left them."""
    (record,) = connect().inbox.parse(body(
        event("company.propertyChange", propertyName="lifecyclestage", propertyValue="customer", occurredAt=AT + 9),
        event("company.propertyChange", propertyName="csm_owner_id", propertyValue=""),
        event("company.propertyChange", propertyName="lifecyclestage", propertyValue="lead", occurredAt=AT + 1),
        event("company.propertyChange", propertyName="workspace_id", propertyValue="ws-1"),
        event("company.propertyChange", propertyName="not_ours", propertyValue="x"),
        event("company.creation"),
    ))

    assert record == Record(
        Noun.ACCOUNT, "5", {"lifecycle": "customer", "id_in.usage": "ws-1"},
        datetime.fromtimestamp((AT + 9) / 1000, UTC), only=frozenset({"lifecycle", "csm_external_id", "id_in.usage"}))


def test_a_change_that_needs_its_neighbour_waits_for_the_next_pull(connect: Any) -> None:
    """An amount without its currency is a guess."""
    assert connect().inbox.parse(body(
        event("deal.propertyChange", propertyName="amount", propertyValue="100"),
        event("contact.propertyChange", propertyName="firstname", propertyValue="Ada"),
        event("ticket.propertyChange", propertyName="hs_pipeline_stage", propertyValue="4"),
        event("deal.propertyChange", propertyName="dealstage", propertyValue="a stage of theirs"),
    )) == []


def test_a_deal_that_is_won_says_so(connect: Any) -> None:
    """The handoff to Customer Success starts here."""
    (record,) = connect(won_stages=["signed"]).inbox.parse(body(
        event("object.propertyChange", objectTypeId="0-3", propertyName="dealstage", propertyValue="signed")))

    assert (record.noun, record.values) == (Noun.OPPORTUNITY, {"is_closed": True, "is_won": True})


def test_deletions_merges_and_associations_are_understood(connect: Any) -> None:
    """Erasure by law comes this way too."""
    records = connect().inbox.parse(body(
        event("contact.privacyDeletion", objectId=7),
        event("company.merge", objectId=1, primaryObjectId=1, mergedObjectIds=[2], newObjectId=3),
        event("contact.associationChange", objectId=None, associationType="CONTACT_TO_COMPANY", fromObjectId=8, toObjectId=9,
              isPrimaryAssociation=True, associationRemoved=False),
        event("line_item.creation", objectId=4),
    ))

    found = {(record.noun, record.external_id): record for record in records}
    assert found[Noun.CONTACT, "7"].deleted
    assert [found[Noun.ACCOUNT, each].merged_into for each in ("1", "2")] == ["3", "3"]
    assert found[Noun.CONTACT, "8"].values == {"account_external_id": "9"}
    assert len(found) == 4


@pytest.mark.parametrize("told", [
    b"", b"{}", b"[1]", body({"subscriptionType": "company.deletion"}), body(event("company.deletion", objectId=None)),
    body(event("company.deletion", objectId=10**40)), body(event("company.deletion", occurredAt="now")),
    body(event("company.propertyChange", propertyName="numberofemployees", propertyValue="many")),
    body(event("company.propertyChange", propertyName=None)), body(event("company.merge", mergedObjectIds="7")),
])
def test_what_is_not_as_promised_is_refused_whole(connect: Any, told: bytes) -> None:
    """The delivery is parked for a person instead of being half applied."""
    with pytest.raises(RecordRejected):
        connect().inbox.parse(told)


def test_the_sandbox_calls_a_receiver_as_hubspot_does(sandbox: HubSpotSandbox, connect: Any) -> None:
    """So the whole way from webhook to message can be shown without HubSpot."""
    taken: list[tuple[dict[str, str], bytes]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            taken.append((headers, self.rfile.read(int(headers["content-length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            return

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/hooks/hubspot"
    status = sandbox.post_webhook(url, [event("company.deletion")], "https://steward.example.com/hooks/hubspot")
    server.shutdown()
    server.server_close()

    (headers, told), = taken
    connect().inbox.verify({**headers, ":method": "POST", ":url": "https://steward.example.com/hooks/hubspot"}, told)
    assert status == 204
    assert connect().inbox.parse(told)[0].deleted
