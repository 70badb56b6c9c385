"""Enrollments and the actions that were decided for them, and the story of both: why, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from steward.model.actions import Recipient, TellListener
from steward.model.enrollments import Clause, Decision, Enrollment, State, Verdict
from steward.store import enrollments as store_enrollments
from steward.store import outbox as store_outbox
from steward.store import receipts
from steward.store.outbox import OutboxRow
from steward.store.written import PLAYBOOK as WRITTEN_BACK
from steward.views.find import names_of
from steward.views.lines import ActionLine, EnrollmentLine, Touched

_SAYS = ("subject", "title", "template", "field")
_WHOM = ("assignee_email", "to_email", "owner_email")

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

    from steward.store.database import Database


def enrollments(
    db: Database, *, playbook_id: str | None = None, account_id: str | None = None, state: str | None = None,
    limit: int = 50,
) -> list[EnrollmentLine]:
    """Enrollments; `state` "open" is every state but closed."""
    with db.read() as tx:
        found = store_enrollments.list_(tx, playbook_id=playbook_id, account_id=account_id, state=state, limit=limit)
        names = names_of(tx, {each.account_id for each in found})
    return [enrollment_line(each, names.get(each.account_id, "")) for each in found]


def outbox(
    db: Database, *, state: str | None = None, account_id: str | None = None, connection: str | None = None,
    limit: int = 50,
) -> list[ActionLine]:
    """The newest actions, in the order in which they were decided."""
    with db.read() as tx:
        rows = store_outbox.list_(tx, state, account_id=account_id, connection=connection, limit=limit)
        return action_lines(tx, rows, names_of(tx, {row.account_id for row in rows}))


def touched(db: Database, limit: int = 40) -> list[Touched]:
    """The accounts that a playbook decided actions for, the latest first, with what became of each."""
    with db.read() as tx:
        rows = [row for row in store_outbox.list_(tx, limit=100_000) if row.enrollment_id]
        latest: dict[str, list[OutboxRow]] = {}
        for row in rows:
            if row.playbook_id == WRITTEN_BACK:
                continue                    # a fact that stands elsewhere too; nothing was done for the account
            latest.setdefault(row.enrollment_id, []).append(row)
        chosen = sorted(latest.items(), key=lambda item: (item[1][-1].created_at, item[0]), reverse=True)[:limit]
        names = names_of(tx, {each[0].account_id for _, each in chosen})
        lines: dict[str, list[ActionLine]] = {}
        for line in action_lines(tx, [row for _, each in chosen for row in each], names):
            lines.setdefault(line.enrollment_id, []).append(line)
        return [
            Touched(each[0].account_id, names.get(each[0].account_id, ""), each[0].playbook_id, enrollment_id,
                    _fired(tx, enrollment_id), tuple(lines[enrollment_id]))
            for enrollment_id, each in chosen]


def enrollment_line(found: Enrollment, name: str) -> EnrollmentLine:
    """`name` is the account's."""
    return EnrollmentLine(
        found.id, found.playbook_id, found.account_id, name, found.version, found.state.value, found.since,
        found.entered_at, found.closed_at, found.reason, found.arm.value, found.acknowledged_at,
        found.acknowledged_by, tuple(found.body.get("needs_attention", ())))


def action_lines(tx: Transaction, rows: Sequence[OutboxRow], names: Mapping[str, str]) -> list[ActionLine]:
    """The rows with their receipts; `names` are those of the accounts."""
    proofs = receipts.of(tx, [row.key for row in rows])
    return [
        ActionLine(
            row.key, row.enrollment_id, row.account_id, names.get(row.account_id, ""), row.playbook_id,
            row.action.kind, *_about(row), row.connection, row.connector, row.delivery_class.value, row.state,
            row.attempts, row.due_at, row.done_at, row.trouble,
            proofs[row.key].external_id if row.key in proofs else None,
            proofs[row.key].url if row.key in proofs else None,
            to.name if isinstance(to := getattr(row.action, "to", None), Recipient) else "")
        for row in rows]


def is_entry(decision: Decision) -> bool:
    """Whether the account became active by it."""
    return decision.to_state == State.ACTIVE and decision.from_state != State.RECOVERING


def _about(row: OutboxRow) -> tuple[str, str]:
    """What the action says, and to whom."""
    action = row.action
    card, to = getattr(action, "card", None), getattr(action, "to", None)
    says = card.title if card is not None else next(
        (str(said) for name in _SAYS if (said := getattr(action, name, None))), action.kind)
    if isinstance(action, TellListener):
        return action.event, urlsplit(action.target_url).hostname or ""
    if isinstance(to, Recipient):
        return says, to.email or to.channel or ""
    return says, next((str(who) for name in _WHOM if (who := getattr(action, name, None))), "")


def _fired(tx: Transaction, enrollment_id: str) -> tuple[Clause, ...]:
    """The true clauses with which the enrollment entered, those of `scope` last."""
    for decision in store_enrollments.decisions(tx, enrollment_id=enrollment_id):
        if is_entry(decision):
            fired = [each for each in decision.clauses if each.verdict is Verdict.TRUE]
            return tuple(sorted(fired, key=lambda each: each.path.startswith("scope")))
    return ()
