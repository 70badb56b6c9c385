"""Actions not yet proven done."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from steward.model.actions import Card, DeliveryClass, IdempotencyKey, Message, Receipt, Recipient
from steward.store import outbox, receipts
from steward.store.outbox import OutboxRow

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
SOON = NOW + timedelta(seconds=1)
LATER = NOW + timedelta(minutes=10)


def row(key: str = "drop/a/1/0", account: str = "a", **changes: Any) -> OutboxRow:
    message = Message(to=Recipient(channel="#cs"), card=Card(sentence="Acme <!channel> is at risk", title="Acme"))
    values: dict[str, Any] = {
        "key": IdempotencyKey(key), "enrollment_id": f"drop/{account}/1", "account_id": account, "playbook_id": "drop",
        "connection": "slack", "connector": "slack", "delivery_class": DeliveryClass.C, "action": message,
        "created_at": NOW, "due_at": NOW,
    }
    return OutboxRow(**{**values, **changes})


def proof(name: str = "C1/17") -> Receipt:
    return Receipt(external_id=name, url="https://example.test/17", delivered_at=SOON)


def test_a_key_is_accepted_once(database: Any) -> None:
    """Two evaluations at once must not ask for the same thing twice."""
    with database.write() as tx:
        assert outbox.add(tx, [row(), row("drop/a/1/1")]) == 2
        assert outbox.add(tx, [row(), row("drop/a/1/2")]) == 1

        assert [each.key for each in outbox.list_(tx)] == ["drop/a/1/0", "drop/a/1/1", "drop/a/1/2"]
        assert outbox.one(tx, "drop/a/1/0") == row()


def test_of_many_the_newest_are_shown_in_the_order_decided(database: Any) -> None:
    """Who looks wants to see what was just done, not the first week; of one connection where the others flood it."""
    with database.write() as tx:
        outbox.add(tx, [row(f"drop/a{at}/1/0", f"a{at}", created_at=NOW + timedelta(seconds=at),
                            connection=("slack", "crm")[at % 2]) for at in range(6)])

        assert [each.account_id for each in outbox.list_(tx, limit=3)] == ["a3", "a4", "a5"]
        assert [each.account_id for each in outbox.list_(tx, connection="crm", limit=2)] == ["a3", "a5"]


def test_many_rows_are_counted_as_they_are_added(database: Any) -> None:
    """The report says how many actions a run asked for; a driver's row count may not be trusted with it."""
    rows = [row(f"drop/a{number}/1/0", f"a{number}") for number in range(2100)]
    with database.write() as tx:
        outbox.add(tx, rows[:100])
        assert outbox.add(tx, rows) == 2000
        assert outbox.counts(tx) == {"slack": {"pending": 2100}}


def test_a_row_is_claimed_by_one_worker_at_a_time(database: Any) -> None:
    """Two workers with one row make two messages."""
    with database.write() as tx:
        outbox.add(tx, [row()])
        [first] = outbox.claim(tx, NOW, 10, 30)

    with database.write() as tx:
        assert outbox.claim(tx, NOW, 10, 30) == []
        [second] = outbox.claim(tx, NOW + timedelta(seconds=30), 10, 30)

    assert not first.resumed
    assert not second.resumed, "it was never begun, so nothing can have happened"
    assert second.epoch == first.epoch + 1


def test_rows_of_one_lane_start_in_the_order_decided(database: Any) -> None:
    """A manager must not read "nobody answered" before the CSM was asked."""
    rows = [row("drop/a/1/10"), row("drop/a/1/2"), row("drop/b/1/0", "b"), row("drop/a/1/cta", connection="crm")]
    with database.write() as tx:
        outbox.add(tx, rows)
        claims = outbox.claim(tx, NOW, 10, 30)
        assert {each.row.key for each in claims} == {"drop/a/1/10", "drop/b/1/0", "drop/a/1/cta"}

        first = next(each for each in claims if each.row.key == "drop/a/1/10")
        begun = outbox.sending(tx, first, NOW, 30)
        assert begun
        outbox.again(tx, begun, NOW, LATER, trouble="down")
        assert outbox.claim(tx, SOON, 10, 30) == [], "the one before it still waits"

        due = {each.row.key: each for each in outbox.claim(tx, LATER, 10, 30)}
        assert "drop/a/1/2" not in due
        outbox.fail(tx, due["drop/a/1/10"], LATER, "refused")
        assert [each.row.key for each in outbox.claim(tx, LATER, 10, 30)] == ["drop/a/1/2"]


def test_a_row_whose_worker_vanished_while_sending_is_looked_at_first(database: Any) -> None:
    """It may have arrived: sending it again blindly shows it twice."""
    with database.write() as tx:
        outbox.add(tx, [row()])
        [first] = outbox.claim(tx, NOW, 10, 30)
        assert outbox.sending(tx, first, NOW, 60)
        assert outbox.claim(tx, NOW + timedelta(seconds=59), 10, 30) == []

        [second] = outbox.claim(tx, NOW + timedelta(seconds=60), 10, 30)
        assert second.resumed

        assert outbox.unknown(tx, second, LATER, "nobody can tell")
        [attempt] = receipts.attempts(tx, "drop/a/1/0")
        assert (attempt.outcome, attempt.ended_at) == ("unknown", LATER)


def test_a_worker_that_slept_through_its_lease_changes_nothing(database: Any) -> None:
    """A zombie's late answer must not overwrite what the next worker found out."""
    with database.write() as tx:
        outbox.add(tx, [row()])
        [claimed] = outbox.claim(tx, NOW, 10, 30)
        zombie = outbox.sending(tx, claimed, NOW, 30)
        assert zombie
        [second] = outbox.claim(tx, LATER, 10, 30)
        begun = outbox.sending(tx, second, LATER, 30)
        assert begun

        assert outbox.sending(tx, zombie, LATER, 30) is None
        assert not outbox.complete(tx, zombie, proof("late"), LATER)
        assert not outbox.again(tx, zombie, LATER, LATER, trouble="late")
        assert not outbox.fail(tx, zombie, LATER, "late")
        assert not outbox.unknown(tx, zombie, LATER, "late")
        assert not outbox.release(tx, zombie)

        assert outbox.complete(tx, begun, proof("right"), LATER)
        assert receipts.of(tx, ["drop/a/1/0"])["drop/a/1/0"].external_id == "right"
        assert not outbox.complete(tx, begun, proof("again"), LATER), "closed is closed"


def test_many_are_completed_but_for_those_that_another_worker_has(database: Any) -> None:
    """A group of answers is written down at once; one that came too late must neither count nor stop the others."""
    found = Receipt(external_id="it's \"theirs\" – 17", delivered_at=SOON, found=True)
    with database.write() as tx:
        outbox.add(tx, [row(f"drop/{name}/1/0", name) for name in "abcd"])
        begun = [outbox.sending(tx, each, NOW, 30) for each in outbox.claim(tx, NOW, 10, 30)]
        late, first, refused, second = (each for each in begun if each)
        outbox.fail(tx, refused, NOW, "refused")
        assert [each.row.key for each in outbox.claim(tx, LATER, 1, 30)] == [late.row.key]

        done = [(late, proof()), (first, proof("B")), (refused, proof()), (second, found)]
        closed = outbox.complete_all(tx, done, LATER)

        assert closed == {first.row.key, second.row.key}
        assert receipts.of(tx, [each.row.key for each, _ in done]) == {
            first.row.key: proof("B"), second.row.key: found}
        assert [[each.outcome for each in receipts.attempts(tx, claimed.row.key)] for claimed, _ in done] == [
            [None], ["delivered"], ["give_up"], ["found"]]
        assert outbox.complete_all(tx, [], LATER) == set()
        assert outbox.conservation(tx).holds


def test_a_completed_row_has_its_receipt_and_its_journal(database: Any) -> None:
    """What was sent when, and how it ended, is what a person asks first."""
    with database.write() as tx:
        outbox.add(tx, [row()])
        [claimed] = outbox.claim(tx, NOW, 10, 30)
        begun = outbox.sending(tx, claimed, NOW, 30)
        assert begun
        outbox.again(tx, begun, SOON, SOON, trouble="down")
        [claimed] = outbox.claim(tx, SOON, 10, 30)
        begun = outbox.sending(tx, claimed, SOON, 30)
        assert begun
        assert outbox.complete(tx, begun, proof(), LATER)

        stored = outbox.one(tx, "drop/a/1/0")
        assert stored
        assert (stored.state, stored.attempts, stored.tries, stored.trouble) == ("delivered", 2, 1, None)
        assert receipts.of_enrollment(tx, "drop/a/1") == {"drop/a/1/0": proof()}
        journal = [(each.number, each.outcome, each.trouble) for each in receipts.attempts(tx, "drop/a/1/0")]
        assert journal == [(1, "try_again", "down"), (2, "delivered", None)]
        assert outbox.conservation(tx).holds


def test_being_told_to_slow_down_costs_no_try(database: Any) -> None:
    """A busy day at Slack must not make a dead letter of a message."""
    with database.write() as tx:
        outbox.add(tx, [row()])
        for _ in range(20):
            [claimed] = outbox.claim(tx, NOW, 10, 30)
            begun = outbox.sending(tx, claimed, NOW, 30)
            assert begun
            outbox.again(tx, begun, NOW, NOW, trouble="429", outcome="rate_limited")
        stored = outbox.one(tx, "drop/a/1/0")

        assert stored
        assert (stored.attempts, stored.tries) == (20, 0)


def test_a_pause_puts_off_one_connection(database: Any) -> None:
    """When one target asks for a minute's rest, the others go on."""
    with database.write() as tx:
        outbox.add(tx, [row(), row("drop/b/1/0", "b"), row("drop/c/1/0", "c", connection="crm")])
        assert outbox.pause(tx, "slack", LATER) == 2

        assert [each.row.connection for each in outbox.claim(tx, SOON, 10, 30)] == ["crm"]
        assert {each.row.connection for each in outbox.claim(tx, LATER, 10, 30)} == {"slack", "crm"}


@pytest.mark.parametrize("state", ["failed", "unknown", "expired"])
def test_what_was_given_up_can_be_asked_for_again_under_its_key(database: Any, state: str) -> None:
    """Once a person has mended the cause, the same action goes out, not a second one."""
    with database.write() as tx:
        outbox.add(tx, [row(not_after=SOON)])
        [claimed] = outbox.claim(tx, NOW, 10, 30)
        close = {
            "failed": lambda: outbox.fail(tx, claimed, NOW, "refused"),
            "unknown": lambda: outbox.unknown(tx, claimed, NOW, "nobody can tell"),
            "expired": lambda: outbox.expire(tx, claimed, NOW),
        }
        assert close[state]()
        assert outbox.claim(tx, LATER, 10, 30) == []
        assert outbox.list_(tx, state)[0].done_at == NOW

        assert outbox.retry(tx, "drop/a/1/0", LATER)
        assert not outbox.retry(tx, "drop/a/1/0", LATER), "it is due already"
        [again] = outbox.claim(tx, LATER, 10, 30)
        assert again.row.key == "drop/a/1/0"
        assert not again.resumed


def test_next_due_says_when_to_come_back(database: Any) -> None:
    """A worker that sleeps too long makes a person wait; one that never sleeps burns a core."""
    with database.write() as tx:
        assert outbox.next_due(tx) is None
        outbox.add(tx, [row(due_at=LATER), row("drop/a/1/1"), row("drop/b/1/0", "b")])
        assert outbox.next_due(tx) == NOW
        outbox.claim(tx, NOW, 10, 30)
        assert outbox.next_due(tx) == NOW + timedelta(seconds=30)
        [claimed] = outbox.claim(tx, NOW + timedelta(seconds=30), 10, 30)
        outbox.expire(tx, claimed, NOW)
        assert outbox.next_due(tx) == LATER, "what waits behind it cannot be sent before"


def test_conservation_tells_a_delivery_without_proof(database: Any) -> None:
    """"Delivered" without a receipt is a claim nobody can check."""
    from sqlalchemy import delete

    from steward.store.schema import receipt

    with database.write() as tx:
        outbox.add(tx, [row(), row("drop/b/1/0", "b")])
        for claimed in outbox.claim(tx, NOW, 10, 30):
            outbox.complete(tx, claimed, proof(claimed.row.key), NOW)
        assert outbox.conservation(tx).holds
        assert outbox.conservation(tx).by_state == {"delivered": 2}

        tx.execute(delete(receipt).where(receipt.c.key == "drop/b/1/0"))
        assert outbox.conservation(tx).delivered_without_receipt == ("drop/b/1/0",)
        assert not outbox.conservation(tx).holds


def test_the_same_key_has_the_same_id_on_every_machine() -> None:
    """A target that keys by UUID must recognise the action after a restore from backup."""
    assert row().action_id == row(account="b").action_id
    assert row().action_id != row("drop/a/1/1").action_id
