"""A budget: at most so many calls in any window of time, of all processes and threads that share it.

Calls are leased in blocks. A lease says from when its calls may be made and by when they have all reached the target;
the window counts from there. What was not used, and when the last answer came, is told with the next lease.
"""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from typing import Any

from steward.contracts import Tools

_TRAVEL_S = 0.15                            # how much later than others one call may arrive
_PUT_BACK_S = 60.0                          # a lease that begins so far ahead was made before the clock was put back


@dataclass(frozen=True, slots=True)
class Lease:
    """`count` calls may be made from `at` on; the last will have arrived by `until`. Seconds since 1970."""

    id: str
    at: float
    until: float
    count: int


@dataclass(slots=True)
class _Held:
    """A lease in use here. `begin_by`: a call that begins later may not have arrived by `until`."""

    lease: Lease
    begin_by: float
    left: int
    open: int = 0                           # calls under way
    done_at: float = 0.0


@dataclass(frozen=True, slots=True)
class Ticket:
    """One call that may be made now."""

    _held: _Held

    @property
    def begin_by(self) -> float:
        return self._held.begin_by


def earliest(kept: Sequence[Lease], count: int, limit: int, window_s: float, now: float) -> float:
    """When `count` more calls may begin beside those that are leased; never before one that was leased earlier."""
    at = max([now, *(each.at for each in kept)])
    busy = sorted((each.until + window_s, each.count) for each in kept if each.until + window_s > at)
    calls = sum(number for _, number in busy)
    for free_at, number in busy:
        if calls + count <= limit:
            break
        at, calls = max(at, free_at), calls - number
    return at


class Budget:
    """At most `limit` calls in any `window_s` seconds. Thread-safe; shared by the `name` where `tools` have leases.

    Time is the later of the clock and what was slept, so that a clock that stands still makes nobody wait for ever.
    """

    def __init__(self, tools: Tools, name: str, limit: int, window_s: float) -> None:
        self._tools, self._name, self._limit, self._window_s = tools, name, limit, window_s
        self._leases = tools.leases or _Here()
        self._lock = threading.Lock()
        self._held: _Held | None = None
        self._past: list[_Held] = []        # used up or too old, and not told yet
        self._latest = 0.0
        self._block = 1

    def take(self) -> Ticket:
        """Wait until one more call may be made. Give the ticket back with `give` once it was answered.

        Raises:
            Unavailable: the leases cannot be reached.
        """
        with self._lock:
            while True:
                held = self._held
                if held is None or not held.left or self.now() > held.begin_by:
                    held = self._lease()
                    if held.lease.at > (now := self.now()):
                        self._tools.sleep(held.lease.at - now)
                        self._latest = max(self._latest, held.lease.at)
                        if self.now() > held.begin_by:
                            continue        # overslept: others may have taken these for made
                held.left -= 1
                held.open += 1
                return Ticket(held)

    def give(self, ticket: Ticket, *, used: bool = True) -> None:
        """The call of `ticket` was answered, or where it was not `used`, not made."""
        with self._lock:
            held = ticket._held
            held.open -= 1
            held.left += not used
            held.done_at = max(held.done_at, self.now()) if used else held.done_at

    def now(self) -> float:
        return max(self._tools.now().timestamp(), self._latest)

    def _lease(self) -> _Held:
        """A new block, as large as the last one turned out to be used."""
        if self._held is not None:
            used = self._held.lease.count - self._held.left
            grown = self._block * 2 if not self._held.left else used
            self._block = min(max(grown, 1), max(self._limit // 10, 1))
            self._past.append(self._held)
            self._held = None
        over = [each for each in self._past if not each.open]
        now, block = self.now(), min(self._block, self._limit)
        validity_s = self._window_s / 20
        made: list[Lease] = []

        def change(told: str) -> str:
            kept = self._settled(_read(told), over, now)
            at = earliest(kept, block, self._limit, self._window_s, now)
            made.append(Lease(uuid.uuid4().hex[:12], at, at + validity_s + _TRAVEL_S, block))
            return json.dumps([asdict(each) for each in (*kept, made[-1])])

        self._leases(self._name, change)
        self._past = [each for each in self._past if each.open]
        self._held = _Held(made[-1], made[-1].at + validity_s, block)
        return self._held

    def _settled(self, kept: Sequence[Lease], over: Sequence[_Held], now: float) -> list[Lease]:
        """What still counts, with what became of ours."""
        ended = {
            each.lease.id: replace(each.lease, count=each.lease.count - each.left, until=each.done_at) for each in over
        }
        known = [ended.get(each.id, each) for each in kept]
        ahead = now + self._window_s + _PUT_BACK_S
        return [each for each in known if each.count and each.until + self._window_s > now and each.at < ahead]


@contextmanager
def within(*budgets: Budget) -> Iterator[None]:
    """One call that counts in all of `budgets`; entered once it may begin, left when it was answered."""
    with ExitStack() as answered:
        for budget, ticket in _tickets(budgets):
            answered.callback(budget.give, ticket)
        yield


def _tickets(budgets: Sequence[Budget]) -> list[tuple[Budget, Ticket]]:
    """One of each, all good at once: waiting for the last may take too long for the first."""
    while True:
        with ExitStack() as unused:
            tickets = []
            for budget in budgets:
                tickets.append((budget, budget.take()))
                unused.callback(budget.give, tickets[-1][1], used=False)
            if all(budget.now() <= ticket.begin_by for budget, ticket in tickets):
                unused.pop_all()
                return tickets


class _Here:
    """Leases of this process alone."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def __call__(self, name: str, change: Any) -> None:
        self._kept[name] = change(self._kept.get(name, ""))


def _read(told: str) -> list[Lease]:
    return [Lease(**each) for each in json.loads(told or "[]")]
