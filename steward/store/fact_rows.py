"""Rows of facts as JSON text, and back as columns: how single accounts are kept until the next snapshot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any

import orjson
import polars as pl

from steward.store.instants import from_text, to_text


def dump(row: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> str:
    """One row, or a list of them, as JSON text; days and instants, which JSON does not know, as `{"on": …}`."""
    if isinstance(row, Mapping):
        return orjson.dumps(_tagged_row(row)).decode()
    return orjson.dumps([_tagged_row(each) for each in row]).decode()


def load(body: str) -> Any:
    """What `dump` wrote."""
    read = orjson.loads(body)
    return _untagged_row(read) if isinstance(read, dict) else [_untagged_row(each) for each in read]


def frame(rows: Sequence[Mapping[str, Any]], schema: Mapping[str, pl.DataType], *, only: bool) -> pl.DataFrame:
    """The rows with the columns of `schema` and, unless `only` these are wanted, those that it does not have.

    A column of no known type (Null in `schema`) takes that of its values; texts are coded.
    """
    known = {name: dtype for name, dtype in schema.items() if dtype != pl.Null}
    others = dict.fromkeys(name for row in (schema, *(() if only else rows)) for name in row if name not in known)
    more = pl.DataFrame([_column(name, [row.get(name) for row in rows]) for name in others])
    if not known:                              # no snapshot yet says what the columns are
        return more
    return pl.DataFrame(rows, schema=known, orient="row", strict=False).hstack(more)


def _column(name: str, values: list[Any]) -> pl.Series:
    if any(isinstance(value, str) for value in values) and name != "account_id":
        return pl.Series(name, values, dtype=pl.Categorical, strict=False)
    if any(isinstance(value, datetime) for value in values):
        return pl.Series(name, values, dtype=pl.Datetime("us", "UTC"))
    return pl.Series(name, values, strict=False)


def _tagged_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _tagged(value) for name, value in row.items()}


def _untagged_row(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _untagged(value) for name, value in row.items()}


def _tagged(value: Any) -> Any:
    if isinstance(value, datetime):
        return {"at": to_text(value)}
    return {"on": value.isoformat()} if isinstance(value, date) else value


def _untagged(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return from_text(value["at"]).astimezone(UTC) if "at" in value else date.fromisoformat(value["on"])
