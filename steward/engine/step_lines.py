"""Where an enrollment stands in `do`: what was done and what became of it, what comes next, what it waits for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from steward.engine.calendars import Calendar
from steward.engine.clocks import after
from steward.engine.language import Branch, Playbook, Step, Wait
from steward.engine.program import Instruction, key_told, program_of
from steward.model.enrollments import Arm, Enrollment, State

_MOST_AHEAD = 3


def step_lines(
    playbook: Playbook, enrollment: Enrollment, states: Mapping[str, str], calendar: Calendar, silenced: str = "",
) -> tuple[str, ...]:
    """The lines for one in flight; `states`: what became of its actions, by idempotency key."""
    if enrollment.state not in (State.ACTIVE, State.RECOVERING):
        return ()
    instructions = program_of(playbook)
    here = instructions[enrollment.step] if enrollment.step < len(instructions) else None
    lines = [*_done(instructions, enrollment, states)]
    if here is not None:
        lines.append(f"at {_named(here.step)}: {_why(playbook, here.step, enrollment, calendar, silenced)}")
        ahead = [_named(each.step) for each in _ahead(instructions, here)]
        if ahead:
            more = f" and {len(ahead) - _MOST_AHEAD} more" if len(ahead) > _MOST_AHEAD else ""
            lines.append(f"then {', '.join(ahead[:_MOST_AHEAD])}{more}")
    lines += _rungs(playbook, enrollment, calendar, silenced)
    lines += [f"needs attention: {text}" for text in enrollment.body.get("needs_attention", ())]
    return tuple(lines)


def _done(
    instructions: tuple[Instruction, ...], enrollment: Enrollment, states: Mapping[str, str],
) -> Iterator[str]:
    by_key = {each.step.key: each.step for each in instructions}
    performs = enrollment.arm is Arm.TREATMENT
    told = []
    for key in enrollment.body.get("planned", ()):
        name = _named(by_key[key]) if key in by_key else key
        told.append(f"{name} {states.get(key_told(enrollment, key), 'not planned') if performs else 'not performed'}")
    if told:
        yield f"did {', '.join(told)}"


def _rungs(playbook: Playbook, enrollment: Enrollment, calendar: Calendar, silenced: str) -> Iterator[str]:
    """Whom the escalation has called, and whom it calls when if nothing is done."""
    climbed, acts = enrollment.body.get("rungs", ()), enrollment.arm is Arm.TREATMENT
    for at, rung in enumerate(playbook.escalate):
        to = ", ".join(rung.to)
        if at in climbed:
            yield f"escalated to {to}" + ("" if acts else ": not performed")
        elif enrollment.state is State.ACTIVE and not (
                rung.unless == "acknowledged" and enrollment.acknowledged_at is not None):
            due = after(rung.after, enrollment.since, calendar)
            unless = f" unless {rung.unless if isinstance(rung.unless, str) else 'its condition is true'}"
            only = " where its condition is true" if rung.only_if is not None else ""
            told = f"escalates to {to} from {due:%Y-%m-%d %H:%M}Z on{only}{unless if rung.unless is not None else ''}"
            yield told + (f"; silenced {silenced}" if silenced else "") + ("" if acts else "; is not performed")


def _why(playbook: Playbook, step: Step, enrollment: Enrollment, calendar: Calendar, silenced: str) -> str:
    """What it waits for there."""
    body = enrollment.body
    if isinstance(step.do, Wait):
        since = body.get("step_since")
        until = step.do.length.after(datetime.fromisoformat(since), calendar) if since else None
        return f"waits {step.do.length}" + (f", until {until:%Y-%m-%d %H:%M}Z" if until else "")
    if isinstance(step.do, Branch):
        return "which way is not known: data are missing"
    if step.needs:
        keys = {each.id: each.key for each in playbook.steps() if each.id}
        missing = [name for name in step.needs if keys.get(name) in body.get("planned", ())]
        if missing and enrollment.arm is Arm.TREATMENT:
            return f"waits for the receipt of {', '.join(missing)}"
    if silenced:
        return f"silenced {silenced}"
    if step.approve and not body.get("approvals", {}).get(step.key):
        return (f"waits for a yes of {' or '.join(step.approve)}: "
                f"steward playbook approve {enrollment.id} --step {step.key}")
    return "its `if` is not known: data are missing" if step.only_if is not None else "at the next look"


def _ahead(instructions: tuple[Instruction, ...], here: Instruction) -> list[Instruction]:
    """What follows on the same level, whatever way branches go."""
    out, at = [], here.follows
    while at < len(instructions):
        out.append(instructions[at])
        at = instructions[at].follows
    return out


def _named(step: Step) -> str:
    return f"{step.path} {step.id or step.do.kind}"
