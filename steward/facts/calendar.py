"""Which days a feed brought: how many fall into a window, seen from the first day of each account."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

import polars as pl

LEAST_SLOPE_DAYS = 28
"""An account younger than this in the feed has no slope."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """`ages`: days before the last whole day on which the feed brought anything, 0 first. `known` says of each
    window whether the feed brought at least half of the days that its usual pace lets expect."""

    ages: tuple[int, ...]
    cadence_days: float                                      # 1 for a daily feed, 7 for a weekly one
    known: dict[int, bool]

    def days(self, start: int, end: int, first: int) -> list[int]:
        """The feed's days of an age from `start` to before `end`, none before the account's `first` day."""
        return [age for age in self.ages if start <= age < end and age <= first]

    def enough(self, start: int, end: int) -> bool:
        """True where the feed brought at least half of what it should within these ages."""
        return len(self.days(start, end, end)) >= max(1.0, (end - start) / self.cadence_days / 2)


def calendar_of(ages: Iterable[int], windows: Sequence[int], history_days: int) -> Calendar:
    """The calendar of a feed with days of these `ages`."""
    within = tuple(sorted({age for age in ages if 0 <= age < history_days}))
    gaps = [later - earlier for earlier, later in zip(within, within[1:], strict=False)]
    calendar = Calendar(within, float(median(gaps)) if gaps else 1.0, {})
    calendar.known.update({days: calendar.enough(0, days) for days in windows})
    return calendar


def first_days(calendar: Calendar, windows: Sequence[int], history_days: int) -> pl.DataFrame:
    """For each age `first` that an account's first day may have: the number of its days in each window (`days7`) and
    in the one before (`before7`), whether the two may be compared (`long_enough7`), and sums for the slope.

    They may once the feed was there in both and the account over three quarters of the one before at least.
    """
    return pl.DataFrame([_seen_from(first, calendar, windows) for first in range(history_days)]).with_columns(
        pl.col("first").cast(pl.Int16),
    )


def _seen_from(first: int, calendar: Calendar, windows: Sequence[int]) -> dict[str, int | bool]:
    longest = calendar.days(0, max(windows), first)
    row: dict[str, int | bool] = {
        "first": first,
        "ages": sum(longest),
        "squares": sum(age * age for age in longest),
        "slope_known": calendar.known[max(windows)] and len(longest) > 2 and first >= LEAST_SLOPE_DAYS - 1,
    }
    for days in windows:
        row[f"days{days}"] = len(calendar.days(0, days, first))
        row[f"before{days}"] = len(calendar.days(days, 2 * days, first))
        there = calendar.known[days] and calendar.enough(days, 2 * days)
        row[f"long_enough{days}"] = there and first >= 2 * days - 1 - days // 4
    return row
