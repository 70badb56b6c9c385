"""Data incidents: a source that fell behind, since when, and which playbooks wait for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select, update

from steward.store.instants import from_text, to_text
from steward.store.schema import data_incident


@dataclass(frozen=True, slots=True)
class Incident:
    """One source's trouble; `closed_at` None while it lasts."""

    group: str
    opened_at: datetime
    closed_at: datetime | None
    reason: str
    playbooks: tuple[str, ...]


def raise_(tx: Connection, group: str, reason: str, playbooks: Sequence[str], now: datetime) -> bool:
    """Open an incident for `group`; False where one is open already, which is left as it is."""
    if any(each.group == group for each in list_(tx, open_only=True)):
        return False
    tx.execute(insert(data_incident).values(
        group=group, opened_at=to_text(now), reason=reason, playbooks=json.dumps(sorted(playbooks))))
    return True


def close(tx: Connection, group: str, now: datetime) -> bool:
    """Close the open incident of `group`; False where there is none."""
    statement = update(data_incident).where(data_incident.c.group == group, data_incident.c.closed_at.is_(None))
    return tx.execute(statement.values(closed_at=to_text(now))).rowcount > 0


def list_(tx: Connection, *, open_only: bool = False, limit: int = 200) -> list[Incident]:
    """The latest incidents, the newest first."""
    statement = select(data_incident).order_by(data_incident.c.opened_at.desc(), data_incident.c.group).limit(limit)
    if open_only:
        statement = statement.where(data_incident.c.closed_at.is_(None))
    return [
        Incident(found["group"], from_text(found["opened_at"]),
                 from_text(found["closed_at"]) if found["closed_at"] else None, found["reason"],
                 tuple(json.loads(found["playbooks"])))
        for found in tx.execute(statement).mappings()
    ]
