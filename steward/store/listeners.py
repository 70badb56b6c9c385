"""Listeners: addresses that asked to be told what happens, as a Zap that is switched on; and what is news to them."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Connection, case, insert, literal, select, update
from sqlalchemy import text as sql

from steward.model.enrollments import Arm
from steward.store.instants import from_text, to_text
from steward.store.schema import enrollment, outbox
from steward.store.schema import listener as table

ENTERED, CLOSED = "enrollment.entered", "enrollment.closed"
EVENTS = {
    ENTERED: "An account entered a playbook: it became active, and its steps begin.",
    CLOSED: "An enrollment was closed: cleared, goal met, expired, or one of its exits.",
}
"""What a listener can ask for."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One address and the event it asked for; `playbook_id` "" is every playbook. `ended_at`: it is told no more."""

    id: str
    connection: str
    event: str
    target_url: str = field(repr=False)
    playbook_id: str
    asked_by: str
    asked_at: datetime
    told_until: datetime
    ended_at: datetime | None = None
    ended_because: str | None = None


@dataclass(frozen=True, slots=True)
class Happening:
    """One event: an enrollment that entered or was closed at `occurred_at`."""

    enrollment_id: str
    playbook_id: str
    version: str
    account_id: str
    subject_id: str
    reason: str
    occurred_at: datetime


def add(
    tx: Connection, *, connection: str, event: str, target_url: str, playbook_id: str, by: str, now: datetime,
) -> Listener:
    """Keep it; an address that asked for the same before and listens still is the same listener."""
    known = tx.execute(select(table).where(
        table.c.connection == connection, table.c.event == event, table.c.target_url == target_url,
        table.c.playbook_id == playbook_id, table.c.ended_at.is_(None))).first()
    if known is not None:
        return _listener(known)
    made = Listener(f"lst_{secrets.token_hex(12)}", connection, event, target_url, playbook_id, by[:128], now, now)
    tx.execute(insert(table).values(
        id=made.id, connection=connection, event=event, target_url=target_url, playbook_id=playbook_id,
        asked_by=made.asked_by, asked_at=to_text(now), told_until=to_text(now)))
    return made


def end(tx: Connection, listener_id: str, now: datetime, because: str) -> bool:
    """Tell it nothing more, not what waits either; False where it had ended, or there is none."""
    statement = update(table).where(table.c.id == listener_id, table.c.ended_at.is_(None))
    if tx.execute(statement.values(ended_at=to_text(now), ended_because=because)).rowcount != 1:
        return False
    tx.execute(sql("""
        UPDATE outbox SET state = 'cancelled', trouble = :why, done_at = :now, lease_until = NULL, epoch = epoch + 1
        WHERE state = 'pending' AND account_id = :id AND kind = 'tell_listener'
    """), {"why": f"the listener ended: {because}", "now": to_text(now), "id": listener_id})
    return True


def one(tx: Connection, listener_id: str) -> Listener | None:
    found = tx.execute(select(table).where(table.c.id == listener_id)).first()
    return _listener(found) if found is not None else None


def ended(tx: Connection, listener_id: str) -> str | None:
    """Why it is told nothing more; None where it is, or nobody knows it."""
    return tx.scalar(select(table.c.ended_because).where(table.c.id == listener_id, table.c.ended_at.is_not(None)))


def list_(tx: Connection, *, ended: bool = False) -> list[Listener]:
    """Those that listen, the oldest first; with `ended`, all."""
    found = select(table).order_by(table.c.asked_at, table.c.id)
    return [_listener(row) for row in tx.execute(found if ended else found.where(table.c.ended_at.is_(None)))]


def told(tx: Connection, listener_id: str, until: datetime) -> None:
    """All that happened before `until` is queued for it; it asked before that, whatever the clock said then."""
    at = to_text(until)
    tx.execute(update(table).where(table.c.id == listener_id).values(
        told_until=at, asked_at=case((table.c.asked_at > at, at), else_=table.c.asked_at)))


def happenings(
    tx: Connection, event: str, since: datetime, *, playbook_id: str = "", limit: int | None = None, unused: str = "",
) -> list[Happening]:
    """What happened since, oldest first; with `limit` the newest so many, with `unused` those for which the outbox has
    no key that is made of that and the enrollment's id. What performs nothing (control, shadow) is no event."""
    at = enrollment.c.entered_at if event == ENTERED else enrollment.c.closed_at
    wanted = select(enrollment, at.label("at")).where(
        at >= to_text(since), enrollment.c.arm == Arm.TREATMENT.value, enrollment.c.entered_at.is_not(None))
    if playbook_id:
        wanted = wanted.where(enrollment.c.playbook_id == playbook_id)
    if unused:
        used = select(outbox.c.key).where(outbox.c.key == literal(unused).concat(enrollment.c.id))
        wanted = wanted.where(~used.exists())
    rows = tx.execute(wanted.order_by(at.desc(), enrollment.c.id).limit(limit)).all()
    return [
        Happening(row.id, row.playbook_id, row.version, row.account_id, row.subject_id,
                  row.reason if event == CLOSED else "", from_text(row.at))
        for row in reversed(rows)]


def _listener(row: object) -> Listener:
    read = row._mapping  # type: ignore[attr-defined]  # a row of `table`
    return Listener(
        read["id"], read["connection"], read["event"], read["target_url"], read["playbook_id"], read["asked_by"],
        from_text(read["asked_at"]), from_text(read["told_until"]),
        from_text(read["ended_at"]) if read["ended_at"] else None, read["ended_because"])
