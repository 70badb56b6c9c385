"""A made-up table of the star, for sandboxes of BI tools: some rows in a file, and the action that publishes them."""

from __future__ import annotations

import os
import tempfile
import threading
from datetime import UTC, date, datetime
from decimal import Decimal
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

from steward.model.actions import ExtendTable, PublishTable
from steward.model.records import FieldType
from steward.reporting import STAR

_ROWS = 7
_FOLDER = Path(tempfile.gettempdir()) / "steward-sandbox-tables"


def sample_publication(table: str, as_of: datetime) -> PublishTable:
    """Publishes seven rows of `table`, some with values missing and a name that means harm."""
    return PublishTable(**_said(table, as_of))


def sample_extension(table: str, as_of: datetime) -> ExtendTable:
    """The same rows as an extension of days that have passed already."""
    return ExtendTable(since=date(2026, 3, 1), **_said(table, as_of))


def _said(table: str, as_of: datetime) -> dict[str, Any]:
    import polars as pl

    kinds: dict[FieldType, Any] = {
        FieldType.TEXT: pl.String, FieldType.INTEGER: pl.Int64, FieldType.NUMBER: pl.Float64,
        FieldType.BOOLEAN: pl.Boolean, FieldType.DATE: pl.Date, FieldType.INSTANT: pl.Datetime("us", "UTC"),
        FieldType.MONEY: pl.Decimal(18, 2)}
    columns = STAR[table].columns
    frame = pl.DataFrame(
        {column.name: [_value(column.type, column.name in STAR[table].key, row) for row in range(_ROWS)]
         for column in columns}, schema={column.name: kinds[column.type] for column in columns}, strict=False)
    held = BytesIO()
    frame.write_parquet(held)
    digest = sha256(held.getvalue()).hexdigest()
    _FOLDER.mkdir(mode=0o700, exist_ok=True)
    path = _FOLDER / f"{table}-{digest[:12]}.parquet"
    if not path.exists():                      # the same rows are the same file, whoever asks for them
        aside = _FOLDER / f".{os.getpid()}-{threading.get_ident()}.tmp"
        aside.write_bytes(held.getvalue())
        aside.replace(path)
    return {"table": table, "schema_version": STAR.version, "as_of": as_of, "file": str(path), "sha256": digest,
            "rows": frame.height}


def _value(kind: FieldType, key: bool, row: int) -> Any:
    if row == 1 and not key:
        return None
    match kind:
        case FieldType.MONEY:
            return Decimal(f"{row * 1234567}.{row}9")
        case FieldType.INTEGER | FieldType.NUMBER:
            return row
        case FieldType.BOOLEAN:
            return row % 2 == 0
        case FieldType.DATE:
            return date(2026, 3, 1 + row)
        case FieldType.INSTANT:
            return datetime(2026, 3, 1 + row, 8, tzinfo=UTC)
    return f"row {row}" if row != 2 else '=HYPERLINK("http://evil.test")'
