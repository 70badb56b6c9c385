"""Lines that wait to be told together: messages that were decided, and go out in one with others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import BaseModel
from sqlalchemy import Connection

from steward.model.actions import Message
from steward.store import bulk
from steward.store.instants import from_text, to_text
from steward.store.schema import digest_line

CANCELLED = "cancelled"


class _Body(BaseModel):
    """What a line keeps besides its columns."""

    connection: str
    urgent: bool
    message: Message


@dataclass(frozen=True, slots=True)
class DigestLine:
    """One message that is told with others. `sent_in`: the key of the message that told it, or "cancelled"."""

    key: str                                # the idempotency key of the step
    recipient: str                          # an e-mail address, or "channel:…"
    due_at: datetime
    enrollment_id: str
    account_id: str
    playbook_id: str
    connection: str
    message: Message
    urgent: bool = False                    # an escalation: better told twice than not at all
    sent_in: str | None = None


def add(tx: Connection, lines: Sequence[DigestLine]) -> int:
    """Store the lines that are new by their key, and return how many that were."""
    rows = [
        (each.key, each.recipient, to_text(each.due_at), each.enrollment_id, each.account_id, each.playbook_id,
         _body(each), each.sent_in)
        for each in lines
    ]
    return bulk.upsert(tx, digest_line, rows, "ON CONFLICT (key) DO NOTHING")


def due(tx: Connection, now: datetime) -> list[DigestLine]:
    """The lines that are due and not told, in the order in which they became so."""
    return _read(tx, "due_at <= ? AND sent_in IS NULL ORDER BY due_at, key", to_text(now))


def list_(tx: Connection, enrollment_id: str) -> list[DigestLine]:
    """The lines of one enrollment."""
    return _read(tx, "enrollment_id = ? ORDER BY key", enrollment_id)


def sent(tx: Connection, keys: Collection[str], sent_in: str) -> int:
    """Note that the message with the key `sent_in` tells these lines."""
    among, values = bulk.among(tx, "key", keys)
    return bulk.change(
        tx, f"UPDATE digest_line SET sent_in = ? WHERE sent_in IS NULL AND {among}", sent_in, values)  # noqa: S608  ours


def cancel(tx: Connection, enrollment_ids: Collection[str]) -> int:
    """What these enrollments have waiting is not told any more."""
    if not enrollment_ids:
        return 0
    among, values = bulk.among(tx, "enrollment_id", enrollment_ids)
    return bulk.change(
        tx, f"UPDATE digest_line SET sent_in = ? WHERE sent_in IS NULL AND {among}", CANCELLED, values)  # noqa: S608  ours


def _body(line: DigestLine) -> str:
    return _Body(connection=line.connection, urgent=line.urgent, message=line.message).model_dump_json()


def _read(tx: Connection, where: str, *values: object) -> list[DigestLine]:
    rows = bulk.fetch(tx, f"""
        SELECT key, recipient, due_at, enrollment_id, account_id, playbook_id, body, sent_in
        FROM digest_line WHERE {where}
    """, *values)  # noqa: S608  ours
    lines = []
    for key, recipient, due_at, enrollment_id, account_id, playbook_id, body, sent_in in rows:
        kept = _Body.model_validate_json(body)
        lines.append(DigestLine(
            key, recipient, from_text(due_at), enrollment_id, account_id, playbook_id, kept.connection, kept.message,
            kept.urgent, sent_in))
    return lines
