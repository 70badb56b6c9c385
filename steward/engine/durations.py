"""Lengths of time: `d` and `h` as elapsed, `bd` (business days) by the calendar of a time zone, Monday to Friday."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

_PATTERN = re.compile(r"(\d{1,5})\s*(d|h|bd)")
_SATURDAY = 5


@dataclass(frozen=True, slots=True)
class Duration:
    """`amount` of `unit`: "3d", "12h", "2bd"."""

    amount: int
    unit: Literal["d", "h", "bd"] = "d"

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"

    def after(self, start: datetime, zone: ZoneInfo) -> datetime:
        """The instant that lies this long after `start`, in UTC.

        Business days keep the time of day in `zone`; what starts on a weekend starts on Monday at midnight.
        """
        if self.unit == "h":
            return start + timedelta(hours=self.amount)
        if self.unit == "d":
            return start + timedelta(days=self.amount)
        local = start.astimezone(zone)
        if local.weekday() >= _SATURDAY:
            local = datetime.combine(_monday(local.date()), time(0), zone)
        day = _business_days_on(local.date(), self.amount)
        return datetime.combine(day, local.time(), zone).astimezone(UTC)

    def day_after(self, start: datetime, zone: ZoneInfo) -> date:
        """The day, in `zone`, on which what begins at `start` is due. Saturday and 1bd give Monday."""
        local = start.astimezone(zone)
        if self.unit != "bd":
            return self.after(start, zone).astimezone(zone).date()
        day = local.date()
        while day.weekday() >= _SATURDAY and self.amount:
            day -= timedelta(days=1)
        return _business_days_on(day, self.amount)


NO_TIME = Duration(0)


def parse_duration(text: str) -> Duration | None:
    """ "3d", "12h", "2bd"; None where it is none of them."""
    found = _PATTERN.fullmatch(text.strip())
    return Duration(int(found[1]), found[2]) if found else None  # type: ignore[arg-type]  # the pattern's three units


def _monday(day: date) -> date:
    while day.weekday() >= _SATURDAY:
        day += timedelta(days=1)
    return day


def _business_days_on(day: date, count: int) -> date:
    while count > 0:
        day += timedelta(days=1)
        if day.weekday() < _SATURDAY:
            count -= 1
    return day
