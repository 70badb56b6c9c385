"""Many rows in one statement of the driver's own, past SQLAlchemy: what compiles row by row costs twice as much.

Statements are written with "?" and no other question mark or percent sign, and run on SQLite and PostgreSQL alike.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import orjson
from sqlalchemy import Connection, Table
from sqlalchemy.exc import DBAPIError


def upsert(tx: Connection, table: Table, rows: Sequence[tuple[Any, ...]], on_conflict: str) -> int:
    """Insert `rows`, each with every column of `table` in its order; how many were inserted or changed."""
    if not rows:
        return 0
    names = [f'"{column.name}"' for column in table.columns]
    marks = ", ".join("?" * len(names))
    statement = f'INSERT INTO "{table.name}" ({", ".join(names)}) VALUES ({marks}) {on_conflict}'  # noqa: S608  names of ours
    return change_each(tx, statement, rows)


def fetch(tx: Connection, statement: str, *values: object) -> list[Any]:
    """The rows of a SELECT, as the driver gives them."""
    with _cursor(tx) as cursor:
        cursor.execute(_styled(tx, statement), values)
        return list(cursor.fetchall())


def change(tx: Connection, statement: str, *values: object) -> int:
    """Run an UPDATE or a DELETE; how many rows it changed."""
    with _cursor(tx) as cursor:
        cursor.execute(_styled(tx, statement), values)
        return int(cursor.rowcount)


def change_each(tx: Connection, statement: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Run one statement for each of `rows`; how many rows that changed."""
    if not rows:
        return 0
    with _cursor(tx) as cursor:
        cursor.executemany(_styled(tx, statement), rows)
        return int(cursor.rowcount)


def among(tx: Connection, column: str, values: Collection[str]) -> tuple[str, object]:
    """`column` is one of `values`, however many: the condition and its one parameter."""
    wanted = sorted(set(values))
    if tx.dialect.name == "postgresql":
        return f"{column} = ANY(?)", wanted
    return f"{column} IN (SELECT value FROM json_each(?))", orjson.dumps(wanted).decode()  # noqa: S608  ours


@contextmanager
def _cursor(tx: Connection) -> Iterator[Any]:
    """A cursor of the driver, within `tx`; what it raises, as SQLAlchemy says it, without the values."""
    dialect = tx.dialect
    base = dialect.loaded_dbapi.Error
    cursor = tx.connection.cursor()
    try:
        yield cursor
    except base as error:
        raise DBAPIError.instance(None, None, error, base, hide_parameters=True, dialect=dialect) from error
    finally:
        cursor.close()


def _styled(tx: Connection, statement: str) -> str:
    return statement.replace("?", "%s") if tx.dialect.name == "postgresql" else statement
