"""Business hours: which days and hours of a zone are worked. Instants in, instants out; pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MOST_DAYS_OFF = 3660                        # a calendar without a single working day in ten years has none


@dataclass(frozen=True, slots=True)
class Calendar:
    """The working days of a zone, from `opens` to `closes` by the clock on the wall there; `holidays` are off."""

    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    workdays: frozenset[int] = frozenset(range(5))          # 0 is Monday
    opens: time = time(9)
    closes: time = time(17)
    holidays: frozenset[date] = frozenset()

    def works_on(self, day: date) -> bool:
        """Whether `day` is a working day."""
        return day.weekday() in self.workdays and day not in self.holidays

    def next_workday(self, day: date) -> date:
        """`day` itself, or the first working day after it."""
        for _ in range(MOST_DAYS_OFF):
            if self.works_on(day):
                return day
            day += timedelta(days=1)
        raise ValueError("this calendar has no working day")

    def workdays_on(self, day: date, count: int) -> date:
        """The working day that is `count` working days after `day`."""
        for _ in range(count):
            day = self.next_workday(day + timedelta(days=1))
        return day

    def hours_on(self, start: datetime, hours: int) -> datetime:
        """The instant at which `hours` of business have passed since `start`, in UTC."""
        left = timedelta(hours=hours)
        at = start.astimezone(self.zone)
        day = at.date()
        while True:
            day = self.next_workday(day)
            opens = datetime.combine(day, self.opens, self.zone).astimezone(UTC)
            closes = datetime.combine(day, self.closes, self.zone).astimezone(UTC)
            begins = max(opens, start)
            if begins + left <= closes:
                return begins + left
            left -= max(closes - begins, timedelta(0))
            day += timedelta(days=1)


ALWAYS_UTC = Calendar()
"""Monday to Friday, nine to five, UTC, no holidays: what stands where nobody said otherwise."""
