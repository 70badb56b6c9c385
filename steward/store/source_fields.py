"""The schema of each source as it was last seen, and what has changed in it since: schema drift, noticed once."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select, text

from steward.contracts import SourceField
from steward.kit.untrusted import plain
from steward.store import notices
from steward.store.instants import from_text, to_text
from steward.store.notices import Notice, What
from steward.store.schema import source_field as table

_PUT = text("""
    INSERT INTO source_field (connection, stream, object, field, kind, "values", first_seen_at, changed_at, gone_at)
    VALUES (:connection, :stream, :object, :field, :kind, :values, :now, :now, :gone_at)
    ON CONFLICT (connection, stream, object, field) DO UPDATE SET
        kind = excluded.kind, "values" = excluded."values", changed_at = excluded.changed_at,
        gone_at = excluded.gone_at
""")
MOST_SHOWN, MOST_NAMED = 5, 255


@dataclass(frozen=True, slots=True)
class Known:
    """A field as it was last seen; `gone_at` where the source has it no more."""

    connection: str
    stream: str
    object: str
    field: str
    kind: str
    values: tuple[str, ...]
    first_seen_at: datetime
    changed_at: datetime
    gone_at: datetime | None


def see(
    tx: Connection, connection: str, stream: str, schema: Mapping[str, Mapping[str, SourceField]], now: datetime,
) -> None:
    """Compare the schema with what was known, keep it, and give a notice of each difference.

    The first sight of an object is no news. A value that a list no longer has is not noticed: rows may still hold it.
    """
    if not schema:
        return
    known: dict[str, dict[str, Known]] = {}
    for each in list_(tx, connection, stream):
        known.setdefault(each.object, {})[each.field] = each
    rows, said = [], []
    for name, fields in _storable(schema).items():
        before = known.get(name, {})
        for field, is_now in fields.items():
            was = before.get(field)
            if was and was.gone_at is None and (was.kind, was.values) == (is_now.kind, is_now.values):
                continue
            rows.append(_row(connection, stream, name, field, is_now, now, gone=False))
            if before:
                said += [(what, name, field, words) for what, words in _differences(was, is_now)]
        for field, was in before.items():
            if field not in fields and was.gone_at is None:
                rows.append(_row(connection, stream, name, field, SourceField(was.kind, was.values), now, gone=True))
                said.append((What.FIELD_GONE, name, field, f'the source has the field "{field}" no more'))
    if rows:
        tx.execute(_PUT, rows)
    notices.add(tx, [Notice(connection, stream, what, f"{name}.{field}"[:255], words, now)
                     for what, name, field, words in said])


def list_(tx: Connection, connection: str | None = None, stream: str | None = None) -> list[Known]:
    """Every field that was ever seen, sorted by connection, stream, object and name."""
    statement = select(table)
    if connection is not None:
        statement = statement.where(table.c.connection == connection)
    if stream is not None:
        statement = statement.where(table.c.stream == stream)
    return sorted((
        Known(row["connection"], row["stream"], row["object"], row["field"], row["kind"],
              tuple(json.loads(row["values"])), from_text(row["first_seen_at"]), from_text(row["changed_at"]),
              from_text(row["gone_at"]) if row["gone_at"] else None)
        for row in tx.execute(statement).mappings()
    ), key=lambda each: (each.connection, each.stream, each.object, each.field))


def _storable(schema: Mapping[str, Mapping[str, SourceField]]) -> dict[str, dict[str, SourceField]]:
    """With names as they are kept: a column of a file may be called anything, and is compared with what is kept."""
    return {plain(name)[:MOST_NAMED]: {
        plain(field)[:MOST_NAMED]: SourceField(plain(about.kind), tuple(map(plain, about.values)))
        for field, about in fields.items()
    } for name, fields in schema.items()}


def _differences(was: Known | None, is_now: SourceField) -> Iterator[tuple[What, str]]:
    if was is None or was.gone_at is not None:
        yield What.NEW_FIELD, f'a new field of type "{is_now.kind}"; map it in the settings if it is wanted'
        return
    if was.kind != is_now.kind:
        yield What.OTHER_TYPE, f'its type was "{was.kind}" and is "{is_now.kind}"'
    new = [value for value in is_now.values if value not in set(was.values)]
    if new:
        shown = ", ".join(f'"{value[:60]}"' for value in new[:MOST_SHOWN])
        more = f" and {len(new) - MOST_SHOWN} more" if len(new) > MOST_SHOWN else ""
        yield What.NEW_VALUE, f"new in its list: {shown}{more}"


def _row(  # noqa: PLR0917  the columns of one row
    connection: str, stream: str, name: str, field: str, about: SourceField, now: datetime, *, gone: bool,
) -> dict[str, str | None]:
    return {
        "connection": connection, "stream": stream, "object": name, "field": field, "kind": about.kind,
        "values": json.dumps(about.values, ensure_ascii=True), "now": to_text(now),
        "gone_at": to_text(now) if gone else None,
    }
