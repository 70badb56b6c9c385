"""Delivery against a vendor over real HTTP: what each class of target may be promised."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from steward.contracts import Connection
from steward.kit.sandbox import Fault
from steward.model.actions import Receipt
from steward.model.errors import ConfigError, RecordRejected
from steward.pipeline.deliver import DeliverReport, deliver
from steward.pipeline.sending import SCHEDULE_S, delay_s
from steward.store import outbox, receipts
from steward.store.outbox import OutboxRow

_spec = importlib.util.spec_from_file_location("three_classes", Path(__file__).with_name("three_classes.py"))
assert _spec
assert _spec.loader
three = importlib.util.module_from_spec(_spec)
sys.modules["three_classes"] = three
_spec.loader.exec_module(three)
NOW, row = three.NOW, three.row

WRITE = "PUT|POST"


class Clock:
    """Stands still until somebody sleeps or the test moves it on."""

    def __init__(self) -> None:
        self.at: datetime = NOW
        self.slept: list[float] = []

    def __call__(self) -> datetime:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += timedelta(seconds=seconds)


class Bench:
    """One vendor, one outbox, one clock."""

    def __init__(self, db: Any, vendor: Any) -> None:
        self.db, self.vendor, self.clock = db, vendor, Clock()
        self.connections: dict[str, Any] = three.connections(vendor.url, self.clock, timeout_s=0.3)
        self.heard: list[tuple[str, str]] = []

    def add(self, *rows: OutboxRow) -> None:
        with self.db.write() as tx:
            outbox.add(tx, rows)

    def deliver(self, **options: Any) -> DeliverReport:
        return deliver(
            self.db, self.connections, three.connectors(), self.clock, self.clock.sleep,
            on_done=lambda each, what: self.heard.append((each.key, what)), **options,
        )

    def deliver_later(self, seconds: float) -> DeliverReport:
        self.clock.at += timedelta(seconds=seconds)
        return self.deliver()

    def fault(self, kind: str, on: str = WRITE, **more: Any) -> None:
        self.vendor.faults.append(Fault(kind, on, **more))

    def stored(self, each: OutboxRow) -> OutboxRow:
        with self.db.read() as tx:
            found = outbox.one(tx, each.key)
            assert outbox.conservation(tx).holds
        assert found
        return found

    def journal(self, each: OutboxRow) -> list[str | None]:
        with self.db.read() as tx:
            return [attempt.outcome for attempt in receipts.attempts(tx, each.key)]

    def effects(self, each: OutboxRow) -> int:
        return len(self.vendor.ledger.of(each.key))


@pytest.fixture(params=["sqlite"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """SQLite: the rules of a class ask nothing of the database; those that do are in test_crash.py."""
    import shutil

    shutil.copy(request.getfixturevalue("_sqlite_template"), tmp_path / "steward.db")
    return f"sqlite:///{tmp_path / 'steward.db'}"


@pytest.fixture
def bench(database: Any) -> Iterator[Bench]:
    with three.Vendor() as vendor:
        yield Bench(database, vendor)


def test_what_is_due_goes_out_once_with_its_receipt(bench: Bench) -> None:
    """The plain case, on every kind of target; a second run finds nothing to do."""
    rows = [row(name, account) for name in three.CLASSES for account in ("a", "b")]
    bench.add(*rows, row("tasks", "later", due_at=NOW + timedelta(hours=1)))

    report = bench.deliver()

    assert report == DeliverReport(delivered=6, next_due_at=NOW + timedelta(hours=1))
    assert [bench.effects(each) for each in rows] == [1] * 6
    assert sorted(bench.heard) == sorted((each.key, "delivered") for each in rows)
    assert bench.deliver().delivered == 0
    with bench.db.read() as tx:
        assert receipts.of(tx, [rows[0].key])[rows[0].key].delivered_at == NOW


@pytest.mark.parametrize("name", list(three.CLASSES))
@pytest.mark.parametrize("fault", [Fault("status", WRITE, status=503), Fault("status", WRITE, status=429)])
def test_what_provably_did_not_happen_is_sent_again(bench: Bench, name: str, fault: Fault) -> None:
    """A target that is down or busy must cost minutes, not the message."""
    bench.vendor.faults.append(Fault(fault.kind, fault.on, status=fault.status))
    bench.add(row(name))

    bench.deliver()
    bench.deliver_later(10)

    assert bench.stored(row(name)).state == "delivered"
    assert bench.effects(row(name)) == 1


@pytest.mark.parametrize("kind", ["cut", "hang", "status"])
@pytest.mark.parametrize("name", ["keyed", "tasks"])
def test_a_broken_answer_leaves_one_effect_where_the_target_can_tell(bench: Bench, name: str, kind: str) -> None:
    """Class A and B: never twice, never lost, whether it had been applied (cut) or not (hang, 500)."""
    bench.fault(kind, status=500)
    bench.add(row(name))

    bench.deliver()
    assert bench.effects(row(name)) <= 1
    bench.deliver_later(70)

    assert bench.stored(row(name)).state == "delivered"
    assert bench.effects(row(name)) == 1


def test_what_a_search_finds_at_once_is_not_waited_for(bench: Bench) -> None:
    """The CSM's task is there; the hub knows it in the same second."""
    bench.fault("cut")
    bench.add(row("tasks"))

    assert bench.deliver().found == 1
    assert bench.journal(row("tasks")) == ["found"]


def test_a_search_that_finds_nothing_is_believed_only_once_it_settled(bench: Bench) -> None:
    """CRM searches lag behind writes: "not there" after a second proves nothing."""
    bench.fault("cut")
    bench.fault("status", on="GET", status=503, times=2)
    bench.add(row("tasks"))

    assert bench.deliver().later == 1
    assert bench.deliver_later(30).next_due_at == NOW + timedelta(seconds=60)
    assert bench.deliver_later(30).later == 1, "it cannot be looked for now"
    assert bench.effects(row("tasks")) == 1
    assert bench.deliver_later(400).found == 1


@pytest.mark.parametrize("kind", ["cut", "hang", "status"])
def test_a_message_that_may_have_arrived_is_held(bench: Bench, kind: str) -> None:
    """Class C: the channel must not read it twice; a person looks."""
    bench.fault(kind, status=500)
    bench.add(row("messages"))

    assert bench.deliver().unknown == 1
    assert bench.deliver_later(86400).delivered == 0
    stored = bench.stored(row("messages"))
    assert stored.state == "unknown"
    assert stored.trouble
    assert f'steward outbox retry "{stored.key}"' in stored.trouble
    assert bench.effects(row("messages")) == (1 if kind == "cut" else 0)


def test_an_escalation_that_may_not_have_arrived_is_sent_again(bench: Bench) -> None:
    """For an escalation a second message does less harm than none; after three doubts a person must look."""
    escalation = row("messages", on_unknown="resend")
    bench.fault("hang", times=1)
    bench.add(escalation)
    assert bench.deliver().later == 1
    assert bench.deliver_later(10).delivered == 1

    hopeless = row("messages", "b", on_unknown="resend")
    bench.fault("status", status=500, times=9)
    bench.add(hopeless)
    bench.deliver()
    for _ in range(5):
        bench.deliver_later(90000)
    assert bench.stored(hopeless).state == "unknown"
    assert bench.journal(hopeless) == ["unknown"] * 3


@pytest.mark.parametrize(("status", "said"), [(401, "Check the credentials"), (403, "Grant"), (404, "404"), (422, "422")])
def test_a_refusal_is_a_dead_letter_that_says_why(bench: Bench, status: int, said: str) -> None:
    """Trying again changes nothing until a person acts; then the same key goes out."""
    bench.fault("status", status=status)
    bench.add(row("keyed"))

    assert bench.deliver().failed == 1
    stored = bench.stored(row("keyed"))
    assert stored.state == "failed"
    assert said in str(stored.trouble)

    with bench.db.write() as tx:
        assert outbox.retry(tx, stored.key, bench.clock())
    assert bench.deliver().delivered == 1
    assert bench.effects(row("keyed")) == 1


def test_a_dead_letter_of_a_task_is_looked_for_before_it_is_sent_again(bench: Bench) -> None:
    """It may have been refused the second time because it was there after the first."""
    bench.fault("cut")
    bench.fault("status", on="GET", status=403)
    bench.fault("status", on="GET", status=403)
    bench.add(row("tasks"))
    bench.deliver()
    assert bench.deliver_later(90).failed == 1

    with bench.db.write() as tx:
        outbox.retry(tx, row("tasks").key, bench.clock())
    assert bench.deliver().found == 1
    assert bench.effects(row("tasks")) == 1


def test_a_target_that_stays_down_is_tried_for_three_days(bench: Bench) -> None:
    """A long weekend's outage loses nothing; after it, a person is asked."""
    bench.connections = three.connections("http://127.0.0.1:9", bench.clock)
    bench.add(row("keyed"))
    times = [bench.clock.at]
    while bench.stored(row("keyed")).state == "pending":
        report = bench.deliver()
        times.append(bench.clock.at)
        if report.next_due_at:
            bench.clock.at = report.next_due_at

    assert len(times) - 1 == 1 + len(SCHEDULE_S)
    assert timedelta(hours=60) < times[-1] - times[0] < timedelta(hours=91)
    assert bench.stored(row("keyed")).state == "failed"
    assert "Given up after 10 tries" in str(bench.stored(row("keyed")).trouble)


def test_tries_are_spread_and_the_same_on_every_machine() -> None:
    """A thousand rows that failed together must not come back together, nor by chance of a restart."""
    waits = {delay_s(f"drop/{number}/1/0", 1, 2) for number in range(200)}

    assert len(waits) == 200
    assert min(waits) >= 240
    assert max(waits) <= 360
    assert delay_s("drop/a/1/0", 1, 2) == delay_s("drop/a/1/0", 1, 2)


def test_a_target_that_says_slow_down_is_left_alone_as_long_as_it_said(bench: Bench) -> None:
    """Its own word is kept, the whole connection waits, the others go on, and no try is used up."""
    bench.fault("status", on="POST /messages", status=429, retry_after="3600")
    rows = [row("messages", f"m{number}") for number in range(5)]
    bench.add(*rows, row("keyed"))

    report = bench.deliver()
    assert (report.delivered, report.rate_limited) == (1, 1)
    assert report.next_due_at == NOW + timedelta(hours=1)
    assert bench.clock.slept == []
    assert sum(call[2] == "/messages" for call in bench.vendor.calls) == 1

    assert bench.deliver_later(3600).delivered == 5
    assert bench.stored(rows[0]).tries == 0


def test_a_short_rest_is_sat_out(bench: Bench) -> None:
    """One message a second to a channel: a second's wait must not end the run."""
    bench.fault("status", on="POST /messages", status=429, retry_after="2", times=3)
    bench.add(*[row("messages", f"m{number}") for number in range(5)])

    report = bench.deliver()
    assert (report.delivered, report.rate_limited) == (5, 3)
    assert bench.clock.slept == [2.0, 2.0, 2.0]


def test_a_target_that_never_stops_saying_slow_down_ends_the_run(bench: Bench) -> None:
    """A storm of 429 must not keep a worker for ever, and costs nothing but time."""
    bench.connections["messages"] = Connection(sink=three.AlwaysBusy("", "messages", bench.clock))
    bench.add(row("messages"), row("keyed"))

    report = bench.deliver()
    assert report.delivered == 1
    assert 0 < sum(bench.clock.slept) <= 60
    assert report.next_due_at == bench.clock.at + timedelta(seconds=60)
    assert bench.stored(row("messages")).tries == 0


def test_five_failures_in_a_row_rest_the_connection(bench: Bench) -> None:
    """A dead target is not hammered with the whole backlog; the others are not kept waiting."""
    bench.fault("status", on="PUT /keyed", status=503, times=100)
    bench.add(*[row("keyed", f"k{number}") for number in range(40)], *[row("tasks", f"t{number}") for number in range(9)])

    report = bench.deliver()
    assert (report.later, report.delivered) == (5, 9)
    assert sum(call[2] == "/keyed" for call in bench.vendor.calls) == 5
    assert report.next_due_at == NOW + timedelta(seconds=30)


def test_rows_of_one_account_and_target_arrive_in_the_order_decided(bench: Bench) -> None:
    """"Nobody answered" must not arrive before the question; other accounts do not wait for it."""
    bench.fault("status", on="POST /messages", status=503)
    first, second = row("messages", "a", 0), row("messages", "a", 1)
    bench.add(first, second, row("messages", "b", 0))

    assert bench.deliver().delivered == 1
    assert bench.effects(second) == 0
    bench.deliver_later(10)
    assert [effect.key for effect in bench.vendor.ledger] == ["drop/b/1/0/messages", first.key, second.key]


@pytest.mark.parametrize("name", ["keyed", "tasks", "messages"])
def test_what_comes_too_late_is_not_sent(bench: Bench, name: str) -> None:
    """An alert of last week would only confuse; it stays visible as expired."""
    bench.add(row(name, not_after=NOW + timedelta(hours=1)))

    assert bench.deliver_later(3600).expired == 1
    assert bench.stored(row(name)).state == "expired"
    assert list(bench.vendor.ledger) == []


def test_what_is_too_late_but_was_done_is_found(bench: Bench) -> None:
    """"Expired" beside a task that exists would be a lie."""
    bench.fault("cut", on="PUT /keyed")
    bench.add(row("keyed", not_after=NOW + timedelta(seconds=2)))
    assert bench.deliver().later == 1

    assert bench.deliver_later(10).found == 1
    assert bench.effects(row("keyed")) == 1


def test_a_connectors_bug_parks_the_row_without_its_words(bench: Bench) -> None:
    """One broken row must not stop the others, and an exception's text may hold a secret."""
    broken = row("keyed", subject="bug")
    bench.add(broken, row("keyed", "b"))
    assert bench.deliver().delivered == 1
    bench.deliver_later(1000)
    assert bench.deliver_later(10000).failed == 1

    trouble = str(bench.stored(broken).trouble)
    assert re.search(r"KeyError at .*three_classes.py:\d+", trouble)
    assert "secret" not in trouble
    assert bench.journal(broken) == ["bug"] * 3


def test_a_bug_while_sending_a_message_is_a_doubt(bench: Bench) -> None:
    """It may have been raised while reading a good answer."""
    bench.add(row("messages", subject="bug"))

    assert bench.deliver().unknown == 1


def test_a_connection_that_is_not_set_up_puts_its_rows_off(bench: Bench) -> None:
    """A typing error in steward.yaml must cost nothing but time."""
    class Lazy(dict[str, Any]):
        def __getitem__(self, name: str) -> Any:
            if name == "keyed":
                raise ConfigError("keyed: the token is missing. Set it.")
            return super().__getitem__(name)

    bench.connections = Lazy({**bench.connections, "tasks": Connection()})
    gone = row("gone")
    bench.add(row("keyed"), row("tasks"), gone)

    assert bench.deliver().put_off == 3
    assert bench.stored(row("keyed")).trouble == "keyed: the token is missing. Set it."
    assert "can only read" in str(bench.stored(row("tasks")).trouble)
    assert 'no connection "gone"' in str(bench.stored(gone).trouble)
    assert [bench.stored(each).attempts for each in (row("keyed"), row("tasks"), gone)] == [0, 0, 0]


def test_what_waits_for_a_connection_that_is_gone_expires(bench: Bench) -> None:
    """A connection that was taken out of steward.yaml must not leave rows that are looked at for ever."""
    late = row("gone", not_after=NOW + timedelta(hours=1))
    bench.add(late, row("gone", step=1))

    assert bench.deliver().put_off == 1
    report = bench.deliver_later(7200)
    assert (report.expired, bench.stored(late).state) == (1, "expired")
    assert bench.stored(row("gone", step=1)).state == "pending"


@pytest.mark.parametrize("words", ["no \x00", "no \ud800"])
def test_a_vendors_words_that_no_database_holds_stop_nobody(database: Any, words: str) -> None:
    """Its answer goes into the trouble of the row; where that cannot be written, no other row goes out either."""
    class Odd:
        def deliver(self, action: Any, key: str) -> Receipt:
            raise RecordRejected(words)

        def find(self, action: Any, key: str) -> None:
            return None

    with database.write() as tx:
        outbox.add(tx, [row("keyed")])
    report = deliver(database, {"keyed": Connection(sink=Odd())}, three.connectors(), lambda: NOW, lambda _: None)

    assert report.failed == 1
    assert Receipt(external_id="a\x00b", delivered_at=NOW).external_id == "a\N{REPLACEMENT CHARACTER}b"


def test_what_a_connection_cannot_do_is_a_dead_letter(bench: Bench) -> None:
    """Waiting would not teach it."""
    from steward.model.actions import Card, UpdateMessage

    update = UpdateMessage(message_id="1", card=Card(sentence="Done", title="Done"))
    bench.add(row("keyed", action=update))

    assert bench.deliver().failed == 1
    assert 'cannot do "update_message"' in str(bench.stored(row("keyed")).trouble)


def test_todays_promise_counts_not_the_one_of_the_day_it_was_decided(bench: Bench) -> None:
    """A row stored as class A must not be sent blindly twice once its connector knows that it was wrong."""
    from steward.model.actions import DeliveryClass

    bench.fault("cut")
    bench.add(row("messages", delivery_class=DeliveryClass.A))

    assert bench.deliver().unknown == 1


def test_when_the_worker_breaks_the_rest_is_given_back(bench: Bench) -> None:
    """Nobody should wait for the lease of a row that nobody sends."""
    def stop(each: OutboxRow, what: str) -> None:
        raise RuntimeError("the screen is gone")

    bench.add(*[row("keyed", f"k{number}") for number in range(5)])
    with pytest.raises(RuntimeError, match="screen"):
        deliver(bench.db, bench.connections, three.connectors(), bench.clock, bench.clock.sleep, on_done=stop)

    assert bench.deliver().delivered == 4
