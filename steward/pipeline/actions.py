"""A planned step in, the actions out: who performs it, for whom, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

from steward.engine.language import CtaStep, MessageStep, Playbook, Rung
from steward.engine.look import Planned
from steward.model.actions import Message, OpenCta
from steward.pipeline.cards import Cause, body_of, card_of
from steward.pipeline.desk import Decided, Desk, able, can, row_of, subject_line, target_of
from steward.pipeline.writes import writes_of


def actions_of(at: Desk, cause: Cause, planned: Planned) -> list[Decided] | str:
    """The actions of one step; in words why there is none, where nobody can be told or nothing can perform it."""
    if planned.part == "escalate":
        rung = cause.playbook.escalate[int(planned.path[9:-1])]
        return _message(at, cause, planned, MessageStep(rung.to, via=rung.via), rung)
    step = _steps(cause.playbook)[planned.path]
    if isinstance(step, MessageStep):
        return _message(at, cause, planned, step, None)
    if isinstance(step, CtaStep):
        return _cta(at, cause, planned, step)
    return writes_of(at, cause, planned, step)


@lru_cache(maxsize=512)
def _steps(playbook: Playbook) -> Mapping[str, object]:
    """What each step does, by its path."""
    return {each.path: each.do for each in playbook.steps()}


def _message(
    at: Desk, cause: Cause, planned: Planned, step: MessageStep, rung: Rung | None,
) -> list[Decided] | str:
    recipient = at.people.first(cause.whom, step.to)
    if recipient is None:
        to = ", ".join(step.to)
        return f"{planned.key}: nobody can be told: none of {to} is known and here. Set routing.channel"
    connection = step.via or at.settings.routing.message or able(at.connectors, "message")
    if not can(at.connectors, connection, "message"):
        wanted = f'"{step.via}" sends no messages. Correct via' if step.via else (
            "no connection sends messages. Set routing.message")
        return f"{planned.key}: {wanted}"
    message = Message(to=recipient, card=card_of(cause, at.catalog, at.now, rung, step.template),
                      enrollment_id=cause.enrollment.id)
    return [Decided(row_of(at, cause, planned, connection, message), step.send == "digest")]


def _cta(at: Desk, cause: Cause, planned: Planned, step: CtaStep) -> list[Decided] | str:
    target = target_of(at, cause, "open_cta")
    if target is None:
        return f"{planned.key}: no connection that opens CTAs knows the account. Set routing.cta"
    connection, external_id = target
    assignee = at.people.first_person(cause.whom, step.assign)
    cta = OpenCta(
        account_external_id=external_id, type=step.type, subject=subject_line(at, cause),
        body=body_of(cause, at.catalog), due_on=at.due_on(cause, step.due),
        priority=step.priority, assignee_email=assignee.email if assignee else None)
    return [Decided(row_of(at, cause, planned, connection, cta))]
