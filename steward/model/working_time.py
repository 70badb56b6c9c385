"""Working time: which days and hours are worked, as plain data, and the public holidays of a country."""

from __future__ import annotations

from datetime import date, time
from functools import lru_cache
from typing import NamedTuple

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class WorkingTime(NamedTuple):
    """A calendar as plain data. `workdays`: 0 is Monday; `opens` and `closes` by the clock on the wall in `zone`."""

    zone: str
    workdays: frozenset[int]
    opens: time
    closes: time
    holidays: frozenset[date]


@lru_cache(maxsize=64)
def public_holidays(country: str, subdiv: str, years: tuple[int, ...]) -> frozenset[date]:
    """The public holidays of a country (ISO 3166 alpha-2), or of its part `subdiv`, in these years; none of "".

    Source: the library `holidays`. Raises ValueError for a country or part that it does not know.
    """
    if not country:
        return frozenset()
    from holidays import country_holidays

    try:
        return frozenset(country_holidays(country, subdiv=subdiv or None, years=years))
    except NotImplementedError:
        what = f'the part "{subdiv}" of "{country}"' if subdiv else f'"{country}"'
        raise ValueError(f"no holidays are known of {what}; write ISO 3166 codes, as DE and BE") from None
