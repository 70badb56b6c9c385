"""Rows of ChurnZero become records: each field typed, what cannot be read refused by name, what is empty Missing."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from connectors.churnzero.client import Row
from connectors.churnzero.entities import Entity
from connectors.churnzero.settings import ChurnZeroSettings
from steward.kit.untrusted import plain
from steward.model.money import Money
from steward.model.records import FIELDS, FieldType, Noun, Record, Refusal, Value

_WORDS: Mapping[str, tuple[str, ...]] = {
    "segment": ("enterprise", "mid_market", "smb"), "lifecycle": ("prospect", "onboarding", "customer", "churned"),
    "role": ("champion", "sponsor", "admin", "user", "billing"),
}
_DONE = ("complete", "completed", "closed", "done", "cancelled", "canceled")


class Reader:
    """Reads the rows of one stream."""

    def __init__(self, stream: str, entity: Entity, settings: ChurnZeroSettings) -> None:
        self._stream, self._entity, self._settings = stream, entity, settings
        own = {name: (theirs,) for name, theirs in settings.fields.get(stream, {}).items()}
        self._fields = {**entity.fields, **own}
        self._modified = settings.modified.get(stream, entity.modified)

    def record(self, row: Row) -> tuple[Record | None, list[Refusal]]:
        """The record of a row, None where it tells nothing of it; and what of it was refused."""
        name = _id(row.get("Id"))
        if not name:
            return None, [Refusal(f"{self._entity.name} without an Id", "Id", "it cannot be kept")]
        values: dict[str, Value] = {}
        refusals = []
        for field, theirs in self._fields.items():
            given = _first(row, theirs)
            if given is None:
                continue
            try:
                values[field] = self._value(field, given)
            except (ValueError, TypeError, OverflowError, ArithmeticError):
                refusals.append(
                    Refusal(f"{self._entity.name} {name}", field, f"{_shown(given)} is not what it must be"))
        if self._entity.parts and not values.keys() & set(self._entity.parts):
            return None, refusals
        self._complete(row, values)
        return Record(self._entity.noun, name, values, self.modified_at(row)), refusals

    def modified_at(self, row: Row) -> datetime | None:
        try:
            return _instant(row.get(self._modified))
        except (ValueError, TypeError):
            return None

    def _complete(self, row: Row, values: dict[str, Value]) -> None:
        """What follows from several fields."""
        noun = self._entity.noun
        if noun is Noun.ACCOUNT:
            external = _id(row.get("ExternalId"))
            if external and self._settings.external_ids_of:
                values.setdefault(f"id_in.{self._settings.external_ids_of}", external)
            if "lifecycle" not in values and row.get("IsActive") is not None:
                values["lifecycle"] = "customer" if row["IsActive"] is True else "churned"
        elif noun is Noun.SUBSCRIPTION and row.get("IsActive") is not None:
            values.setdefault("status", "active" if row["IsActive"] is True else "expired")
        elif noun is Noun.CONTACT and "name" not in values:
            name = " ".join(str(row[part]) for part in ("FirstName", "LastName") if isinstance(row.get(part), str))
            if plain(name).strip():
                values["name"] = plain(name).strip()
        elif noun is Noun.USAGE_EVENT:
            values.setdefault("quantity", 1.0)

    def _value(self, field: str, given: Any) -> Value:
        word = self._settings.values.get(field, {}).get(str(given))
        if word is not None:
            return word
        if field.endswith("_external_id"):
            if not (found := _id(given)):
                raise ValueError
            return found
        if field == "name" and self._entity.noun is Noun.USAGE_EVENT:
            return _metric(given)
        if field in _SPECIAL:
            return _SPECIAL[field](given)
        if field in _WORDS:
            slug = _slug(_text(given))
            if slug not in _WORDS[field]:
                raise ValueError
            return slug
        kind = FIELDS[self._entity.noun].get(field)
        if kind is FieldType.MONEY:
            return Money(Decimal(str(_number(given))), self._settings.currency)
        return _READ[kind](given) if kind else _own(given)


def _first(row: Row, theirs: tuple[str, ...]) -> Any:
    for name in theirs:
        place: Any = row
        for part in name.split("."):
            place = place.get(part) if isinstance(place, dict) else None
        if place is not None and place != "":
            return place
    return None


def _id(given: Any) -> str:
    if isinstance(given, bool) or not isinstance(given, str | int):
        return ""
    return plain(str(given)).strip()[:255]


def _text(given: Any) -> str:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError
    found = plain(str(given)).strip()
    if not found:
        raise ValueError
    return found


def _number(given: Any) -> float:
    if isinstance(given, bool) or not isinstance(given, str | int | float):
        raise ValueError
    found = float(given)
    if not math.isfinite(found) or abs(found) > 1e15:
        raise ValueError
    return found


def _integer(given: Any) -> int:
    found = _number(given)
    if found != int(found):
        raise ValueError
    return int(found)


def _boolean(given: Any) -> bool:
    if not isinstance(given, bool):
        raise TypeError
    return given


def _instant(given: Any) -> datetime:
    if not isinstance(given, str):
        raise TypeError
    found = datetime.fromisoformat(given)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _day(given: Any) -> date:
    return _instant(given).date()


def _own(given: Any) -> Value:
    if isinstance(given, bool):
        return given
    return float(given) if isinstance(given, int | float) and math.isfinite(given) else _text(given)


def _domain(given: Any) -> str:
    text = _text(given).lower()
    host = (urlsplit(text if "//" in text else f"//{text}").hostname or "").removeprefix("www.")
    if not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", host):
        raise ValueError
    return host


def _email(given: Any) -> str:
    found = _text(given).lower()
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", found):
        raise ValueError
    return found


def _country(given: Any) -> str:
    found = _text(given).upper()
    if not re.fullmatch(r"[A-Z]{2}", found):
        raise ValueError
    return found


def _status(given: Any) -> str:
    return "done" if _text(given).lower() in _DONE else "open"


def _metric(given: Any) -> str:
    found = _slug(_text(given))
    if not found[:1].isalpha():
        raise ValueError
    return found


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")[:60]


def _shown(given: Any) -> str:
    return f'"{plain(str(given))[:60]}"'


_READ: Mapping[FieldType, Callable[[Any], Value]] = {
    FieldType.TEXT: _text, FieldType.NUMBER: _number, FieldType.INTEGER: _integer, FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _day, FieldType.INSTANT: _instant,
}
_SPECIAL: Mapping[str, Callable[[Any], Value]] = {
    "domain": _domain, "email": _email, "country": _country, "status": _status,
}
