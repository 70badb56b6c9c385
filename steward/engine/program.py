"""`do` as a flat list of instructions, and one run along it: what is performed now, and what it waits for then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from steward.engine.clocks import after
from steward.engine.language import Branch, Playbook, Step, Wait
from steward.engine.look import FALSE, TRUE, UNKNOWN, Look
from steward.model.enrollments import Arm, Enrollment


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step and where it leads: `follows` is the index after it, past the arms of a branch.

    `asks` is the path of the step's own condition, "" where it has none. `arms` of a branch: the path of each one's
    condition ("" is `else`) and the index at which it begins.
    """

    step: Step
    path: str
    key: str                                # the path as an idempotency key says it
    asks: str
    follows: int
    arms: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Run:
    """How far the program came by one look, and why it is no further.

    It is at `at`; `acts` are the keys and paths of what is to be performed now. `due` is when its wait is over, which
    began `reached`; `stuck`: a person, a receipt, a silence or a verdict keeps it.
    """

    at: int
    acts: tuple[tuple[str, str], ...] = ()
    due: datetime | None = None
    stuck: bool = False
    reached: str = ""                       # as the body keeps it


def program(do: tuple[Step, ...]) -> tuple[Instruction, ...]:
    """The steps as they stand in the text, those of arms behind their branch."""
    return tuple(_laid(do, 0, _length(do)))


@lru_cache(maxsize=512)
def program_of(playbook: Playbook) -> tuple[Instruction, ...]:
    """The program of `do`."""
    return program(playbook.do)


@lru_cache(maxsize=512)
def compensation_of(playbook: Playbook) -> tuple[Instruction, ...]:
    """The program of `compensate`."""
    return program(playbook.compensate)


def run(look: Look, enrollment: Enrollment, clock: datetime) -> Run:
    """From the enrollment's position on, until something keeps it or the end is reached.

    `clock` is now, or the instant at which the enrollment's clocks were stopped.
    """
    instructions, at, body = program_of(look.playbook), enrollment.step, enrollment.body
    planned, acts = body.get("planned", ()), list[tuple[str, str]]()
    reached: str = body.get("step_since", "")
    while at < len(instructions):
        instruction = instructions[at]
        do = instruction.step.do
        if instruction.asks and not (reached and isinstance(do, Wait)):
            answer = look.verdicts.of(instruction.asks)
            if answer is UNKNOWN:
                return Run(at, tuple(acts), stuck=True)
            if answer is FALSE:
                at = instruction.follows
                continue
        if isinstance(do, Wait):
            reached = reached or clock.isoformat()
            due = after(do.length, datetime.fromisoformat(reached), look.calendar)
            if due > clock:
                return Run(at, tuple(acts), due, reached=reached)
            at, reached = instruction.follows, ""
        elif isinstance(do, Branch):
            target = _arm(look, instruction)
            if target is None:
                return Run(at, tuple(acts), stuck=True)
            at = target
        else:
            ready = _ready(look, enrollment, instruction, [*planned, *(key for key, _ in acts)])
            if ready is None:
                return Run(at, tuple(acts), stuck=True)
            if ready and instruction.key not in planned:
                acts.append((instruction.key, instruction.path))
            at = instruction.follows
    return Run(at, tuple(acts))


def compensation(look: Look) -> Iterator[tuple[str, str]]:
    """Keys and paths of the reverse steps, all at once, for there is no later: what is not TRUE is left out."""
    instructions, at = compensation_of(look.playbook), 0
    while at < len(instructions):
        instruction = instructions[at]
        wanted = not instruction.asks or look.verdicts.of(instruction.asks) is TRUE
        do = instruction.step.do
        if wanted and isinstance(do, Branch):
            at = _arm(look, instruction) or instruction.follows
            continue
        if wanted and not isinstance(do, (Wait, Branch)):
            yield instruction.key, instruction.path
        at = instruction.follows


def full_key(enrollment: Enrollment, step_key: str) -> str:
    """The idempotency key of a step: "health_drop/acct_17/1/do.0/1"; the last number rises with each migration."""
    return f"{enrollment.id}/{step_key}/{enrollment.body.get('generation', 1)}"


def key_told(enrollment: Enrollment, step_key: str) -> str:
    """The key under which a step was in fact planned: before a migration it had another one."""
    told: str = enrollment.body.get("was", {}).get(step_key) or full_key(enrollment, step_key)
    return told


def _ready(look: Look, enrollment: Enrollment, instruction: Instruction, planned: Sequence[str]) -> bool | None:
    """Whether an act may be performed now: None is not yet, False is never, for what it needs was left out."""
    step, acted_on = instruction.step, enrollment.arm is Arm.TREATMENT
    if step.needs:
        for needed in _needed(look.playbook, step):
            if needed.key not in planned:
                return False
            if acted_on and not _delivered(look, enrollment, needed.key):
                return None
    if look.gates.silenced:
        return None
    if step.approve and acted_on and not _approved(enrollment.body, instruction.key):
        return None
    return True


def _needed(playbook: Playbook, step: Step) -> Iterator[Step]:
    return (each for each in playbook.steps() if each.id and each.id in step.needs)


def _delivered(look: Look, enrollment: Enrollment, step_key: str) -> bool:
    return key_told(enrollment, step_key) in look.delivered or (
        "generation" not in enrollment.body and step_key in look.delivered)


def _approved(body: Mapping[str, Any], step_key: str) -> bool:
    return bool(body.get("approvals", {}).get(step_key))


def _arm(look: Look, instruction: Instruction) -> int | None:
    """Where a branch leads; None while that is not known."""
    for path, target in instruction.arms:
        answer = look.verdicts.of(path) if path else TRUE
        if answer is UNKNOWN:
            return None
        if answer is TRUE:
            return target
    return instruction.follows


def _laid(steps: tuple[Step, ...], at: int, end: int) -> Iterator[Instruction]:
    """The instructions of `steps` from the index `at` on; the last one leads to `end`."""
    for position, step in enumerate(steps):
        leads = end if position == len(steps) - 1 else at + _length((step,))
        if not isinstance(step.do, Branch):
            yield _instruction(step, leads)
            at += 1
            continue
        inside, arms = list[Instruction](), []
        at += 1
        for number, arm in enumerate(step.do.arms):
            path = f"{step.path}.branch[{number}].if" if arm.when is not None else ""
            arms.append((path, at if arm.do else leads))
            inside += _laid(arm.do, at, leads)
            at += _length(arm.do)
        yield _instruction(step, leads, tuple(arms))
        yield from inside


def _instruction(step: Step, follows: int, arms: tuple[tuple[str, int], ...] = ()) -> Instruction:
    asks = f"{step.path}.if" if step.only_if is not None else ""
    return Instruction(step, step.path, step.key, asks, follows, arms)


def _length(steps: tuple[Step, ...]) -> int:
    return sum(1 + sum(_length(arm.do) for arm in step.do.arms) if isinstance(step.do, Branch) else 1 for step in steps)

