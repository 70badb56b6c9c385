"""Deliver: every due action of the outbox goes out; a report of what became of them comes back.

May run twice, in parallel and late: the claims decide who sends. Connections work beside each other, each one
row at a time, or many in one call where its sink is a BatchSink; rows of one account and connection go in the order
they were decided.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from steward.contracts import BatchSink, Connection, Connector, Sink
from steward.model.actions import DeliveryClass, IdempotencyKey
from steward.model.errors import StewardError
from steward.pipeline.batches import may_join, send_many
from steward.pipeline.sending import USUAL, Outcome, Pace, close_unsent, send
from steward.store import outbox
from steward.store.database import Database
from steward.store.outbox import Claim, OutboxRow

log = logging.getLogger(__name__)

DOWN_AFTER = 5                              # so many in a row could not be reached: the connection rests
DOWN_S = 30.0
NOT_READY_S = 300.0                         # the connection is not set up as it must be


@dataclass(frozen=True, slots=True)
class DeliverReport:
    """How many rows ended how. `later` will be tried again by themselves, `put_off` wait for the operator.

    `resent` of the delivered may be there twice (class C with `on_unknown: resend`); `fenced` were taken over
    by another worker.
    """

    delivered: int = 0
    found: int = 0
    later: int = 0
    rate_limited: int = 0
    failed: int = 0
    unknown: int = 0
    expired: int = 0
    cancelled: int = 0
    put_off: int = 0
    fenced: int = 0
    resent: int = 0
    next_due_at: datetime | None = None


def deliver(
    db: Database,
    connections: Mapping[str, Connection],
    connectors: Mapping[str, Connector],
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    *,
    limit: int = 200,
    on_done: Callable[[OutboxRow, str], None] | None = None,
    pace: Pace = USUAL,
    slow: bool = False,
) -> DeliverReport:
    """Send until nothing is due, `limit` rows claimed at a time; `on_done` hears of each row and how it ended.

    `connectors` by connection name say what each promises today. Raises what the database raises.
    """
    run = _Run(db, connections, connectors, clock, sleep, on_done, pace)
    while True:
        with db.write() as tx:
            claims = outbox.claim(tx, clock(), limit, pace.claim_s, slow=slow)
        if not claims:
            break
        run.work(claims)
    with db.read() as tx:
        next_due = outbox.next_due(tx, slow=slow)
    return DeliverReport(**run.ended, next_due_at=next_due)


@dataclass(frozen=True, slots=True)
class _Run:
    """One call of `deliver`: what its workers share."""

    _db: Database
    _connections: Mapping[str, Connection]
    _connectors: Mapping[str, Connector]
    _clock: Callable[[], datetime]
    _sleep: Callable[[float], None]
    _on_done: Callable[[OutboxRow, str], None] | None
    _pace: Pace
    ended: Counter[str] = field(default_factory=Counter)
    _rested_s: dict[str, float] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _stopping: threading.Event = field(default_factory=threading.Event)

    def work(self, claims: Sequence[Claim]) -> None:
        """Send a batch, its connections beside each other; what is not begun when one breaks is given back."""
        by_connection: dict[str, list[Claim]] = {}
        for claimed in claims:
            by_connection.setdefault(claimed.row.connection, []).append(claimed)
        with ThreadPoolExecutor(self._pace.workers, "deliver") as pool:
            futures = [pool.submit(self._one_connection, name, rows) for name, rows in by_connection.items()]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                self._stopping.set()
                raise

    def _one_connection(self, name: str, claims: Sequence[Claim]) -> None:
        unbegun = {claimed.row.key: claimed for claimed in claims}
        try:
            sink = self._sink(name)
            if isinstance(sink, str):
                self._put_off(unbegun, sink)
                return
            down = 0
            for group, promised in self._grouped(name, claims, sink):
                if self._stopping.is_set():
                    break
                for claimed in group:
                    del unbegun[claimed.row.key]
                outcomes = self._send(group, sink, promised)
                down = down + 1 if all(outcome.down for outcome in outcomes) else 0
                if self._must_leave(name, outcomes, down):
                    break
        finally:
            self._release(unbegun.values())

    def _grouped(
        self, name: str, claims: Sequence[Claim], sink: Sink,
    ) -> list[tuple[list[Claim], DeliveryClass | None]]:
        """The claims of one connection, those together that go in one call, and what is promised of them.

        A claim holds one row of each account, so that none passes another of its own.
        """
        connector, now = self._connectors.get(name), self._clock()
        most = sink.batches if isinstance(sink, BatchSink) else {}
        groups: list[tuple[list[Claim], DeliveryClass | None]] = []
        open_: dict[str, list[Claim]] = {}
        for claimed in claims:
            kind = claimed.row.action.kind
            promised = connector.actions.get(kind) if connector else claimed.row.delivery_class
            joins = promised is not None and most.get(kind, 1) > 1 and may_join(claimed.row, promised, now)
            group = open_.get(kind) if joins else None
            if group is not None and len(group) < most[kind]:
                group.append(claimed)
                continue
            groups.append(([claimed], promised))
            if joins:
                open_[kind] = groups[-1][0]
        return groups

    def _send(self, group: Sequence[Claim], sink: Sink, promised: DeliveryClass | None) -> Sequence[Outcome]:
        if promised is None:
            outcomes = [self._cannot(claimed) for claimed in group]
        elif len(group) > 1 and isinstance(sink, BatchSink):
            outcomes = send_many(self._db, group, sink, promised, clock=self._clock, pace=self._pace)
        else:
            outcomes = [send(self._db, group[0], sink, promised, clock=self._clock, pace=self._pace)]
        for claimed, outcome in zip(group, outcomes, strict=True):
            self._count(claimed.row, outcome)
        return outcomes

    def _cannot(self, claimed: Claim) -> Outcome:
        row = claimed.row
        text = f'"{row.connection}" cannot do "{row.action.kind}"; name another connection in `routing`'
        with self._db.write() as tx:
            kept = outbox.fail(tx, claimed, self._clock(), text)
        return Outcome("failed" if kept else "fenced")

    def _must_leave(self, name: str, outcomes: Sequence[Outcome], down: int) -> bool:
        """Sit out a short rest that the target asked for; True where the rest of the batch must wait longer."""
        now = self._clock()
        if down >= DOWN_AFTER:
            self._pause(name, now + timedelta(seconds=DOWN_S))
            return True
        rest_until = max((each.rest_until for each in outcomes if each.rest_until), default=None)
        if rest_until is None:
            return False
        wait = max((rest_until - now).total_seconds(), 0.0)
        rested = self._rested_s.get(name, 0.0) + wait
        if rested > self._pace.patience_s:
            # It has been asking us to slow down for a while: leave it alone for as long again.
            self._pause(name, max(rest_until, now + timedelta(seconds=self._pace.patience_s)))
            return True
        self._rested_s[name] = rested           # one thread a connection
        self._sleep(wait)
        return False

    def _pause(self, name: str, until: datetime) -> None:
        with self._db.write() as tx:
            outbox.pause(tx, name, until)
        log.warning("paused connection=%s until=%s", name, until.isoformat())

    def _sink(self, name: str) -> Sink | str:
        """The sink of a connection, or why there is none."""
        if name not in self._connections:
            return f'there is no connection "{name}" in steward.yaml; add it, or what waits for it expires'
        try:
            sink = self._connections[name].sink
        except StewardError as error:
            return str(error)
        return sink or f'the connection "{name}" can only read; name another one in `routing`'

    def _put_off(self, unbegun: dict[IdempotencyKey, Claim], trouble: str) -> None:
        due = self._clock() + timedelta(seconds=NOT_READY_S)
        for key, claimed in list(unbegun.items()):
            connector = self._connectors.get(claimed.row.connection)
            promised = connector.actions.get(claimed.row.action.kind) if connector else None
            with self._db.write() as tx:
                outcome = close_unsent(tx, claimed, promised or claimed.row.delivery_class, self._clock())
                if outcome is None:
                    kept = outbox.put_off(tx, claimed, due, trouble)
                    outcome = Outcome("put_off" if kept else "fenced")
            del unbegun[key]
            self._count(claimed.row, outcome)

    def _release(self, unbegun: Iterable[Claim]) -> None:
        claims = list(unbegun)
        if claims:
            with self._db.write() as tx:
                for claimed in claims:
                    outbox.release(tx, claimed)

    def _count(self, row: OutboxRow, outcome: Outcome) -> None:
        log.info("%s action=%s key=%s connection=%s", outcome.what, row.action.kind, row.key, row.connection)
        with self._lock:
            self.ended[outcome.what] += 1
            self.ended["resent"] += outcome.resent and outcome.what == "delivered"
            if self._on_done:
                self._on_done(row, outcome.what)
