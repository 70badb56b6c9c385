"""The file that Tableau takes: rows of a table of the star as .hyper, by pantab."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from steward.model.errors import RecordRejected

if TYPE_CHECKING:
    import polars as pl

SCHEMA, ROWS, DAYS = "Extract", "Extract", "Days"
_CENTS = "Cents"
_HERE = {"target-schema": SCHEMA, "target-table": ROWS}
_THERE = {"source-schema": SCHEMA, "source-table": ROWS}


def write(file: Path, frame: pl.DataFrame) -> None:
    """Money stays decimal(18,2); instants are UTC, as Hyper keeps them."""
    _put(file, {ROWS: frame})


def write_with_days(file: Path, frame: pl.DataFrame, dated_by: str, first: date, last: date) -> None:
    """Beside the rows, in a table of its own, every day that they are of."""
    import polars as pl

    days = [first + timedelta(days=at) for at in range((last - first).days + 1)]
    _put(file, {ROWS: frame, DAYS: pl.DataFrame({dated_by: days})})


def replace_all() -> list[dict[str, Any]]:
    """The actions that make the table be what is in the file."""
    return [{"action": "replace", **_THERE, **_HERE}]


def replace_days(dated_by: str) -> list[dict[str, Any]]:
    """The actions that make the days of the file be what is in it: one transaction."""
    same = {"op": "eq", "source-col": dated_by, "target-col": dated_by}
    return [{"action": "delete", "source-schema": SCHEMA, "source-table": DAYS, **_HERE, "condition": same},
            {"action": "insert", **_THERE, **_HERE}]


def _put(file: Path, frames: Mapping[str, pl.DataFrame]) -> None:
    import pantab

    money = _money_that_pantab_cannot_write(frames[ROWS])
    written = {(SCHEMA, name): frame for name, frame in frames.items()}
    if money:
        written[SCHEMA, _CENTS] = _in_cents(written.pop((SCHEMA, ROWS)), money)
    try:
        pantab.frames_to_hyper(written, file)
        if money:
            columns = ", ".join(
                f'CAST(CAST("{name}" AS numeric(18, 2)) / 100 AS numeric(18, 2)) AS "{name}"' if name in money
                else f'"{name}"' for name in frames[ROWS].columns)
            _run(file, f'CREATE TABLE "{SCHEMA}"."{ROWS}" AS SELECT {columns} FROM "{SCHEMA}"."{_CENTS}"')  # noqa: S608  names of ours
            _run(file, f'DROP TABLE "{SCHEMA}"."{_CENTS}"')
    except RuntimeError as error:
        said = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise RecordRejected(f"tableau: the rows cannot be written as .hyper: {said}", "file") from None


def _money_that_pantab_cannot_write(frame: pl.DataFrame) -> list[str]:
    """All columns of money, where one holds -0.01 to -0.09: pantab 5.3.0 writes those as ".-1" and Hyper refuses."""
    import polars as pl

    money = [name for name, kind in frame.schema.items() if isinstance(kind, pl.Decimal)]
    small = [frame[name].cast(pl.Float64).is_between(-0.095, -0.005).any() for name in money]
    return money if any(small) else []


def _in_cents(frame: pl.DataFrame, money: list[str]) -> pl.DataFrame:
    import polars as pl

    return frame.with_columns((pl.col(money).cast(pl.Float64) * 100).round().cast(pl.Int64))


def _run(file: Path, statement: str) -> None:
    """pantab has no other way to run a statement than to ask for its rows; there are none."""
    import pantab

    pantab.frame_from_hyper_query(file, statement, return_type="polars")
