"""`do` as a flat list of instructions, and one run along it: what is performed now, and what it waits for then."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from steward.engine.language import Branch, Playbook, Step, Wait
from steward.engine.look import FALSE, TRUE, UNKNOWN, Look
from steward.model.enrollments import Arm, Enrollment


@dataclass(frozen=True, slots=True)
class Instruction:
    """One step and where it leads: `follows` is the index after it, past the arms of a branch.

    `arms` of a branch: the path of each one's condition ("" is `else`) and the index at which it begins.
    """

    step: Step
    follows: int
    arms: tuple[tuple[str, int], ...] = ()

    @property
    def path(self) -> str:
        """Of the step, as in the YAML."""
        return self.step.path


@dataclass(frozen=True, slots=True)
class Run:
    """How far the program came by one look, and why it is no further.

    It is at `at`; `due` is when its wait is over; `stuck` that a person, a receipt, a silence or a verdict keeps it.
    """

    at: int
    acts: tuple[Step, ...] = ()
    due: datetime | None = None
    stuck: bool = False
    reached: datetime | None = None         # when the wait at `at` began


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
    instructions, at, acts = program_of(look.playbook), enrollment.step, list[Step]()
    planned = set(enrollment.body.get("planned", ()))
    reached = _instant(enrollment.body.get("step_since"))
    while at < len(instructions):
        instruction = instructions[at]
        step = instruction.step
        if reached is None and step.only_if is not None:
            answer = look.verdicts.of(f"{step.path}.if")
            if answer is UNKNOWN:
                return Run(at, tuple(acts), stuck=True)
            if answer is FALSE:
                at = instruction.follows
                continue
        if isinstance(step.do, Wait):
            reached = reached or clock
            if (due := step.do.length.after(reached, look.calendar)) > clock:
                return Run(at, tuple(acts), due, reached=reached)
            at, reached = instruction.follows, None
        elif isinstance(step.do, Branch):
            target = _arm(look, instruction)
            if target is None:
                return Run(at, tuple(acts), stuck=True)
            at = target
        else:
            ready = _ready(look, enrollment, step, planned)
            if ready is None:
                return Run(at, tuple(acts), stuck=True)
            if ready and step.key not in planned:
                acts.append(step)
                planned.add(step.key)
            at = instruction.follows
    return Run(at, tuple(acts))


def compensation(look: Look) -> Iterator[Step]:
    """The reverse steps, all at once, for there is no later: what is not TRUE is left out."""
    instructions, at = compensation_of(look.playbook), 0
    while at < len(instructions):
        instruction = instructions[at]
        step = instruction.step
        wanted = step.only_if is None or look.verdicts.of(f"{step.path}.if") is TRUE
        if wanted and isinstance(step.do, Branch):
            at = _arm(look, instruction) or instruction.follows
            continue
        if wanted and not isinstance(step.do, Wait):
            yield step
        at = instruction.follows


def full_key(enrollment: Enrollment, step_key: str) -> str:
    """The idempotency key of a step: "health_drop/acct_17/1/do.0/1"; the last number rises with each migration."""
    return f"{enrollment.id}/{step_key}/{enrollment.body.get('generation', 1)}"


def key_told(enrollment: Enrollment, step_key: str) -> str:
    """The key under which a step was in fact planned: before a migration it had another one."""
    told: str = enrollment.body.get("was", {}).get(step_key) or full_key(enrollment, step_key)
    return told


def _ready(look: Look, enrollment: Enrollment, step: Step, planned: set[str]) -> bool | None:
    """Whether an act may be performed now: None is not yet, False is never, for what it needs was left out."""
    if step.needs:
        for needed in _needed(look.playbook, step):
            if needed.key not in planned:
                return False
            if enrollment.arm is Arm.TREATMENT and not _delivered(look, enrollment, needed.key):
                return None
    if look.gates.silenced:
        return None
    if step.approve and enrollment.arm is Arm.TREATMENT and not _approved(enrollment.body, step.key):
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
        after = end if position == len(steps) - 1 else at + _length((step,))
        if not isinstance(step.do, Branch):
            yield Instruction(step, after)
            at += 1
            continue
        inside, arms = list[Instruction](), []
        at += 1
        for number, arm in enumerate(step.do.arms):
            path = f"{step.path}.branch[{number}].if" if arm.when is not None else ""
            arms.append((path, at if arm.do else after))
            inside += _laid(arm.do, at, after)
            at += _length(arm.do)
        yield Instruction(step, after, tuple(arms))
        yield from inside


def _length(steps: tuple[Step, ...]) -> int:
    return sum(1 + sum(_length(arm.do) for arm in step.do.arms) if isinstance(step.do, Branch) else 1 for step in steps)


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
