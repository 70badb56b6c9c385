"""PX's values as ours; what does not fit is refused with the reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from connectors.gainsight_px.countries import ALPHA_2
from steward.kit.reading import domain, instant, number, text, timezone, truth, whole
from steward.model.records import FieldType, Noun, Value


def country(raw: object) -> str:
    """PX has three letters ("USA")."""
    given = text(raw).upper()
    found = ALPHA_2.get(given, given)
    if not re.fullmatch(r"[A-Z]{2}", found):
        raise ValueError(f'"{given[:60]}" is no ISO 3166 code, such as "DEU"')
    return found


BY_TYPE: Mapping[FieldType, Callable[[Any], Value]] = {
    FieldType.TEXT: text, FieldType.INTEGER: whole, FieldType.NUMBER: number, FieldType.BOOLEAN: truth,
    FieldType.DATE: lambda raw: instant(raw).date(), FieldType.INSTANT: instant,
}
BY_FIELD: Mapping[tuple[Noun, str], Callable[[Any], Value]] = {
    (Noun.ACCOUNT, "domain"): domain, (Noun.ACCOUNT, "country"): country, (Noun.ACCOUNT, "timezone"): timezone,
    (Noun.CONTACT, "email"): lambda raw: text(raw).lower(),
}
