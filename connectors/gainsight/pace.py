"""Gainsight's budgets: the minute's is waited for, and shared by all processes; the day's ends the day."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from steward.contracts import Tools
from steward.kit.budget import Budget, within
from steward.model.errors import RateLimited

_NEVER = datetime.min.replace(tzinfo=UTC)
_DAY = timedelta(days=1)
T = TypeVar("T")


class Pace:
    """At most `per_min` calls in any minute of all processes of the install, waited for; and `per_day` in any day of
    this process, over which it refuses. Gainsight counts those of the whole tenant, other integrations' too.
    """

    def __init__(self, tools: Tools, whose: str, per_min: int, per_day: int) -> None:
        name = f"gainsight calls {hashlib.sha256(whose.encode()).hexdigest()[:16]}"
        self._minute = Budget(tools, name, per_min, 60.0)
        self._tools, self._lock, self._latest = tools, threading.Lock(), _NEVER
        self._day: deque[datetime] = deque(maxlen=per_day)

    def within(self, call: Callable[[], T]) -> T:
        """What `call` returns, made when it is within the minute's budget.

        Raises:
            RateLimited: the day's budget is used up.
        """
        self._count()
        with within(self._minute):
            return call()

    def _count(self) -> None:
        with self._lock:
            now = max(self._tools.now(), self._latest)
            left = (self._day[0] + _DAY - now) if len(self._day) == self._day.maxlen else timedelta(0)
            if left > timedelta(0):
                raise RateLimited(
                    f"gainsight: the {self._day.maxlen:,} calls that calls_per_day allows are used up. Steward goes on "
                    "when the first of them is a day old; pull less often (every) or raise it.", left.total_seconds())
            self._latest = now
            self._day.append(now)
