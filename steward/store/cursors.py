"""Where every stream stands: its cursor, its watermark, and what went wrong last."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, text, update

from steward.contracts import Cursor
from steward.store.instants import from_text, to_text
from steward.store.schema import cursor as table

# A pull that resumes tells no watermark before its last page, and an older one is never believed.
_MOVE = text("""
    INSERT INTO cursor (connection, stream, value, watermark, records, moved_at)
    VALUES (:connection, :stream, :value, :watermark, :records, :now)
    ON CONFLICT (connection, stream) DO UPDATE SET
        value = excluded.value, moved_at = excluded.moved_at, records = cursor.records + excluded.records,
        watermark = CASE WHEN cursor.watermark IS NULL OR excluded.watermark > cursor.watermark
                         THEN excluded.watermark ELSE cursor.watermark END
""")
_TROUBLE = text("""
    INSERT INTO cursor (connection, stream, records, moved_at, trouble)
    VALUES (:connection, :stream, 0, :now, :trouble)
    ON CONFLICT (connection, stream) DO UPDATE SET trouble = excluded.trouble
""")


@dataclass(frozen=True, slots=True)
class Standing:
    """One stream. All that changed in the source before `watermark` is stored; `records` were read since the start."""

    connection: str
    stream: str
    cursor: Cursor | None
    watermark: datetime | None
    records: int
    moved_at: datetime
    trouble: str | None


def get(tx: Connection, connection: str, stream: str) -> Cursor | None:
    """Where to resume `stream`; None when it was never read."""
    value = tx.scalar(select(table.c.value).where(table.c.connection == connection, table.c.stream == stream))
    return None if value is None else Cursor(value)


def move(
    tx: Connection, connection: str, stream: str, cursor: Cursor, *, watermark: datetime | None, records: int,
    now: datetime,
) -> None:
    """Resume after `cursor` from now on; belongs into the transaction that stores the page before it."""
    tx.execute(_MOVE, {
        "connection": connection, "stream": stream, "value": cursor, "watermark": to_text(watermark),
        "records": records, "now": to_text(now),
    })


def trouble(tx: Connection, connection: str, stream: str, said: str, now: datetime) -> None:
    """Keep what stopped a pull, until one ends well."""
    tx.execute(_TROUBLE, {"connection": connection, "stream": stream, "trouble": said, "now": to_text(now)})


def end(tx: Connection, connection: str, stream: str) -> None:
    """A pull read all there was: the last trouble is over."""
    tx.execute(update(table).where(
        table.c.connection == connection, table.c.stream == stream, table.c.trouble.is_not(None)
    ).values(trouble=None))


def watermarks(tx: Connection) -> dict[tuple[str, str], datetime | None]:
    """By (connection, stream): the instant before which every change is stored."""
    return {(row.connection, row.stream): row.watermark for row in list_(tx)}


def list_(tx: Connection) -> list[Standing]:
    """Every stream that was ever read or tried, sorted by connection and stream."""
    return sorted((
        Standing(row.connection, row.stream, row.value, from_text(row.watermark), row.records,
                 from_text(row.moved_at), row.trouble)
        for row in tx.execute(select(table))
    ), key=lambda standing: (standing.connection, standing.stream))
