"""Values as JSON has them, read strictly into ours; what does not fit is a ValueError that says why."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?(\d{1,24}(\.\d{0,12})?|\.\d{1,12})([eE][+-]?\d{1,2})?", re.ASCII)
_TIME = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_UNSAFE = re.compile("[\x00\ud800-\udfff]")
_DOMAIN = re.compile(r"[a-z0-9_\-.\u0080-\U0010ffff]+\.[a-z0-9\-\u0080-\U0010ffff]{2,}")


def text(raw: object) -> str:
    """`raw` as text that every database can hold; "" is Missing."""
    if raw is None or isinstance(raw, dict | list):
        return ""
    return _UNSAFE.sub("\ufffd", str(raw)).strip()


def whole(raw: object) -> int:
    read = number(raw)
    if read != read.to_integral_value():
        raise ValueError(f'"{text(raw)[:60]}" is no whole number')
    return int(read)


def number(raw: object) -> Decimal:
    given = text(raw)
    if isinstance(raw, bool) or not _NUMBER.fullmatch(given):
        raise ValueError(f'"{given[:60]}" is no number')
    return Decimal(given)


def truth(raw: object) -> bool:
    if isinstance(raw, bool):
        return raw
    given = text(raw).lower()
    if given not in ("true", "false", "yes", "no"):
        raise ValueError(f'"{given[:60]}" is neither "true" nor "false"')
    return given in ("true", "yes")


def instant(raw: object) -> datetime:
    """Milliseconds since 1970, or ISO 8601; UTC where no zone is given."""
    try:
        if isinstance(raw, int | float) and not isinstance(raw, bool):
            return _EPOCH + timedelta(milliseconds=int(raw))
        given = text(raw)
        if re.fullmatch(r"-?\d{9,15}", given, re.ASCII):
            return _EPOCH + timedelta(milliseconds=int(given))
        if _TIME.fullmatch(given):
            read = datetime.fromisoformat(given)
            return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError(f'"{text(raw)[:60]}" is no point in time: neither milliseconds nor ISO 8601')


def milliseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(milliseconds=1)


def domain(raw: object) -> str:
    """"https://www.Acme.com/x" as "acme.com"."""
    given = text(raw).lower()
    host = re.split(r"[/?#:]", given.partition("://")[2] or given, maxsplit=1)[0].removeprefix("www.").rstrip(".")
    if not _DOMAIN.fullmatch(host):
        raise ValueError(f'"{given[:60]}" is no domain')
    return host


def timezone(raw: object) -> str:
    given = text(raw)
    found = _zones().get(given.lower().replace(" ", "_"))
    if found is None:
        raise ValueError(f'"{given[:60]}" is no IANA time zone, such as "Europe/Berlin"')
    return found


@cache
def _zones() -> Mapping[str, str]:
    return {name.lower(): name for name in zoneinfo.available_timezones()}
