"""Gainsight's values as ours; what does not fit is refused with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from steward.kit.reading import domain, instant, number, text, timezone, truth, whole
from steward.model.records import FieldType, Noun, Value

_TAG = re.compile(r"<[^<>]{0,2000}>")


def day(raw: object) -> date:
    """A calendar day; of a point in time, its day in UTC, which is how Gainsight keeps dates."""
    return instant(raw).date()


def country(raw: object) -> str:
    given = text(raw)
    if not re.fullmatch(r"[A-Za-z]{2}", given):
        raise ValueError(f'"{given[:60]}" is no ISO 3166 code, such as "DE"')
    return "GB" if given.upper() == "UK" else given.upper()


def slug(name: str) -> str:
    """"First Value" as "first_value"."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def without_tags(raw: object) -> str:
    """The plain text of a rich text field."""
    return _TAG.sub(" ", text(raw)).replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">")


BY_TYPE: Mapping[FieldType, Callable[[Any], Value]] = {
    FieldType.TEXT: text, FieldType.INTEGER: whole, FieldType.NUMBER: number, FieldType.BOOLEAN: truth,
    FieldType.DATE: day, FieldType.INSTANT: instant,
}
BY_FIELD: Mapping[tuple[Noun, str], Callable[[Any], Value]] = {
    (Noun.ACCOUNT, "domain"): domain, (Noun.ACCOUNT, "country"): country, (Noun.ACCOUNT, "timezone"): timezone,
    (Noun.PERSON, "timezone"): timezone, (Noun.CONTACT, "email"): lambda raw: text(raw).lower(),
    (Noun.PERSON, "email"): lambda raw: text(raw).lower(), (Noun.MILESTONE, "name"): lambda raw: slug(text(raw)),
}
# Of describe: those with a shape of their own; every other is taken as text.
BY_DATA_TYPE: Mapping[str, Callable[[Any], Value]] = {
    "NUMBER": number, "PERCENTAGE": number, "CURRENCY": number, "BOOLEAN": truth,
    "DATE": lambda raw: day(raw).isoformat(), "DATETIME": lambda raw: instant(raw).isoformat(),
    "RICHTEXTAREA": without_tags,
}
