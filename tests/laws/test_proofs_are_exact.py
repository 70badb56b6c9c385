"""What the checker calls impossible is impossible, and what it shows is possible: held against trying everything.

Catalogs, conditions and playbooks by chance, over facts of so few values that every account can be made. Short by
default; STEWARD_TORTURE=1 tries a hundred times as many.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any as Anything

from steward.engine.closures import closure
from steward.engine.durations import Duration
from steward.engine.expression import ALWAYS, NEVER, All, Any, Expression, Leaf, Not, Op
from steward.engine.findings import Findings, Mark
from steward.engine.language import Arm, Branch, Goal, MessageStep, Playbook, Rung, Step, Wait
from steward.engine.proofs import FALSE, NOT_FALSE, NOT_TRUE, TRUE, UNKNOWN, Proofs, Wanted
from steward.engine.reasoning import check_folder, warn_about
from steward.model.facts import FactSpec, FactType

TIMES = 100 if os.environ.get("STEWARD_TORTURE") else 1
DAY = date(2026, 1, 1)
VERDICTS: Mapping[Wanted, set[bool | None]] = {
    TRUE: {True}, FALSE: {False}, UNKNOWN: {None}, NOT_TRUE: {False, None}, NOT_FALSE: {True, None}}
SAY = MessageStep(("csm",))
Row = dict[str, Anything]


class World:
    """A catalog by chance, every account that can be told apart in it, and conditions about them."""

    def __init__(self, seed: int, facts: int = 3) -> None:
        self.random = random.Random(seed)
        self.catalog: dict[str, FactSpec] = {}
        self.literals: dict[str, list[Anything]] = {}
        values: dict[str, list[Anything]] = {}
        for at in range(facts):
            name = f"fact.{at}"
            spec, self.literals[name], values[name] = self.fact(name, self.random.choice(list(FactType)))
            self.catalog[name] = spec
        self.rows: list[Row] = [
            dict(zip(values, each, strict=True)) for each in itertools.product(*([*all_, None] for all_ in values.values()))]

    def fact(self, name: str, kind: FactType) -> tuple[FactSpec, list[Anything], list[Anything]]:
        """The spec, the literals to compare with, and every value worth telling apart."""
        chance, spec = self.random, FactSpec(name, kind, "", "", "crm")
        match kind:
            case FactType.BOOLEAN:
                return spec, [True, False], [True, False]
            case FactType.TEXT:
                if chance.random() < 0.5:
                    words = ("a", "b", "c")[:chance.randint(1, 3)]
                    return FactSpec(name, kind, "", "", "crm", one_of=words), list(words), list(words)
                return spec, ["a", "something else"], ["a", "something else", "neither"]
            case FactType.DATE:
                days = [DAY + timedelta(days=day) for day in range(-1, 4)]
                return spec, [DAY, DAY + timedelta(days=2)], days
        low, high = chance.choice([None, 0, 1]), chance.choice([None, 2, 3])
        spec = FactSpec(name, kind, "", "", "crm", low=low, high=high)
        whole = kind in (FactType.INTEGER, FactType.DAYS)
        grid: list[Anything] = list(range(-1, 5)) if whole else [half / 2 for half in range(-2, 10)]
        values = [value for value in grid if (low is None or value >= low) and (high is None or value <= high)]
        literals: list[Anything] = list(range(4)) if not whole else [0, 1, 1.5, 2, 3]
        return spec, [each for each in literals if (low or -9) <= each <= (high or 9)], values

    def leaf(self) -> Leaf:
        spec = self.catalog[self.random.choice(sorted(self.catalog))]
        ordered: list[Op] = [] if spec.type in (FactType.TEXT, FactType.BOOLEAN) else ["<", "<=", ">", ">="] * 2
        op: Op = self.random.choice([*ordered, "==", "!=", "in", "not in", "is known", "is unknown"])
        count = 0 if op.startswith("is") else self.random.randint(1, 2) if "in" in op else 1
        values = tuple(self.random.choice(self.literals[spec.name]) for _ in range(count))
        return Leaf(spec.name, op, values, ", ".join(str(value) for value in values))

    def condition(self, depth: int = 3) -> Expression:
        draw = self.random.random()
        if depth == 0 or draw < 0.2:
            return ALWAYS if draw < 0.01 else NEVER if draw < 0.02 else self.leaf()
        if draw < 0.35:
            return Not(self.condition(depth - 1))
        children = tuple(self.condition(depth - 1) for _ in range(self.random.randint(1, 3)))
        return All(children) if draw < 0.7 else Any(children)

    def that(self, *asked: tuple[Expression, Wanted]) -> Iterator[Row]:
        """Every account that has the verdicts."""
        asks = [(closure(condition), VERDICTS[wanted]) for condition, wanted in asked]
        return (row for row in self.rows if all(ask(row) in wanted for ask, wanted in asks))


def test_what_is_called_impossible_is_impossible_and_what_is_shown_is_so() -> None:
    """Two conditions, every pair of verdicts, against every account."""
    for seed in range(120 * TIMES):
        world = World(seed)
        one, two = world.condition(), world.condition()
        proofs = Proofs([one, two], world.catalog)
        ask_one, ask_two = closure(one), closure(two)
        seen = {(ask_one(row), ask_two(row)) for row in world.rows}
        for (first, these), (second, those) in itertools.product(VERDICTS.items(), VERDICTS.items()):
            possible = any(left in these and right in those for left, right in seen)
            shown = proofs.example((one, first), (two, second))

            assert (shown is not None) is possible, (seed, first, second, one, two)
            if shown is not None:
                for rest in (world.rows[0], world.rows[-1]):        # facts that are not named may be anything
                    row = {**rest, **shown}
                    assert ask_one(row) in these
                    assert ask_two(row) in those


def test_the_values_of_an_example_are_values_that_the_fact_can_have() -> None:
    """An account with a health of 130 would prove nothing."""
    for seed in range(300 * TIMES):
        world = World(seed)
        condition = world.condition()
        shown = Proofs([condition], world.catalog).example((condition, NOT_FALSE)) or {}
        for name, value in shown.items():
            spec = world.catalog[name]

            assert value is None or spec.low is None or value >= spec.low
            assert value is None or spec.high is None or value <= spec.high
            assert value is None or not spec.one_of or value in spec.one_of
            assert not isinstance(value, float) or spec.type not in (FactType.INTEGER, FactType.DAYS)


def _playbook(world: World, seed: int) -> Playbook:
    def maybe() -> Expression | None:
        return world.condition(1) if world.random.random() < 0.4 else None

    def arms() -> tuple[Arm, ...]:
        count = world.random.randint(1, 3)
        return (*(Arm(world.condition(1), ()) for _ in range(count)), *([Arm(None, ())] * (world.random.random() < 0.5)))

    acts = [SAY, Branch(arms()), SAY, Wait(Duration(1)), Branch(arms())]
    world.random.shuffle(acts)
    do = tuple(Step(act, f"do[{at}]", only_if=maybe()) for at, act in enumerate(acts))
    rung = Rung(Duration(2), ("csm",), maybe(), maybe())
    exits = tuple((f"e{at}", each) for at in range(2) if (each := maybe()) is not None)
    goal = maybe()
    return Playbook(f"p{seed}", "It", "Because.", world.condition(2), do, scope=maybe(), until=maybe(), exits=exits,
                    goal=None if goal is None else Goal(goal), escalate=(rung,), for_=Duration(1),
                    file=f"p{seed}.yaml")


def test_every_finding_about_a_playbook_is_so_in_every_account() -> None:
    """Each claim is tried on all accounts there are; and what is not claimed has an account that says otherwise."""
    told = set[str]()
    for seed in range(400 * TIMES):
        world = World(seed, facts=2)
        playbook = _playbook(world, seed)
        findings = Findings("it.yaml", "")
        warn_about(playbook, world.catalog, findings)
        said = {(each.code, each.severity, each.message) for each in findings.found}
        codes = {(code, severity) for code, severity, _ in said}
        told |= {code for code, _ in codes}
        when = playbook.when
        before = [(when, TRUE), *([(playbook.scope, TRUE)] if playbook.scope else [])]
        entry = [*before, *((condition, NOT_TRUE) for _, condition in playbook.exits)]
        enters = next(world.that(*entry), None) is not None

        def none(*asked: tuple[Expression, Wanted], world: World = world) -> bool:
            return next(world.that(*asked), None) is None

        has_leaves = playbook.conditions()
        for path, condition in has_leaves.items():
            if any(True for _ in _leaves(condition)) and (path != "until" or playbook.until):
                assert (("STW120", "error", f'"{path}" is never true') in said) is none((condition, TRUE)), (seed, path)
        if not enters:
            assert none(*before) or (("STW151", "error") in codes), seed
            continue
        assert ("STW151", "error") not in codes, seed
        if playbook.until is not None:
            assert (("STW122", "warning") in codes) is not none(*entry, (playbook.until, TRUE)), seed
        if playbook.goal is not None:
            met, missed = not none(*entry, (playbook.goal.when, TRUE)), not none(*entry, (playbook.goal.when, NOT_TRUE))
            assert (("STW150", "error") in codes) is (met and not missed), seed
            assert (("STW150", "warning") in codes) is (met and missed), seed
        rung = playbook.escalate[0]
        asked = [*([(rung.only_if, TRUE)] if rung.only_if else []), *(
            [(rung.unless, FALSE)] if isinstance(rung.unless, Leaf | Not | All | Any) else [])]
        if "STW155" in {code for code, _ in codes}:
            assert none(*asked, *([(playbook.until, NOT_TRUE)] if playbook.until else [])), seed
        _walked(world, playbook, said, seed)
    assert told >= {"STW120", "STW121", "STW122", "STW150", "STW151", "STW153", "STW154", "STW155", "STW156"}


def _leaves(condition: Expression) -> Iterator[Leaf]:
    from steward.engine.expression import leaves

    return leaves(condition)


def _walked(world: World, playbook: Playbook, said: set[tuple[str, str, str]], seed: int) -> None:
    """Holds what is said of steps and arms to the ways of every account that enters."""
    reached, taken, missed = _ways(world, playbook)
    for step in playbook.do:
        if ("STW156", "error", f'"{step.path}" is never done') in said:
            assert step.path not in reached, (seed, step.path)
        if isinstance(step.do, Branch) and step.path in reached:
            claimed = ("STW154", "error", f'"{step.path}" has no arm for some accounts') in said
            assert claimed is (step.path in missed), (seed, step.path)
            never = sum(f"{step.path}.{at}" not in taken for at in range(len(step.do.arms)))
            claims = [each for each in said if each[0] == "STW153" and f'"{step.path}"' in each[2]]
            assert bool(claims) <= bool(never), (seed, step.path)


def _ways(world: World, playbook: Playbook) -> tuple[set[str], set[str], set[str]]:
    """The steps done, the arms taken, and the branches that some have no arm in.

    Whenever an account waits, for time or for data, its facts may change to anything.
    """
    entry = [(playbook.when, TRUE), *([(playbook.scope, TRUE)] if playbook.scope else []),
             *((condition, NOT_TRUE) for _, condition in playbook.exits)]
    reached, taken, missed = set[str](), set[str](), set[str]()
    here = list(world.that(*entry))
    for step in playbook.do:
        ask = closure(step.only_if or ALWAYS)
        if any(ask(row) is None for row in here):
            here = world.rows
        inside = [row for row in here if ask(row) is True]
        if not inside:
            continue                        # nobody does it, so nobody waits in it
        reached.add(step.path)
        if isinstance(step.do, Branch):
            _choose(step.path, step.do, inside, world.rows, taken, missed)
        if isinstance(step.do, Wait | Branch):
            here = world.rows
    return reached, taken, missed


def _choose(
    path: str, branch: Branch, inside: list[Row], every: list[Row], taken: set[str], missed: set[str],
) -> None:
    asks = [closure(arm.when if arm.when is not None else ALWAYS) for arm in branch.arms]
    if any(ask(row) is None for ask in asks for row in inside):
        inside = every
    for row in inside:
        answers = [ask(row) for ask in asks]
        first = next((at for at, answer in enumerate(answers) if answer is not False), None)
        if first is None:
            missed.add(path)
        elif answers[first]:
            taken.add(f"{path}.{first}")


def test_what_is_called_a_duplicate_enrols_everybody_whom_the_other_enrols() -> None:
    """And where it is not called so, an account tells the two apart."""
    told = 0
    for seed in range(150 * TIMES):
        world = World(seed, facts=2)
        playbooks = [Playbook(
            f"p{at}", "It", "Because.", world.condition(1), (Step(SAY, "do[0]"),), file=f"p{at}.yaml",
            scope=world.condition(1) if world.random.random() < 0.3 else None, marks={"when": Mark()})
            for at in range(4)]
        said = {(each.file, each.message.split('"')[1]) for each in check_folder(playbooks, world.catalog)}
        told += len(said)
        for one, two in itertools.permutations(playbooks, 2):
            ones, twos = (list(world.that((each.when, TRUE), *([(each.scope, TRUE)] if each.scope else [])))
                          for each in (one, two))
            claimed = (one.file, two.id) in said
            same = all(row in twos for row in ones)
            assert not claimed or same, (seed, one.id, two.id)
            plain = next(_leaves(one.when), None) and next(_leaves(two.when), None)
            if ones and same and plain:
                # One other is named for each playbook, and of a pair that is the same it is said once.
                assert any(file == one.file for file, _ in said) or (two.file, one.id) in said, (seed, one.id, two.id)
    assert told > 20 * TIMES
