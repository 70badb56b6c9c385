"""What a playbook's enrollments and actions came to, for those that measure it: read only, all of it, no limit."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from steward.model.enrollments import Enrollment
from steward.store import enrollments
from steward.store.instants import from_text
from steward.store.schema import enrollment, outbox

_PEOPLE = ("assignee_email", "owner_email")


@dataclass(frozen=True, slots=True)
class Acted:
    """One action: `person` is whom it asks, "" where that is nobody."""

    enrollment_id: str
    kind: str
    state: str
    person: str
    created_at: datetime


def entered(tx: Connection, playbook_id: str) -> list[Enrollment]:
    """Every enrollment that became active, the first first."""
    count = tx.scalar(select(func.count()).select_from(enrollment).where(enrollment.c.playbook_id == playbook_id)) or 0
    found = enrollments.list_(tx, playbook_id=playbook_id, limit=count)
    return sorted((each for each in found if each.entered_at is not None), key=lambda each: (each.entered_at, each.id))


def acted(tx: Connection, playbook_id: str) -> list[Acted]:
    """Every action of the playbook, as they were decided."""
    asked = select(outbox.c.enrollment_id, outbox.c.kind, outbox.c.state, outbox.c.body, outbox.c.created_at).where(
        outbox.c.playbook_id == playbook_id).order_by(outbox.c.created_at, outbox.c.position, outbox.c.key)
    out = []
    for row in tx.execute(asked):
        body = json.loads(row.body)
        person = next((body[name] for name in _PEOPLE if body.get(name)), "")
        out.append(Acted(row.enrollment_id, row.kind, row.state, person, from_text(row.created_at)))
    return out
