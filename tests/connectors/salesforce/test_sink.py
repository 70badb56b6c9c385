"""CTAs become Tasks, once for each key, whatever happens on the way."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from connectors.salesforce import CONNECTOR
from connectors.salesforce.key import from_field, to_field
from connectors.salesforce.sandbox import SalesforceSandbox
from steward.contracts import Connection, Sink
from steward.kit.sandbox import Fault
from steward.model.actions import Card, IdempotencyKey, Message, OpenCta, Recipient
from steward.model.errors import OutcomeUnknown, RecordRejected

KEY = IdempotencyKey("health_drop/Acct.17/1/do[0]/0")
ACCOUNT = SalesforceSandbox.make_id("Account", 1)
ANA = SalesforceSandbox.make_id("User", 1)


@pytest.fixture
def org(sandbox: SalesforceSandbox) -> SalesforceSandbox:
    sandbox.load("Account", [{"Id": ACCOUNT, "Name": "Acme"}])
    sandbox.load("User", [{"Id": ANA, "LastName": "Ruiz", "Email": "ana@steward.example", "IsActive": True, "UserType": "Standard"}])
    return sandbox


@pytest.fixture
def sink(org: SalesforceSandbox, connect: Callable[..., Connection]) -> Sink:
    made = connect().sink
    assert made
    return made


def cta(**fields: Any) -> OpenCta:
    given = {"account_external_id": ACCOUNT, "type": "risk", "subject": "Call Acme", "due_on": date(2026, 3, 8)}
    return OpenCta(**{**given, **fields})


def test_a_cta_becomes_a_task_of_its_assignee(org: SalesforceSandbox, sink: Sink) -> None:
    """The CSM finds it among her tasks, on the account, with the reason and the due day."""
    receipt = sink.deliver(cta(body="Users fell by 38%.", assignee_email="ANA@steward.example", priority="high"), KEY)

    [task] = org.rows("Task")
    assert (task["Subject"], task["WhatId"], task["OwnerId"], task["ActivityDate"], task["Priority"], task["Status"]) == (
        "Call Acme", ACCOUNT, ANA, "2026-03-08", "High", "Not Started"
    )
    assert task["Description"] == f"Users fell by 38%.\n\nSteward: risk, {KEY}"
    assert receipt.external_id == task["Id"]
    assert receipt.url == f"{org.url}/{task['Id']}"
    assert [(effect.kind, effect.key) for effect in org.ledger] == [("Task upsert", KEY)]


def test_the_same_key_twice_is_one_task_and_reopens_nothing(org: SalesforceSandbox, sink: Sink) -> None:
    """A crash may deliver twice; what the CSM completed in between stays completed."""
    first = sink.deliver(cta(), KEY)
    org.upsert("Task", [{"Id": first.external_id, "Status": "Completed"}])
    second = sink.deliver(cta(), KEY)

    assert (second.external_id, second.found) == (first.external_id, True)
    assert [task["Status"] for task in org.rows("Task")] == ["Completed"]
    assert len(org.ledger) == 1


def test_eight_deliverers_of_one_key_make_one_task(org: SalesforceSandbox, connect: Callable[..., Connection]) -> None:
    """Salesforce's unique index decides, not our timing."""
    sinks = [made for _ in range(8) if (made := connect().sink)]
    with ThreadPoolExecutor(8) as pool:
        receipts = list(pool.map(lambda each: each.deliver(cta(), KEY), sinks))

    assert len({receipt.external_id for receipt in receipts}) == 1
    assert len(org.rows("Task")) == 1


def test_a_task_made_before_the_line_broke_is_found(org: SalesforceSandbox, sink: Sink) -> None:
    """Unknown is not undone: look first, and the receipt is there."""
    org.faults = [Fault("cut", on="PATCH")]
    with pytest.raises(OutcomeUnknown, match="looks before it tries again"):
        sink.deliver(cta(), KEY)

    found = sink.find(cta(), KEY)

    assert found is not None
    assert found.found
    assert found.external_id == org.rows("Task")[0]["Id"]
    assert sink.find(cta(), IdempotencyKey("health_drop/Acct.17/1/do[0]/1")) is None


def test_a_task_that_a_person_deleted_is_still_found(org: SalesforceSandbox, sink: Sink) -> None:
    """Somebody who deletes a task does not want it again."""
    made = sink.deliver(cta(), KEY)
    org.delete("Task", [made.external_id])

    found = sink.find(cta(), KEY)

    assert found is not None
    assert found.external_id == made.external_id


def test_without_a_unique_field_steward_looks_first(org: SalesforceSandbox, sink: Sink) -> None:
    """Where Salesforce does not keep the key unique, a repeat is caught by looking (class B)."""
    org.change_field("Task", "Steward_Key__c", external_id=False, unique=False)

    first = sink.deliver(cta(), KEY)
    second = sink.deliver(cta(), KEY)

    assert (first.found, second.found) == (False, True)
    assert [(effect.kind, effect.key) for effect in org.ledger] == [("Task create", KEY)]


def test_a_key_carried_twice_is_refused_not_guessed(org: SalesforceSandbox, sink: Sink) -> None:
    """Somebody unticks "Unique" between our look and our write: 300 and a list of matches; a person must mend it."""
    from steward.kit.sandbox import Reply

    two = Reply(300, ["/services/data/v67.0/sobjects/Task/1", "/services/data/v67.0/sobjects/Task/2"])
    org.alter = lambda request, reply: two if request.method == "PATCH" else reply

    with pytest.raises(RecordRejected, match="several records carry the same key"):
        sink.deliver(cta(), KEY)


def test_a_field_that_lost_its_unique_tick_makes_steward_look(org: SalesforceSandbox, sink: Sink) -> None:
    """Two tasks carry the key already: the first is the one, and no third is made."""
    made = sink.deliver(cta(), KEY)
    copy = SalesforceSandbox.make_id("Task", 1)
    org.change_field("Task", "Steward_Key__c", external_id=True, unique=False)
    org.upsert("Task", [{"Id": copy, "Subject": "copy", "Steward_Key__c": to_field(KEY)}])

    assert sink.deliver(cta(), KEY).external_id in {made.external_id, copy}
    assert len(org.ledger) == 1


def test_a_missing_key_field_says_what_to_create(org: SalesforceSandbox, sink: Sink) -> None:
    """Without the field nothing can be promised, so nothing is sent."""
    org.hide("Task.Steward_Key__c")

    with pytest.raises(RecordRejected, match=r"Text\(255\), External ID, Unique") as caught:
        sink.deliver(cta(), KEY)

    assert caught.value.field == "Steward_Key__c"
    assert not len(org.ledger)


@pytest.mark.parametrize("email", ["nobody@steward.example", "x' OR Email != '", "gone@steward.example"])
def test_an_unknown_assignee_leaves_it_to_the_integration_user(org: SalesforceSandbox, sink: Sink, email: str) -> None:
    """Better a task without the right owner than none; the text says for whom it was."""
    org.load("User", [{"Id": SalesforceSandbox.make_id("User", 9), "LastName": "G", "Email": "gone@steward.example", "IsActive": False}])

    sink.deliver(cta(assignee_email=email), KEY)

    [task] = org.rows("Task")
    assert task["OwnerId"] == org.user_id
    assert f"For {email}, who has no active Salesforce user." in task["Description"]


def test_long_and_hostile_texts_fit(org: SalesforceSandbox, sink: Sink) -> None:
    """A customer's name of any length or kind must not block the alert."""
    sink.deliver(cta(subject="<!channel> =HYPERLINK(\n\x00\ud800" + "🚀" * 300, body="x" * 40_000), KEY)

    [task] = org.rows("Task")
    assert len(task["Subject"]) == 255
    assert task["Subject"].startswith("<!channel> =HYPERLINK( 🚀")
    assert task["Subject"].endswith("…")
    assert len(task["Description"]) <= 32_000
    assert task["Description"].endswith(KEY)


@pytest.mark.parametrize(("account_id", "said"), [
    ("001", "MALFORMED_ID"), (SalesforceSandbox.make_id("Account", 77), "INVALID_CROSS_REFERENCE_KEY"),
    (SalesforceSandbox.make_id("Account", 2), "ENTITY_IS_DELETED"),
])
def test_an_account_that_is_not_there_is_named(org: SalesforceSandbox, sink: Sink, account_id: str, said: str) -> None:
    """The dead letter must say which field Salesforce refused."""
    org.load("Account", [{"Id": SalesforceSandbox.make_id("Account", 2), "Name": "Gone", "IsDeleted": True}])

    with pytest.raises(RecordRejected, match=said) as caught:
        sink.deliver(cta(account_external_id=account_id), KEY)

    assert caught.value.field == "WhatId"


def test_other_actions_are_refused(sink: Sink) -> None:
    """Salesforce is not where messages go."""
    message = Message(to=Recipient(email="ana@steward.example"), card=Card(sentence="s", title="t"))

    with pytest.raises(RecordRejected, match="cannot perform"):
        sink.deliver(message, KEY)


def test_a_restarted_sandbox_still_has_its_tasks(tmp_path: Path, clock: Any, connect: Callable[..., Connection]) -> None:
    """kill -9 in the demo: the oracle must not forget what was applied."""
    first = SalesforceSandbox(tmp_path, now=clock)
    first.load("Account", [{"Id": ACCOUNT, "Name": "Acme"}])
    with first:
        sink = connect(first.settings()).sink
        assert sink
        made = sink.deliver(cta(), KEY)

    again = SalesforceSandbox(tmp_path, now=clock)
    again.load("Account", [{"Id": ACCOUNT, "Name": "Acme"}])
    with again:
        sink = connect(again.settings()).sink
        assert sink
        repeated = sink.deliver(cta(), KEY)
        other = sink.deliver(cta(), IdempotencyKey("other/a/1"))

    assert (repeated.external_id, repeated.found) == (made.external_id, True)
    assert other.external_id != made.external_id
    assert [effect.key for effect in again.ledger] == [KEY, "other/a/1"]


def test_the_tasks_stream_reads_the_key_back(org: SalesforceSandbox, connect: Callable[..., Connection]) -> None:
    """The hub recognises its own tasks when they come back with the next sync."""
    connection = connect()
    assert connection.sink
    assert connection.source
    connection.sink.deliver(cta(), KEY)

    [page] = connection.source.pull("tasks", None)

    assert page.records[0].values["idempotency_key"] == KEY
    assert page.records[0].values["account_external_id"] == ACCOUNT


@pytest.mark.parametrize("key", ["a/b/1", "Größe 🚀.json?x=1#y", "~7e~~", "", "x" * 255, "../..", "A" + "a" * 10])
def test_a_key_survives_the_field_and_its_url(key: str) -> None:
    """What goes into the URL's path is only letters, digits, "_", "-" and "~", and comes back as it was."""
    written = to_field(IdempotencyKey(key))

    assert set(written) <= set("abcdefghijklmnopqrstuvwxyz0123456789_-~")
    assert from_field(written) == key


def test_keys_too_long_for_the_field_stay_apart() -> None:
    """Two long keys with one beginning must not become one task."""
    one, other = (to_field(IdempotencyKey("k/" * 200 + end)) for end in "ab")

    assert one != other
    assert len(one) == len(other) <= 255


def test_the_manifest_promises_what_the_readme_says() -> None:
    """The class is printed wherever the action is shown."""
    assert set(CONNECTOR.actions.values()) == {"A"}
    assert set(CONNECTOR.actions) == {"open_cta", "log_touchpoint", "open_opportunity", "update_record"}
