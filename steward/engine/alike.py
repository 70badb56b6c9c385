"""One step for all who differ in nothing but who they are: of many that enter a playbook at once, most do."""

from __future__ import annotations

from collections.abc import Mapping

from steward.engine.entering import enrollment_id
from steward.engine.language import Mode
from steward.engine.lifecycle import advance
from steward.engine.look import Advance, Look, Planned
from steward.model.actions import IdempotencyKey
from steward.model.enrollments import Decision, Enrollment, but


def advance_all(
    looks: Mapping[str, Look], before: Mapping[str, Enrollment], closed: Mapping[str, Enrollment],
) -> dict[str, Advance]:
    """What `advance` says of each subject of one playbook, by its id; `before` and `closed` as it takes them."""
    steps: dict[str, Advance] = {}
    first: dict[tuple[object, ...], Advance] = {}
    for subject_id, look in looks.items():
        enrollment, last = before.get(subject_id), closed.get(subject_id)
        if enrollment is not None or last is not None or not _is_like_others(look):
            steps[subject_id] = advance(look, enrollment, last)
            continue
        alike = (*look.verdicts.by_path.values(), look.gates, id(look.calendar), look.switched_on)
        if alike in first:
            steps[subject_id] = _for(look, first[alike])
        else:
            steps[subject_id] = first[alike] = advance(look, None, None)
    return steps


def _is_like_others(look: Look) -> bool:
    """Whether nothing but verdicts, gates and calendar says what becomes of it; a ramp asks who it is."""
    return look.cause is None and look.true_since is None and look.playbook.mode is not Mode.RAMP


def _for(look: Look, step: Advance) -> Advance:
    """The step of another, taken by the subject of `look`."""
    told, decision = step.enrollment, step.decision
    if told is None:
        return step
    subject_id, number = look.subject_id or look.account_id, look.number or 1
    name = enrollment_id(look.playbook.id, subject_id, number)
    mine = but(told, id=name, account_id=look.account_id, subject_id=subject_id, number=number, body=dict(told.body))
    planned = tuple([Planned(each.part, each.path, IdempotencyKey(name + each.key[len(told.id):]))
                     for each in step.planned])
    if decision is not None:
        decision = Decision(name, decision.playbook_id, look.account_id, decision.decided_at, decision.from_state,
                            decision.to_state, decision.reason, decision.clauses, decision.version)
    return Advance(mine, decision, planned, step.changed)
