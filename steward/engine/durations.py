"""Lengths of time: `d` and `h` as elapsed, `bd` and `bh` (business days and hours) by a calendar."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from steward.engine.calendars import Calendar

_PATTERN = re.compile(r"(\d{1,5})\s*(d|h|bd|bh)")


@dataclass(frozen=True, slots=True)
class Duration:
    """`amount` of `unit`: "3d", "12h", "2bd", "4bh"."""

    amount: int
    unit: Literal["d", "h", "bd", "bh"] = "d"

    def __str__(self) -> str:
        return f"{self.amount}{self.unit}"

    def after(self, start: datetime, calendar: Calendar) -> datetime:
        """The instant that lies this long after `start`, in UTC.

        Business days keep the time of day in the calendar's zone; what starts on a day off starts at the midnight
        before the next working day. Business hours run while the calendar is open.
        """
        if not self.amount:
            return start
        if self.unit == "h":
            return start + timedelta(hours=self.amount)
        if self.unit == "d":
            return start + timedelta(days=self.amount)
        if self.unit == "bh":
            return calendar.hours_on(start, self.amount)
        local = start.astimezone(calendar.zone)
        if not calendar.works_on(local.date()):
            local = datetime.combine(calendar.next_workday(local.date()), time(0), calendar.zone)
        day = calendar.workdays_on(local.date(), self.amount)
        return datetime.combine(day, local.time(), calendar.zone).astimezone(UTC)

    def day_after(self, start: datetime, calendar: Calendar) -> date:
        """The day, in the calendar's zone, on which what begins at `start` is due. Saturday and 1bd give Monday."""
        if self.unit != "bd":
            return self.after(start, calendar).astimezone(calendar.zone).date()
        return calendar.workdays_on(start.astimezone(calendar.zone).date(), self.amount)

    def elapsed(self) -> timedelta | None:
        """As elapsed time; None where a calendar has to say."""
        if self.unit == "h":
            return timedelta(hours=self.amount)
        return timedelta(days=self.amount) if self.unit == "d" else None


NO_TIME = Duration(0)


def parse_duration(text: str) -> Duration | None:
    """ "3d", "12h", "2bd", "4bh"; None where it is none of them."""
    found = _PATTERN.fullmatch(text.strip())
    return Duration(int(found[1]), found[2]) if found else None  # type: ignore[arg-type]  # the pattern's four units
