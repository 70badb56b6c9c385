"""However many share a budget, the target never sees more calls in a window than it allows."""

from __future__ import annotations

import json
import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.contracts import Tools
from steward.kit.budget import Budget, Lease, earliest, within
from steward.model.errors import Unavailable

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self, *, stands_still: bool = False) -> None:
        self.at, self.slept, self._still = START, 0.0, stands_still

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        if not self._still:
            self.at += timedelta(seconds=seconds)

    def tools(self, leases: Callable[[str, Callable[[str], str]], None] | None = None) -> Tools:
        return Tools(lambda: self.at, self.sleep, leases=leases)


class Kept:
    """Leases as a database keeps them, with how often they were asked for."""

    def __init__(self) -> None:
        self.rows: dict[str, str] = {}
        self.asked = 0
        self._lock = threading.Lock()

    def __call__(self, name: str, change: Callable[[str], str]) -> None:
        with self._lock:
            self.asked += 1
            self.rows[name] = change(self.rows.get(name, ""))


def most_in(calls: list[float], window_s: float) -> int:
    return max(sum(first <= at < first + window_s for at in calls) for first in calls)


@pytest.mark.parametrize("stands_still", [False, True])
def test_no_window_holds_more_than_its_budgets(stands_still: bool) -> None:
    """A clock that stands still, as in a test, must neither speed calls up nor stop them."""
    clock = Clock(stands_still=stands_still)
    tools, made = clock.tools(), []
    searches, calls = Budget(tools, "searches", 5, 1.0), Budget(tools, "calls", 20, 10.0)
    for _ in range(60):
        with within(calls, searches):
            made.append(clock.slept)

    assert most_in(made, 1.0) <= 5
    assert most_in(made, 10.0) <= 20
    assert clock.slept < (45 if stands_still else 32)      # the two then each wait by themselves


def test_calls_within_the_budget_never_wait_and_seldom_ask() -> None:
    """Most companies never come near it; what they pay for it must be next to nothing."""
    clock, kept = Clock(), Kept()
    budget = Budget(clock.tools(kept), "calls", 190, 10.0)
    for _ in range(150):
        with within(budget):
            pass

    assert clock.slept == 0
    assert kept.asked <= 14, "in blocks of 1, 2, 4 and so on up to a tenth of the budget"


def test_two_processes_with_one_budget_take_turns() -> None:
    """A sync in one process and a delivery in another spend the same portal's calls."""
    clock, kept, made = Clock(), Kept(), []
    budgets = [Budget(clock.tools(kept), "searches", 5, 1.0) for _ in range(3)]
    chance = random.Random(7)
    for _ in range(80):
        with within(chance.choice(budgets)):
            made.append(clock.at.timestamp())
            clock.at += timedelta(seconds=chance.random() / 4)

    assert most_in(made, 1.0) <= 5


def test_a_call_that_was_answered_late_counts_from_then() -> None:
    """It may have arrived just before its answer; a call that hangs must not be followed by five at once."""
    clock = Clock()
    budget, made = Budget(clock.tools(), "searches", 2, 1.0), []
    for slow_s in (0.0, 3.0, 0.0, 0.0, 0.0):
        with within(budget):
            clock.at += timedelta(seconds=slow_s)
            made.append(clock.at.timestamp())          # arrived at the very end

    assert most_in(made, 1.0) <= 2


def test_what_was_leased_and_not_used_is_given_back() -> None:
    """A block of which one call was made must not cost the others nineteen."""
    clock, kept = Clock(), Kept()
    busy, idle = (Budget(clock.tools(kept), "calls", 40, 10.0) for _ in range(2))
    for _ in range(7):                                  # blocks of 1, 2 and 4
        with within(busy):
            pass
    clock.at += timedelta(seconds=1)
    with within(busy):
        pass
    clock.at += timedelta(seconds=1)
    with within(busy), within(idle):
        pass

    assert sum(each["count"] for each in json.loads(kept.rows["calls"])) <= 12


def test_a_clock_that_was_put_back_makes_nobody_wait_for_an_hour() -> None:
    """Leases from a future that did not come are forgotten."""
    clock, kept = Clock(), Kept()
    with within(Budget(clock.tools(kept), "calls", 1, 1.0)):
        pass
    clock.at -= timedelta(hours=1)
    with within(Budget(clock.tools(kept), "calls", 1, 1.0)):
        pass

    assert clock.slept == 0


def test_a_budget_whose_leases_cannot_be_reached_costs_the_other_nothing() -> None:
    """The database is down for a minute; the calls that were not made must not count for ever."""
    clock, kept = Clock(), Kept()

    def down(_: str, __: Callable[[str], str]) -> None:
        raise Unavailable("the database does not answer")

    calls, searches = Budget(clock.tools(kept), "calls", 2, 10.0), Budget(clock.tools(down), "searches", 5, 1.0)
    for _ in range(5):
        with pytest.raises(Unavailable), within(calls, searches):
            pytest.fail("it must not begin")
    for _ in range(2):
        with within(calls):
            pass

    assert clock.slept == 0


def test_threads_share_one_budget() -> None:
    """A process delivers to several connections at once."""
    clock, lock, made = Clock(stands_still=True), threading.Lock(), []
    budget = Budget(clock.tools(), "calls", 7, 2.0)

    def call(_: int) -> None:
        ticket = budget.take()
        with lock:
            made.append(round(ticket.begin_by, 6))
        budget.give(ticket)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(call, range(100)))

    assert len(made) == 100
    assert most_in(made, 2.0) <= 7


@given(st.lists(st.tuples(st.floats(0, 3), st.integers(1, 3), st.floats(0, 2)), max_size=40), st.integers(3, 6))
def test_no_window_of_leases_is_ever_too_full(asked: list[tuple[float, int, float]], limit: int) -> None:
    """Whatever is asked when, and however long each call takes to arrive."""
    kept: list[Lease] = []
    now = 0.0
    for pause, count, takes in asked:
        now += pause
        at = earliest(kept, count, limit, 1.0, now)
        assert at >= now
        kept.append(Lease(str(len(kept)), at, at + takes, count))

    for last in kept:                                   # whatever can arrive together with the last lease's first call
        beside = [each for each in kept if each.at <= last.at and each.until + 1.0 > last.at]
        assert sum(each.count for each in beside) <= limit
