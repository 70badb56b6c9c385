"""What a person may do with enrollments: let go what waits for a yes, and enrol somebody by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from steward.engine.clocks import when_mark
from steward.engine.entering import enrollment_id
from steward.engine.language import Mode, Playbook, TriggerKind
from steward.engine.migrate import migrate as migrated
from steward.engine.moves import cooldown_from
from steward.model.enrollments import Decision, Enrollment, State
from steward.model.errors import StewardError
from steward.model.words import meant
from steward.store import audit, enrollments, numbering
from steward.store.database import Database, alone

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

_ALL = 1_000_000


def approve(db: Database, target: str, by: str, now: datetime) -> int:
    """Let enrollments go that wait at their limit, one by its id or all of a playbook; the next evaluation enrols them.

    The number that were let go. Raises StewardError where nothing of that name waits.
    """
    with db.write() as tx:
        alone(tx, "evaluate")                   # which would write over what it had read before
        waiting = enrollments.list_(tx, state=State.AWAITING_APPROVAL.value, limit=_ALL)
        fresh = [each for each in _called(target, waiting) if not each.body.get("approved_by")]
        enrollments.save(tx, [replace(each, body={**each.body, "approved_by": by}, wake_at=now) for each in fresh])
        for each in fresh:
            audit.write(tx, now, by, "approve", each.id, {})
        return len(fresh)


def approve_step(db: Database, target: str, step: str, by: str, now: datetime) -> int:
    """Say yes to the step with the key `step` ("do.2") of one enrollment, or of all of a playbook that are in it.

    The number of enrollments in which nobody had said yes to it. Raises StewardError where there is none.
    """
    with db.write() as tx:
        alone(tx, "evaluate")
        running = [each for state in (State.ACTIVE, State.RECOVERING)
                   for each in enrollments.list_(tx, state=state.value, limit=_ALL)]
        key = step.replace("[", ".").replace("]", "")
        fresh = [each for each in _called(target, running) if key not in each.body.get("approvals", {})]
        enrollments.save(tx, [
            replace(each, body={**each.body, "approvals": {**each.body.get("approvals", {}), key: by}}, wake_at=now)
            for each in fresh])
        for each in fresh:
            audit.write(tx, now, by, "approve_step", each.id, {"step": key})
        return len(fresh)


@dataclass(frozen=True, slots=True)
class Moved:
    """Who goes on with the live version (`path`: at which step, "end" where all is done), or stays, and why."""

    enrollment: Enrollment
    was: str                                # the version that it is on, or was until now
    path: str | None
    trouble: str = ""


def migrate(
    db: Database, live: Playbook, older: Callable[[str], Playbook | None], by: str, now: datetime, *,
    perform: bool = True,
) -> tuple[Moved, ...]:
    """Let those in flight on other versions go on with `live`; who stands at a step without an image stays.

    `older` gives a version of the playbook by its name, None where it is not kept. Without `perform`, only who would.
    """
    if not perform:
        with db.read() as tx:
            return _moves(tx, live, older)
    with db.write() as tx:
        alone(tx, "evaluate")
        moves = _moves(tx, live, older)
        enrollments.save(tx, [replace(each.enrollment, wake_at=now) for each in moves if each.path is not None])
        for each in moves:
            if each.path is not None:
                audit.write(tx, now, by, "migrate", each.enrollment.id, {"to": live.version, "at": each.path})
        return moves


def _moves(
    tx: Transaction, live: Playbook, older: Callable[[str], Playbook | None],
) -> tuple[Moved, ...]:
    out = []
    for each in enrollments.list_(tx, playbook_id=live.id, state="open", limit=_ALL):
        if each.state not in (State.ACTIVE, State.RECOVERING) or each.version == live.version:
            continue
        old = older(each.version)
        if old is None:
            out.append(Moved(each, each.version, None, f"version {each.version} is not kept, or can be read no more"))
            continue
        found = migrated(each, old, live)
        out.append(Moved(found.enrollment, each.version, found.mapped, found.trouble))
    return tuple(out)


@dataclass(frozen=True, slots=True)
class Enrolled:
    """`changed` is False where the account has an open enrollment already; `enrollment` is that one."""

    enrollment: Enrollment
    changed: bool


def enroll(  # noqa: PLR0917  whom into what, by whom and when
    db: Database, playbook: Playbook, account_id: str, by: str, now: datetime, subject_id: str = "",
) -> Enrolled:
    """Enrol the account (or the contact or opportunity `subject_id` of it) by hand; `when` is a guard as it enters.

    Raises:
        StewardError: the playbook is not begun by hand, or is paused.
    """
    if playbook.trigger.kind is not TriggerKind.MANUAL:
        raise StewardError(
            f'"{playbook.id}" enrols by itself and not by hand. Why it did not: steward explain {account_id} '
            f"--playbook {playbook.id}")
    if playbook.mode is Mode.PAUSED:
        raise StewardError(f'"{playbook.id}" is paused. Run: steward playbook resume {playbook.id}')
    subject = subject_id or account_id
    with db.write() as tx:
        alone(tx, "evaluate")
        mine = [each for each in enrollments.list_(tx, playbook_id=playbook.id, account_id=account_id, limit=_ALL)
                if each.subject_id == subject]
        if mine and mine[-1].state is not State.CLOSED:
            return Enrolled(mine[-1], changed=False)
        last = mine[-1] if mine else None
        cooldown = cooldown_from(last) if last else None
        number = numbering.free_numbers(tx, playbook.id, {subject: last.number + 1 if last else 1})[subject]
        fresh = Enrollment(
            enrollment_id(playbook.id, subject, number), playbook.id, playbook.version, account_id, number,
            State.PENDING, since=now, looked_at=now, subject_id=subject, cause=f"manual:{by}@{now.isoformat()}",
            body={"when": when_mark(playbook), **({"cooldown_from": cooldown.isoformat()} if cooldown else {})},
            wake_at=now)
        enrollments.save(tx, [fresh])
        enrollments.record(tx, [Decision(
            fresh.id, playbook.id, account_id, now, "idle", State.PENDING.value, f"enrolled by {by}",
            version=playbook.version)])
        audit.write(tx, now, by, "enroll", fresh.id, {"version": playbook.version})
        return Enrolled(fresh, changed=True)


def _called(target: str, waiting: Sequence[Enrollment]) -> list[Enrollment]:
    """Those that the id `target`, of an enrollment or of a playbook, means."""
    chosen = [each for each in waiting if target in (each.id, each.playbook_id)]
    if not chosen:
        known = dict.fromkeys((*(each.playbook_id for each in waiting), *(each.id for each in waiting)))
        raise StewardError(f'nothing called "{target}" waits for approval{meant(target, known)}')
    return chosen
