"""Whether conditions can have given verdicts at once: decided exactly, with a made-up account that shows it.

Facts are independent of each other and each is cut into finitely many cells (`cells`), so "this condition is TRUE"
is a formula of and, or and "fact in these cells". It is solved by propagation and, where that does not decide, by
trying; parts that share no fact are solved apart. Beyond `MOST_WORK` nothing is claimed: `NotDecided`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntFlag
from typing import Any as Anything

from steward.engine.cells import Cells, cells_of
from steward.engine.expression import All, Any, Expression, Leaf, Not, leaves
from steward.model.facts import FactSpec

MOST_WORK = 200_000                         # alternatives looked at: some tenths of a second
_MOST_DEPTH = 200


class NotDecided(Exception):
    """It would take too long to say."""


class Wanted(IntFlag):
    """The verdicts that a condition may have."""

    TRUE = 1
    FALSE = 2
    UNKNOWN = 4
    NOT_TRUE = 6
    NOT_FALSE = 5


TRUE, FALSE, UNKNOWN, NOT_TRUE, NOT_FALSE = (
    Wanted.TRUE, Wanted.FALSE, Wanted.UNKNOWN, Wanted.NOT_TRUE, Wanted.NOT_FALSE)


@dataclass(frozen=True, slots=True, eq=False)
class _And:
    """All of: each fact in its cells, and each of `ors`."""

    atoms: Mapping[str, int]
    ors: tuple[_Or, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class _Or:
    """One of: a fact in its cells, or one of `ands`."""

    atoms: Mapping[str, int]
    ands: tuple[_And, ...] = ()


_YES = _And({})
_NO = _And({"": 0})
_Domains = dict[str, int]


class Proofs:
    """Answers about `conditions`, whose facts stand in `catalog`; ask it about these and their parts only."""

    def __init__(self, conditions: Iterable[Expression], catalog: Mapping[str, FactSpec]) -> None:
        by_fact: dict[str, dict[Leaf, None]] = defaultdict(dict)
        for condition in conditions:
            for leaf in leaves(condition):
                by_fact[leaf.fact][leaf] = None
        self._cells: dict[str, Cells] = {
            name: cells_of(catalog[name], tuple(found)) for name, found in by_fact.items()}
        self._every = {fact: cells.every for fact, cells in self._cells.items()}
        self._formulas: dict[tuple[int, bool, bool], tuple[Expression, _And]] = {}

    def example(self, *asked: tuple[Expression, Wanted]) -> dict[str, Anything] | None:
        """The facts that matter of a made-up account for which each condition has a verdict that is wanted.

        None where there is no such account. A fact that is not named may be anything; one that is None is unknown.

        Raises:
            NotDecided: it would take too long to say.
        """
        found = self._solve(asked)
        return None if found is None else {
            fact: self._cells[fact].values[(mask & -mask).bit_length() - 1] for fact, mask in found.items()}

    def corners(
        self, *asked: tuple[Expression, Wanted],
    ) -> tuple[dict[str, Anything], dict[str, Anything]] | None:
        """Two such accounts that lie far apart: with the least and with the greatest value of each fact."""
        found = self._solve(asked)
        if found is None:
            return None
        known = {fact: sorted(self._cells[fact].known(mask)) for fact, mask in found.items()}
        return ({fact: values[0] if values else None for fact, values in known.items()},
                {fact: values[-1] if values else None for fact, values in known.items()})

    def _solve(self, asked: tuple[tuple[Expression, Wanted], ...]) -> _Domains | None:
        """The cells of each fact that matters."""
        formula = _and([self._formula(condition, wanted) for condition, wanted in asked])
        if not formula.ors:                     # nothing to try: what it says of each fact is possible, or it is _NO
            return None if formula is _NO else {
                fact: formula.atoms[fact] for fact in self._every if fact in formula.atoms}
        found = _Search().solve(self._every, formula)
        if found is None:
            return None
        return {fact: mask for fact, mask in found.items() if mask != self._every[fact]}

    def _formula(self, condition: Expression, wanted: Wanted) -> _And:
        match wanted:
            case Wanted.TRUE | Wanted.FALSE:
                return self._said(condition, wanted is TRUE, True)
            case Wanted.NOT_TRUE | Wanted.NOT_FALSE:
                return self._said(condition, wanted is NOT_TRUE, False)
            case Wanted.UNKNOWN:
                return _and([self._said(condition, True, False), self._said(condition, False, False)])
        raise ValueError(f"no formula for {wanted!r}")

    def _said(self, condition: Expression, answer: bool, so: bool) -> _And:
        """That the verdict of `condition` is `answer` (`so`), or that it is not."""
        key = (id(condition), answer, so)
        if (known := self._formulas.get(key)) is None:
            known = self._formulas[key] = (condition, self._build(condition, answer, so))
        return known[1]

    def _build(self, condition: Expression, answer: bool, so: bool) -> _And:
        match condition:
            case Leaf():
                every, mask = self._every[condition.fact], self._cells[condition.fact].where(condition, answer)
                return _atom(condition.fact, mask if so else every & ~mask, every)
            case Not(child):
                return self._said(child, not answer, so)
            case All(children):
                parts = [self._said(child, answer, so) for child in children]
                return _and(parts) if answer is so else _or(parts, self._every)
            case Any(children):
                parts = [self._said(child, answer, so) for child in children]
                return _or(parts, self._every) if answer is so else _and(parts)


def _atom(fact: str, mask: int, every: int) -> _And:
    return _YES if mask == every else _And({fact: mask}) if mask else _NO


def _and(parts: Iterable[_And]) -> _And:
    atoms: _Domains = {}
    ors: list[_Or] = []
    for part in parts:
        if part is _NO:
            return _NO
        for fact, mask in part.atoms.items():
            atoms[fact] = both = atoms.get(fact, mask) & mask
            if not both:
                return _NO
        ors += part.ors
    return _And(atoms, tuple(ors))


def _or(parts: list[_And], every: Mapping[str, int]) -> _And:
    atoms: _Domains = {}
    ands: list[_And] = []
    for part in parts:
        if part is _NO:
            continue
        if not part.atoms and not part.ors:
            return _YES
        if len(part.atoms) == 1 and not part.ors:
            (fact, mask), = part.atoms.items()
            atoms[fact] = either = atoms.get(fact, 0) | mask
            if either == every[fact]:
                return _YES
        elif not part.atoms and len(part.ors) == 1 and part.ors[0].ands == ():
            for fact, mask in part.ors[0].atoms.items():
                atoms[fact] = either = atoms.get(fact, 0) | mask
                if either == every[fact]:
                    return _YES
        else:
            ands.append(part)
    if not ands and len(atoms) <= 1:
        return _And(atoms) if atoms else _NO
    return ands[0] if not atoms and len(ands) == 1 else _And({}, (_Or(atoms, tuple(ands)),))


class _Search:
    """Looks for cells, one set for each fact, that make a formula true whichever of them is taken."""

    def __init__(self) -> None:
        self._work = self._depth = 0

    def solve(self, domains: Mapping[str, int], formula: _And) -> _Domains | None:
        """`domains` narrowed until `formula` holds everywhere in them; None where it holds nowhere."""
        if formula is _NO:
            return None
        narrowed, waiting = dict(domains), list(formula.ors)
        if not _narrow(narrowed, formula.atoms):
            return None
        self._work += 1 + len(waiting)
        if self._work > MOST_WORK:
            raise NotDecided
        left = _propagate(narrowed, waiting)
        if left is None:
            return None
        for group in _apart(left):
            if self._depth > _MOST_DEPTH:
                raise NotDecided
            self._depth += 1
            found = self._try(narrowed, group)
            self._depth -= 1
            if found is None:
                return None
            narrowed = found
        return narrowed

    def _try(self, domains: _Domains, group: list[_Or]) -> _Domains | None:
        """One of the shortest is tried, part for part; what was refuted is not looked at again."""
        first = min(group, key=lambda each: len(each.atoms) + 2 * len(each.ands))
        rest = tuple(each for each in group if each is not first)
        left = dict(domains)
        for fact, mask in first.atoms.items():
            found = self.solve(left, _And({fact: mask}, rest))
            if found is not None:
                return found
            left[fact] &= ~mask
            if not left[fact]:
                return None
        for part in first.ands:
            found = self.solve(left, _And(part.atoms, part.ors + rest))
            if found is not None:
                return found
        return None


def _narrow(domains: _Domains, atoms: Mapping[str, int]) -> bool:
    for fact, mask in atoms.items():
        domains[fact] &= mask
        if not domains[fact]:
            return False
    return True


def _propagate(domains: _Domains, waiting: list[_Or]) -> list[_Or] | None:
    """What is still open once all that follows is taken into `domains`; None where nothing is possible."""
    while True:
        left: list[_Or] = []
        moved = False
        for each in waiting:
            now = _reduced(domains, each)
            if now is None:
                continue
            if len(now.atoms) + len(now.ands) > 1:
                left.append(now)
                continue
            moved = True
            if not now.atoms and not now.ands:
                return None
            if now.ands:
                left += now.ands[0].ors
            if not _narrow(domains, now.ands[0].atoms if now.ands else now.atoms):
                return None
        if not moved:
            return left
        waiting = left


def _reduced(domains: _Domains, each: _Or) -> _Or | None:
    """What of `each` is still possible; None where it holds anyhow."""
    atoms: _Domains = {}
    for fact, mask in each.atoms.items():
        here = domains[fact]
        if not here & ~mask:
            return None
        if here & mask:
            atoms[fact] = mask
    ands = []
    for part in each.ands:
        holds = _holds(domains, part)
        if holds:
            return None
        if holds is None:
            ands.append(part)
    return _Or(atoms, tuple(ands))


def _holds(domains: _Domains, part: _And) -> bool | None:
    """Whether `part` holds everywhere in `domains`, or nowhere; None where that is open."""
    sure = True
    for fact, mask in part.atoms.items():
        here = domains[fact]
        if not here & mask:
            return False
        if here & ~mask:
            sure = False
    for each in part.ors:
        now = _reduced(domains, each)
        if now is not None:
            if not now.atoms and not now.ands:
                return False
            sure = False
    return True if sure else None


def _apart(ors: list[_Or]) -> list[list[_Or]]:
    """Groups of them that share no fact with each other."""
    groups: list[tuple[set[str], list[_Or]]] = []
    for each in ors:
        facts, members = _facts(each), [each]
        others = []
        for known, found in groups:
            if known & facts:
                facts |= known
                members = found + members
            else:
                others.append((known, found))
        groups = [*others, (facts, members)]
    return [members for _, members in groups]


def _facts(each: _Or) -> set[str]:
    found = set(each.atoms)
    for part in each.ands:
        found.update(part.atoms)
        for inner in part.ors:
            found |= _facts(inner)
    return found
