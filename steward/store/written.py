"""The facts that stand in other systems by our word: what was decided last for each field, and what became of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from steward.store import bulk
from steward.store.instants import to_text
from steward.store.schema import written

PLAYBOOK = "writeback"                      # stands for one in the rows of the outbox
KEEP = timedelta(days=30)


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


def is_over(tx: Connection, key: str, playbook_id: str) -> bool:
    """Whether the row `key` of the outbox writes back a value that has given way to a newer one."""
    return playbook_id == PLAYBOOK and not bulk.fetch(tx, "SELECT 1 FROM written WHERE key = ?", key)


def forget(tx: Connection, now: datetime) -> int:
    """Let go the actions that wrote values which stand no more, `KEEP` after they ended; how many.

    A value's number is never used again, as it stands here: the keys stay unique.
    """
    old = bulk.fetch(tx, """
        SELECT o.key FROM outbox AS o WHERE o.playbook_id = ? AND o.done_at < ?
            AND o.state IN ('delivered', 'expired', 'cancelled')
            AND NOT EXISTS (SELECT 1 FROM written AS w WHERE w.key = o.key)
    """, PLAYBOOK, to_text(now - KEEP))
    among, keys = bulk.among(tx, "key", [row[0] for row in old])
    for table in ("attempt", "receipt", "outbox"):
        bulk.change(tx, f"DELETE FROM {table} WHERE {among}", keys)  # noqa: S608  names of ours
    return len(old)


def counts(tx: Connection) -> dict[tuple[str, str], dict[str, int]]:
    """By connection and field, how many accounts are in each state."""
    found: dict[tuple[str, str], dict[str, int]] = {}
    for connection, field, state, number in bulk.fetch(tx, """
        SELECT w.connection, w.field, coalesce(o.state, 'cancelled'), count(*)
        FROM written AS w LEFT JOIN outbox AS o ON o.key = w.key GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
    """):
        found.setdefault((connection, field), {})[state] = number
    return found
