"""A hundred actions are a handful of calls, and each of them is answered for itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.hubspot.sandbox import HubSpotSandbox
from steward.kit.sandbox import Fault, Reply, Request
from steward.model.actions import (
    Action,
    DraftEmail,
    IdempotencyKey,
    LogTouchpoint,
    OpenCta,
    OpenOpportunity,
    Receipt,
    UpdateRecord,
)
from steward.model.errors import OutcomeUnknown, RecordRejected, StewardError

AT = datetime(2026, 3, 5, 9, 30, tzinfo=UTC)
API = pytest.mark.parametrize("api", ["v3", "2026-03"])


@pytest.fixture
def sandbox(sandbox: HubSpotSandbox) -> HubSpotSandbox:
    sandbox.seed(120)
    return sandbox


def company(number: int) -> str:
    return str(1_000_001 + number)


def keyed(actions: Sequence[Action]) -> list[tuple[Action, IdempotencyKey]]:
    return [(action, IdempotencyKey(f"play/acct_{number}/1/0")) for number, action in enumerate(actions)]


def cta(of: str, **more: Any) -> OpenCta:
    return OpenCta(account_external_id=of, type="risk", subject="Call", due_on=date(2026, 3, 5), **more)


def call(of: str, **more: Any) -> LogTouchpoint:
    told: dict[str, Any] = {"account_external_id": of, "type": "call", "subject": "Spoke", "happened_at": AT}
    return LogTouchpoint(**told | more)


def made(sandbox: HubSpotSandbox, kind: str) -> list[Any]:
    return [row for row in sandbox.portal.shelves[kind] if row.properties.get("steward_key", "").startswith("play/")]


def refused(said: Sequence[object]) -> list[int]:
    return [number for number, each in enumerate(said) if isinstance(each, StewardError)]


@API
def test_a_hundred_ctas_are_five_calls(sandbox: HubSpotSandbox, connect: Any, api: str) -> None:
    """A portal's calls are shared with every other app of the company."""
    owners = ("ada.lovelace@steward.example.com", "grace.hopper@steward.example.com", "nobody@example.com", None)
    said = connect(api=api).sink.deliver_many(
        keyed([cta(company(each), assignee_email=owners[each % 4]) for each in range(100)]))

    assert refused(said) == []
    assert len(sandbox.calls) == 5, "look, companies, owners, upsert, tie"
    tasks = {row.properties["steward_key"]: row for row in made(sandbox, "tasks")}
    for number, receipt in enumerate(said):
        row = tasks[f"play/acct_{number}/1/0"]
        assert isinstance(receipt, Receipt)
        assert receipt.external_id == str(row.id)
        assert sandbox.portal.links["tasks", row.id, "companies"] == [int(company(number))]
        assert row.properties.get("hubspot_owner_id") == ("7001", "7002", None, None)[number % 4]
    assert sandbox.breaches == []


def test_again_they_are_two_calls_and_nothing_changes(sandbox: HubSpotSandbox, connect: Any) -> None:
    """After a crash the whole batch goes again."""
    batch = keyed([cta(company(each)) for each in range(100)])
    first = connect().sink.deliver_many(batch)
    sandbox.change("tasks", first[7].external_id, {"hs_task_status": "COMPLETED"})
    sandbox.calls.clear()
    again = connect().sink.deliver_many(batch)

    assert [each.external_id for each in again] == [each.external_id for each in first]
    assert all(each.found for each in again)
    assert len(sandbox.calls) == 2
    assert sandbox.portal.shelves["tasks"].get(first[7].external_id).properties["hs_task_status"] == "COMPLETED"  # type: ignore[union-attr]


def test_what_is_half_done_is_finished_and_what_is_done_is_left(sandbox: HubSpotSandbox, connect: Any) -> None:
    """The line broke between making them and tying them."""
    batch = keyed([cta(company(each)) for each in range(6)])
    connect().sink.deliver_many(batch[:2])
    sandbox.faults = [Fault("refuse", on="associate/default")]
    with pytest.raises(OutcomeUnknown):
        connect().sink.deliver_many(batch[:4])
    said = connect().sink.deliver_many(batch)

    assert [each.found for each in said] == [True, True, False, False, False, False]
    assert len(made(sandbox, "tasks")) == 6
    assert all(sandbox.portal.links["tasks", row.id, "companies"] for row in made(sandbox, "tasks"))
    assert all(len(sandbox.ledger.of(key)) == 1 for _, key in batch)


def test_each_refusal_of_a_batch_stands_in_its_own_place(sandbox: HubSpotSandbox, connect: Any) -> None:
    """A 207 keeps neither the order nor the number of what was asked."""
    def turned(request: Request, reply: Reply) -> Reply:
        if isinstance(reply.body, dict) and isinstance(reply.body.get("results"), list) and "batch" in request.path:
            reply.body["results"].reverse()
        return reply

    sandbox.alter = turned
    deals = [OpenOpportunity(account_external_id=company(each), type="expansion", title=f"Deal {each}",
                             closes_on=date(2026, 6, 1)) for each in range(6)]
    deals[1] = deals[1].model_copy(update={"account_external_id": "999"})
    deals[4] = deals[4].model_copy(update={"title": "  "})             # HubSpot wants a name
    said = connect().sink.deliver_many(keyed(deals))

    assert refused(said) == [1, 4]
    assert [said[each].field for each in (1, 4)] == ["account_external_id", "dealname"]
    assert [row.properties["dealname"] for row in made(sandbox, "deals")] == ["Deal 0", "Deal 2", "Deal 3", "Deal 5"]
    ids = {row.properties["dealname"]: str(row.id) for row in made(sandbox, "deals")}
    assert [said[each].external_id for each in (0, 2, 3, 5)] == [ids[f"Deal {each}"] for each in (0, 2, 3, 5)]


def test_errors_that_name_nobody_are_everybody_s_who_got_no_result(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Older portals do not repeat the trace of a row; whose error it is must not be guessed in favour of anyone."""
    def without_traces(_: Request, reply: Reply) -> Reply:
        for each in reply.body.get("errors", ()) if isinstance(reply.body, dict) else ():
            each["context"] = {}
        return reply

    sandbox.alter = without_traces
    updates = [UpdateRecord(external_id=each, field="city", value="Köln") for each in (company(0), "404", company(2))]
    said = connect().sink.deliver_many(keyed(updates))

    assert refused(said) == [1]


@API
def test_a_hundred_fields_are_one_call(sandbox: HubSpotSandbox, connect: Any, api: str) -> None:
    """Health goes back into the CRM for every account, every night."""
    updates = [UpdateRecord(external_id=company(each), field="description", value=f"Health {each}") for each in range(98)]
    updates += [UpdateRecord(noun="contact", external_id="2000001", field="jobtitle", value=""),
                UpdateRecord(noun="opportunity", external_id="not-an-id", field="amount", value="7")]
    said = connect(api=api).sink.deliver_many(keyed(updates))

    assert refused(said) == [99]
    assert said[99].field == "external_id"
    assert len(sandbox.calls) == 2, "one for the companies, one for the contact"
    rows = sandbox.portal.shelves["companies"].rows
    assert [rows[int(company(each))].properties["description"] for each in range(98)] == [f"Health {each}" for each in range(98)]
    assert sandbox.portal.shelves["contacts"].rows[2_000_001].properties["jobtitle"] == ""
    assert said[0].url == f"https://app.hubspot.com/contacts/4727653/record/0-2/{company(0)}"


def test_a_field_that_has_the_value_is_found_however_hubspot_writes_it(sandbox: HubSpotSandbox, connect: Any) -> None:
    """HubSpot strips the zeros of a number; that must not look as if it was never written."""
    told = UpdateRecord(external_id=company(0), field="annualrevenue", value="41.0")
    key = IdempotencyKey("k")
    assert connect().sink.find(told, key) is None
    sandbox.change("companies", company(0), {"annualrevenue": "41"})

    assert connect().sink.find(told, key).found
    assert connect().sink.find(told.model_copy(update={"external_id": "404"}), key) is None
    with pytest.raises(RecordRejected) as raised:
        connect().sink.deliver(told.model_copy(update={"field": "no_such_property"}), key)
    assert raised.value.field == "no_such_property"


@pytest.mark.parametrize(("kind", "table", "subject", "body"), [
    ("call", "calls", "hs_call_title", "hs_call_body"), ("meeting", "meetings", "hs_meeting_title", "hs_meeting_body"),
    ("qbr", "meetings", "hs_meeting_title", "hs_meeting_body"), ("email", "emails", "hs_email_subject", "hs_email_text"),
])
def test_a_touchpoint_is_logged_where_people_look_for_it(
    sandbox: HubSpotSandbox, connect: Any, kind: str, table: str, subject: str, body: str,
) -> None:
    """On the company's and on the contact's timeline, under who held it."""
    told = call(company(0), type=kind, subject="Spoke with  <Acme>", body="a & b", contact_external_id="2000001",
                owner_email="Grace.Hopper@steward.example.com")
    receipt = connect(meeting_types={"qbr": "QBR"}).sink.deliver(told, IdempotencyKey("play/1"))

    (row,) = made(sandbox, table)
    assert receipt.external_id == str(row.id)
    assert row.properties[subject] == "Spoke with <Acme>"
    assert row.properties[body] == ("a & b" if kind == "email" else "a &amp; b")
    assert (row.properties["hs_timestamp"], row.properties["hubspot_owner_id"]) == ("2026-03-05T09:30:00.000Z", "7002")
    assert row.properties.get("hs_activity_type") == ("QBR" if kind == "qbr" else None)
    assert sandbox.portal.links[table, row.id, "companies"] == [int(company(0))]
    assert sandbox.portal.links[table, row.id, "contacts"] == [2_000_001]


def test_a_contact_that_is_gone_does_not_stop_a_touchpoint(sandbox: HubSpotSandbox, connect: Any) -> None:
    """It took place all the same; and any other kind of it is a note."""
    told = call(company(0), type="workshop", subject="<b>", contact_external_id="404")
    connect().sink.deliver(told, IdempotencyKey("play/1"))

    (row,) = made(sandbox, "notes")
    assert row.properties["hs_note_body"] == "<b>&lt;b&gt;</b><br>"
    assert sandbox.portal.links["notes", row.id, "companies"] == [int(company(0))]


def test_touchpoints_of_several_kinds_go_together(sandbox: HubSpotSandbox, connect: Any) -> None:
    """To the outbox they are one kind of action."""
    kinds = ("call", "email", "meeting", "call", "qbr", "other")
    said = connect().sink.deliver_many(keyed([call(company(n), type=kind) for n, kind in enumerate(kinds)]))

    assert refused(said) == []
    assert [len(made(sandbox, table)) for table in ("calls", "emails", "meetings", "notes")] == [2, 1, 2, 1]


def test_an_opportunity_is_a_deal_in_the_pipeline_of_the_settings(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Sales find it where they work, with what is known and nothing that is not."""
    told = OpenOpportunity(account_external_id=company(3), type="renewal", title="Renewal\n2027", body="Asked on 5 March",
                           amount=Decimal("1E+3"), currency="EUR", closes_on=date(2027, 1, 31))
    settings = {"deal_stage": "qualifiedtobuy", "deal_types": {"renewal": "renewal"}}
    receipt = connect(**settings).sink.deliver(told, IdempotencyKey("play/1"))
    connect(**settings).sink.deliver(
        told.model_copy(update={"amount": None, "currency": "", "type": "expansion"}), IdempotencyKey("play/2"))

    whole, bare = made(sandbox, "deals")
    assert whole.properties == {
        "steward_key": "play/1", "dealname": "Renewal 2027", "description": "Asked on 5 March", "pipeline": "default",
        "dealstage": "qualifiedtobuy", "dealtype": "renewal", "amount": "1000", "deal_currency_code": "EUR",
        "closedate": "2027-01-31T12:00:00.000Z"}
    assert not {"amount", "deal_currency_code", "dealtype"} & bare.properties.keys()
    assert receipt.url == f"https://app.hubspot.com/contacts/4727653/record/0-3/{whole.id}"


def test_what_hubspot_cannot_do_is_refused_in_words(sandbox: HubSpotSandbox, connect: Any) -> None:
    """A playbook may name it; the operator learns it from the row."""
    draft = DraftEmail(owner_email="a@example.com", to_email="b@example.com", subject="x", body="y")
    with pytest.raises(RecordRejected, match='nothing like "draft_email"'):
        connect().sink.deliver(draft, IdempotencyKey("k"))

    assert not sandbox.calls
