"""The sandbox's rows: one table an object, always in the order of (SystemModstamp, Id), so that a pull never sorts."""

from __future__ import annotations

import string
from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from connectors.salesforce.schema import FieldSchema, TableSchema
from connectors.salesforce.soql import Query, instant, lower_bound, predicate, written

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_CHECK = string.ascii_uppercase + "012345"
_NATURAL = (("SystemModstamp", False), ("Id", False))


def id18(id15: str) -> str:
    """The 18-character form of a 15-character id: three letters that say which of its letters are capitals."""
    chunks = (id15[start:start + 5] for start in (0, 5, 10))
    return id15 + "".join(_CHECK[sum(1 << at for at, char in enumerate(chunk) if char.isupper())] for chunk in chunks)


def make_id(prefix: str, number: int) -> str:
    """The 18-character id of the object with `prefix` and `number`."""
    digits = ""
    while number:
        number, rest = divmod(number, 62)
        digits = _DIGITS[rest] + digits
    return id18(f"{prefix}Sb0{digits:0>9}")


class Table:
    """The rows of one object, deleted ones too."""

    def __init__(self, schema: TableSchema) -> None:
        self.schema = schema
        self.rows: dict[str, dict[str, Any]] = {}
        self.deletions: list[tuple[str, str]] = []         # the delete log: deletedDate, id; outlives a purge
        self._checkboxes = [each.name for each in schema.fields.values() if each.type == "boolean"]
        self._order: list[tuple[str, str]] = []
        self._short: dict[str, str] = {}                    # 15 characters -> 18

    def find(self, external_id: str) -> dict[str, Any] | None:
        """The row with that id of 15 or 18 characters, deleted or not."""
        return self.rows.get(self._short.get(external_id[:15], "")) if len(external_id) in (15, 18) else None

    def matching(self, field: FieldSchema, value: str) -> list[dict[str, Any]]:
        """The live rows whose text field `field` is `value`; case does not count, as in a Salesforce index."""
        wanted = value.lower()
        return [row for row in self.rows.values()
                if not row.get("IsDeleted") and str(row.get(field.name) or "").lower() == wanted]

    def put(self, rows: Iterable[Mapping[str, Any]], now: datetime) -> None:
        """Add rows, or change the fields given of those that are there.

        Raises:
            ValueError: a field is not known, an id is none, or a date or instant is not ISO 8601.
        """
        rows = list(rows)
        for given in rows:
            self._put(given, written(now), single=len(rows) < 50)
        if len(rows) >= 50:
            self._order = sorted((row["SystemModstamp"], external_id) for external_id, row in self.rows.items())

    def remove(self, external_id: str) -> None:
        """Forget the row, as when the recycle bin is emptied; its line in the delete log stays."""
        row = self.rows.pop(external_id)
        self._drop(row["SystemModstamp"], external_id)
        del self._short[external_id[:15]]

    def select(self, query: Query, deleted: bool) -> Sequence[str]:
        """The ids of the rows that `query` asks for, in its order; deleted ones only where `deleted`."""
        low = lower_bound(query.where, "SystemModstamp")
        start = bisect_left(self._order, (written(low), "")) if low else 0
        holds = predicate(query.where)
        found = [
            external_id for _, external_id in self._order[start:]
            if (deleted or not self.rows[external_id].get("IsDeleted")) and holds(self.rows[external_id])
        ]
        if query.order and query.order != _NATURAL[:len(query.order)]:
            for name, descending in reversed(query.order):
                found.sort(key=lambda each, name=name: _sortable(self.rows[each].get(name)), reverse=descending)  # type: ignore[misc]  # mypy cannot infer a default
        end = None if query.limit is None else query.offset + query.limit
        return found[query.offset:end]

    def _put(self, given: Mapping[str, Any], now: str, single: bool) -> None:
        external_id = str(given.get("Id") or "")
        if len(external_id) == 15:
            external_id = id18(external_id)
        if len(external_id) != 18 or not external_id.isalnum():
            raise ValueError(f'the sandbox\'s {self.schema.name} needs an "Id" of 18 letters and digits, '
                             f'not "{external_id}"')
        row = self.rows.get(external_id)
        is_new = row is None
        if row is None:
            row = dict.fromkeys(self._checkboxes, False)
        elif single:
            self._drop(row["SystemModstamp"], external_id)
        was_deleted = bool(row.get("IsDeleted"))
        for name, value in given.items():
            field = self.schema.fields.get(name)
            if field is None and name.endswith("__c"):
                field = self.schema.learn(name, value)
            if field is None:
                raise ValueError(self.schema.unknown(name))
            row[name] = normal(field, value)
        row["Id"] = external_id
        self._date(row, given, now, is_new)
        self.rows[external_id] = row
        self._short[external_id[:15]] = external_id
        if single:
            insort(self._order, (row["SystemModstamp"], external_id))
        if row.get("IsDeleted") and not was_deleted:
            self.deletions.append((row["SystemModstamp"], external_id))

    def _date(self, row: dict[str, Any], given: Mapping[str, Any], now: str, is_new: bool) -> None:
        if is_new:
            stamp = row.get("SystemModstamp") or row.get("LastModifiedDate") or row.get("CreatedDate") or now
            row["SystemModstamp"] = stamp
            row["CreatedDate"] = row.get("CreatedDate") or stamp
        elif not given.get("SystemModstamp"):
            row["SystemModstamp"] = row["LastModifiedDate"] = now
        row["LastModifiedDate"] = row.get("LastModifiedDate") or row["SystemModstamp"]

    def _drop(self, stamp: str, external_id: str) -> None:
        at = bisect_left(self._order, (stamp, external_id))
        if at < len(self._order) and self._order[at] == (stamp, external_id):
            del self._order[at]


def normal(field: FieldSchema, value: Any) -> Any:
    """`value` as the JSON of Salesforce has it."""
    if value is None or value == "":
        return False if field.type == "boolean" else None
    if field.type == "datetime":
        if isinstance(value, str) and len(value) == 28 and value.endswith("+0000"):
            return value                    # already in the one form: no parsing for each of a million rows
        return written(value if isinstance(value, datetime) else instant(str(value)))
    if field.type == "date":
        return date.fromisoformat(str(value)[:10]).isoformat()
    return float(value) if isinstance(value, Decimal) else value


def _sortable(value: Any) -> tuple[bool, Any]:
    return (value is not None, value)       # nulls first
