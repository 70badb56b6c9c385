"""HubSpot's budgets, kept by waiting before a call instead of being refused after it."""

from __future__ import annotations

import threading
from collections import deque
from datetime import UTC, datetime, timedelta

from steward.contracts import Tools

_NEVER = datetime.min.replace(tzinfo=UTC)


class Pace:
    """At most `searches_per_s` searches in any second and `calls_per_10_s` calls in any ten.

    Counts the calls of this process alone. Time is taken from `tools`: the later of its clock and what was slept,
    so that a clock that stands still cannot make it wait for ever.
    """

    def __init__(self, tools: Tools, searches_per_s: int, calls_per_10_s: int) -> None:
        self._tools, self._lock, self._latest = tools, threading.Lock(), _NEVER
        self._searches = _Budget(searches_per_s, timedelta(seconds=1.05))       # calls travel unevenly
        self._calls = _Budget(calls_per_10_s, timedelta(seconds=10.2))

    def wait(self, *, search: bool) -> None:
        """Sleep until the next call is within the budgets, and count it."""
        budgets = (self._calls, self._searches) if search else (self._calls,)
        with self._lock:
            now = max(self._tools.now(), self._latest)
            free_at = max(now, *(budget.free_at() for budget in budgets))
            if free_at > now:
                self._tools.sleep((free_at - now).total_seconds())
            self._latest = free_at
            for budget in budgets:
                budget.count(free_at)


class _Budget:
    def __init__(self, most: int, window: timedelta) -> None:
        self._at: deque[datetime] = deque(maxlen=most)
        self._window = window

    def free_at(self) -> datetime:
        full = len(self._at) == self._at.maxlen
        return self._at[0] + self._window if full else _NEVER

    def count(self, at: datetime) -> None:
        self._at.append(at)
