"""Rows that could not become records: kept with the reason until the same row comes through."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, select, text

from steward.model.records import Refusal
from steward.store.instants import from_text, to_text
from steward.store.schema import refusal as table

_PUT = text("""
    INSERT INTO refusal (connection, stream, place, field, reason, refused_at)
    VALUES (:connection, :stream, :place, :field, :reason, :now)
    ON CONFLICT (connection, stream, place) DO UPDATE SET
        field = excluded.field, reason = excluded.reason, refused_at = excluded.refused_at
""")


@dataclass(frozen=True, slots=True)
class Refused:
    """One row as it stands in the store."""

    connection: str
    stream: str
    where: str
    field: str | None
    reason: str
    refused_at: datetime


def put(tx: Connection, connection: str, stream: str, refusals: Sequence[Refusal], now: datetime) -> None:
    """Keep them; several of one place become one, and the newest reason of a place counts."""
    rows: dict[str, dict[str, str | None]] = {}
    for found in refusals:
        place, reason = _plain(found.where)[:255], _plain(found.reason)
        if place in rows:
            rows[place]["reason"] = f"{rows[place]['reason']}; {found.field}: {reason}"
            continue
        rows[place] = {
            "connection": connection, "stream": stream, "place": place, "now": to_text(now), "reason": reason,
            "field": found.field and _plain(found.field)[:128],
        }
    if rows:
        tx.execute(_PUT, list(rows.values()))


def clear(tx: Connection, connection: str, stream: str, external_ids: Iterable[str]) -> None:
    """Forget what was refused of records that came through now: a place that ends in the record's id."""
    places = tx.scalars(select(table.c.place).where(table.c.connection == connection, table.c.stream == stream)).all()
    if places:
        came = set(external_ids)
        over = [place for place in places if _id_in(place) in came]
        _forget(tx, connection, stream, over)


def clear_in(tx: Connection, connection: str, stream: str, file: str) -> None:
    """Forget what was refused in `file`, of the whole file and of its rows: it is read from its beginning again."""
    places = tx.scalars(select(table.c.place).where(table.c.connection == connection, table.c.stream == stream)).all()
    _forget(tx, connection, stream, [place for place in places if place == file or place.startswith(f"{file} ")])


def clear_before(tx: Connection, connection: str, stream: str, instant: datetime) -> None:
    """Forget what was refused before `instant`: since then the whole stream was read anew."""
    tx.execute(delete(table).where(
        table.c.connection == connection, table.c.stream == stream, table.c.refused_at < to_text(instant)
    ))


def list_(tx: Connection, connection: str | None = None) -> list[Refused]:
    """All that stand, sorted by connection, stream and place."""
    found = select(table) if connection is None else select(table).where(table.c.connection == connection)
    return sorted((
        Refused(row.connection, row.stream, row.place, row.field, row.reason, from_text(row.refused_at))
        for row in tx.execute(found)
    ), key=lambda row: (row.connection, row.stream, row.where))


def _forget(tx: Connection, connection: str, stream: str, places: list[str]) -> None:
    for start in range(0, len(places), 500):
        tx.execute(delete(table).where(
            table.c.connection == connection, table.c.stream == stream, table.c.place.in_(places[start:start + 500])
        ))


def _id_in(place: str) -> str | None:
    """The record's id that ends a place ("Account 001…"); "accounts.csv row 17" names no record."""
    words = place.rsplit(" ", 2)
    return None if len(words) > 1 and words[-2].lower() in ("row", "line") else words[-1]


def _plain(said: str) -> str:
    """PostgreSQL holds neither NUL nor half a character."""
    return said.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
