"""What one playbook can never do, or does always: every claim is proved, and shown by a made-up account.

STW120 never true · STW121 never false · STW122 `when` and `until` at once · STW123 nothing damps it · STW129 not
decided · STW150 goal met at entry · STW151 over at entry · STW152 writes what it reads · STW153 arm never taken ·
STW154 branch not exhaustive · STW155 rung never climbed · STW156 step never done.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any as Anything

from steward.engine.cells import known_values
from steward.engine.expression import All, Expression, Leaf, holds, leaves
from steward.engine.findings import Findings, Mark
from steward.engine.language import Branch, OnUpdate, Playbook, Rung, Step, TriggerKind, UpdateStep, Wait
from steward.engine.literals import normal, range_of
from steward.engine.proofs import FALSE, NOT_FALSE, NOT_TRUE, TRUE, UNKNOWN, NotDecided, Proofs, Wanted
from steward.engine.retrigger import feeds, value_written
from steward.model.facts import FactSpec, FactType

Asked = tuple[Expression, Wanted]

_SWINGS = (FactType.NUMBER, FactType.INTEGER, FactType.RATIO, FactType.MONEY)


def warn_about(playbook: Playbook, catalog: Mapping[str, FactSpec], findings: Findings) -> None:
    """Note what is true of this playbook alone."""
    advice = _Advice(playbook, catalog, findings)
    advice.decide(advice.conditions)
    if advice.can_enter:
        advice.decide(advice.over_at_entry)
    if advice.can_enter:
        for check in (advice.clearing, advice.goal, advice.own_writes, advice.rungs, advice.steps):
            advice.decide(check)


def entry_of(playbook: Playbook) -> list[Asked]:
    """What must be so for an account to enter, besides the gates."""
    asked = [(playbook.when, TRUE)]
    if playbook.scope is not None:
        asked.append((playbook.scope, TRUE))
    return [*asked, *((condition, NOT_TRUE) for _, condition in playbook.exits)]


def account_text(row: Mapping[str, Anything], catalog: Mapping[str, FactSpec]) -> str:
    """ "health.score 58, renewal.days_left unknown": the facts that matter, exactly."""
    if not row:
        return "any account"
    return ", ".join(f"{name} {_exactly(value, catalog[name])}" for name, value in row.items())


def _exactly(value: Anything, spec: FactSpec) -> str:
    return "unknown" if value is None else normal((value,), "==", spec)


class _Advice:
    def __init__(self, playbook: Playbook, catalog: Mapping[str, FactSpec], findings: Findings) -> None:
        self.playbook, self.catalog, self.findings = playbook, catalog, findings
        self.written = {path: condition for path, condition in playbook.conditions().items()
                        if next(leaves(condition), None) and (path != "until" or playbook.until is not None)}
        self.proofs = Proofs([*self.written.values(), playbook.when], catalog)
        self.entry = entry_of(playbook)
        self.impossible: set[str] = set()
        self.can_enter = True
        self.undecided = False

    def decide(self, check: Callable[[], None]) -> None:
        """Run `check`; where it would take too long, say so once and claim nothing."""
        try:
            check()
        except NotDecided:
            if not self.undecided:
                self.findings.warning("STW129", self.mark("when"), "not decided: too many alternatives to try them all",
                                      "what can never be true may stand in here unnoticed; split the playbook")
            self.undecided = True

    def mark(self, path: str) -> Mark:
        """The place of a condition, a step or a field."""
        condition = self.written.get(path)
        if condition is not None:
            return next(leaves(condition)).mark
        marks = self.playbook.marks
        return marks.get(path) or marks.get(re.split(r"[.\[]", path, maxsplit=1)[0], Mark())

    def says(self, row: Mapping[str, Anything]) -> str:
        return account_text(row, self.catalog)

    # ---- each condition by itself ----

    def conditions(self) -> None:
        """Never true, never false, and what keeps everybody out."""
        asked = self.playbook.asked
        for path, condition in self.written.items():
            own = asked if path == "when" and asked is not None else condition
            for leaf in leaves(own):
                self.leaf(leaf)
            self.whole(path, condition)
        if "when" in self.impossible or "scope" in self.impossible:
            self.can_enter = False
        elif self.playbook.scope is not None and self.proofs.example(*self.entry[:2]) is None:
            self.can_enter = False
            alone = self.proofs.example(self.entry[0]) or {}
            self.findings.error("STW120", self.mark("scope"), '"when" is never true of those in "scope"',
                                f'"when" is true of {self.says(alone)}, who is not in "scope"')

    def leaf(self, leaf: Leaf) -> None:
        """A comparison that its fact's range decides."""
        spec = self.catalog[leaf.fact]
        if leaf.op in ("is known", "is unknown") or (spec.type is FactType.TEXT and not spec.one_of):
            return
        values = known_values(spec, leaf.values)
        first = next(values, None)
        always = holds(leaf, first)
        if first is None or any(holds(leaf, value) is not always for value in values):
            return
        if always:
            self.findings.error("STW121", leaf.mark, f'"{leaf.text}" is always true of a known value',
                                f"{range_of(spec)}; it is true of {self.says({leaf.fact: first})} too")
        else:
            self.findings.error("STW120", leaf.mark, f'"{leaf.text}" is never true of a known value',
                                f"{range_of(spec)}; it is false of {self.says({leaf.fact: first})} too")

    def whole(self, path: str, condition: Expression) -> None:
        """A condition whose parts exclude each other, or leave nothing out."""
        mark = self.mark(path)
        if self.proofs.example((condition, TRUE)) is None:
            self.impossible.add(path)
            self.findings.error("STW120", mark, f'"{path}" is never true', self.exclusion(condition))
        elif path in ("when", "until") and self.proofs.example((condition, FALSE)) is None:
            unknown = self.proofs.example((condition, UNKNOWN))
            self.findings.error(
                "STW121", mark, f'"{path}" is always true',
                "no account could ever leave it, not even one of which nothing is known" if unknown is None else
                f"no account could ever leave it: at most it is unknown, as of one with {self.says(unknown)}")

    def exclusion(self, condition: Expression) -> str:
        """The fewest parts that cannot be true at once, and an account that has all of them but the last."""
        parts = list(_parts(condition))
        for part in parts[:]:
            left = [each for each in parts if each is not part]
            if left and self.proofs.example(*((each, TRUE) for each in left)) is None:
                parts = left
        if len(parts) == 1:
            return "no value of its facts makes it true"
        but = self.proofs.example(*((each, TRUE) for each in parts[:-1])) or {}
        named = ", ".join(f'"{_short(each)}"' for each in parts)
        return f'these exclude each other: {named}. An account with {self.says(but)} has all but the last'

    # ---- entering and leaving ----

    def clearing(self) -> None:
        """`when` and `until` at once, and what goes back and forth."""
        playbook, until = self.playbook, self.playbook.until
        if not playbook.comes_by_itself:
            return
        damped = playbook.for_.amount or playbook.keep_for.amount
        by_date = playbook.trigger.kind in (TriggerKind.DATE, TriggerKind.DEADLINE)
        swings = any(self.catalog[leaf.fact].type in _SWINGS for leaf in leaves(playbook.when))
        if until is None:
            if not damped and not (by_date and not swings):
                self.findings.warning(
                    "STW123", self.mark_of_field("when"),
                    'without "until", "for" or "keep_for" an account that goes back and forth is closed and '
                    "opened again and again", "add: until: … (as health.score >= 70 for when: health.score < 60)")
            return
        both = self.proofs.example(*self.entry, (until, TRUE))
        if both is not None:
            self.findings.warning("STW122", self.mark_of_field("until"), '"when" and "until" can be true at once',
                                  f"such an account would enter and be closed at once: {self.says(both)}")
        elif not damped and swings and "until" not in self.impossible:
            self.no_band(until)

    def no_band(self, until: Expression) -> None:
        """`until` that begins where `when` ends, on a fact that swings, with nothing to damp it."""
        if self.proofs.example((self.playbook.when, FALSE), (until, NOT_TRUE)) is not None:
            return
        here, there = self.proofs.example(*self.entry) or {}, self.proofs.example((until, TRUE)) or {}
        self.findings.warning(
            "STW123", self.mark_of_field("until"),
            '"until" begins where "when" ends, and no "for" or "keep_for" damps it',
            f"an account that goes from {self.says(here)} to {self.says(there)} and back is closed and opened again; "
            "leave room between the two, or add: for: 3d")

    def mark_of_field(self, name: str) -> Mark:
        return self.playbook.marks.get(name, Mark())

    def goal(self) -> None:
        """A goal that is met as the account comes in counts as a success of nothing."""
        goal = self.playbook.goal
        if goal is None or "goal.when" in self.impossible:
            return
        met = self.proofs.example(*self.entry, (goal.when, TRUE))
        if met is None:
            return
        if self.playbook.comes_by_itself and self.proofs.example(*self.entry, (goal.when, NOT_TRUE)) is None:
            self.findings.error("STW150", self.mark("goal.when"), "the goal is met by every account that enters",
                                f"as by {self.says(met)}; it would count as success at once")
        elif self.playbook.comes_by_itself:
            self.findings.warning("STW150", self.mark("goal.when"), "the goal can be met already as an account enters",
                                  f"{self.says(met)} would count as success at once; let \"when\" leave it out")

    def over_at_entry(self) -> None:
        """An exit that is true of everybody whom `when` lets in."""
        playbook = self.playbook
        ends = {f"exit.{name}": condition for name, condition in playbook.exits}
        if playbook.revoke_on is not None and not isinstance(playbook.revoke_on, str):
            ends["revoke_on"] = playbook.revoke_on
        before = [each for each in self.entry if each[1] is TRUE]
        for path, condition in ends.items():
            if self.proofs.example(*before, (condition, NOT_TRUE)) is None:
                self.can_enter = False
                one = self.proofs.example(*before) or {}
                self.findings.error("STW151", self.mark(path), f'"{path}" is true of every account that could enter',
                                    f"as of {self.says(one)}: it would be over before it begins")
        if self.can_enter and self.proofs.example(*self.entry) is None:
            self.can_enter = False
            if ends:
                one = self.proofs.example(*before) or {}
                self.findings.error("STW151", self.mark(next(iter(ends))),
                                    "one exit or another is true of every account that could enter",
                                    f"as of {self.says(one)}: it would be over before it begins")

    def own_writes(self) -> None:
        """A step that writes a field which feeds a fact of `when`."""
        for step in self.playbook.steps():
            if isinstance(step.do, UpdateStep):
                for name in sorted({leaf.fact for leaf in leaves(self.playbook.when)}):
                    self.own_write(step, step.do, name)

    def own_write(self, step: Step, update: UpdateStep, name: str) -> None:
        spec = self.catalog[name]
        if not feeds(update.field, spec):
            return
        written = value_written(update, spec)
        fixed = [] if written is None else [(Leaf(name, "==", (written,), ""), TRUE)]
        proofs = Proofs([*(each for each, _ in self.entry), *(each for each, _ in fixed)], self.catalog)
        again = proofs.example(*self.entry, *fixed)
        if again is not None:
            self.findings.warning(
                "STW152", self.mark(step.path),
                f'the playbook writes "{update.field}", which feeds {name} of its "when"',
                f"what it wrote lets the account in again: {self.says({name: written, **again})}" if written is not None
                else f'an account with {self.says(again)} is let in by what the playbook itself wrote')

    # ---- what is done ----

    def rungs(self) -> None:
        """A rung that nobody ever reaches while the enrollment is active."""
        for at, rung in enumerate(self.playbook.escalate):
            if f"escalate[{at}].only_if" not in self.impossible:
                self.rung(f"escalate[{at}]", rung)

    def rung(self, path: str, rung: Rung) -> None:
        asked: list[Asked] = [] if rung.only_if is None else [(rung.only_if, TRUE)]
        if rung.unless is not None and not isinstance(rung.unless, str):
            asked.append((rung.unless, FALSE))
        if not asked:
            return
        until = self.playbook.until
        if self.proofs.example(*asked) is None:
            self.findings.error("STW155", self.mark(f"{path}.unless"), f'"{path}" is never climbed',
                                self.never(asked, 'whenever "only_if" is true "unless" is too, or is unknown'))
        elif rung.after.amount and until is not None and self.proofs.example(*asked, (until, NOT_TRUE)) is None:
            place = f"{path}.only_if" if rung.only_if is not None else f"{path}.unless"
            self.findings.error("STW155", self.mark(place), f'"{path}" is never climbed',
                                self.never(asked, 'where it would be, "until" is true already'))

    def never(self, asked: Sequence[Asked], why: str) -> str:
        one = self.proofs.example(asked[0])
        return why if one is None else f"{why}, as of {self.says(one)}"

    def steps(self) -> None:
        """Steps and arms that nobody comes to, walked as the program runs."""
        begins_anywhere = self.playbook.on_update is OnUpdate.MIGRATE   # who comes from the version before
        self.walk(self.playbook.do, [] if begins_anywhere else self.entry)
        self.walk(self.playbook.compensate, [])

    def walk(self, steps: tuple[Step, ...], context: list[Asked]) -> list[Asked]:
        """`context` is what is surely so as the first of `steps` is reached; gives it for what follows them."""
        for step in steps:
            if step.needs or step.approve:
                context = []                    # it may wait here, and then anything may have changed
            inside = context
            if step.only_if is not None:
                if context and self.never_done(step.path, step.only_if, context):
                    continue
                if self.may_wait(context, step.only_if):
                    context = []
                if f"{step.path}.if" in self.impossible:
                    continue                    # nobody does it; that is said already
                inside = [*context, (step.only_if, TRUE)]
            if isinstance(step.do, Wait):
                context = []
            elif isinstance(step.do, Branch):
                context = self.branch(step.path, step.do, inside)
        return context

    def never_done(self, path: str, condition: Expression, context: Sequence[Asked]) -> bool:
        """A step whose `if` is false of everybody who comes to it."""
        if f"{path}.if" in self.impossible or self.proofs.example(*context, (condition, NOT_FALSE)) is not None:
            return False
        one = self.proofs.example(*context) or {}
        self.findings.error("STW156", self.mark(f"{path}.if"), f'"{path}" is never done',
                            f'its "if" is false of every account that comes to it, as of {self.says(one)}')
        return True

    def may_wait(self, context: Sequence[Asked], condition: Expression) -> bool:
        return self.proofs.example(*context, (condition, UNKNOWN)) is not None

    def branch(self, path: str, branch: Branch, context: list[Asked]) -> list[Asked]:
        """Gives what is surely so after it."""
        conditions = [arm.when for arm in branch.arms if arm.when is not None]
        waits = any(self.may_wait(context, condition) for condition in conditions)
        if waits:
            context = []
        before: list[Asked] = []
        for at, arm in enumerate(branch.arms):
            place = f"{path}.branch[{at}].if"
            taken = [*context, *before, *([] if arm.when is None else [(arm.when, TRUE)])]
            if place not in self.impossible and self.proofs.example(*taken) is None:
                self.unreachable(place, path, arm.when, [*context], conditions[:at])
            self.walk(arm.do, taken)
            if arm.when is not None:
                before.append((arm.when, FALSE))
        if all(arm.when is not None for arm in branch.arms):
            missed = self.proofs.example(*context, *before)
            if missed is not None:
                self.findings.error("STW154", self.mark(path), f'"{path}" has no arm for some accounts',
                                    f"as for {self.says(missed)}. Add a last arm: else: … (while an arm is unknown "
                                    "everybody waits; that is no gap)")
        return []

    def unreachable(
        self, place: str, path: str, condition: Expression | None, context: Sequence[Asked],
        before: Sequence[Expression],
    ) -> None:
        itself: list[Asked] = [*context, *([] if condition is None else [(condition, TRUE)])]
        one = self.proofs.example(*itself)
        first = next((at for at, each in enumerate(before, 1)
                      if one is not None and self.proofs.example(*itself, (each, NOT_TRUE)) is None), None)
        if one is None:
            why = "no account that comes to the branch can take it"
        elif first:
            why = f"who could take it, as {self.says(one)}, takes arm {first} before it"
        else:
            why = f"the arms before it leave nobody over, neither {self.says(one)} nor another"
        if condition is None:
            self.findings.warning("STW153", self.mark(path), f'nobody is left for "else" of "{path}"', why)
        else:
            self.findings.error("STW153", self.mark(place), f'this arm of "{path}" is never taken', why)


def _parts(condition: Expression) -> Sequence[Expression]:
    if isinstance(condition, All):
        return [part for child in condition.children for part in _parts(child)]
    return [condition]


def _short(condition: Expression) -> str:
    first = next(leaves(condition), None)
    return "nothing" if first is None else first.text if isinstance(condition, Leaf) else f"… {first.text} …"
