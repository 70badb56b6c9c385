"""sObject Collections as the sandbox plays them: up to 200 rows in one call, an answer for each, in their order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connectors.salesforce.org import Org
from connectors.salesforce.sandbox_replies import DATA, Fast, refusal
from connectors.salesforce.sandbox_rules import Refused
from steward.kit.sandbox import Reply, Request, Sandbox, route

MOST_ROWS, MOST_READ = 200, 2_000
COLLECTIONS = DATA + "/composite/sobjects"

Write = Callable[[Mapping[str, Any]], tuple[str, bool | None]]


class CollectionDoors(Sandbox):
    """The routes of `/composite/sobjects`."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self._org: Org

    @route("POST", COLLECTIONS)
    def create_many(self, request: Request) -> Reply:
        def create(row: Mapping[str, Any]) -> tuple[str, None]:
            return self._org.write(_table_of(self._org, row), None, _given(row), "create"), None

        return self._many(request, create)

    @route("PATCH", COLLECTIONS)
    def update_many(self, request: Request) -> Reply:
        seen: set[str] = set()

        def update(row: Mapping[str, Any]) -> tuple[str, None]:
            given = _given(row)
            external_id = str(given.pop("id", None) or given.pop("Id", ""))
            table = _table_of(self._org, row)
            old = self._org.tables[table].find(external_id)
            if not external_id:
                raise Refused("MISSING_ARGUMENT", "Id not specified in an update call", "Id")
            if old is None:
                raise Refused("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", "Id")
            if old.get("IsDeleted"):
                raise Refused("ENTITY_IS_DELETED", "entity is deleted")
            if str(old["Id"]) in seen:
                raise Refused("DUPLICATE_VALUE", f"duplicate id in list: {external_id}", "Id")
            seen.add(str(old["Id"]))
            return self._org.write(table, old, given, "update"), None

        return self._many(request, update)

    @route("PATCH", COLLECTIONS + "/{table}/{field}")
    def upsert_many(self, request: Request) -> Reply:
        table, field = request.params["table"], request.params["field"]

        def upsert(row: Mapping[str, Any]) -> tuple[str, bool]:
            if _table_of(self._org, row) != table:
                raise Refused("INVALID_TYPE", f"the record is no {table}")
            return upsert_row(self._org, table, field, _given(row))

        return self._many(request, upsert)

    @route("DELETE", COLLECTIONS)
    def delete_many(self, request: Request) -> Reply:
        ids = [each for each in request.query.get("ids", "").split(",") if each]
        if len(ids) > MOST_ROWS:
            return self._too_many(len(ids), MOST_ROWS)
        return Reply(200, [self._deleted(each) for each in ids])

    @route("POST", COLLECTIONS + "/{table}")
    def read_many(self, request: Request) -> Reply:
        asked = request.json()
        ids, names = list(asked.get("ids", ())), list(asked.get("fields", ()))
        schema = self._org.visible().get(request.params["table"])
        if schema is None:
            return self.error(404)
        if len(ids) > MOST_READ:
            return self._too_many(len(ids), MOST_READ)
        unknown = next((name for name in names if name not in schema.fields), None)
        if unknown:
            return refusal("INVALID_FIELD", f"No such column '{unknown}' on entity '{schema.name}'")
        rows = [self._org.tables[schema.name].find(str(each)) for each in ids]
        return Fast(200, [
            {"attributes": {"type": schema.name}, **{name: row.get(name) for name in ("Id", *names)}}
            if row and not row.get("IsDeleted") else None for row in rows
        ])

    def _many(self, request: Request, write: Write) -> Reply:
        body = request.json()
        records = body.get("records") if isinstance(body, dict) else None
        if not isinstance(records, list):
            return refusal("JSON_PARSER_ERROR", "records must be a list")
        if len(records) > MOST_ROWS:
            return self._too_many(len(records), MOST_ROWS)
        if body.get("allOrNone"):
            return refusal("NOT_IMPLEMENTED", "the sandbox plays allOrNone: false only")
        return Reply(200, [_answer(write, row) for row in records])

    def _deleted(self, external_id: str) -> dict[str, Any]:
        table = next((name for name, each in self._org.tables.items() if each.find(external_id)), None)
        row = self._org.tables[table].find(external_id) if table else None
        if table is None or row is None or row.get("IsDeleted"):
            return _failed(Refused("ENTITY_IS_DELETED", "entity is deleted"), external_id)
        self._org.drop(table, row)
        return {"id": row["Id"], "success": True, "errors": []}

    def _too_many(self, given: int, most: int) -> Reply:
        self.breaches.append(f"a collection of {given} records; {most} are the most")
        return refusal("EXCEEDED_MAX_SIZE_REQUEST",
                       f"The number of records that you specified ({given}) exceeds the limit {most}")


def upsert_row(org: Org, table: str, field: str, given: Mapping[str, Any]) -> tuple[str, bool]:
    """Create or change the row of `table` whose external id `field` is as `given`: its id, and whether it is new.

    Raises:
        Refused: Salesforce would not take the row, or several carry the id.
    """
    schema = org.visible().get(table)
    about = schema.fields.get(field) if schema else None
    if about is None or not about.external_id:
        raise Refused("INVALID_FIELD", f"Provided external ID field does not exist or is not accessible: {field}")
    if not given.get(field):
        raise Refused("MISSING_ARGUMENT", f"{field} not specified", field)
    matches = org.tables[table].matching(about, str(given[field]))
    if len(matches) > 1:
        raise Refused("DUPLICATE_EXTERNAL_ID", f"{field}: more than one record found for external id field", field)
    return org.write(table, matches[0] if matches else None, given, "upsert"), not matches


def _answer(write: Write, row: Mapping[str, Any]) -> dict[str, Any]:
    try:
        external_id, created = write(row)
    except Refused as error:
        return _failed(error, None)
    return {"id": external_id, "success": True, "errors": []} | ({} if created is None else {"created": created})


def _failed(error: Refused, external_id: str | None) -> dict[str, Any]:
    said = {"statusCode": error.code, "message": error.message, "fields": list(error.fields)}
    return ({"id": external_id} if external_id else {}) | {"success": False, "errors": [said]}


def _table_of(org: Org, row: Mapping[str, Any]) -> str:
    table = str((row.get("attributes") or {}).get("type", ""))
    if table not in org.visible():
        raise Refused("INVALID_TYPE", f"sObject type '{table}' is not supported")
    return table


def _given(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name != "attributes"}

