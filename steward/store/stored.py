"""Records as they are stored, fields in terms of JSON: for whoever compares them with what a source says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, select

from steward.model.records import Record
from steward.store import record_body
from steward.store.instants import to_text
from steward.store.schema import record as table

_AT_ONCE = 500
_COLUMNS = (table.c.noun, table.c.external_id, table.c.modified_at, table.c.deleted, table.c.merged_into,
            table.c.body, table.c.told)


@dataclass(frozen=True, slots=True)
class Stored:
    """One record: `told` holds when webhooks told single fields of it, later than the whole."""

    noun: str
    external_id: str
    modified_at: str | None
    deleted: bool
    merged_into: str | None
    body: Mapping[str, Any]
    told: Mapping[str, str]

    @property
    def is_live(self) -> bool:
        """Whether it is a record, and not a tombstone or a pointer to one."""
        return not self.deleted and self.merged_into is None


def as_stored(record: Record) -> Stored:
    """A record as it would be stored.

    Raises:
        Unstorable: the source holds something absurd.
    """
    return Stored(record.noun.value, record.external_id, to_text(record.modified_at), record.deleted,
                  record.merged_into, record_body.encode(record), {})


def of_stream(tx: Connection, connection: str, stream: str) -> dict[str, Stored]:
    """Every record of a stream by its external id, tombstones too."""
    found = tx.execute(select(*_COLUMNS).where(table.c.connection == connection, table.c.stream == stream))
    return {row.external_id: _read(row) for row in found}


def some(tx: Connection, connection: str, stream: str, external_ids: Iterable[str]) -> dict[str, Stored]:
    """Those of the records that are stored."""
    wanted = sorted(set(external_ids))
    found: dict[str, Stored] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        rows = tx.execute(select(*_COLUMNS).where(
            table.c.connection == connection, table.c.stream == stream,
            table.c.external_id.in_(wanted[start:start + _AT_ONCE])))
        found |= {row.external_id: _read(row) for row in rows}
    return found


def merged(tx: Connection, connection: str) -> dict[str, str]:
    """Each record of a connection that was merged away, and into which."""
    rows = tx.execute(select(table.c.external_id, table.c.merged_into).where(
        table.c.connection == connection, table.c.merged_into.is_not(None)))
    return {row.external_id: row.merged_into for row in rows}


def live_ids(tx: Connection, connection: str, stream: str) -> list[str]:
    """The ids of the records that are neither deleted nor merged away, sorted."""
    return sorted(tx.scalars(select(table.c.external_id).where(
        table.c.connection == connection, table.c.stream == stream, table.c.deleted == 0,
        table.c.merged_into.is_(None))))


def _read(row: Any) -> Stored:
    return Stored(row.noun, row.external_id, row.modified_at, bool(row.deleted), row.merged_into,
                  record_body.load(row.body), record_body.load(row.told) if row.told else {})
