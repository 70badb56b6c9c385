"""Events by webhook, as Segment sends them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.usage.inbox import UsageInbox
from connectors.usage.sandbox import UsageSandbox
from connectors.usage.settings import UsageSettings
from steward.contracts import Tools
from steward.model.errors import RecordRejected, SignatureRejected

TOOLS = Tools(now=lambda: datetime(2026, 3, 5, tzinfo=UTC), sleep=lambda _: None)
AT = datetime(2026, 3, 5, 8, tzinfo=UTC)


def inbox(**changed: Any) -> UsageInbox:
    return UsageInbox(UsageSettings.model_validate({"signing_secret": "usage-sandbox-shared-secret", **changed}), TOOLS)


def event(**changed: Any) -> bytes:
    told = json.loads(UsageSandbox().event("W-1", "Report Viewed", AT, 1))
    return json.dumps({**told, **changed}).encode()


def test_an_event_becomes_usage_of_the_account_it_names() -> None:
    """One report viewed counts as one, under the name that facts have."""
    (record,) = inbox(events={"Report Viewed": "reports"}).parse(UsageSandbox().event("W-1", "Report Viewed", AT, 1))

    assert record.external_id == "msg-1"
    assert record.values == {
        "account_external_id": "W-1", "name": "reports", "happened_at": AT, "quantity": 1.0, "user_external_id": "user-W-1",
    }


@pytest.mark.parametrize("changed", [
    {"context": {}, "properties": {"groupId": "W-9"}}, {"context": {}, "properties": {"accountId": "W-9"}},
    {"context": {"traits": {"company": {"id": "W-9"}}}}, {"context": {}, "groupId": "W-9"},
    {"context": {}, "traits": {"account_id": "W-9"}}, {"context": {"groupId": "W-9"}},
])
def test_the_account_is_found_where_senders_put_it(changed: dict[str, Any]) -> None:
    """Every team that adds tracking puts the account somewhere else."""
    (record,) = inbox().parse(event(**changed))

    assert record.values["account_external_id"] == "W-9"
    assert record.values["name"] == "report_viewed"


@pytest.mark.parametrize("changed", [
    {"type": "identify"}, {"type": "page"}, {"context": {}}, {"event": "Something Else"},
])
def test_what_counts_towards_nothing_is_taken_and_brings_nothing(changed: dict[str, Any]) -> None:
    """A refusal would make Segment send it again for hours."""
    assert inbox(events={"Report Viewed": "reports"}).parse(event(**changed)) == []


@pytest.mark.parametrize(("changed", "field"), [
    ({"timestamp": "yesterday"}, "timestamp"), ({"properties": {"quantity": -1}}, "quantity"),
    ({"timestamp": None, "receivedAt": None}, "timestamp"),
])
def test_what_cannot_be_understood_is_rejected_by_field(changed: dict[str, Any], field: str) -> None:
    """The parked delivery must say what to correct."""
    with pytest.raises(RecordRejected) as caught:
        inbox().parse(event(**changed))

    assert caught.value.field == field


def test_a_batch_signed_by_its_first_event_is_taken_only_where_it_is_trusted() -> None:
    """Segment signs nothing but the first; anyone who saw one could add what they like."""
    sandbox = UsageSandbox()
    batch = b"[" + b",".join(sandbox.event("W-1", "Größe gewählt", AT, number) for number in range(3)) + b"]"
    headers = sandbox.sign(batch)

    with pytest.raises(SignatureRejected, match="only the first event"):
        inbox().verify(headers, batch)
    trusting = inbox(batches=True)
    trusting.verify(headers, batch)
    assert len(trusting.parse(batch)) == 3
    with pytest.raises(SignatureRejected):
        trusting.verify(headers, batch.replace(b"msg-0", b"msg-9"))


def test_the_secret_is_not_told() -> None:
    """A refused call is logged."""
    with pytest.raises(SignatureRejected) as caught:
        inbox().verify({"x-signature": "0" * 40}, b"{}")

    assert "shared-secret" not in str(caught.value) + repr(inbox())
