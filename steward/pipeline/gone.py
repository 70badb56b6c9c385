"""Enrollments whose account or playbook is no more: they go on with the account's survivor, or are cancelled."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

from steward.engine.clocks import each_run, without
from steward.model.enrollments import Decision, Enrollment, State
from steward.store import enrollments, identity

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

_IN_FLIGHT = (State.ACTIVE, State.RECOVERING)


@dataclass(frozen=True, slots=True)
class Ended:
    """An enrollment closed from outside, with the decision that says why."""

    enrollment: Enrollment
    decision: Decision


def cancelled(enrollment: Enrollment, why: str, now: datetime) -> Ended:
    """Closed by what is outside of the playbook."""
    done = replace(enrollment, state=State.CLOSED, reason="cancelled", since=now, looked_at=now, closed_at=now,
                   wake_at=None, body=without(enrollment.body, "held"))
    return Ended(done, _decision(enrollment, State.CLOSED, f"cancelled: {why}", now))


def follow_merges(tx: Transaction, now: datetime) -> list[Ended]:
    """Let the enrollments of accounts that were merged away go on with the survivor; those that cannot are ended.

    One account is in a playbook once: of two, the one that is in flight goes on, else the survivor's own.
    """
    ended: list[Ended] = []
    found = enrollments.by_id(tx, enrollments.of_merged(tx))
    for enrollment in sorted(found.values(), key=lambda each: (each.state not in _IN_FLIGHT, each.id)):
        survivor = identity.current(tx, enrollment.account_id)
        if survivor is None:
            continue
        about_account = enrollment.subject_id == enrollment.account_id
        moved = replace(enrollment, account_id=survivor, wake_at=each_run(enrollment))
        if about_account:
            rival = enrollments.open_of(tx, enrollment.playbook_id, [survivor]).get(survivor)
            if rival is not None and (rival.state in _IN_FLIGHT or enrollment.state not in _IN_FLIGHT):
                why = f"the account was merged into {survivor}, which is in the playbook by {rival.id}"
                ended.append(_store(tx, cancelled(enrollment, why, now)))
                continue
            if rival is not None:
                why = f"{enrollment.account_id} was merged into this account, and its {enrollment.id} is further"
                ended.append(_store(tx, cancelled(rival, why, now)))
            number = enrollments.numbers(tx, enrollment.playbook_id, [survivor]).get(survivor, 1)
            moved = replace(moved, subject_id=survivor, number=number)
        why = f"{enrollment.account_id} was merged into {survivor}"
        _store(tx, Ended(moved, _decision(moved, moved.state, why, now)))
    return ended


def of_retired(
    tx: Transaction, standing: Mapping[str, object], retired: Collection[str], now: datetime,
) -> list[Ended]:
    """End what is open of playbooks that were retired; `standing`: those that have something open."""
    ended = []
    for playbook_id in sorted(set(standing) & set(retired)):
        for enrollment in enrollments.open_of(tx, playbook_id).values():
            ended.append(_store(tx, cancelled(enrollment, "the playbook was retired", now)))
    return ended


def _store(tx: Transaction, ended: Ended) -> Ended:
    enrollments.save(tx, [ended.enrollment])
    enrollments.record(tx, [ended.decision])
    return ended


def _decision(enrollment: Enrollment, to: State, why: str, now: datetime) -> Decision:
    return Decision(enrollment.id, enrollment.playbook_id, enrollment.account_id, now, enrollment.state.value,
                    to.value, why, version=enrollment.version)
