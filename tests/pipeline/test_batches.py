"""Delivery to a target that takes many changes in one call: fewer calls, and no promise less."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from steward.contracts import BatchSink, Connection
from steward.kit.sandbox import Fault
from steward.model.actions import DeliveryClass
from steward.pipeline.deliver import DeliverReport, deliver
from steward.store import outbox, receipts

_spec = importlib.util.spec_from_file_location("three_classes", Path(__file__).with_name("three_classes.py"))
assert _spec
assert _spec.loader
three = importlib.util.module_from_spec(_spec)
sys.modules["three_classes"] = three
_spec.loader.exec_module(three)
NOW, row = three.NOW, three.row


class Bench:
    """One vendor, one outbox, one clock; every connection can take many."""

    def __init__(self, db: Any, vendor: Any) -> None:
        self.db, self.vendor, self.at = db, vendor, NOW
        self.sinks = {name: three.ManyDoor(vendor.url, name, self.clock, 0.5) for name in three.CLASSES}
        self.heard: list[str] = []

    def clock(self) -> Any:
        return self.at

    def add(self, *rows: Any) -> None:
        with self.db.write() as tx:
            outbox.add(tx, rows)

    def deliver(self, later_s: float = 0) -> DeliverReport:
        self.at += timedelta(seconds=later_s)
        connections = {name: Connection(sink=sink) for name, sink in self.sinks.items()}
        return deliver(self.db, connections, three.connectors(), self.clock, lambda _: None,
                       on_done=lambda each, what: self.heard.append(what))

    def states(self, rows: Sequence[Any]) -> list[str]:
        with self.db.read() as tx:
            assert outbox.conservation(tx).holds
            found = [outbox.one(tx, each.key) for each in rows]
        return [each.state for each in found if each]

    def effects(self, rows: Sequence[Any]) -> list[int]:
        return [len(self.vendor.ledger.of(each.key)) for each in rows]

    def journal(self, each: Any) -> list[str | None]:
        with self.db.read() as tx:
            return [attempt.outcome for attempt in receipts.attempts(tx, each.key)]


@pytest.fixture
def bench(database: Any) -> Iterator[Bench]:
    with three.Vendor() as vendor:
        yield Bench(database, vendor)


def many(name: str, number: int, **changes: Any) -> list[Any]:
    return [row(name, f"a{each:02d}", **changes) for each in range(number)]


def test_what_is_due_together_goes_together(bench: Bench) -> None:
    """20,000 scores written back cost a hundred calls, not 20,000; each has its receipt."""
    rows = many("keyed", 45)
    bench.add(*rows)

    report = bench.deliver()

    assert isinstance(bench.sinks["keyed"], BatchSink)
    assert report.delivered == 45
    assert bench.sinks["keyed"].asked == [20, 20, 5]
    assert bench.effects(rows) == [1] * 45
    assert bench.heard == ["delivered"] * 45
    with bench.db.read() as tx:
        assert len(receipts.of(tx, [each.key for each in rows])) == 45


def test_one_account_s_actions_keep_their_order(bench: Bench) -> None:
    """Two values of one field: the newer one must be what stays."""
    first, second = row("keyed", "a", 0), row("keyed", "a", 1)
    bench.add(first, second, row("keyed", "b", 0))

    bench.deliver()

    assert bench.sinks["keyed"].asked == [2], "the second waits until the first is done, then goes alone"
    keys = [effect.key for effect in bench.vendor.ledger]
    assert keys.index(first.key) < keys.index(second.key)


@pytest.mark.parametrize("name", list(three.CLASSES))
def test_one_bad_row_does_not_spoil_the_others(bench: Bench, name: str) -> None:
    """The target answers for each: the refused one is a dead letter, the others are done."""
    rows = [*many(name, 3), row(name, "bad", subject="bad")]
    bench.add(*rows)

    report = bench.deliver()

    assert (report.delivered, report.failed) == (3, 1)
    assert bench.states(rows) == ["delivered"] * 3 + ["failed"]


@pytest.mark.parametrize("name", list(three.CLASSES))
def test_a_target_that_refuses_all_for_one_is_asked_for_each(bench: Bench, name: str) -> None:
    """Which of them was bad is found out, and the others do not suffer."""
    bench.vendor.strict = True
    rows = [*many(name, 3), row(name, "bad", subject="bad")]
    bench.add(*rows)

    report = bench.deliver()

    assert report.delivered == 4, "alone, this vendor takes it"
    assert bench.effects(rows) == [1] * 4


def test_a_row_the_connector_stumbles_over_does_not_stop_the_others(bench: Bench) -> None:
    """A bug parks one row, not the two hundred that were due with it."""
    rows = [*many("keyed", 3), row("keyed", "bug", subject="bug")]
    bench.add(*rows)

    assert bench.deliver().delivered == 3
    bench.deliver(1000)
    assert bench.deliver(10_000).failed == 1
    assert bench.journal(rows[-1]) == ["bug"] * 3


@pytest.mark.parametrize("status", [503, 429])
@pytest.mark.parametrize("name", list(three.CLASSES))
def test_a_target_that_is_down_or_busy_costs_time_only(bench: Bench, name: str, status: int) -> None:
    """Every row is tried again, whatever its class: nothing was done."""
    rows = many(name, 5)
    bench.vendor.faults.append(Fault("status", "POST /many", status=status))
    bench.add(*rows)

    first = bench.deliver()
    bench.deliver(10)

    assert first.later + first.rate_limited == 5
    assert bench.states(rows) == ["delivered"] * 5
    assert bench.effects(rows) == [1] * 5


@pytest.mark.parametrize("status", [401, 403])
def test_a_denied_access_is_a_dead_letter_for_each(bench: Bench, status: int) -> None:
    """Asking again one by one would only lock the account."""
    rows = many("keyed", 5)
    bench.vendor.faults.append(Fault("status", "POST /many", status=status, times=9))
    bench.add(*rows)

    assert bench.deliver().failed == 5
    assert len(bench.vendor.calls) == 1


@pytest.mark.parametrize("kind", ["cut", "refuse", "status"])
def test_a_broken_answer_is_in_doubt_for_each_as_its_class_says(bench: Bench, kind: str) -> None:
    """A and B: one effect, whether it had been applied or not. C: held for a person."""
    rows = {name: many(name, 4) for name in three.CLASSES}
    bench.vendor.faults.append(Fault(kind, "POST /many", status=500, times=3))
    for each in rows.values():
        bench.add(*each)

    report = bench.deliver()
    assert (report.later, report.unknown) == (8, 4)
    again = bench.deliver(90)

    assert again.delivered + again.found == 8
    assert bench.states(rows["messages"]) == ["unknown"] * 4
    for name in ("keyed", "tasks"):
        assert bench.states(rows[name]) == ["delivered"] * 4
        assert bench.effects(rows[name]) == [1] * 4


def test_one_row_in_doubt_is_looked_for_before_it_is_repeated(bench: Bench) -> None:
    """The others of its call are proven done; it alone waits until a search would show it."""
    doubtful = row("tasks", "doubt", subject="busy")
    rows = [*many("tasks", 3), doubtful]
    bench.add(*rows)

    report = bench.deliver()

    assert (report.delivered, report.later) == (3, 1)
    assert bench.deliver(30).delivered == 0
    assert bench.deliver(60).delivered == 1
    assert bench.journal(doubtful) == ["unknown", "delivered"]
    assert any(call[1:3] == ("GET", "/tasks") for call in bench.vendor.calls)


def test_fewer_answers_than_questions_is_a_bug_not_a_shift(bench: Bench) -> None:
    """A receipt must never be written down for the row beside."""
    class Short(three.ManyDoor):
        def deliver_many(self, actions: Any) -> Any:
            return super().deliver_many(actions)[1:]

    bench.sinks["tasks"] = Short(bench.vendor.url, "tasks", bench.clock)
    rows = many("tasks", 3)
    bench.add(*rows)

    report = bench.deliver()

    assert (report.delivered, report.later) == (0, 3)
    assert bench.journal(rows[0]) == ["bug"]
    assert bench.deliver(100).found == 3
    assert bench.effects(rows) == [1] * 3


def test_what_came_too_late_does_not_go_with_the_others(bench: Bench) -> None:
    """An alert of last week would only confuse."""
    late = row("keyed", "late", not_after=NOW + timedelta(hours=1))
    rows = many("keyed", 3)
    bench.add(*rows, late)

    report = bench.deliver(3600)

    assert (report.delivered, report.expired) == (3, 1)
    assert bench.effects([late]) == [0]


def test_a_worker_that_died_in_a_call_leaves_each_row_to_its_class(bench: Bench) -> None:
    """What was journalled before the first byte says that it may have happened."""
    rows = {name: many(name, 3) for name in three.CLASSES}
    for name, group in rows.items():
        bench.add(*group)
        with bench.db.write() as tx:
            for claimed in outbox.claim(tx, bench.at, 100, 30):
                assert outbox.sending(tx, claimed, bench.at, 30)
        bench.sinks[name].deliver_many([(each.action, each.key) for each in group])
    bench.deliver(60)

    assert bench.states(rows["keyed"]) == bench.states(rows["tasks"]) == ["delivered"] * 3
    assert bench.states(rows["messages"]) == ["unknown"] * 3
    assert [bench.effects(group) for group in rows.values()] == [[1] * 3] * 3
    assert DeliveryClass.C in three.CLASSES.values()
