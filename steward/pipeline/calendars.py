"""The company's calendars as the engine reads them: the name that a playbook gives in, a `Calendar` out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import cache
from zoneinfo import ZoneInfo

from steward.engine.calendars import Calendar
from steward.settings import Settings

CalendarOf = Callable[[str, str | None, str | None], Calendar]
"""A playbook's calendar, the zone of the owner and that of the account (IANA, None: not known) to a `Calendar`."""

_YEARS_BACK, _YEARS_ON = 1, 3


def calendars(settings: Settings, now: datetime, since: datetime | None = None) -> CalendarOf:
    """Every calendar of the company around `now`, or from `since` on, each built once.

    A zone that no map knows counts as not known.
    """
    years = tuple(range((since or now).year - _YEARS_BACK, now.year + _YEARS_ON))

    @cache
    def made(name: str, zone: str | None) -> Calendar:
        said = settings.calendar_for(name, zone, years)
        return Calendar(ZoneInfo(said.zone), said.workdays, said.opens, said.closes, said.holidays)

    def of(name: str, owner_zone: str | None, account_zone: str | None) -> Calendar:
        return made(name, known_zone(account_zone if name == "account" else owner_zone))

    return of


@cache
def known_zone(name: str | None) -> str | None:
    """`name` where it is a time zone, as records of others may say anything."""
    if not name:
        return None
    try:
        return ZoneInfo(name).key
    except (ValueError, OSError, KeyError):
        return None
