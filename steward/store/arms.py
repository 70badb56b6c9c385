"""Arms: who is control and who is treated, decided once for each family of accounts and never again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from steward.model.enrollments import Arm
from steward.store import bulk
from steward.store.instants import to_text
from steward.store.schema import arm


@dataclass(frozen=True, slots=True)
class Assigned:
    """One family's arm; `position` is its place in the `stratum`, from 0."""

    family_id: str
    arm: Arm
    stratum: str
    position: int


def of(tx: Connection, playbook_id: str, salt: str, family_ids: Collection[str]) -> dict[str, Arm]:
    """The arm of each family that has one, by its id."""
    if not family_ids:
        return {}
    among, ids = bulk.among(tx, "family_id", family_ids)
    statement = f"SELECT family_id, arm FROM arm WHERE playbook_id = ? AND salt = ? AND {among}"  # noqa: S608  ours
    return {row[0]: Arm(row[1]) for row in bulk.fetch(tx, statement, playbook_id, salt, ids)}


def next_positions(tx: Connection, playbook_id: str, salt: str) -> dict[str, int]:
    """The place that the next family of each stratum gets; 0 for strata that are not in it."""
    rows = bulk.fetch(tx, """
        SELECT stratum, max(position) + 1 FROM arm WHERE playbook_id = ? AND salt = ? GROUP BY stratum
    """, playbook_id, salt)
    return {row[0]: row[1] for row in rows}


def assign(tx: Connection, playbook_id: str, salt: str, assigned: Sequence[Assigned], now: datetime) -> int:
    """Store the arms that are new, and return how many that were; one that is assigned stays."""
    at = to_text(now)
    rows = [(playbook_id, salt, each.family_id, each.arm.value, each.stratum, each.position, at) for each in assigned]
    return bulk.upsert(tx, arm, rows, "ON CONFLICT (playbook_id, salt, family_id) DO NOTHING")


def list_(tx: Connection, playbook_id: str) -> list[Assigned]:
    """Every family's arm, as they were assigned."""
    rows = bulk.fetch(tx, """
        SELECT family_id, arm, stratum, position FROM arm WHERE playbook_id = ?
        ORDER BY assigned_at, stratum, position
    """, playbook_id)
    return [Assigned(row[0], Arm(row[1]), row[2], row[3]) for row in rows]
