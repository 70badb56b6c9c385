"""Days and instants as people write them. "03/04/2026" is a day only once somebody said whether the day comes first."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta

from connectors.csvfile.amounts import number
from connectors.csvfile.cells import Locale, Unreadable, shown, text

_MONTHS = {name: number for number, name in enumerate(
    ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1)}
_ISO = re.compile(r"\d{4}-\d{2}-\d{2}")
_NUMERIC_DATE = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})")
_NAMED_DATE = re.compile(
    r"(?:(\d{1,2})[ .-]+([A-Za-z]{3,9})\.?|([A-Za-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?),?[ -]+(\d{4})"
)
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?(?: ?([AaPp])\.?[Mm]\.?)?")


def day(cell: object, locale: Locale, pattern: str | None = None) -> date:
    """A day. Of an instant, its day in the file's time zone."""
    if isinstance(cell, datetime):
        return _moved(cell, locale).astimezone(locale.zone).date() if cell.tzinfo else cell.date()
    if isinstance(cell, date):
        return cell
    given = text(cell)
    if pattern:
        return _by_pattern(given, pattern).date()
    if _ISO.match(given) and len(given) > 10:
        return instant(given, locale).astimezone(locale.zone).date()
    head, _, clock = given.partition(" ") if _NUMERIC_DATE.match(given) else (given, "", "")
    if clock and not _CLOCK.fullmatch(clock):
        raise Unreadable(f'"{shown(cell)}" is not a date; write it as 2026-03-31, or set "format"')
    return _day(head, locale)


def instant(cell: object, locale: Locale, pattern: str | None = None) -> datetime:
    """An aware instant in UTC. Without a zone, it is in the file's; without a time, it is the start of the day."""
    if isinstance(cell, datetime):
        return _moved(cell, locale)
    if isinstance(cell, date):
        return _moved(datetime.combine(cell, time()), locale)
    given = text(cell)
    if pattern in ("epoch_s", "epoch_ms"):
        seconds = number(given, locale) / (1000 if pattern == "epoch_ms" else 1)
        return _in_range(given, lambda: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=float(seconds)))
    if pattern:
        return _moved(_by_pattern(given, pattern), locale)
    if _ISO.match(given):
        try:
            return _moved(datetime.fromisoformat(re.sub(r" ?UTC$", "+00:00", given)), locale)
        except ValueError:
            raise Unreadable(f'"{shown(cell)}" is not an instant; write it as 2026-03-31T08:00:00Z') from None
    found = re.search(r",? (\d{1,2}:\d{2}.*)$", given)
    if not found:
        return _moved(datetime.combine(_day(given, locale), time()), locale)
    return _moved(datetime.combine(_day(given[:found.start()], locale), _clock(found[1])), locale)


def _clock(given: str) -> time:
    found = _CLOCK.fullmatch(given.strip())
    if not found:
        raise Unreadable(f'"{given[:60]}" is not a time of day')
    hour, half = int(found[1]), (found[4] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            raise Unreadable(f'"{given}" is not a time of day')
        hour = hour % 12 + (12 if half == "p" else 0)
    try:
        return time(hour, int(found[2]), int(found[3] or 0))
    except ValueError:
        raise Unreadable(f'"{given}" is not a time of day') from None


def _day(given: str, locale: Locale) -> date:
    found = _NUMERIC_DATE.fullmatch(given)
    if found:
        first, mark, second, last = int(found[1]), found[2], int(found[3]), found[4]
        if len(found[1]) == 4:
            return _made(given, first, second, int(last))
        year = int(last) if len(last) == 4 else int(last) + (2000 if int(last) < 70 else 1900)
        if len(last) not in (2, 4):
            raise Unreadable(f'"{given}" is not a date; write it as 2026-03-31')
        return _made(given, year, *_month_and_day(given, first, second, mark, locale))
    named = _NAMED_DATE.fullmatch(given)
    month = _MONTHS.get((named[2] or named[3])[:3].lower()) if named else None
    if named and month:
        return _made(given, int(named[5]), month, int(named[1] or named[4]))
    serial = re.fullmatch(r"\d{5}", given)
    hint = " It looks like a serial number of Excel: save the column as a date." if serial else ""
    raise Unreadable(f'"{given[:60]}" is not a date; write it as 2026-03-31, or set "format".{hint}')


def _month_and_day(given: str, first: int, second: int, mark: str, locale: Locale) -> tuple[int, int]:
    day_first = locale.day_first
    if day_first is None:
        if mark == "." or first > 12:            # with dots, the day comes first wherever dots are used
            day_first = True
        elif second > 12:
            day_first = False
        elif first != second:
            raise Unreadable(f'"{given}" could be two days; set "day_first" to true or false')
    return (second, first) if day_first else (first, second)


def _made(given: str, year: int, month: int, of_month: int) -> date:
    try:
        return date(year, month, of_month)
    except ValueError:
        raise Unreadable(f'"{given[:60]}" is no day of the calendar') from None


def _by_pattern(given: str, pattern: str) -> datetime:
    try:
        return datetime.strptime(given, pattern)  # noqa: DTZ007  its zone is the file's
    except ValueError:
        raise Unreadable(f'"{given[:60]}" is not a date of the format "{pattern}"') from None


def _moved(found: datetime, locale: Locale) -> datetime:
    zoned = found if found.tzinfo else found.replace(tzinfo=locale.zone)
    return _in_range(str(found), lambda: zoned.astimezone(UTC))


def _in_range(given: str, make: Callable[[], datetime]) -> datetime:
    try:
        return make()
    except (OverflowError, ValueError):
        raise Unreadable(f'"{given[:60]}" is beyond the calendar') from None
