"""The facts that stand in other systems by our word: what was decided last for each field, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from steward.store import bulk
from steward.store.instants import to_text
from steward.store.schema import written


@dataclass(frozen=True, slots=True)
class Written:
    """One field of one account in one system. `state` is that of its action in the outbox."""

    connection: str
    account_id: str
    field: str
    external_id: str
    value: str
    version: int
    key: str
    state: str = "pending"


def of(tx: Connection, connection: str, field: str) -> dict[str, Written]:
    """By account, what was decided last for `field`."""
    rows = bulk.fetch(tx, """
        SELECT w.connection, w.account_id, w.field, w.external_id, w.value, w.version, w.key,
               coalesce(o.state, 'cancelled')
        FROM written AS w LEFT JOIN outbox AS o ON o.key = w.key WHERE w.connection = ? AND w.field = ?
    """, connection, field)
    return {row[1]: Written(*row) for row in rows}


def put(tx: Connection, rows: Sequence[Written], now: datetime) -> None:
    """What is decided now, over what was decided before."""
    bulk.upsert(tx, written, [
        (row.connection, row.account_id, row.field, row.external_id, row.value, row.version, row.key, to_text(now))
        for row in rows
    ], """
        ON CONFLICT (connection, account_id, field) DO UPDATE SET external_id = excluded.external_id,
            value = excluded.value, version = excluded.version, key = excluded.key, decided_at = excluded.decided_at
        WHERE excluded.version > written.version
    """)


def counts(tx: Connection) -> dict[tuple[str, str], dict[str, int]]:
    """By connection and field, how many accounts are in each state."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for connection, field, state, number in bulk.fetch(tx, """
        SELECT w.connection, w.field, coalesce(o.state, 'cancelled'), count(*)
        FROM written AS w LEFT JOIN outbox AS o ON o.key = w.key GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    """):
        found.setdefault((connection, field), {})[state] = number
    return found
