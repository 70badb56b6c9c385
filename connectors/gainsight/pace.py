"""Gainsight's budgets, kept by waiting before a call instead of being refused after it."""

from __future__ import annotations

import threading
from collections import deque
from datetime import UTC, datetime, timedelta

from steward.contracts import Tools
from steward.model.errors import RateLimited

_NEVER = datetime.min.replace(tzinfo=UTC)
_MINUTE, _DAY = timedelta(seconds=61), timedelta(days=1)       # calls travel unevenly


class Pace:
    """At most `per_min` calls in any minute, waited for; and `per_day` in any day, over which it refuses.

    Counts the calls of this process alone; Gainsight counts those of the whole tenant. Time is taken from `tools`: the
    later of its clock and what was slept, so that a clock that stands still cannot make it wait for ever.
    """

    def __init__(self, tools: Tools, per_min: int, per_day: int) -> None:
        self._tools, self._lock, self._latest = tools, threading.Lock(), _NEVER
        self._minute: deque[datetime] = deque(maxlen=per_min)
        self._day: deque[datetime] = deque(maxlen=per_day)

    def wait(self) -> None:
        """Sleep until the next call is within the minute's budget, and count it.

        Raises:
            RateLimited: the day's budget is used up.
        """
        with self._lock:
            now = max(self._tools.now(), self._latest)
            left = self._free_at(self._day, _DAY) - now
            if left > timedelta(0):
                raise RateLimited(
                    f"gainsight: the {self._day.maxlen:,} calls that calls_per_day allows are used up. Steward goes on "
                    "when the first of them is a day old; pull less often (every) or raise it.", left.total_seconds())
            free_at = max(now, self._free_at(self._minute, _MINUTE))
            if free_at > now:
                self._tools.sleep((free_at - now).total_seconds())
            self._latest = free_at
            self._minute.append(free_at)
            self._day.append(free_at)

    @staticmethod
    def _free_at(calls: deque[datetime], window: timedelta) -> datetime:
        return calls[0] + window if len(calls) == calls.maxlen else _NEVER
