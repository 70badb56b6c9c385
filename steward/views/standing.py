"""Where a subject stands in a playbook, now or as known at an earlier instant: its enrollments and decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from steward.model.enrollments import Decision, Enrollment, State
from steward.store import enrollments as store_enrollments

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

_MANY = 10_000


@dataclass(frozen=True, slots=True)
class Way:
    """A subject's enrollments in one playbook: the open one, the one closed last, and the decision of its entry."""

    opened: Enrollment | None = None
    closed: Enrollment | None = None
    entry: Decision | None = None


def ways(tx: Transaction, playbook_id: str, account_id: str, at: datetime | None = None) -> dict[str, Way]:
    """By subject of the account. With `at`, as the decisions up to then tell: what came later is not known then."""
    found = store_enrollments.list_(tx, playbook_id=playbook_id, account_id=account_id, limit=_MANY)
    told: dict[str, list[Decision]] = {}
    for decision in store_enrollments.decisions(tx, account_id=account_id, playbook_id=playbook_id, limit=_MANY):
        if at is None or decision.decided_at <= at:
            told.setdefault(decision.enrollment_id, []).insert(0, decision)
    out: dict[str, Way] = {}
    for each in found:
        then = each if at is None else _as_of(each, told.get(each.id, []), at)
        if then is None:
            continue
        way = out.get(then.subject_id, Way())
        entry = next((one for one in told.get(each.id, []) if _is_entry(one)), None)
        is_closed = then.state is State.CLOSED
        out[then.subject_id] = replace(way, closed=then) if is_closed else replace(way, opened=then, entry=entry)
    return out


def _as_of(enrollment: Enrollment, told: Sequence[Decision], at: datetime) -> Enrollment | None:
    """The enrollment as the decisions `told` up to `at` leave it; None where it had not begun."""
    if not told:
        return None
    last = told[-1]
    state = State(last.to_state)
    if state is enrollment.state and last.decided_at <= enrollment.since <= at:
        return enrollment                   # it stands there still, its clock moved on by what was held
    entry = next((each for each in told if _is_entry(each)), None)
    acknowledged = enrollment.acknowledged_at is not None and enrollment.acknowledged_at <= at
    return replace(
        enrollment, state=state, since=last.decided_at, looked_at=at, reason=last.reason if state in _SAYS_WHY else "",
        version=last.version or enrollment.version, entered_at=entry.decided_at if entry else None,
        closed_at=last.decided_at if state is State.CLOSED else None,
        acknowledged_at=enrollment.acknowledged_at if acknowledged else None,
        acknowledged_by=enrollment.acknowledged_by if acknowledged else None,
        body={key: value for key, value in enrollment.body.items() if key != "held"})


_SAYS_WHY = (State.BLOCKED, State.CLOSED)


def _is_entry(decision: Decision) -> bool:
    return decision.to_state == State.ACTIVE and decision.from_state != State.RECOVERING
