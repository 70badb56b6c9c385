"""What a person may do: each in one transaction with its line in the audit, and the same again changes nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from steward.contracts import Connector
from steward.model.actions import Card, DeliveryClass, IdempotencyKey, Message, Receipt, UpdateMessage
from steward.model.enrollments import Enrollment, State
from steward.model.errors import StewardError
from steward.store import audit, enrollments, identity, inbox, merging, outbox, receipts, review
from steward.store.database import Database, alone
from steward.store.outbox import OutboxRow

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

_REDRAW_WITHIN = timedelta(days=1)
_ALL = 1_000_000
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
        raise StewardError(f'there is no enrollment "{enrollment_id}"{_near(enrollment_id, enrollments.ids(tx))}')
    if not enrollments.acknowledge(tx, enrollment_id, by, now):
        return Acknowledged(enrollments.one(tx, enrollment_id) or before, changed=False)
    redrawn = outbox.add(tx, _redrawn(tx, enrollment_id, by, now, connectors))
    audit.write(tx, now, by, "acknowledge", enrollment_id, {"redrawn": redrawn})
    return Acknowledged(enrollments.one(tx, enrollment_id) or before, changed=True, redrawn=redrawn)


def approve(db: Database, playbook_or_enrollment: str, by: str, now: datetime) -> int:
    """Let enrollments go that wait for approval, one by its id or all of a playbook; the next evaluation enrols them.

    The number that were let go. Raises StewardError where nothing of that name waits.
    """
    with db.write() as tx:
        alone(tx, "evaluate")                   # which would write over what it had read before
        waiting = enrollments.list_(tx, state=State.AWAITING_APPROVAL.value, limit=_ALL)
        chosen = [each for each in waiting if playbook_or_enrollment in (each.id, each.playbook_id)]
        if not chosen:
            known = {each.id for each in waiting} | {each.playbook_id for each in waiting}
            raise StewardError(
                f'nothing called "{playbook_or_enrollment}" waits for approval{_near(playbook_or_enrollment, known)}')
        fresh = [each for each in chosen if not each.body.get("approved_by")]
        enrollments.save(tx, [replace(each, body={**each.body, "approved_by": by}) for each in fresh])
        for each in fresh:
            audit.write(tx, now, by, "approve", each.id, {})
        return len(fresh)


def retry(db: Database, key: str, by: str, now: datetime) -> bool:
    """Make an action that failed, expired or is unknown due again under its key; False where it is due already.

    Raises:
        StewardError: there is no such action, or it was delivered.
    """
    with db.write() as tx:
        found = outbox.one(tx, key)
        if found is None:
            raise StewardError(f'there is no action "{key}"{_near(key, outbox.keys_like(tx, key))}')
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
            raise StewardError(f'"{connection}" made no call "{delivery_id}"{_near(delivery_id, parked)}')
        if changed:
            audit.write(tx, now, by, "retry_call", f"{connection}/{delivery_id}", {})
        return changed


def merge(db: Database, left: str, right: str, by: str, now: datetime) -> None:
    """The two accounts are one, called `left` from now on.

    Raises:
        StewardError: one of them is not an account that stands.
    """
    with db.write() as tx:
        _must_be_known(tx, (left, right))
        if left != right and identity.current(tx, right) == left:
            return
        merging.merge(tx, left, right, by, now)
        audit.write(tx, now, by, "merge", left, {"merged": right})


def keep_apart(db: Database, left: str, right: str, by: str, now: datetime) -> None:
    """The two accounts are two: a merge of them is undone and stays undone, and none is proposed again.

    Raises:
        StewardError: there is no such account.
    """
    with db.write() as tx:
        _must_be_known(tx, (left, right))
        holder = {name: identity.current(tx, name) for name in (left, right)}
        if left != right and holder[left] == holder[right]:
            loser = right if holder[right] != right else left
            merging.unmerge(tx, loser, by, now)
            audit.write(tx, now, by, "unmerge", loser, {"from": holder[loser]})
            return
        if any({left, right} == {each.left, each.right} for each in review.list_(tx, "refused")):
            return
        merging.refuse(tx, left, right, by, now)
        audit.write(tx, now, by, "keep_apart", left, {"other": right})


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


def _must_be_known(tx: Transaction, account_ids: Iterable[str]) -> None:
    for account_id in account_ids:
        if identity.current(tx, account_id) is None:
            raise StewardError(f'there is no account "{account_id}"{_near(account_id, identity.accounts(tx))}')


def _near(word: str, known: Iterable[str]) -> str:
    found = difflib.get_close_matches(word, known, 1)
    return f'. Did you mean "{found[0]}"?' if found else "."
