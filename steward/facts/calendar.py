"""Which days a feed brought: how many fall into a window, seen from the first day of each account."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, pairwise
from statistics import median

import polars as pl

LEAST_SLOPE_DAYS = 28
"""An account younger than this in the feed has no slope."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """`ages`: days before the last whole day on which the feed brought anything, 0 first; none from `history_days` on.

    `cadence_days` is the feed's usual pace: 1 for a daily feed, 7 for a weekly one. `upto[n]` counts the ages below n.
    """

    ages: tuple[int, ...]
    cadence_days: float
    history_days: int
    upto: tuple[int, ...]

    def count(self, start: int, end: int, first: int) -> int:
        """How many of the feed's days have an age from `start` to before `end`, none before the age `first`."""
        return max(0, self.upto[min(end, first + 1)] - self.upto[start])

    def knows(self, start: int, end: int) -> bool:
        """True where the feed brought, of these ages, at least half of what its pace lets expect."""
        return self.count(start, end, end) >= max(1.0, (end - start) / self.cadence_days / 2)


def calendar_of(ages: Iterable[int], history_days: int) -> Calendar:
    """The calendar of a feed with days of these `ages`."""
    within = tuple(sorted({age for age in ages if 0 <= age < history_days}))
    gaps = [later - earlier for earlier, later in pairwise(within)]
    there = set(within)
    upto = tuple(accumulate((age in there for age in range(history_days)), initial=0))
    return Calendar(within, float(median(gaps)) if gaps else 1.0, history_days, upto)


@lru_cache(maxsize=8)
def first_days(calendar: Calendar, windows: tuple[int, ...]) -> pl.DataFrame:
    """For each age `first` that an account's first day may have: the number of its days in each window (`days7`) and
    in the one before (`before7`), whether the two may be compared (`comparable7`), and what the slope needs.

    They may once the feed was there in both, and the account over three quarters of the one before at least.
    """
    longest = max(windows)
    firsts = range(calendar.history_days)
    ages = [0, *accumulate(age * (age in calendar.ages) for age in range(longest))]
    squares = [0, *accumulate(age * age * (age in calendar.ages) for age in range(longest))]
    columns: dict[str, list[int] | list[bool]] = {
        "first": list(firsts),
        "ages": [ages[min(first + 1, longest)] for first in firsts],
        "squares": [squares[min(first + 1, longest)] for first in firsts],
        "slope_known": [
            calendar.knows(0, longest) and calendar.count(0, longest, first) > 2 and first >= LEAST_SLOPE_DAYS - 1
            for first in firsts
        ],
    }
    for days in windows:
        there = calendar.knows(0, days) and calendar.knows(days, 2 * days)
        columns[f"days{days}"] = [calendar.count(0, days, first) for first in firsts]
        columns[f"before{days}"] = [calendar.count(days, 2 * days, first) for first in firsts]
        columns[f"comparable{days}"] = [there and first >= 2 * days - 1 - days // 4 for first in firsts]
    return pl.DataFrame(columns, schema_overrides={"first": pl.Int16})
