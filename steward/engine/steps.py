"""The steps under `do` and `compensate`: a list in, checked steps out."""

from __future__ import annotations

from dataclasses import dataclass, field

from steward.engine.acts import read_act
from steward.engine.document import Block, Listing, Node, Scalar
from steward.engine.field_table import MODIFIER_TABLE, STEP_TABLE, inside, names
from steward.engine.fields import Fields, listed
from steward.engine.findings import near
from steward.engine.language import Act, Arm, Branch, Step, Wait

KINDS = names(STEP_TABLE)
MODIFIERS = names(MODIFIER_TABLE)
_EXAMPLE = "write: - message: {to: csm}"
_WAY = "ways stand in a list under branch: - branch: [{if: health.score < 40, do: […]}, {else: […]}]"


def read_steps(node: Node | None, part: str, fields: Fields, before: tuple[Step, ...] = ()) -> tuple[Step, ...]:
    """The list under `part` ("do"); `needs` may also name the steps of `before`."""
    if node is None:
        return ()
    reader = _Reader(fields, {step.id: step for step in before if step.id})
    reader.taken.update(step.id for step in before if step.id)
    return reader.steps(node, part, {name: _delivers(step) for name, step in reader.earlier.items()})


def _one_step(node: Node) -> str:
    """What to write where a step stands alone, without the dash of a list."""
    kind = next((key.text for key, _ in node.entries if key.text in KINDS), "") if isinstance(node, Block) else ""
    return f'put "- " before it: - {kind}: …' if kind else ""


def _delivers(step: Step) -> bool:
    return not isinstance(step.do, (Wait, Branch))


@dataclass
class _Reader:
    fields: Fields
    earlier: dict[str, Step]
    taken: set[str] = field(default_factory=set)

    def steps(self, node: Node, path: str, seen: dict[str, bool]) -> tuple[Step, ...]:
        """`seen`: the ids that stand before on the way to here, and whether such a step delivers anything."""
        if not isinstance(node, Listing) or not node.items:
            self.fields.wrong(node.mark, f'"{path.rpartition(".")[2]}" is a list of steps',
                              _one_step(node) or _EXAMPLE)
            return ()
        seen, out = dict(seen), []
        for at, item in enumerate(node.items):
            step = self.step(item, f"{path}[{at}]", seen)
            if step is not None:
                out.append(step)
                if step.id:
                    seen[step.id] = _delivers(step)
        return tuple(out)

    def step(self, node: Node, path: str, seen: dict[str, bool]) -> Step | None:
        fields = self.fields
        if not isinstance(node, Block) or not node.entries:
            fields.wrong(node.mark, "this is no step", _EXAMPLE)
            return None
        fields.known_only(node, (*KINDS, *MODIFIERS), " in a step", {"do": _WAY, "else": _WAY, "then": _WAY})
        kinds = [(key, body) for key, body in node.entries if key.text in KINDS]
        if not kinds:
            if all(key.text in MODIFIERS for key, _ in node.entries):
                fields.wrong(node.mark, "this step does nothing", f"write one of: {', '.join(KINDS)}")
            return None
        if len(kinds) > 1:
            fields.wrong(kinds[1][0].mark, f'a step does one thing; this does "{kinds[0][0].text}" already',
                         f"write it as a step of its own: - {kinds[1][0].text}: …")
            return None
        name = self.name(node.get("id"))
        condition = node.get("if")
        only_if = fields.conditions.read(condition, f"{path}.if") if condition is not None else None
        needs = self.needs(node.get("needs"), seen)
        approve = fields.people(node.get("approve")) or ()
        do = self.does(*kinds[0], path, seen)
        return Step(do, path, name, only_if, needs, approve) if do is not None else None

    def does(self, key: Scalar, body: Node, path: str, seen: dict[str, bool]) -> Act | Wait | Branch | None:
        if key.text == "wait":
            length = self.fields.duration(body)
            return Wait(length) if length is not None else None
        if key.text == "branch":
            return self.branch(body, path, seen)
        return read_act(key, body, self.fields)

    def branch(self, node: Node, path: str, seen: dict[str, bool]) -> Branch | None:
        fields, arms = self.fields, []
        if not isinstance(node, Listing) or not node.items:
            fields.wrong(node.mark, '"branch" is a list of ways',
                         "write: - {if: health.score < 40, do: […]} and last - {else: […]}")
            return None
        for at, item in enumerate(node.items):
            arm = self.arm(item, f"{path}.branch[{at}]", seen, last=at == len(node.items) - 1)
            arms.append(arm)
        return Branch(tuple(arm for arm in arms if arm)) if all(arms) else None

    def arm(self, node: Node, path: str, seen: dict[str, bool], *, last: bool) -> Arm | None:
        fields = self.fields
        if not isinstance(node, Block):
            fields.wrong(node.mark, "this is no way of a branch", "write: {if: health.score < 40, do: […]}")
            return None
        otherwise = node.get("else")
        if otherwise is not None:
            fields.known_only(node, ("else",), " beside else")
            if not last:
                fields.wrong(node.mark, '"else" takes all that is left; nothing after it is reached', "put it last",
                             "STW118")
            steps = self.steps(otherwise, f"{path}.else", seen)
            return Arm(None, steps) if steps else None
        fields.known_only(node, inside(STEP_TABLE, "branch"), " in a way of a branch")
        asked = fields.needed(node, "if", "a way of a branch", "{if: health.score < 40, do: […]}, or {else: […]}")
        do = fields.needed(node, "do", "a way of a branch", "{if: health.score < 40, do: […]}")
        condition = fields.conditions.read(asked, f"{path}.if") if asked is not None else None
        steps = self.steps(do, f"{path}.do", seen) if do is not None else ()
        return Arm(condition, steps) if condition is not None and steps else None

    def name(self, node: Node | None) -> str:
        name = self.fields.ident(node) or ""
        if name and node is not None and name in self.taken:
            self.fields.wrong(node.mark, f'the id "{name}" is taken by another step', "choose another", "STW119")
        self.taken.add(name)
        return name

    def needs(self, node: Node | None, seen: dict[str, bool]) -> tuple[str, ...]:
        out = []
        for item in listed(node) if node is not None else ():
            name = self.fields.ident(item)
            if name is None:
                continue
            if name not in seen:
                why = "it stands on another way" if name in self.taken else "there is none of that id"
                self.fields.wrong(item.mark, f'no step before this one, and surely taken, is "{name}": {why}',
                                  near(name, seen) or self._ids(seen), "STW119")
            elif not seen[name]:
                self.fields.wrong(item.mark, f'"{name}" delivers nothing that could be needed',
                                  "steps go in order anyhow; remove it", "STW119")
            else:
                out.append(name)
        return tuple(out)

    @staticmethod
    def _ids(seen: dict[str, bool]) -> str:
        return f"one of: {', '.join(seen)}" if seen else "give an earlier step an id: - {id: call, cta: {type: risk}}"
