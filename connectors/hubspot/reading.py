"""HubSpot's property values, which are all text, as our values; what does not fit is refused with the reason."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, lru_cache

from connectors.hubspot.countries import CODES
from steward.model.records import FieldType, Noun, Value

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_WHOLE = re.compile(r"[+-]?\d{1,18}(\.0+)?", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d{1,24}(\.\d{0,12})?|\.\d{1,12})([eE][+-]?\d{1,2})?", re.ASCII)
_MILLISECONDS = re.compile(r"-?\d{9,15}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?", re.ASCII)
_UNSAFE = re.compile("[\x00\ud800-\udfff]")
_DOMAIN = re.compile(r"[a-z0-9_\-.\u0080-\U0010ffff]+\.[a-z0-9\-\u0080-\U0010ffff]{2,}")


def text(raw: object) -> str:
    """`raw` as text that every database can hold; "" is Missing."""
    if raw is None:
        return ""
    told = str(raw)
    return (told if told.isascii() and "\x00" not in told else _UNSAFE.sub("\ufffd", told)).strip()


def whole(given: str) -> int:
    if not _WHOLE.fullmatch(given):
        raise ValueError(f'"{given[:60]}" is no whole number')
    return int(given.partition(".")[0])


def number(given: str) -> Decimal:
    if not _NUMBER.fullmatch(given):
        raise ValueError(f'"{given[:60]}" is no number')
    return Decimal(given)


def truth(given: str) -> bool:
    if given.lower() not in ("true", "false"):
        raise ValueError(f'"{given[:60]}" is neither "true" nor "false"')
    return given.lower() == "true"


def instant(given: str) -> datetime:
    """Milliseconds since 1970, or ISO 8601; UTC where no zone is given."""
    try:
        if _MILLISECONDS.fullmatch(given):
            return _EPOCH + timedelta(milliseconds=int(given))
        if _DAY.fullmatch(given) or _INSTANT.fullmatch(given):
            read = datetime.fromisoformat(given)
            return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f'"{given[:60]}" is no point in time: neither milliseconds nor ISO 8601')


def day(given: str) -> date:
    """A calendar day; of a point in time, its day in UTC, which is how HubSpot keeps dates."""
    try:
        return instant(given).date()
    except ValueError:
        raise ValueError(f'"{given[:60]}" is no date: neither milliseconds nor ISO 8601') from None


def domain(given: str) -> str:
    """"https://www.Acme.com/x" as "acme.com"."""
    host = given.lower().partition("://")[2] or given.lower()
    host = re.split(r"[/?#:]", host, maxsplit=1)[0].removeprefix("www.").rstrip(".")
    if not _DOMAIN.fullmatch(host):
        raise ValueError(f'"{given[:60]}" is no domain')
    return host


@lru_cache(4096)
def country(given: str) -> str:
    """The ISO 3166 code of a country's code or English name."""
    if re.fullmatch(r"[A-Za-z]{2}", given):
        return given.upper() if given.upper() != "UK" else "GB"
    code = CODES.get(" ".join(re.sub(r"[^a-z ]", " ", given.lower().replace("&", " and ")).split()))
    if code is None:
        raise ValueError(f'"{given[:60]}" is no country that Steward knows; use its ISO 3166 code, such as "DE"')
    return code


@lru_cache(4096)
def timezone(given: str) -> str:
    """The IANA zone; HubSpot writes "europe_slash_berlin" for "Europe/Berlin" in some properties."""
    found = _zones().get(given.lower().replace("_slash_", "/").replace(" ", "_"))
    if found is None:
        raise ValueError(f'"{given[:60]}" is no IANA time zone, such as "Europe/Berlin"')
    return found


@cache
def _zones() -> Mapping[str, str]:
    return {name.lower(): name for name in zoneinfo.available_timezones()}


BY_TYPE: Mapping[FieldType, Callable[[str], Value]] = {
    FieldType.TEXT: lambda given: given, FieldType.INTEGER: whole, FieldType.NUMBER: number,
    FieldType.BOOLEAN: truth, FieldType.DATE: day, FieldType.INSTANT: instant,
}
BY_FIELD: Mapping[tuple[Noun, str], Callable[[str], Value]] = {
    (Noun.ACCOUNT, "domain"): domain, (Noun.ACCOUNT, "country"): country, (Noun.ACCOUNT, "timezone"): timezone,
    (Noun.CONTACT, "email"): str.lower,
}
# The types HubSpot gives custom properties: https://developers.hubspot.com/docs/api/crm/properties
BY_PROPERTY_TYPE: Mapping[str, Callable[[str], Value]] = {"number": number, "bool": truth}
