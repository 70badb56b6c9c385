"""A field of an account is written once, in its own type, and nothing else of the account is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from connectors.gainsight_px.sandbox import READ_ONLY_KEY, GainsightPxSandbox
from steward.contracts import Connection, Sink
from steward.kit.sandbox import Fault
from steward.model.actions import Action, IdempotencyKey, OpenCta, UpdateRecord
from steward.model.errors import AccessDenied, OutcomeUnknown, RecordRejected

Connect = Callable[..., Connection]
KEY = IdempotencyKey("risk/acct_1/1/do.0/1")


@pytest.fixture
def sink(sandbox: GainsightPxSandbox, connect: Connect) -> Sink:
    sandbox.seed(2)
    made = connect().sink
    assert made
    return made


def update(field: str, value: str, **more: Any) -> UpdateRecord:
    return UpdateRecord(external_id="acme-0001", field=field, value=value, **more)


@pytest.mark.parametrize(("field", "value", "held"), [
    ("plan", "Enterprise", "Enterprise"), ("healthScore", "42", 42), ("nps", "8.5", 8.5), ("csm", "ana@x.example", "ana@x.example"),
    ("renewalDate", "2026-03-31", 1774915200000), ("plan", "", None),
    ("customAttributes.tier", "Gold <&>", "Gold <&>"), ("seats", "12", 12), ("pilot", "true", True), ("kickoff", "2026-03-31T10:00:00+02:00", 1774944000000),
])
def test_a_value_is_written_in_the_type_of_its_field(
    sandbox: GainsightPxSandbox, sink: Sink, field: str, value: str, held: object,
) -> None:
    """And is found afterwards by what it says."""
    assert sink.find(update(field, value), KEY) is None
    sink.deliver(update(field, value), KEY)
    row = sandbox.rows["accounts"]["acme-0001"]

    name = field.removeprefix("customAttributes.")
    assert (row["customAttributes"] if name in sandbox.rows["attributes"] else row)[name] == held
    found = sink.find(update(field, value), KEY)
    assert found
    assert found.found


def test_nothing_else_of_the_account_is_lost(sandbox: GainsightPxSandbox, sink: Sink) -> None:
    """Nobody documents what becomes of fields that are left out; here they are emptied."""
    before = dict(sandbox.rows["accounts"]["acme-0001"])
    sink.deliver(update("customAttributes.tier", "Gold"), KEY)
    after = sandbox.rows["accounts"]["acme-0001"]

    assert after == {**before, "customAttributes": {"tier": "Gold", "seats": 11}, "lastModifiedDate": after["lastModifiedDate"]}
    assert [effect.detail["fields"] for effect in sandbox.ledger] == [{"customAttributes.tier": "Gold"}]


def test_the_same_again_is_not_sent(sandbox: GainsightPxSandbox, sink: Sink) -> None:
    for _ in range(3):
        sink.deliver(update("healthScore", "42"), KEY)

    assert [method for _, method, _, _ in sandbox.calls].count("PUT") == 1


@pytest.mark.parametrize("account", ["a/b", "ü & co", "a;b==c", "a?x=1#y", "../accounts"])
def test_an_id_may_have_any_letters(sandbox: GainsightPxSandbox, sink: Sink, account: str) -> None:
    """The product chooses the ids."""
    sandbox.load("accounts", [{"id": account, "name": "Odd", "propertyKeys": ["AP-1"]}])
    sink.deliver(UpdateRecord(external_id=account, field="plan", value="Pro"), KEY)

    assert sandbox.rows["accounts"][account]["plan"] == "Pro"


@pytest.mark.parametrize(("action", "words"), [
    (UpdateRecord(external_id="Acme-0001", field="plan", value="x"), 'there is no account "Acme-0001" in this data centre'),
    (update("palne", "x"), r'"palne" is no field of accounts that can be written. There are: csm, .*customAttributes\.tier'),
    (update("lastSeenDate", "1"), "is no field of accounts that can be written"),
    (update("healthScore", "high"), 'healthScore is of type WHOLE: "high" is no number'),
    (update("pilot", "maybe"), 'pilot is of type BOOLEAN: "maybe" is neither'),
    (update("plan", "x", noun="contact"), "not of a contact"),
    (OpenCta(account_external_id="acme-0001", type="risk", subject="x", due_on=date(2026, 3, 5)), 'cannot do "open_cta"'),
])
def test_what_cannot_be_written_is_refused_in_words(
    sandbox: GainsightPxSandbox, sink: Sink, action: Action, words: str,
) -> None:
    with pytest.raises(RecordRejected, match=words):
        sink.deliver(action, KEY)
    assert not len(sandbox.ledger)


def test_a_key_that_may_only_read_is_told_so(sandbox: GainsightPxSandbox, sink: Sink, connect: Connect) -> None:
    reads = connect(api_key=READ_ONLY_KEY).sink
    assert reads
    with pytest.raises(AccessDenied, match=r"403: Access denied\. Grant the permission"):
        reads.deliver(update("plan", "x"), KEY)


def test_an_attribute_that_is_switched_off_cannot_be_written(sandbox: GainsightPxSandbox, sink: Sink) -> None:
    sandbox.rows["attributes"]["tier"]["state"] = "DISABLED"
    with pytest.raises(RecordRejected, match="is no field of accounts"):
        sink.deliver(update("customAttributes.tier", "x"), KEY)


def test_a_yes_is_a_204_and_nothing_else(sandbox: GainsightPxSandbox, sink: Sink) -> None:
    """A proxy's 200 says nothing; looking tells."""
    sandbox.faults.append(Fault("empty", on="PUT"))
    with pytest.raises(OutcomeUnknown, match="answered 200 instead of 204"):
        sink.deliver(update("plan", "x"), KEY)
    assert sink.find(update("plan", "x"), KEY) is None


def test_what_was_written_outlives_a_restart(tmp_path: Any, connect: Connect) -> None:
    """The sandbox, not PX: a demo that is stopped and started goes on."""
    first = GainsightPxSandbox(tmp_path)
    with first:
        first.seed(2)
        made = connect(url=first.url).sink
        assert made
        made.deliver(update("plan", "Enterprise"), KEY)
    second = GainsightPxSandbox(tmp_path)
    second.seed(2)

    assert second.rows["accounts"]["acme-0001"]["plan"] == "Enterprise"
