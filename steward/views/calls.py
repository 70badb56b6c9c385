"""The webhook calls that were taken and could not be worked off: parked, or in conflict with another of their id."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from steward.store import inbox

if TYPE_CHECKING:
    from steward.store.database import Database

ASIDE = ("parked", "conflict")


@dataclass(frozen=True, slots=True)
class CallLine:
    """One call that a person must look at; `trouble` says why in words."""

    connection: str
    delivery_id: str
    received_at: datetime
    state: str
    trouble: str


def calls_aside(db: Database, limit: int = 50) -> list[CallLine]:
    """Those calls, the oldest first."""
    with db.read() as tx:
        found = [(each, state) for state in ASIDE for each in inbox.list_(tx, state, limit)]
    lines = [CallLine(each.connection, each.delivery_id, each.received_at, state, each.trouble or "")
             for each, state in found]
    return sorted(lines, key=lambda each: (each.received_at, each.delivery_id))[:limit]


def count_aside(db: Database) -> int:
    """How many there are."""
    with db.read() as tx:
        counted = inbox.counts(tx)
    return sum(counted.get(state, 0) for state in ASIDE)
