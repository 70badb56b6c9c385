"""What the sandbox's org holds: its tables, who may see what of them, and every write, noted in the ledger."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from connectors.salesforce.key import from_field
from connectors.salesforce.sandbox_rules import Refused, check_write, filled
from connectors.salesforce.schema import CURRENCY, TableSchema, schemas, table_schema
from connectors.salesforce.soql import instant, written
from connectors.salesforce.tables import Table, make_id, normal
from steward.kit.sandbox import Ledger

_POINTERS = ("AccountId", "Account__c", "ContactId", "WhatId", "WhoId", "ParentId")


class Org:
    """The tables of one org. Not thread-safe: the sandbox holds its lock."""

    def __init__(self, ledger: Ledger, now: Callable[[], datetime], user: Mapping[str, Any]) -> None:
        self.hidden: set[str] = set()
        self.multi_currency = False
        self._schemas = schemas()
        self.tables = {name: Table(schema) for name, schema in self._schemas.items()}
        self._ledger, self._now, self._user_id = ledger, now, str(user["Id"])
        self._made = 900_000_000
        self.tables["User"].put([user], now())
        self._replay()

    def visible(self) -> dict[str, TableSchema]:
        """The objects and fields that the caller may see."""
        hidden = self.hidden | (set() if self.multi_currency else {f"{name}.{CURRENCY}" for name in self._schemas})
        return {
            name: TableSchema(name, schema.prefix, {each: field for each, field in schema.fields.items()
                                                    if f"{name}.{each}" not in hidden})
            for name, schema in self._schemas.items() if name not in hidden
        }

    def add_table(self, name: str, prefix: str, kinds: Mapping[str, str]) -> None:
        """Create a custom object, as an administrator does."""
        self._schemas[name] = table_schema(name, prefix, kinds)
        self.tables[name] = Table(self._schemas[name])

    def change_field(self, table: str, field: str, *, external_id: bool, unique: bool) -> None:
        """Define a field otherwise, as an administrator does."""
        fields = self._schemas[table].fields
        fields[field] = replace(fields[field], external_id=external_id, unique=unique)

    # ---- what happens in the org without us ----

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows, or change the fields given of those that are there."""
        if table not in self.tables:
            raise ValueError(f'the sandbox has no table "{table}". There are: {", ".join(self.tables)}.')
        self.multi_currency |= any(row.get(CURRENCY) for row in rows)
        self.tables[table].put([filled(table, row, self.tables) for row in rows], self._now())

    def delete(self, table: str, ids: Sequence[str]) -> None:
        """Move rows into the recycle bin."""
        self.load(table, [{"Id": external_id, "IsDeleted": True} for external_id in ids])

    def purge(self, table: str, ids: Sequence[str]) -> None:
        """Delete rows past the recycle bin: only the delete log still knows them."""
        self.delete(table, ids)
        for external_id in ids:
            self.tables[table].remove(external_id)

    def merge(self, winner: str, losers: Sequence[str]) -> None:
        """Merge rows into `winner`; what pointed at them points at it."""
        table = next(name for name, schema in self._schemas.items() if schema.prefix == winner[:3])
        self.load(table, [{"Id": each, "IsDeleted": True, "MasterRecordId": winner} for each in losers])
        for name, other in self.tables.items():
            live = [row for row in other.rows.values() if not row.get("IsDeleted")]
            for field in (each for each in _POINTERS if each in self._schemas[name].fields):
                hit = [row["Id"] for row in live if row.get(field) in losers]
                self.load(name, [{"Id": each, field: winner} for each in hit])

    # ---- what callers write ----

    def write(self, name: str, old: Mapping[str, Any] | None, given: Mapping[str, Any], how: str) -> str:
        """Create a row, or change `old`: its id. A write that changes nothing leaves no line in the ledger.

        Raises:
            Refused: Salesforce would not take the row.
        """
        table = self.tables[name]
        given = {each: value for each, value in given.items() if each != "attributes"}
        check_write(table, given, self.tables, creating=old is None)
        self._refuse_doubles(table, old, given)
        if old is not None and all(
                old.get(each) == normal(table.schema.fields[each], value) for each, value in given.items()):
            return str(old["Id"])
        if old is None:
            row = self._new(table, given)
        else:
            row, how = {"Id": old["Id"], **given}, "update"
        row = filled(name, row, self.tables)
        table.put([row], self._now())
        key = from_field(str(table.rows[str(row["Id"])].get("Steward_Key__c") or ""))
        self._ledger.append(f"{name} {how}", key, {"id": row["Id"], "row": row, "at": written(self._now())})
        return str(row["Id"])

    def drop(self, name: str, row: Mapping[str, Any]) -> None:
        """Delete a row for a caller."""
        self.delete(name, [row["Id"]])
        detail = {"id": row["Id"], "row": {"IsDeleted": True}, "at": written(self._now())}
        self._ledger.append(f"{name} delete", "", detail)

    def _new(self, table: Table, given: Mapping[str, Any]) -> dict[str, Any]:
        self._made += 1
        row: dict[str, Any] = {"Id": make_id(table.schema.prefix, self._made)}
        if "OwnerId" in table.schema.fields:
            row["OwnerId"] = self._user_id
        if table.schema.name == "Task":
            row |= {"Status": "Not Started", "Priority": "Normal"}
        return row | dict(given)

    def _refuse_doubles(self, table: Table, old: Mapping[str, Any] | None, given: Mapping[str, Any]) -> None:
        for field in table.schema.fields.values():
            value = given.get(field.name)
            others = table.matching(field, str(value)) if field.unique and value else []
            if others and (old is None or others[0]["Id"] != old["Id"]):
                raise Refused("DUPLICATE_VALUE", f"duplicate value found: {field.name} duplicates value on record with "
                              f"id: {others[0]['Id'][:15]}", field.name)

    def _replay(self) -> None:
        """Do again what the ledger says was written before a restart."""
        for effect in self._ledger:
            row = {**effect.detail["row"], "Id": effect.detail["id"]}
            self.tables[effect.kind.split()[0]].put([row], instant(effect.detail["at"]))
            self._made += 1
