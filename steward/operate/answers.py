"""What a person may answer: take an enrollment in hand, try again what failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from steward.contracts import Connector
from steward.model.actions import Card, DeliveryClass, IdempotencyKey, Message, Receipt, UpdateMessage
from steward.model.enrollments import Enrollment
from steward.model.errors import StewardError
from steward.model.words import meant
from steward.store import audit, enrollments, inbox, outbox, receipts
from steward.store.database import Database
from steward.store.outbox import OutboxRow

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

_REDRAW_WITHIN = timedelta(days=1)
_RETRYABLE = ("failed", "unknown", "expired")


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """`changed` is False where somebody had acknowledged it before, or it was closed; `enrollment` says which."""

    enrollment: Enrollment
    changed: bool
    redrawn: int = 0                        # messages that will show it


def acknowledge(
    db: Database, enrollment_id: str, by: str, now: datetime, connectors: Mapping[str, Connector] | None = None,
) -> Acknowledged:
    """Note that `by` takes it on: nobody else is called, and the messages that went out will show it.

    connectors: by connection, to leave out targets that cannot redraw a message; None: all can.

    Raises:
        StewardError: there is no such enrollment.
    """
    with db.write() as tx:
        return acknowledge_in(tx, enrollment_id, by, now, connectors)


def acknowledge_in(
    tx: Transaction, enrollment_id: str, by: str, now: datetime, connectors: Mapping[str, Connector] | None = None,
) -> Acknowledged:
    """The same within a transaction that does more."""
    before = enrollments.one(tx, enrollment_id)
    if before is None:
        raise StewardError(f'there is no enrollment "{enrollment_id}"{meant(enrollment_id, enrollments.ids(tx))}')
    if not enrollments.acknowledge(tx, enrollment_id, by, now):
        return Acknowledged(enrollments.one(tx, enrollment_id) or before, changed=False)
    redrawn = outbox.add(tx, _redrawn(tx, enrollment_id, by, now, connectors))
    audit.write(tx, now, by, "acknowledge", enrollment_id, {"redrawn": redrawn})
    return Acknowledged(enrollments.one(tx, enrollment_id) or before, changed=True, redrawn=redrawn)


def retry(db: Database, key: str, by: str, now: datetime) -> bool:
    """Make an action that failed, expired or is unknown due again under its key; False where it is due already.

    Raises:
        StewardError: there is no such action, or it was delivered.
    """
    with db.write() as tx:
        found = outbox.one(tx, key)
        if found is None:
            raise StewardError(f'there is no action "{key}"{meant(key, outbox.keys_like(tx, key))}')
        if found.state in outbox.OPEN_STATES:
            return False
        if not outbox.retry(tx, key, now):
            raise StewardError(f'"{key}" is {found.state}; only what is {", ".join(_RETRYABLE)} can be tried again')
        audit.write(tx, now, by, "retry", key, {"was": found.state, "attempts": found.attempts})
        return True


def retry_call(db: Database, connection: str, delivery_id: str, by: str, now: datetime) -> bool:
    """Work off a parked webhook call again, or one in conflict; False where it is neither.

    Raises:
        StewardError: there is no such call.
    """
    with db.write() as tx:
        changed = inbox.retry(tx, connection, delivery_id)
        if not changed and not inbox.exists(tx, connection, delivery_id):
            parked = [each.delivery_id for each in inbox.list_(tx, "parked") if each.connection == connection]
            raise StewardError(f'"{connection}" made no call "{delivery_id}"{meant(delivery_id, parked)}')
        if changed:
            audit.write(tx, now, by, "retry_call", f"{connection}/{delivery_id}", {})
        return changed


# ---- inside ----


def _redrawn(
    tx: Transaction, enrollment_id: str, by: str, now: datetime, connectors: Mapping[str, Connector] | None,
) -> list[OutboxRow]:
    """A row for each message that was delivered, to draw it again without the button."""
    sent = receipts.of_enrollment(tx, enrollment_id)
    rows = []
    for row in outbox.list_(tx, "delivered", enrollment_id=enrollment_id):
        promised = _promised(row, connectors)
        if isinstance(row.action, Message) and row.key in sent and promised is not None:
            rows.append(_redraw(row, row.action, sent[row.key], promised, by=by, now=now))
    return rows


def _redraw(
    row: OutboxRow, message: Message, proof: Receipt, promised: DeliveryClass, *, by: str, now: datetime,
) -> OutboxRow:
    update = UpdateMessage(
        message_id=proof.external_id, card=acknowledged_card(message.card, by, now), enrollment_id=row.enrollment_id,
    )
    return OutboxRow(
        key=IdempotencyKey(f"{row.key}/ack"), enrollment_id=row.enrollment_id, account_id=row.account_id,
        playbook_id=row.playbook_id, connection=row.connection, connector=row.connector, delivery_class=promised,
        action=update, created_at=now, due_at=now, not_after=now + _REDRAW_WITHIN,
    )


def acknowledged_card(card: Card, by: str, at: datetime) -> Card:
    """The card once somebody has it in hand: who and when in place of the button that asked."""
    return card.model_copy(update={
        "sentence": f"Acknowledged by {by}: {card.sentence}",
        "buttons": tuple(button for button in card.buttons if button.answer is None),
        "context": (f"👀 Acknowledged by {by} · {at:%Y-%m-%d %H:%M} UTC", *card.context),
    })


def _promised(row: OutboxRow, connectors: Mapping[str, Connector] | None) -> DeliveryClass | None:
    """In which class the row's target redraws messages; None where it cannot."""
    if connectors is None:
        return DeliveryClass.A              # drawing the same card twice is drawing it once
    connector = connectors.get(row.connection)
    return connector.actions.get("update_message") if connector else None
