"""A value of ours, which is text, as a field of Gainsight's takes it."""

from __future__ import annotations

from connectors.gainsight.reading import day
from connectors.gainsight.schema import Field
from steward.kit import reading
from steward.model.errors import RecordRejected

_NUMBERS = ("NUMBER", "PERCENTAGE", "CURRENCY")


def written(value: str, field: Field) -> object:
    """The value in the field's own type; "" empties it.

    Raises:
        RecordRejected: the field cannot hold it; `field` names it.
    """
    if value == "":
        return None
    try:
        if field.data_type in _NUMBERS:
            number = reading.number(value)
            return int(number) if number == number.to_integral_value() else float(number)
        if field.data_type == "BOOLEAN":
            return reading.truth(value)
        if field.data_type == "DATE":
            return day(value).isoformat()
        if field.data_type == "DATETIME":
            return reading.instant(value).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    except ValueError as error:
        raise RecordRejected(f"gainsight: {field.name} is of type {field.data_type}: {error}", field.name) from None
    return _picked(value, field) if field.labels else value


def _picked(value: str, field: Field) -> str:
    """Gainsight takes the label of an item, so it must be one."""
    for gsid, label in field.labels.items():
        if value.casefold() in (label.casefold(), gsid.casefold()):
            return label
    known = ", ".join(sorted(field.labels.values())[:20])
    raise RecordRejected(
        f'gainsight: "{value[:60]}" is no item of the dropdown {field.name}. There are: {known}.', field.name)


def held(raw: object, field: Field) -> object:
    """What a field holds, comparable with `written`."""
    if raw is None or raw == "":
        return None
    try:
        if field.labels:
            parts = raw if isinstance(raw, list) else [raw]
            return ";".join(field.labels.get(reading.text(part), reading.text(part)) for part in parts)
        if field.data_type in _NUMBERS:
            number = reading.number(raw)
            return int(number) if number == number.to_integral_value() else float(number)
        if field.data_type == "BOOLEAN":
            return reading.truth(raw)
        if field.data_type == "DATE":
            return day(raw).isoformat()
        if field.data_type == "DATETIME":
            return reading.instant(raw).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    except ValueError:
        return raw
    return reading.text(raw)
