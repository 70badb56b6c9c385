"""Touchpoints, opportunities, fields, and many of them in one call: each once, each with its own answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from connectors.salesforce import CONNECTOR
from connectors.salesforce.sandbox import SalesforceSandbox
from steward.contracts import BatchSink, Connection
from steward.kit import battery
from steward.kit.sandbox import Fault
from steward.model.actions import (
    Action,
    IdempotencyKey,
    LogTouchpoint,
    OpenCta,
    OpenOpportunity,
    Receipt,
    UpdateRecord,
)
from steward.model.errors import AccessDenied, OutcomeUnknown, RateLimited, RecordRejected, StewardError, Unavailable

KEY = IdempotencyKey("health_drop/Acct.17/1/do[0]/0")
ACCOUNT, CONTACT = SalesforceSandbox.make_id("Account", 1), SalesforceSandbox.make_id("Contact", 10)
Connect = Callable[..., Connection]


@pytest.fixture
def org(sandbox: SalesforceSandbox) -> SalesforceSandbox:
    sandbox.seed(30)
    return sandbox


@pytest.fixture
def sink(org: SalesforceSandbox, connect: Connect) -> BatchSink:
    made = connect().sink
    assert isinstance(made, BatchSink)
    return made


def cta(number: int = 1, **fields: Any) -> OpenCta:
    given = {"account_external_id": SalesforceSandbox.make_id("Account", number), "type": "risk", "subject": f"Call {number}",
             "due_on": date(2026, 3, 8), "assignee_email": f"ANA{number % 6 + 1}@steward.example"}
    return OpenCta(**{**given, **fields})


def touchpoint(**fields: Any) -> LogTouchpoint:
    given = {"account_external_id": ACCOUNT, "contact_external_id": CONTACT, "type": "call", "subject": "Talked to Zoë",
             "happened_at": datetime(2026, 3, 5, 7, tzinfo=UTC), "owner_email": "ana2@steward.example"}
    return LogTouchpoint(**{**given, **fields})


def opportunity(**fields: Any) -> OpenOpportunity:
    given = {"account_external_id": ACCOUNT, "type": "expansion", "title": "50 more seats", "closes_on": date(2026, 5, 1)}
    return OpenOpportunity(**{**given, **fields})


def score(number: int, value: str = "72", field: str = "Health_Score__c", **more: Any) -> UpdateRecord:
    return UpdateRecord(external_id=SalesforceSandbox.make_id("Account", number), field=field, value=value, **more)


def keyed(actions: Sequence[Action]) -> list[tuple[Action, IdempotencyKey]]:
    return [(action, IdempotencyKey(f"many/{number}/1/0")) for number, action in enumerate(actions)]


def calls(org: SalesforceSandbox) -> list[str]:
    return [f"{method} {path.split('/v67.0/')[-1]}" for _, method, path, _ in org.calls if "/v67.0/" in path]


# ---- one at a time ----

def test_a_touchpoint_becomes_an_event_in_the_account_s_history(org: SalesforceSandbox, sink: BatchSink) -> None:
    """Whoever looks at the account sees that somebody called, whom, and when."""
    receipt = sink.deliver(touchpoint(body="She stays."), KEY)

    event = next(row for row in org.rows("Event") if row["Id"] == receipt.external_id)
    assert (event["Subject"], event["Type"], event["WhatId"], event["WhoId"]) == ("Talked to Zoë", "Call", ACCOUNT, CONTACT)
    assert event["StartDateTime"] == "2026-03-05T07:00:00.000+0000"
    assert event["OwnerId"] == org.make_id("User", 2)
    assert "She stays." in event["Description"]
    assert sink.deliver(touchpoint(), KEY).external_id == receipt.external_id


def test_a_touchpoint_may_be_a_completed_task(org: SalesforceSandbox, connect: Connect) -> None:
    """Some teams keep their calls as tasks."""
    sink = connect(touchpoints_as="Task").sink
    assert sink
    receipt = sink.deliver(touchpoint(), KEY)

    task = next(row for row in org.rows("Task") if row["Id"] == receipt.external_id)
    assert (task["Status"], task["IsClosed"], task["TaskSubtype"]) == ("Completed", True, "Call")
    assert task["ActivityDate"] == "2026-03-05"


def test_an_opportunity_is_opened_once_and_left_to_people(org: SalesforceSandbox, sink: BatchSink) -> None:
    """Sales moves it on; a repeated delivery must not set it back."""
    first = sink.deliver(opportunity(amount=Decimal("12000.50"), currency="USD"), KEY)
    row = next(row for row in org.rows("Opportunity") if row["Id"] == first.external_id)
    assert (row["StageName"], row["Type"], row["Amount"], row["AccountId"]) == (
        "Prospecting", "Existing Customer - Upgrade", 12000.5, ACCOUNT)
    org.upsert("Opportunity", [{"Id": first.external_id, "StageName": "Negotiation/Review", "Amount": 15000}])

    again = sink.deliver(opportunity(amount=Decimal("12000.50"), currency="USD"), KEY)

    assert (again.external_id, again.found) == (first.external_id, True)
    row = next(row for row in org.rows("Opportunity") if row["Id"] == first.external_id)
    assert (row["StageName"], row["Amount"]) == ("Negotiation/Review", 15000)


def test_an_amount_in_another_currency_is_told_not_converted(org: SalesforceSandbox, sink: BatchSink) -> None:
    """5,000 EUR written into a dollar field would be a wrong number that looks right."""
    receipt = sink.deliver(opportunity(amount=Decimal(5000), currency="EUR"), KEY)

    row = next(row for row in org.rows("Opportunity") if row["Id"] == receipt.external_id)
    assert row.get("Amount") is None
    assert "5000 EUR" in row["Description"]


@pytest.mark.parametrize(("field", "value", "stands"), [
    ("Health_Score__c", "72", 72), ("Health_Score__c", "", None), ("Risk__c", "red", "red"), ("Risk__c", "", None),
    ("Do_Not_Contact__c", "true", True), ("Do_Not_Contact__c", "", False), ("NumberOfEmployees", "25", 25),
    ("ARR__c", "1234.56", 1234.56),
])
def test_a_field_is_written_in_its_own_type(org: SalesforceSandbox, sink: BatchSink, field: str, value: str, stands: Any) -> None:
    """A score written as text, or nothing written as zero, would be worse than none."""
    org.upsert("Account", [{"Id": ACCOUNT, "Health_Score__c": 1, "Risk__c": "green", "Do_Not_Contact__c": value == ""}])
    action = score(1, value, field)
    assert sink.find(action, KEY) is None

    sink.deliver(action, KEY)

    assert next(row for row in org.rows("Account") if row["Id"] == ACCOUNT)[field] == stands
    assert sink.find(action, KEY) is not None
    assert sink.find(score(1, "99" if value != "99" else "1", "Health_Score__c"), KEY) is None


@pytest.mark.parametrize(("action", "said"), [
    (score(1, "high"), '"high" is no number'), (score(1, "nan"), "no number"),
    (score(1, "perhaps", "Do_Not_Contact__c"), "neither true nor false"),
    (score(1, "1", "No_Such__c"), '"No_Such__c" of Account cannot be written'),
    (score(1, "1", "Id"), '"Id" of Account cannot be written'),
    (UpdateRecord(external_id="0' OR '1", field="Risk__c", value="red"), "no id of a record"),
    (UpdateRecord(external_id=SalesforceSandbox.make_id("Account", 999), field="Risk__c", value="red"), "INVALID_CROSS_REF"),
])
def test_what_cannot_be_written_says_why(sink: BatchSink, action: UpdateRecord, said: str) -> None:
    """The dead letter must lead to the setting, or to the field to create."""
    with pytest.raises(RecordRejected, match=said):
        sink.deliver(action, KEY)


def test_fields_of_contacts_and_opportunities_are_written_too(org: SalesforceSandbox, sink: BatchSink) -> None:
    """A playbook about a champion writes on the champion."""
    sink.deliver(UpdateRecord(noun="contact", external_id=CONTACT, field="Title", value="Champion"), KEY)
    deal = org.make_id("Opportunity", 1)
    sink.deliver(UpdateRecord(noun="opportunity", external_id=deal, field="CloseDate", value="2026-06-01"), KEY)

    assert next(row for row in org.rows("Contact") if row["Id"] == CONTACT)["Title"] == "Champion"
    assert next(row for row in org.rows("Opportunity") if row["Id"] == deal)["CloseDate"] == "2026-06-01"


# ---- many at once ----

def test_two_hundred_values_are_one_call(org: SalesforceSandbox, sink: BatchSink) -> None:
    """A first write of 20,000 scores is two hundred calls with the looks at the fields, not 40,000."""
    org.seed(200)
    org.calls.clear()
    actions = [score(number, str(number)) for number in range(1, 201)]

    said = sink.deliver_many(keyed(actions))

    assert [receipt.external_id for receipt in said if isinstance(receipt, Receipt)] == [each.external_id for each in actions]
    assert calls(org) == ["GET sobjects/Account/describe", "PATCH composite/sobjects"]
    assert org.breaches == []
    assert {row["Health_Score__c"] for row in org.rows("Account")} == set(range(1, 201))


@pytest.mark.parametrize("make", [cta, lambda number: touchpoint(subject=f"Call {number}"),
                                  lambda number: opportunity(title=f"Deal {number}")])
def test_many_are_made_once_each_and_found_again(org: SalesforceSandbox, sink: BatchSink, make: Callable[[int], Action]) -> None:
    """After a doubt the whole batch goes again: the same records are named, and none is made twice."""
    batch = keyed([make(number) for number in range(1, 21)])

    first = sink.deliver_many(batch)
    second = sink.deliver_many(batch)

    assert [each.external_id for each in first] == [each.external_id for each in second]  # type: ignore[union-attr]  # receipts
    assert all(isinstance(each, Receipt) and each.found for each in second)
    assert all(len(org.ledger.of(key)) == 1 for _, key in batch)


def test_owners_of_many_are_looked_up_together(org: SalesforceSandbox, sink: BatchSink) -> None:
    """Twenty tasks for six people are one question."""
    sink.deliver_many(keyed([cta(number) for number in range(1, 21)]))

    assert calls(org) == ["GET sobjects/Task/describe", "GET query/", "PATCH composite/sobjects/Task/Steward_Key__c"]
    owners = {row["OwnerId"] for row in org.rows("Task") if row.get("Steward_Key__c")}
    assert owners == {org.make_id("User", number) for number in range(1, 7)}


def test_each_of_many_has_its_own_answer(org: SalesforceSandbox, sink: BatchSink) -> None:
    """Salesforce answers 200 though some, or all, are refused."""
    org.delete("Account", [org.make_id("Account", 3)])
    said = sink.deliver_many(keyed([
        score(1), score(2, "high"), score(3), UpdateRecord(external_id="x", field="Risk__c", value="red"), score(4)]))

    assert [type(each) for each in said] == [Receipt, RecordRejected, RecordRejected, RecordRejected, Receipt]
    assert "ENTITY_IS_DELETED" in str(said[2])


@pytest.mark.parametrize(("code", "kind"), [
    ("UNABLE_TO_LOCK_ROW", Unavailable), ("REQUEST_LIMIT_EXCEEDED", RateLimited), ("STRING_TOO_LONG", RecordRejected),
    ("INSUFFICIENT_ACCESS_OR_READONLY", AccessDenied), ("UNKNOWN_EXCEPTION", OutcomeUnknown), ("", OutcomeUnknown),
])
def test_a_refusal_within_a_200_is_called_what_it_is(
    org: SalesforceSandbox, sink: BatchSink, code: str, kind: type[StewardError],
) -> None:
    """A locked row is tried again, a text too long is not."""
    def refuse(request: Any, reply: Any) -> Any:
        if request.method != "PATCH":
            return reply
        error = {"success": False, "errors": [{"statusCode": code, "message": "no", "fields": ["Risk__c"]}]}
        return replace(reply, body=[error, *reply.body[1:]])

    org.alter = refuse
    said = sink.deliver_many(keyed([score(1), score(2)]))

    assert type(said[0]) is kind
    assert isinstance(said[1], Receipt)


@pytest.mark.parametrize("body", [[], {}, [{"id": "001", "success": True}], "null"])
def test_an_answer_that_is_not_one_for_each_is_a_doubt(org: SalesforceSandbox, sink: BatchSink, body: Any) -> None:
    """A receipt must never be given to the row beside."""
    org.alter = lambda request, reply: replace(reply, body=body) if request.method == "PATCH" else reply

    with pytest.raises(OutcomeUnknown):
        sink.deliver_many(keyed([score(1), score(2)]))


@pytest.mark.parametrize("table", ["Task", "Opportunity"])
def test_without_a_unique_key_many_are_looked_for_first(org: SalesforceSandbox, sink: BatchSink, table: str) -> None:
    """Class B: what is there already is not made again, and the rest is."""
    org.change_field(table, "Steward_Key__c", external_id=False, unique=False)
    batch = keyed([cta(number) if table == "Task" else opportunity(title=f"Deal {number}") for number in range(1, 6)])
    made = sink.deliver_many(batch[:2])

    said = sink.deliver_many(batch)

    assert [each.found for each in said] == [True, True, False, False, False]  # type: ignore[union-attr]  # receipts
    assert [each.external_id for each in said[:2]] == [each.external_id for each in made]  # type: ignore[union-attr]  # receipts
    assert all(len(org.ledger.of(key)) == 1 for _, key in batch)


def test_long_keys_are_looked_for_in_short_calls(org: SalesforceSandbox, sink: BatchSink) -> None:
    """Two hundred keys of 200 characters do not fit one URI."""
    batch = [(opportunity(title=str(number)), IdempotencyKey(f"{'long_name_' * 18}/{number}")) for number in range(100)]

    assert all(isinstance(each, Receipt) for each in sink.deliver_many(batch))
    assert org.breaches == []


def test_a_cut_line_leaves_each_of_many_to_be_looked_for(org: SalesforceSandbox, sink: BatchSink) -> None:
    """They were made; nobody told us. The second time each is found."""
    org.faults = [Fault("cut", "PATCH .*/composite")]
    batch = keyed([cta(number) for number in range(1, 6)])
    with pytest.raises(OutcomeUnknown):
        sink.deliver_many(batch)

    assert [sink.find(*each) is not None for each in batch] == [True] * 5
    assert all(isinstance(each, Receipt) and each.found for each in sink.deliver_many(batch))


class _Unkeyed(SalesforceSandbox):
    """An org whose key fields are not unique: Salesforce keeps nothing, Steward looks (class B)."""

    def seed(self, accounts: int) -> None:
        super().seed(accounts)
        for table in ("Task", "Event", "Opportunity"):
            self.change_field(table, "Steward_Key__c", external_id=False, unique=False)


_BY_LOOKING = replace(CONNECTOR, load_sandbox=lambda: _Unkeyed)


@pytest.mark.parametrize("rule", [
    "the_same_key_twice_is_one_effect", "what_was_made_is_found", "different_keys_are_different_effects",
    "many_at_once_are_one_effect_each", "one_bad_row_does_not_spoil_the_others", "a_write_that_meets_cut",
    "a_write_that_meets_500", "a_batch_that_meets_cut", "a_batch_that_meets_503",
])
def test_the_battery_holds_where_nothing_is_unique(rule: str) -> None:
    """An org without the unique field gets the same promise, for one deliverer at a time."""
    battery.run(_BY_LOOKING, rule)
