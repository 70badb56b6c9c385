"""Enrollments in flight go on with a new version: the step each stands at has an image there, or it stays pinned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from steward.engine.clocks import each_run, without
from steward.engine.language import Branch, Playbook, Rung, Step, Wait
from steward.engine.program import Instruction, key_told, program_of
from steward.model.enrollments import Enrollment, State

END = "end"


@dataclass(frozen=True, slots=True)
class Migrated:
    """`mapped` is the path at which it goes on, "end" where all steps are done; None: it stays on its version.

    `trouble` says why it stays, for a person: it stands in the enrollment's `needs_attention` too.
    """

    enrollment: Enrollment
    mapped: str | None
    trouble: str = ""


def migrate(enrollment: Enrollment, old: Playbook, new: Playbook) -> Migrated:
    """The enrollment, which is on `old`, on `new`. Who has not entered follows the live version without this."""
    if enrollment.state not in (State.ACTIVE, State.RECOVERING) or enrollment.version == new.version:
        return Migrated(enrollment, None)
    before, after = program_of(old), program_of(new)
    images = dict(step_images(old, new))
    at = _image_of(enrollment.step, before, after, images)
    if at is None:
        path = before[enrollment.step].path
        return _stays(enrollment, f"{path} of {old.label} is no step of {new.label}: it ends on its old version")
    if left_out := _left_out(enrollment, before, after, images, at):
        return _stays(enrollment, f"{left_out} of {old.label} would be left out in {new.label}: name it in the map")
    body = _body(enrollment, before, after, images)
    body["rungs"] = _rungs(enrollment.body.get("rungs", ()), old.escalate, new.escalate)
    if not body["rungs"]:
        del body["rungs"]
    if at >= len(after) or not isinstance(after[at].step.do, Wait):
        body.pop("step_since", None)
    moved = replace(enrollment, version=new.version, step=at, rung=len(body.get("rungs", ())), body=body,
                    wake_at=each_run(enrollment))
    return Migrated(moved, after[at].path if at < len(after) else END)


def step_images(old: Playbook, new: Playbook) -> list[tuple[str, str | None]]:
    """Each step of `old` with its image in `new`: as `step_map` says, else that of the same id, else the equal one.

    Steps that are only alike keep their order; an act has its image wherever it went, lest it be done again.
    """
    named, before, after = dict(new.step_map), program_of(old), program_of(new)
    paths = {instruction.path for instruction in after}
    found: dict[str, str | None] = {
        each.path: named[each.path] if named[each.path] in paths else None for each in before if each.path in named}
    for one in (each for each in before if each.step.id and each.path not in found):
        same = (each.path for each in after if each.step.id == one.step.id and each.step.do.kind == one.step.do.kind)
        if (image := next(same, None)) is not None and image not in found.values():
            found[one.path] = image
    taken = set(found.values())
    found.update(_alike([each.step for each in before if each.path not in found],
                        [each.step for each in after if each.path not in taken]))
    taken = set(found.values())
    for one in (each for each in before if each.path not in found and _is_act(each)):
        moved = (each.path for each in after if each.path not in taken and _bare(each.step) == _bare(one.step))
        if (image := next(moved, None)) is not None:
            found[one.path] = image
            taken.add(image)
    return [(each.path, found.get(each.path)) for each in before]


def _alike(old: Sequence[Step], new: Sequence[Step]) -> dict[str, str | None]:
    """The longest row of equal steps in both, of several the one that leaves more of them in their places."""
    ours, theirs = [_bare(step) for step in old], [_bare(step) for step in new]
    best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    gain = {(at, to): len(old) + 1 + (old[at].path == new[to].path)
            for at in range(len(old)) for to in range(len(new)) if ours[at] == theirs[to]}
    for at in reversed(range(len(old))):
        for to in reversed(range(len(new))):
            both = gain[at, to] + best[at + 1][to + 1] if (at, to) in gain else 0
            best[at][to] = max(both, best[at + 1][to], best[at][to + 1])
    found: dict[str, str | None] = {}
    at = to = 0
    while at < len(old) and to < len(new):
        if (at, to) in gain and best[at][to] == gain[at, to] + best[at + 1][to + 1]:
            found[old[at].path] = new[to].path
            at, to = at + 1, to + 1
        elif best[at][to] == best[at + 1][to]:
            at += 1
        else:
            to += 1
    return found


def _bare(step: Step) -> Step:
    """The step wherever it stands; of a branch the conditions alone, for its steps have images of their own."""
    if not isinstance(step.do, Branch):
        return replace(step, path="")
    return replace(step, path="", do=Branch(tuple(replace(arm, do=()) for arm in step.do.arms)))


def _image_of(
    at: int, before: Sequence[Instruction], after: Sequence[Instruction], images: Mapping[str, str | None],
) -> int | None:
    if at >= len(before):
        return len(after)
    image = images.get(before[at].path)
    return next((index for index, each in enumerate(after) if each.path == image), None)


def _left_out(
    enrollment: Enrollment, before: Sequence[Instruction], after: Sequence[Instruction],
    images: Mapping[str, str | None], at: int,
) -> str:
    """The first act that is still to be done and that the new version does before the place where it goes on."""
    done, passed = enrollment.body.get("planned", ()), {each.path for each in after[:at]}
    return next((each.path for each in before[enrollment.step:]
                 if each.key not in done and _is_act(each) and images.get(each.path) in passed), "")


def _is_act(instruction: Instruction) -> bool:
    return not isinstance(instruction.step.do, (Wait, Branch))


def _body(
    enrollment: Enrollment, before: Sequence[Instruction], after: Sequence[Instruction],
    images: Mapping[str, str | None],
) -> dict[str, Any]:
    """The body in the words of the new version. Keys that were used stay used: new ones get a new last number."""
    old = {each.step.key: each.path for each in before}
    new = {each.path: each.step.key for each in after}

    def image(key: str) -> str | None:
        path = images.get(old.get(key, ""))
        return new[path] if path is not None else None

    body = without(enrollment.body, "planned", "approvals", "was")
    body["generation"] = enrollment.body.get("generation", 1) + 1
    planned: list[str] = enrollment.body.get("planned", [])
    body["planned"] = [told for key in planned if (told := image(key))]
    body["was"] = {told: key_told(enrollment, key) for key in planned if (told := image(key))}
    body["approvals"] = {
        told: answer for key, answer in enrollment.body.get("approvals", {}).items() if (told := image(key))}
    body["did"] = bool(planned) or bool(enrollment.body.get("did"))
    return {name: value for name, value in body.items() if value not in ([], {}, False)}


def _rungs(done: Sequence[int], old: Sequence[Rung], new: Sequence[Rung]) -> list[int]:
    """The rungs of `new` that count as climbed: the equal one, else that in the same place; better one too many."""
    climbed = set[int]()
    for at in done:
        equal = [each for each, rung in enumerate(new) if rung == old[at]]
        image = at if at in equal or not equal else equal[0]
        if image < len(new):
            climbed.add(image)
    return sorted(climbed)


def _stays(enrollment: Enrollment, trouble: str) -> Migrated:
    told = enrollment.body.get("needs_attention", [])
    if trouble in told:
        return Migrated(enrollment, None, trouble)
    return Migrated(replace(enrollment, body={**enrollment.body, "needs_attention": [*told, trouble]}), None, trouble)
