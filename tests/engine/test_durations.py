"""Days elapse; business days follow the calendar of the company."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from steward.engine.calendars import Calendar
from steward.engine.durations import Duration, parse_duration

BERLIN = Calendar(ZoneInfo("Europe/Berlin"))


@pytest.mark.parametrize(("start", "length", "end"), [
    ("2026-03-06T15:00+01:00", "2bd", "2026-03-10T15:00+01:00"),      # Friday to Tuesday
    ("2026-03-07T15:00+01:00", "1bd", "2026-03-10T00:00+01:00"),      # Saturday counts from Monday's midnight
    ("2026-03-27T15:00+01:00", "1bd", "2026-03-30T15:00+02:00"),      # over the change of the clocks
    ("2026-03-27T15:00+01:00", "3d", "2026-03-30T16:00+02:00"),       # three times 24 hours
    ("2026-03-27T15:00+01:00", "12h", "2026-03-28T03:00+01:00"),
    ("2026-03-27T15:00+01:00", "0d", "2026-03-27T15:00+01:00"),
])
def test_the_end_of_a_length_of_time(start: str, length: str, end: str) -> None:
    """An escalation on a Sunday wakes somebody for nothing."""
    duration = parse_duration(length)
    assert duration is not None

    assert duration.after(datetime.fromisoformat(start).astimezone(UTC), BERLIN) == datetime.fromisoformat(end)


@pytest.mark.parametrize(("start", "length", "due"), [
    ("2026-03-06T23:30+00:00", Duration(1, "bd"), date(2026, 3, 9)),   # already Saturday in Berlin
    ("2026-03-05T08:00+00:00", Duration(3, "bd"), date(2026, 3, 10)),
    ("2026-03-05T08:00+00:00", Duration(3, "d"), date(2026, 3, 8)),
])
def test_the_day_that_work_is_due_is_the_companys_day(start: str, length: Duration, due: date) -> None:
    """Due on Monday means Monday where the CSM sits."""
    assert length.day_after(datetime.fromisoformat(start), BERLIN) == due


@pytest.mark.parametrize("text", ["3", "d", "3w", "-3d", "3 months", "", "1.5d", "999999d"])
def test_what_is_no_length_of_time_is_none(text: str) -> None:
    """The loader turns it into a finding."""
    assert parse_duration(text) is None
