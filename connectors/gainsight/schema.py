"""What a tenant's objects have, by `describe`: which fields and paths may be asked for, and what dropdowns mean."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from connectors.gainsight.client import Client, Row, dicts
from steward.kit.reading import text

_PICKED = ("PICKLIST", "MULTISELECTDROPDOWNLIST", "DROPDOWN")


@dataclass(frozen=True, slots=True)
class Field:
    """One field as it is described; `labels` by the Gsid of each item of its dropdown, in lower case and as it is."""

    name: str
    data_type: str = ""
    lookup: str = ""                        # the object it points at
    updateable: bool = True
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Schema:
    """The fields of one object, by their name in lower case: Gainsight does not tell "Arr" from "ARR"."""

    object_name: str
    fields: Mapping[str, Field]

    def find(self, name: str) -> Field | None:
        return self.fields.get(name.lower())


class Schemas:
    """The objects of a tenant, each described once."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, Schema | None] = {}

    def of(self, object_name: str) -> Schema | None:
        """None where the tenant has no such object."""
        if object_name not in self._known:
            told = self._client.describe(object_name)
            self._known[object_name] = _schema(object_name, told, self._client.dropdown) if told is not None else None
        return self._known[object_name]

    def path(self, object_name: str, path: str) -> tuple[str, Field] | None:
        """The path as this tenant writes it, and the field at its end; None where there is none."""
        schema = self.of(object_name)
        base, through, rest = path.partition("__gr.")
        if not through:
            found = schema.find(path) if schema else None
            return (found.name, found) if found else None
        start = _start(schema, base) if schema else None
        end = self.path(start.lookup, rest) if start and start.lookup else None
        return (f"{_lookup_name(start.name)}.{end[0]}", end[1]) if start and end else None


def _start(schema: Schema, base: str) -> Field | None:
    """The lookup field that a path begins with: `Name__gc` becomes `Name__gr` in paths."""
    return schema.find(base) or schema.find(f"{base}__gc")


def _lookup_name(name: str) -> str:
    return f"{name.removesuffix('__gc')}__gr"


def _schema(object_name: str, told: Row, dropdown: Callable[[str], list[Row]]) -> Schema:
    fields = {}
    for row in dicts(told.get("fields")):
        name, meta = text(row.get("fieldName")), _dict(row.get("meta"))
        if not name or meta.get("hidden") is True or meta.get("deleted") is True:
            continue
        kind = text(row.get("dataType")).upper()
        detail = dicts(_dict(meta.get("lookupDetail")).get("lookupObjects"))
        fields[name.lower()] = Field(
            name, kind, text(detail[0].get("objectName")) if detail else "", meta.get("updateable") is not False,
            _labels(row, meta, dropdown) if kind in _PICKED else {})
    return Schema(text(told.get("objectName")) or object_name, fields)


def _labels(row: Row, meta: Row, dropdown: Callable[[str], list[Row]]) -> dict[str, str]:
    """The items stand in the description of the field, else in that of its category."""
    items = dicts(row.get("options"))
    if items:
        return dict(_items(items, "value", "label"))
    category = text(_dict(meta.get("properties")).get("PICKLIST_CATEGORY_ID"))
    return dict(_items(dropdown(category), "gsid", "name")) if category else {}


def _items(items: Iterable[Row], key: str, label: str) -> Iterable[tuple[str, str]]:
    for each in items:
        if text(each.get(key)) and text(each.get(label)):
            yield text(each[key]), text(each[label])


def _dict(node: Any) -> Row:
    return node if isinstance(node, dict) else {}
