"""Rows that could not become records: kept with the reason, the tries and since when, until they come through."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, delete, or_, select, text, update

from steward.model.records import Refusal
from steward.model.words import storable
from steward.store import bulk, notices
from steward.store.instants import from_text, to_text
from steward.store.notices import Notice, What
from steward.store.schema import refusal as table

_PUT = text("""
    INSERT INTO refusal (connection, stream, place, field, reason, refused_at, since, attempts, doubted)
    VALUES (:connection, :stream, :place, :field, :reason, :now, :now, 1, 0)
    ON CONFLICT (connection, stream, place) DO UPDATE SET
        field = excluded.field, reason = excluded.reason, refused_at = excluded.refused_at,
        attempts = refusal.attempts + 1, doubted = 0
""")
_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Refused:
    """One row as it stands in the store: refused first `since`, last at `refused_at`, `attempts` times in all."""

    connection: str
    stream: str
    where: str
    field: str | None
    reason: str
    refused_at: datetime
    since: datetime
    attempts: int


def settle(  # noqa: PLR0917  whose, what came, what did not, and when
    tx: Connection, connection: str, stream: str, came: Collection[str], refused: Sequence[Refusal], now: datetime,
) -> None:
    """Keep what was refused, and forget what was refused before of the records that `came` and were not refused now.

    Several refusals of one place become one. A place that is new, or whose reason is, is a notice; so is one that is
    over. What was refused again for the same reason is counted only.
    """
    rows = _rows(connection, stream, refused, now)
    standing = _standing(tx, connection, stream, rows, came)
    said = [
        Notice(connection, stream, What.REFUSED if place not in standing else What.REFUSED_OTHERWISE, place,
               f"{row['field']}: {row['reason']}" if row["field"] else str(row["reason"]), now)
        for place, row in rows.items() if standing.get(place) != (row["field"], row["reason"])
    ]
    if rows:
        tx.execute(_PUT, list(rows.values()))
    if standing:
        over = [place for place in standing if place not in rows]
        said += _forget(tx, connection, stream, over, "it came through", now)
    notices.add(tx, said)


def doubt(tx: Connection, connection: str, stream: str, file: str) -> None:
    """`file` is read from its beginning again: what was refused in it and is not refused anew is over at the `end`."""
    places = tx.scalars(select(table.c.place).where(_of(connection, stream))).all()
    doubted = [place for place in places if place == file or place.startswith(f"{file} ")]
    for start in range(0, len(doubted), _AT_ONCE):
        tx.execute(update(table).where(
            _of(connection, stream), table.c.place.in_(doubted[start:start + _AT_ONCE])).values(doubted=1))


def end(tx: Connection, connection: str, stream: str, now: datetime, whole_since: datetime | None = None) -> None:
    """A pull read all there was: what is doubted is over; with `whole_since`, also what was refused before that."""
    is_over: ColumnElement[bool] = table.c.doubted == 1
    if whole_since is not None:
        is_over = or_(is_over, table.c.refused_at < to_text(whole_since))
    over = tx.scalars(select(table.c.place).where(_of(connection, stream), is_over)).all()
    notices.add(tx, _forget(tx, connection, stream, over, "it came through, or is gone", now))


def to_ask_for(tx: Connection, connection: str, stream: str, before: datetime, most: int | None = None) -> list[str]:
    """The ids of at most `most` records refused last before an instant, those that waited longest first."""
    rows = tx.scalars(select(table.c.place).where(_of(connection, stream), table.c.refused_at < to_text(before))
                      .order_by(table.c.refused_at, table.c.place)).all()
    return [external_id for external_id in map(_id_in, rows) if external_id and " " not in external_id][:most]


def gone(tx: Connection, connection: str, stream: str, external_ids: Collection[str], now: datetime) -> None:
    """The source has these records no more: nothing is left that could be refused."""
    places = tx.scalars(select(table.c.place).where(_of(connection, stream))).all()
    wanted = set(external_ids)
    over = [place for place in places if _id_in(place) in wanted]
    notices.add(tx, _forget(tx, connection, stream, over, "the source has it no more", now))


def list_(tx: Connection, connection: str | None = None) -> list[Refused]:
    """All that stand, sorted by connection, stream and place."""
    found = select(table) if connection is None else select(table).where(table.c.connection == connection)
    return sorted((
        Refused(row.connection, row.stream, row.place, row.field, row.reason, from_text(row.refused_at),
                from_text(row.since or row.refused_at), row.attempts)
        for row in tx.execute(found)
    ), key=lambda row: (row.connection, row.stream, row.where))


def ids(tx: Connection, connection: str, stream: str) -> set[str]:
    """The ids of the records that stand refused, wholly or in a field."""
    places = tx.scalars(select(table.c.place).where(_of(connection, stream)))
    return {external_id for external_id in map(_id_in, places) if external_id}


def _standing(
    tx: Connection, connection: str, stream: str, places: Collection[str], came: Collection[str],
) -> dict[str, tuple[str | None, str]]:
    """Field and reason of those that stand of these places and of the records that came, by place.

    Looked for in the database: a page that comes must not cost all the rows that stand refused.
    """
    at = "position(' ' IN place)" if tx.dialect.name == "postgresql" else "instr(place, ' ')"
    found: list[tuple[str, str | None, str]] = []
    for column, wanted in (("place", places), (f"CASE WHEN {at} > 0 THEN substr(place, {at} + 1) END", came)):
        if wanted:
            among, values = bulk.among(tx, column, wanted)
            found += bulk.fetch(tx, f"""
                SELECT place, field, reason FROM refusal WHERE connection = ? AND stream = ? AND {among}
            """, connection, stream, values)  # noqa: S608  ours
    return {place: (field, reason) for place, field, reason in found}


def _rows(
    connection: str, stream: str, refused: Sequence[Refusal], now: datetime,
) -> dict[str, dict[str, str | None]]:
    rows: dict[str, dict[str, str | None]] = {}
    for found in refused:
        place, reason = storable(found.where)[:255], storable(found.reason)
        if place in rows:
            rows[place]["reason"] = f"{rows[place]['reason']}; {found.field}: {reason}"
            continue
        rows[place] = {
            "connection": connection, "stream": stream, "place": place, "now": to_text(now), "reason": reason,
            "field": found.field and storable(found.field)[:128],
        }
    return rows


def _forget(  # noqa: PLR0917  which, why and when
    tx: Connection, connection: str, stream: str, places: Sequence[str], why: str, now: datetime,
) -> list[Notice]:
    for start in range(0, len(places), _AT_ONCE):
        tx.execute(delete(table).where(
            _of(connection, stream), table.c.place.in_(places[start:start + _AT_ONCE])))
    return [Notice(connection, stream, What.OVER, place, why, now) for place in places]


def _of(connection: str, stream: str) -> ColumnElement[bool]:
    return and_(table.c.connection == connection, table.c.stream == stream)


def _id_in(place: str) -> str:
    """The record's id in a place ("Account 001…"), after its kind; what else stands there is no record's id."""
    return place.partition(" ")[2]
