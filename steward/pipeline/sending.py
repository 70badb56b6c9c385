"""One claimed row of the outbox, sent by the rules of its delivery class: what became of it.

    A  the target enforces the key         send; after any doubt send again
    B  the target can be asked for the key  look before every repetition
    C  the target offers nothing            what may have happened is held, or sent again where that was asked for
"""

from __future__ import annotations

import hashlib
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Sink
from steward.kit.http import MOST_RETRY_AFTER_S
from steward.model.actions import DeliveryClass, Receipt, TellListener, UpdateRecord
from steward.model.errors import LookFirst, RateLimited, ReceiverGone, StewardError, TryAgain, Unavailable
from steward.store import listeners, outbox, receipts, written
from steward.store.database import Database
from steward.store.outbox import Claim, OutboxRow

if TYPE_CHECKING:
    from sqlalchemy import Connection

# Standard Webhooks: nine tries after the first, over 75 h 35 min.
SCHEDULE_S = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)
MOST_BUGS = 3
MOST_DOUBTS = 3                             # so often may a class C action have been done, at most


@dataclass(frozen=True, slots=True)
class Pace:
    """How long things are held. `settle_s`: how long a target's search may lag behind its writes.

    `lease_s` must outlast the longest delivery: another worker takes over after it. `patience_s`: how long a
    worker sits out a target's "slow down" in all before it leaves.
    """

    claim_s: float = 30.0
    lease_s: float = 180.0
    settle_s: float = 60.0
    patience_s: float = 60.0
    workers: int = 4


USUAL = Pace()
PUBLISHING = Pace(lease_s=3_600.0)          # a table of a million rows takes minutes


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row: delivered | found | later | rate_limited | failed | unknown | expired | cancelled |
    fenced.

    `rest_until`: its connection asked to be left alone. `down`: its target could not be reached.
    `resent`: it may have been done before.
    """

    what: str
    rest_until: datetime | None = None
    down: bool = False
    resent: bool = False


def send(
    db: Database, claimed: Claim, sink: Sink, delivery_class: DeliveryClass, *, clock: Callable[[], datetime],
    pace: Pace,
) -> Outcome:
    """Do the action of a claimed row as its class allows, and write down what became of it."""
    with db.write() as tx:
        now = clock()
        closed = close_unsent(tx, claimed, delivery_class, now)
        lease_s = max(pace.lease_s, pace.settle_s)
        begun = None if closed else outbox.sending(tx, claimed, now, lease_s)
    if closed or begun is None:
        return closed or Outcome("fenced")
    if clock() >= now + timedelta(seconds=lease_s):
        return Outcome("fenced")               # we were put to sleep; another worker may be at it
    attempt = Attempt(db, begun, sink, delivery_class, clock, pace)
    return attempt.run(resent=claimed.resumed and delivery_class is DeliveryClass.C)


def delay_s(key: str, tries: int, attempt: int) -> float:
    """Seconds until the next try after `tries` used up: the schedule with up to 20 % more or less, fixed by key."""
    draw = int.from_bytes(hashlib.sha256(f"{key}/{attempt}".encode()).digest()[:4]) / 2**32
    return SCHEDULE_S[min(tries, len(SCHEDULE_S) - 1)] * (0.8 + 0.4 * draw)


def close_unsent(tx: Connection, claimed: Claim, delivery_class: DeliveryClass, now: datetime) -> Outcome | None:
    """Close a row that must not be sent at all."""
    row, c = claimed.row, delivery_class is DeliveryClass.C
    if isinstance(row.action, TellListener) and (because := listeners.ended(tx, row.action.listener_id)):
        # It was on its way while the listener ended, or was decided just then.
        return _outcome("cancelled", outbox.withdraw(tx, claimed, now, f"the listener ended: {because}"))
    if isinstance(row.action, UpdateRecord) and written.is_over(tx, row.key, row.playbook_id):
        return _outcome("cancelled", outbox.withdraw(tx, claimed, now, "a newer value of the field was decided"))
    late = is_late(row, now)
    if c and claimed.resumed and (row.on_unknown == "hold" or late or _doubts(tx, row) >= MOST_DOUBTS):
        text = f'{receipts.DIED}; "{row.connection}" cannot be asked. See whether it is there, then run: {_retry(row)}'
        return _outcome("unknown", outbox.unknown(tx, claimed, now, text))
    if late and (c or row.attempts == 0):
        return _outcome("expired", outbox.expire(tx, claimed, now))
    if claimed.resumed and row.tries >= len(SCHEDULE_S):
        text = f"{receipts.DIED}, {row.attempts} times. Find out why, then run: {_retry(row)}"
        return _outcome("failed", outbox.fail(tx, claimed, now, text, outcome="unknown"))
    return None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try, from the first byte to the result."""

    _db: Database
    begun: Claim
    _sink: Sink
    _class: DeliveryClass
    _clock: Callable[[], datetime]
    _pace: Pace

    def run(self, resent: bool) -> Outcome:
        row = self.begun.row
        late = is_late(row, self._clock())
        # A first try cannot have happened before; a class A target needs no asking unless sending is over.
        look = row.attempts > 1 and (self._class is DeliveryClass.B or (late and self._class is DeliveryClass.A))
        try:
            proof = self._sink.find(row.action, row.key) if look else None
            if proof is None and not late:
                proof = self._sink.deliver(row.action, row.key)
        except Exception as error:  # noqa: BLE001  whatever a connector raises, the other rows go on
            return self.failed(error)
        if proof is None:
            return self._end("expired", "")
        return self.done(proof, resent)

    def failed(self, error: Exception, *, look: bool = True) -> Outcome:
        """Write down that the sink raised `error`; `look` at once for what may have been done (class B)."""
        if isinstance(error, RateLimited):
            return self._rate_limited(error)
        if isinstance(error, TryAgain):
            return self._again(str(error), down=isinstance(error, Unavailable))
        if isinstance(error, LookFirst):
            return self._in_doubt(str(error), look)
        if isinstance(error, ReceiverGone):
            return self._gone(str(error))
        return self._end("failed", str(error)) if isinstance(error, StewardError) else self._bug(error)

    def done(self, proof: Receipt, resent: bool = False) -> Outcome:
        """Write down that it is done."""
        with self._db.write() as tx:
            return done_all(tx, [(self, proof, resent)], self._clock())[0]

    def _end(self, what: str, text: str, outcome: str = "give_up") -> Outcome:
        with self._db.write() as tx:
            now = self._clock()
            if what == "failed":
                kept = outbox.fail(tx, self.begun, now, text, outcome)
            elif what == "unknown":
                kept = outbox.unknown(tx, self.begun, now, text)
            else:
                kept = outbox.expire(tx, self.begun, now)
        return _outcome(what, kept)

    def _gone(self, text: str) -> Outcome:
        """The receiver wants nothing more: a listener has ended, with all that waits for it."""
        row = self.begun.row
        with self._db.write() as tx:
            now = self._clock()
            kept = outbox.fail(tx, self.begun, now, text)
            if kept and isinstance(row.action, TellListener):
                listeners.end(tx, row.action.listener_id, now, "its receiver answered 410")
        return _outcome("failed", kept)

    def _rate_limited(self, error: RateLimited) -> Outcome:
        asked = error.retry_after_s if error.retry_after_s is not None else 2.0 ** (self.begun.row.attempts - 1)
        wait = min(max(asked, 1.0), MOST_RETRY_AFTER_S if error.retry_after_s is not None else 60.0)
        with self._db.write() as tx:
            now = self._clock()
            until = now + timedelta(seconds=wait)
            kept = outbox.again(tx, self.begun, now, until, trouble=str(error), outcome="rate_limited")
            outbox.pause(tx, self.begun.row.connection, until)
        return Outcome("rate_limited" if kept else "fenced", rest_until=until)

    def _again(self, text: str, *, outcome: str = "try_again", down: bool = False, least_s: float = 0.0) -> Outcome:
        row = self.begun.row
        if row.tries >= len(SCHEDULE_S):
            return self._end("failed", f"{text} Given up after {row.attempts} tries; then run: {_retry(row)}", outcome)
        wait = max(delay_s(row.key, row.tries, row.attempts), least_s)
        with self._db.write() as tx:
            now = self._clock()
            due = now + timedelta(seconds=wait)
            kept = outbox.again(tx, self.begun, now, due, trouble=text, outcome=outcome)
        return Outcome("later" if kept else "fenced", down=down)

    def _in_doubt(self, text: str, look: bool) -> Outcome:
        if self._class is DeliveryClass.A:
            return self._again(text, outcome="unknown")
        if self._class is DeliveryClass.C:
            return self._hold_or_resend(text)
        try:
            proof = self._sink.find(self.begun.row.action, self.begun.row.key) if look else None
        except Exception:  # noqa: BLE001  looking failed too; the row stays in doubt and is looked for later
            proof = None
        # "Not there" counts only once the target's search has caught up with its writes.
        return self.done(proof) if proof else self._again(text, outcome="unknown", least_s=self._pace.settle_s)

    def _hold_or_resend(self, text: str) -> Outcome:
        row = self.begun.row
        with self._db.read() as tx:
            doubts = _doubts(tx, row)
        if row.on_unknown == "resend" and doubts < MOST_DOUBTS:
            return self._again(text, outcome="unknown")
        return self._end("unknown", f"{text} See whether it is there, then run: {_retry(row)}")

    def _bug(self, error: Exception) -> Outcome:
        """A connector may raise only what the contract names; its text may hold anything, so it is not kept."""
        row = self.begun.row
        frames = traceback.extract_tb(error.__traceback__)
        place = f"{'/'.join(Path(frames[-1].filename).parts[-3:])}:{frames[-1].lineno}" if frames else "nowhere"
        text = f'{type(error).__name__} at {place} while sending to "{row.connection}". This is a bug; report it.'
        if self._class is DeliveryClass.C:
            return self._hold_or_resend(text)  # it may have been raised while reading a good answer
        if row.tries + 1 >= MOST_BUGS:
            return self._end("failed", f"{text} Then run: {_retry(row)}", "bug")
        return self._again(text, outcome="bug", least_s=self._pace.settle_s)


def done_all(tx: Connection, done: Sequence[tuple[Attempt, Receipt, bool]], now: datetime) -> list[Outcome]:
    """Write down that these are done, each with its proof and whether it may have been done before."""
    closed = outbox.complete_all(tx, [(attempt.begun, proof) for attempt, proof, _ in done], now)
    return [_outcome("found" if proof.found else "delivered", attempt.begun.row.key in closed, resent)
            for attempt, proof, resent in done]


def is_late(row: OutboxRow, now: datetime) -> bool:
    """Whether the time in which the action made sense is over."""
    return row.not_after is not None and now >= row.not_after


def _doubts(tx: Connection, row: OutboxRow) -> int:
    """How many tries may have done it, by the journal; a try that never ended is one."""
    return sum(each.outcome in ("unknown", None) for each in receipts.attempts(tx, row.key))


def _retry(row: OutboxRow) -> str:
    return f'steward outbox retry "{row.key}"'


def _outcome(what: str, kept: bool, resent: bool = False) -> Outcome:
    return Outcome(what if kept else "fenced", resent=resent)
