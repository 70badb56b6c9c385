"""Claimed rows of one kind, sent to a target that takes many in one call: what became of each.

The promises are those of `sending`: each row is journalled before the first byte, and closed by what was said of it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from steward.contracts import BatchSink
from steward.model.actions import Action, DeliveryClass, IdempotencyKey, Receipt
from steward.model.errors import AccessDenied, GiveUp, StewardError, TryAgain
from steward.pipeline.sending import Attempt, Outcome, Pace, close_unsent, done_all, is_late
from steward.store import outbox
from steward.store.database import Database
from steward.store.outbox import Claim, OutboxRow


def may_join(row: OutboxRow, delivery_class: DeliveryClass, now: datetime) -> bool:
    """Whether a row may go with others: not where it must be looked for first, which is asked for each alone."""
    return row.attempts == 0 or not (delivery_class is DeliveryClass.B or is_late(row, now))


def send_many(
    db: Database, claims: Sequence[Claim], sink: BatchSink, delivery_class: DeliveryClass, *,
    clock: Callable[[], datetime], pace: Pace,
) -> list[Outcome]:
    """Do the actions of claimed rows of one kind in one call; what became of each, in their order."""
    ended: dict[IdempotencyKey, Outcome] = {}
    attempts: dict[IdempotencyKey, Attempt] = {}
    actions = []
    with db.write() as tx:
        now = clock()
        lease_s = max(pace.lease_s, pace.settle_s)
        for claimed in claims:
            row = claimed.row
            closed = close_unsent(tx, claimed, delivery_class, now)
            begun = None if closed else outbox.sending(tx, claimed, now, lease_s)
            if closed or begun is None:
                ended[row.key] = closed or Outcome("fenced")
                continue
            attempts[row.key] = Attempt(db, begun, sink, delivery_class, clock, pace)
            actions.append((row.action, row.key))
    if attempts and clock() < now + timedelta(seconds=lease_s):     # else we were put to sleep; another may be at it
        resent = {claimed.row.key for claimed in claims if claimed.resumed and delivery_class is DeliveryClass.C}
        alone_until = now + timedelta(seconds=lease_s / 2)
        ended |= _Batch(db, sink, attempts, delivery_class, resent, clock, alone_until).run(actions)
    return [ended.get(claimed.row.key, Outcome("fenced")) for claimed in claims]


@dataclass(frozen=True, slots=True)
class _Batch:
    """One call for many, all journalled. `alone_until`: after it no more is sent one by one, for the lease ends."""

    _db: Database
    _sink: BatchSink
    _attempts: Mapping[IdempotencyKey, Attempt]
    _class: DeliveryClass
    _resent: Collection[IdempotencyKey]
    _clock: Callable[[], datetime]
    _alone_until: datetime

    def run(self, actions: Sequence[tuple[Action, IdempotencyKey]]) -> dict[IdempotencyKey, Outcome]:
        try:
            said: list[Any] = list(self._sink.deliver_many(actions))
            if len(said) != len(actions):
                raise ValueError("an answer for each")
        except AccessDenied as error:
            said = [error] * len(actions)
        except GiveUp:
            return self._each_alone()       # one of them is refused, and the target does not say which
        except StewardError as error:
            said = [error] * len(actions)
        except Exception as error:  # noqa: BLE001  whatever a connector raises, the other rows go on
            if self._class is DeliveryClass.A:
                return self._each_alone()   # one of them may be more than the connector can read
            said = [error] * len(actions)
        return self._write_down(dict(zip(self._attempts, said, strict=True)))

    def _write_down(self, said: Mapping[IdempotencyKey, Any]) -> dict[IdempotencyKey, Outcome]:
        proofs = {key: answer for key, answer in said.items() if isinstance(answer, Receipt)}
        done = [(self._attempts[key], proof, key in self._resent) for key, proof in proofs.items()]
        with self._db.write() as tx:        # one transaction for all that is done, not one for each
            ended = dict(zip(proofs, done_all(tx, done, self._clock()), strict=True))
        for key, answer in said.items():
            if key not in proofs:
                error = answer if isinstance(answer, Exception) else TypeError("neither a receipt nor an error")
                ended[key] = self._attempts[key].failed(error, look=False)
        return ended

    def _each_alone(self) -> dict[IdempotencyKey, Outcome]:
        ended = {}
        for key, attempt in self._attempts.items():
            if self._clock() < self._alone_until:
                ended[key] = attempt.run(resent=key in self._resent)
            else:
                ended[key] = attempt.failed(TryAgain("The target refused it together with others; it goes alone next."))
        return ended
