"""Tables of the star as Power BI wants them: columns, relationships, and rows in pieces that one call takes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from steward.model.records import FieldType
from steward.model.star import Star, StarColumn, StarTable

if TYPE_CHECKING:
    import polars as pl

# Limits of push datasets (vendor document "Push semantic model limitations", read 2026-11).
MOST_ROWS, MOST_TEXT, MOST_COLUMNS, MOST_TABLES = 10_000, 4_000, 75, 75
MOST_ROWS_AN_HOUR, MOST_CALLS_A_MINUTE = 1_000_000, 120
MOST_BYTES = 8 * 2**20                      # of one call: ours, as the vendor names none

PUBLICATIONS = "publication"
"""Our own table in the dataset: a row for each publication that is whole, by its idempotency key."""

_TYPES = {FieldType.TEXT: "String", FieldType.INTEGER: "Int64", FieldType.NUMBER: "Double", FieldType.MONEY: "Double",
          FieldType.BOOLEAN: "Boolean", FieldType.DATE: "DateTime", FieldType.INSTANT: "DateTime"}
_FORMATS = {FieldType.MONEY: "#,0.00", FieldType.DATE: "yyyy-mm-dd", FieldType.INSTANT: "yyyy-mm-dd hh:nn:ss"}
_PUBLICATION = {"name": PUBLICATIONS, "columns": [
    {"name": "key", "dataType": "String"}, {"name": "table", "dataType": "String"},
    {"name": "schema_version", "dataType": "Int64"}, {"name": "as_of", "dataType": "DateTime"},
    {"name": "rows", "dataType": "Int64"}]}


def described(table: StarTable) -> dict[str, Any]:
    """The table as Power BI is told of it."""
    return {"name": table.name, "description": f"{table.meaning} Grain: {table.grain}.",
            "columns": [_column(column) for column in table.columns]}


def dataset(name: str, star: Star) -> dict[str, Any]:
    """The whole dataset, to be made."""
    return {"name": name, "defaultMode": "Push", "tables": [*map(described, star.tables), _PUBLICATION],
            "relationships": list(_relationships(star))}


def pieces(frame: pl.DataFrame) -> Iterator[bytes]:
    """The rows as bodies of calls, each within the limits of one."""
    piece: list[bytes] = []
    size = 0
    for row in frame.iter_rows(named=True):
        written = json.dumps({name: _value(value) for name, value in row.items()}, ensure_ascii=False).encode()
        if piece and (len(piece) == MOST_ROWS or size + len(written) > MOST_BYTES):
            yield _body(piece)
            piece, size = [], 0
        piece.append(written)
        size += len(written) + 1
    if piece:
        yield _body(piece)


def same_columns(told: Any, table: StarTable) -> bool:
    """Whether a table, as Power BI tells of it, has the columns that ours has."""
    columns = told.get("columns") if isinstance(told, dict) else None
    if not isinstance(columns, list):
        return False
    return [(each.get("name"), str(each.get("dataType")).lower()) for each in columns] == [
        (each["name"], each["dataType"].lower()) for each in described(table)["columns"]]


def _column(column: StarColumn) -> dict[str, Any]:
    told = {"name": column.name, "dataType": _TYPES[column.type]}
    if column.type in _FORMATS:
        told["formatString"] = _FORMATS[column.type]
    if column.type is not FieldType.MONEY:
        told["summarizeBy"] = "none"
    return told


def _relationships(star: Star) -> Iterator[dict[str, Any]]:
    """From each fact table to each dimension, by one column: a second way between two tables would be ambiguous."""
    for table in star.tables:
        reached: set[str] = set()
        for column, target in table.links.items():
            other, _, key = target.partition(".")
            if not table.name.startswith("fact_") or not other.startswith("dim_") or other in reached:
                continue
            reached.add(other)
            yield {"name": f"{table.name} {column}", "fromTable": table.name, "fromColumn": column, "toTable": other,
                   "toColumn": key, "crossFilteringBehavior": "OneDirection"}


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return value if len(value) <= MOST_TEXT else f"{value[:MOST_TEXT - 1]}…"
    if isinstance(value, Decimal):
        return float(value)                    # to the cent up to 15 digits, as every Double
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return value.isoformat() if isinstance(value, date) else value


def _body(rows: list[bytes]) -> bytes:
    return b'{"rows":[' + b",".join(rows) + b"]}"
