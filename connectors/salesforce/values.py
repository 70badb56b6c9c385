"""One value as Salesforce's JSON has it, read strictly into ours; ValueError says in words what is wrong with it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from functools import lru_cache
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from steward.model.money import Money

_EMAIL = re.compile(r"[^@\s<>\"',;:()\[\]\\]{1,64}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,63}")
_HOST = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})")
_DATE = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?(?:Z|[+-]\d\d:?\d\d)")
_NUMBER = re.compile(r"[+-]?\d{1,15}(?:\.\d{1,15})?")
_NOT_WORD = re.compile(r"\W+")
_SHOWN = 60

# Names of countries as orgs without country picklists have them; everything else needs `values` or a code.
_COUNTRIES: Mapping[str, str] = dict(pair.split("=") for pair in (  # noqa: SIM905  a table to be read
    "argentina=AR australia=AU austria=AT belgium=BE brazil=BR bulgaria=BG canada=CA chile=CL china=CN "
    "colombia=CO croatia=HR czech_republic=CZ czechia=CZ denmark=DK egypt=EG estonia=EE finland=FI france=FR "
    "germany=DE deutschland=DE greece=GR hong_kong=HK hungary=HU iceland=IS india=IN indonesia=ID ireland=IE "
    "israel=IL italy=IT japan=JP kenya=KE latvia=LV lithuania=LT luxembourg=LU malaysia=MY mexico=MX "
    "netherlands=NL the_netherlands=NL new_zealand=NZ nigeria=NG norway=NO pakistan=PK peru=PE philippines=PH "
    "poland=PL portugal=PT romania=RO saudi_arabia=SA serbia=RS singapore=SG slovakia=SK slovenia=SI "
    "south_africa=ZA south_korea=KR spain=ES sweden=SE switzerland=CH taiwan=TW thailand=TH turkey=TR "
    "türkiye=TR ukraine=UA united_arab_emirates=AE united_kingdom=GB uk=GB great_britain=GB england=GB "
    "united_states=US united_states_of_america=US usa=US uruguay=UY vietnam=VN "
).split())


def text(value: object) -> str:
    """Text without blanks around it; a whole number becomes its digits (ids kept in number fields)."""
    if not isinstance(value, str):
        if isinstance(value, Decimal | int) and not isinstance(value, bool) and value == int(value):
            return str(int(value))
        raise ValueError(f"{_shown(value)} is no text")
    if value.isascii() and "\x00" not in value:
        return value.strip()
    # NUL and halves of surrogate pairs are valid JSON, but no database takes them.
    return value.replace("\x00", "").encode("utf-8", "replace").decode().strip()


def number(value: object) -> float:
    """A number, also one that stands in a text field: somebody may change the type of a field."""
    value = _plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        raise ValueError(f"{_shown(value)} is no number")
    return float(value)


def integer(value: object) -> int:
    """A whole number; number fields say 25.0, text fields "25"."""
    value = _plain(value)
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal) or not math.isfinite(value):
        raise ValueError(f"{_shown(value)} is no number")
    if value != int(value):
        raise ValueError(f"{_shown(value)} is no whole number")
    return int(value)


def _plain(value: object) -> object:
    return Decimal(value.strip()) if isinstance(value, str) and _NUMBER.fullmatch(value.strip()) else value


def boolean(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError(f"{_shown(value)} is neither true nor false")
    return value


def day(value: object) -> date:
    """A date; of an instant, its day in UTC."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        return date.fromisoformat(value)
    return instant(value).date()


def instant(value: object) -> datetime:
    """An instant in UTC; of a date, its midnight."""
    if isinstance(value, str) and _DATE.fullmatch(value):
        return datetime.combine(date.fromisoformat(value), time(), UTC)
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError(f'{_shown(value)} is no instant such as "2026-03-05T08:00:00.000+0000"')
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{_shown(value)} is out of range") from None


def money(value: object, currency: object) -> Money:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(f"{_shown(value)} is no amount")
    return Money(Decimal(str(value)), str(currency))


def email(value: object) -> str:
    """An e-mail address in lower case."""
    found = text(value).lower()
    if not _EMAIL.fullmatch(found):
        raise ValueError(f"{_shown(value)} is no e-mail address")
    return found


def domain(value: object) -> str:
    """The host of a website, without "www."."""
    given = text(value)
    host = (urlsplit(given if "//" in given else f"//{given}").hostname or "").rstrip(".")
    if not host.isascii():
        try:
            host = host.encode("idna").decode()
        except UnicodeError:
            host = ""
    host = host.lower().removeprefix("www.")
    if not _HOST.fullmatch(host):
        raise ValueError(f"{_shown(value)} is no web address")
    return host


def country(value: object) -> str:
    """ISO 3166 alpha-2, of a code or of a common name."""
    given = text(value)
    if re.fullmatch(r"[A-Za-z]{2}", given) and given.lower() != "uk":
        return given.upper()
    found = _COUNTRIES.get(slug(given))
    if found is None:
        raise ValueError(f'{_shown(value)} is no country code; map it in the setting "values"')
    return found


def timezone(value: object) -> str:
    """An IANA name such as "Europe/Berlin"."""
    found = text(value)
    if not _is_zone(found):
        raise ValueError(f"{_shown(value)} is no time zone")
    return found


def slug(value: object) -> str:
    """Words in lower case, joined by "_": "First Value" is "first_value"."""
    return _NOT_WORD.sub("_", text(value).casefold()).strip("_")


@lru_cache(maxsize=512)
def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _shown(value: object) -> str:
    shown = " ".join(str(value).encode("utf-8", "replace").decode().split())
    return f'"{shown[:_SHOWN]}…"' if len(shown) > _SHOWN else f'"{shown}"'
