"""What stands in the sandbox's portal, and what writing to it does: no HTTP, all of it rebuilt from the ledger."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from connectors.hubspot import sandbox_properties as given
from connectors.hubspot.sandbox_shelf import Invalid, Row, Shelf, instant, milliseconds
from steward.kit.sandbox import Ledger

_FIELD_TYPES = {"string": "text", "bool": "booleancheckbox", "enumeration": "select", "datetime": "date"}


class Portal:
    """Rows, properties and links; every effect of a write goes to `ledger`."""

    def __init__(self, ledger: Ledger, now: Callable[[], datetime]) -> None:
        self._ledger, self._now = ledger, now
        self.shelves = {kind: Shelf(*_times(kind)) for kind in given.KINDS}
        self.properties = {
            kind: {name: property_of(name, type_) for name, type_ in {
                **names, **dict.fromkeys(_times(kind), "datetime"), "hs_object_id": "number",
                "hs_merged_object_ids": "string",
            }.items()} for kind, names in given.PROPERTIES.items()
        }
        for kind, name in given.UNIQUE.items():
            self.properties[kind][name]["hasUniqueValue"] = True
            self.shelves[kind].unique = {name}
        self.owners: dict[str, dict[str, Any]] = {}
        self.pipelines = {kind: list(pipelines) for kind, pipelines in given.PIPELINES.items()}
        self.links: dict[tuple[str, int, str], list[int]] = {}
        for effect in ledger:
            self._redo(effect.detail)

    def json(self, kind: str, row: Row, wanted: Sequence[str], to: Sequence[str] = ()) -> dict[str, Any]:
        shelf, known = self.shelves[kind], self.properties[kind]
        told = {name: row.properties.get(name) for name in wanted if name in known}
        times = {shelf.created: instant(row.created), shelf.modified: instant(row.updated)}
        body: dict[str, Any] = {
            "id": str(row.id), "properties": {**told, **times, "hs_object_id": str(row.id)},
            "createdAt": instant(row.created), "updatedAt": instant(row.updated), "archived": row.archived is not None,
        }
        if row.archived is not None:
            body["archivedAt"] = instant(row.archived)
        links = {each: self._inline(kind, row.id, kind_of(each)) for each in to}
        tied = {each: known for each, known in links.items() if known}
        return {**body, "associations": tied} if tied else body

    def _inline(self, kind: str, row_id: int, to: str) -> dict[str, Any] | None:
        ids = self._tied(kind, row_id, to)
        name = f"{given.SINGULAR[kind]}_to_{given.SINGULAR[to]}"
        has_primary = to == "companies" and given.TO_COMPANY.get(kind, (0, 0))[0]
        results = [{"id": str(each), "type": f"{name}_unlabeled" if has_primary else name} for each in ids]
        if has_primary and ids:
            results.insert(0, {"id": str(ids[0]), "type": name})
        return {"results": results} if results else None

    def linked(self, kind: str, row_id: int, to: str) -> list[dict[str, Any]]:
        primary, plain = given.TO_COMPANY.get(kind, (0, 9000)) if to == "companies" else (0, 9000)
        links = []
        for position, each in enumerate(self._tied(kind, row_id, to)):
            types = [{"category": "HUBSPOT_DEFINED", "typeId": plain, "label": None}]
            if primary and position == 0:
                types.insert(0, {"category": "HUBSPOT_DEFINED", "typeId": primary, "label": "Primary"})
            links.append({"toObjectId": each, "associationTypes": types})
        return links

    def _tied(self, kind: str, row_id: int, to: str) -> list[int]:
        """Ids of the `to` that a row is tied to; ties to what was archived are not shown."""
        ids, rows = self.links.get((kind, row_id, to), ()), self.shelves[to].rows
        return [each for each in ids if each not in rows or rows[each].archived is None]

    def take(self, table: str, row: Mapping[str, Any]) -> None:
        """Take over `row` of `table`, as the README says."""
        if table == "owners":
            at = instant(milliseconds(self._now().isoformat()))
            self.owners[str(row["id"])] = {
                "archived": False, "type": "PERSON", "createdAt": at, "updatedAt": at, **row, "id": str(row["id"])}
        elif table == "pipelines":
            self.pipelines.setdefault(row["objectType"], []).append(dict(row))
        elif table == "properties":
            self.declare(row)
        else:
            self._take_object(table, row)

    def _take_object(self, table: str, row: Mapping[str, Any]) -> None:
        shelf, row_id = self.shelves[table], int(row["id"])
        told = {name: str(value) for name, value in (row.get("properties") or {}).items() if value is not None}
        for name in told.keys() - self.properties[table].keys():
            self.properties[table][name] = property_of(name, "string")
        updated = milliseconds(row.get("updatedAt") or told.get(shelf.modified) or self._now().isoformat())
        created = milliseconds(row.get("createdAt") or told.get(shelf.created) or instant(updated))
        archived = milliseconds(row.get("archivedAt") or instant(updated)) if row.get("archived") else None
        shelf.put(Row(row_id, told, created, updated, archived))
        for to, ids in (row.get("associations") or {}).items():
            for each in ids:
                self.link(table, row_id, to, int(each))

    def declare(self, row: Mapping[str, Any]) -> None:
        kind = kind_of(row["objectType"])
        type_ = str(row.get("type", "string"))
        self.properties[kind][row["name"]] = {**property_of(row["name"], type_), **row}
        if row.get("hasUniqueValue"):
            self.shelves[kind].unique.add(row["name"])
        else:
            self.shelves[kind].unique.discard(row["name"])

    def create(self, kind: str, told: Mapping[str, Any]) -> dict[str, Any]:
        properties = told.get("properties") or {}
        problem = self.wrong(kind, properties, new=True)
        for name in sorted(self.shelves[kind].unique & properties.keys()):
            taken = self.shelves[kind].with_value(name, properties[name])
            if taken and kind == "contacts":
                problem = problem_of("CONFLICT", f"Contact already exists. Existing ID: {taken.id}", {})
            elif taken:
                problem = problem_of("VALIDATION_ERROR", f"{taken.id} already has that value for {name}",
                                     {"propertyName": [name]})
        if problem:
            return problem
        key = next((str(properties[name]) for name in sorted(self.shelves[kind].unique & properties.keys())), "")
        row = self.write(kind, properties, None, f"{given.SINGULAR[kind]} create", key)
        for each in told.get("associations") or ():
            to = next((to for to in ("companies", "contacts", "deals", "tickets")
                       if self.shelves[to].get(str(each["to"]["id"]))), None)
            if to:
                self.tie(kind, row.id, to, int(each["to"]["id"]))
        return self.json(kind, row, tuple(properties))

    def write(self, kind: str, told: Mapping[str, Any], row: Row | None, what: str, key: str) -> Row:
        """Make or change a row; a change that changes nothing is no effect."""
        told = {name: str(value) for name, value in told.items() if value is not None}
        if row and all(row.properties.get(name) == value for name, value in told.items()):
            return row
        row_id = row.id if row else 70_000_000_000 + len(self._ledger)
        detail = {"object": kind, "id": row_id, "properties": told, "at": milliseconds(self._now().isoformat())}
        if row:
            self._ledger.append(f"{given.SINGULAR[kind]} update", "", detail)
        else:
            self._ledger.append(what, key, detail)
        self._redo(detail)
        return self.shelves[kind].rows[row_id]

    def _redo(self, detail: Mapping[str, Any]) -> None:
        """Apply an effect of the ledger, new or of an earlier life."""
        if "to" in detail:
            self.link(detail["object"], detail["id"], detail["to"], detail["to_id"])
            return
        shelf = self.shelves[detail["object"]]
        if "archived" in detail:
            if detail["id"] in shelf.rows:      # what was loaded must be loaded again
                shelf.put(replace(shelf.rows[detail["id"]], archived=detail["archived"]))
            return
        row = shelf.rows.get(detail["id"]) or Row(detail["id"], {}, detail["at"], detail["at"])
        shelf.put(replace(row, properties={**row.properties, **detail["properties"]}, updated=detail["at"]))

    def archive(self, kind: str, row: Row) -> None:
        detail = {"object": kind, "id": row.id, "archived": milliseconds(self._now().isoformat())}
        self._ledger.append(f"{given.SINGULAR[kind]} archive", "", detail)
        self._redo(detail)

    def tie(self, kind: str, row_id: int, to: str, to_id: int) -> None:
        """Associate two rows."""
        detail = {"object": kind, "id": row_id, "to": to, "to_id": to_id}
        self._ledger.append(f"{given.SINGULAR[kind]} association", "", detail)
        self._redo(detail)

    def link(self, kind: str, row_id: int, to: str, to_id: int) -> None:
        for name, other in (((kind, row_id, to), to_id), ((to, to_id, kind), row_id)):
            known = self.links.setdefault(name, [])
            if other not in known:
                known.append(other)

    def wrong(self, kind: str, told: Mapping[str, Any], *, new: bool) -> dict[str, Any] | None:
        """HubSpot's objection to writing `told`, in its own form."""
        for name, value in told.items():
            code = ""
            if name not in self.properties[kind]:
                code, message = "PROPERTY_DOESNT_EXIST", f'Property "{name}" does not exist'
            elif name in given.OPTIONS and value not in given.OPTIONS[name]:
                code, message = "INVALID_OPTION", f"{value} was not one of the allowed options: {given.OPTIONS[name]}"
            elif name == "hubspot_owner_id" and value and str(value) not in self.owners:
                code, message = "INVALID_OWNER_ID", f"Owner {value} does not exist"
            if code:
                fault = [{"isValid": False, "message": message, "error": code, "name": name}]
                return problem_of("VALIDATION_ERROR",
                                  f"Property values were not valid: {orjson.dumps(fault).decode()}",
                                  {"propertyName": [name]})
        absent = [name for name in given.REQUIRED.get(kind, ()) if new and not told.get(name)]
        if absent:
            return problem_of("VALIDATION_ERROR", f"Error creating {given.SINGULAR[kind].upper()}. Some required "
                                                  "properties were not set.", {"properties": absent})
        return None

    def by(self, kind: str, id_property: str, row_id: str) -> Row | None:
        shelf = self.shelves[kind]
        return shelf.with_value(id_property, row_id) if id_property else shelf.get(row_id)


def problem_of(category: str, message: str, context: Mapping[str, Any]) -> dict[str, Any]:
    """HubSpot's form of an error."""
    return {
        "status": "error", "category": category, "message": message, "context": dict(context),
        "correlationId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{category}/{message}")),
    }


def kind_of(name: str) -> str:
    """The object that `name`, singular, plural or a type id, stands for."""
    if name not in given.ALIASES:
        raise Invalid(f"Unable to infer object type from: {name}")
    return given.ALIASES[name]


def property_of(name: str, type_: str) -> dict[str, Any]:
    """A property as HubSpot describes it."""
    return {
        "name": name, "label": name.replace("_", " ").title(), "type": type_,
        "fieldType": _FIELD_TYPES.get(type_, type_), "description": "", "groupName": "information", "options": [],
        "hasUniqueValue": False, "hidden": False,
    }


def _times(kind: str) -> tuple[str, str]:
    """The names of the properties that hold when a row changed and when it was made."""
    if kind == "contacts":
        return "lastmodifieddate", "createdate"
    return "hs_lastmodifieddate", "createdate" if kind in ("companies", "deals", "tickets") else "hs_createdate"
