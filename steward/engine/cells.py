"""The values of a fact, cut into cells in which every leaf answers alike: leaves in, one made-up value a cell out.

A leaf compares one fact with literals, so its answer changes only at a literal. What a fact can be is what the
snapshot lets through: a finite number inside its range, one of its words, a day, true or false; or unknown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from math import ceil, floor, inf
from typing import Any

from steward.engine.expression import Leaf, holds
from steward.model.facts import FactSpec, FactType

_WHOLE = (FactType.INTEGER, FactType.DAYS)
_ORDINARY_DAY = date(2026, 1, 1)
_ELSE = "something else"


@dataclass(frozen=True, slots=True)
class Cells:
    """One made-up value for each cell of a fact; the last is None, the unknown. A set of cells is a mask of bits."""

    values: tuple[Any, ...]
    every: int
    """The mask of all cells."""
    _answers: Mapping[Leaf, tuple[int, int]]
    """Of each leaf that made the cells: where it is FALSE, and where it is TRUE."""

    def known(self, mask: int) -> list[Any]:
        """The values of the cells in `mask`, without the unknown."""
        return [value for at, value in enumerate(self.values[:-1]) if mask >> at & 1]

    def where(self, leaf: Leaf, answer: bool) -> int:
        """The mask of the cells in which `leaf`, one of those that made them, gives `answer`."""
        return self._answers[leaf][answer]


def cells_of(spec: FactSpec, leaves: Sequence[Leaf]) -> Cells:
    """The cells of the fact of `spec` under `leaves`, which all read it. Every possible value lies in one of them."""
    found: dict[tuple[bool | None, ...], Any] = {}
    for value in known_values(spec, [value for leaf in leaves for value in leaf.values]):
        found.setdefault(tuple([holds(leaf, value) for leaf in leaves]), value)
    rows = [*found, tuple([holds(leaf, None) for leaf in leaves])]
    answers = {leaf: (_mask(column, False), _mask(column, True))
               for leaf, column in zip(leaves, zip(*rows, strict=True), strict=True)}
    return Cells((*found.values(), None), (1 << len(rows)) - 1, answers)


def _mask(answers: Iterable[bool | None], wanted: bool) -> int:
    return sum([1 << at for at, answer in enumerate(answers) if answer is wanted])


def known_values(spec: FactSpec, literals: Iterable[Any]) -> Iterator[Any]:
    """Values of the fact such that one lies at, between and beyond each of `literals`, ordinary ones first."""
    match spec.type:
        case FactType.BOOLEAN:
            yield from (True, False)
        case FactType.TEXT:
            yield from _words(spec, list(dict.fromkeys(literals)))
        case FactType.DATE:
            yield from _days(sorted(set(literals)))
        case _:
            yield from _numbers(spec, sorted(set(literals)))


def _words(spec: FactSpec, literals: list[str]) -> Iterator[str]:
    if spec.one_of:
        yield from spec.one_of
        return
    yield from literals
    other = _ELSE
    while other in literals:
        other += "!"
    yield other


def _days(literals: list[date]) -> Iterator[date]:
    one = timedelta(days=1)
    if not literals:
        yield _ORDINARY_DAY
        return
    yield from literals
    if literals[0] > date.min:
        yield literals[0] - one
    for left, right in pairwise(literals):
        if left + one < right:
            yield left + one
    if literals[-1] < date.max:
        yield literals[-1] + one


def _numbers(spec: FactSpec, literals: list[float]) -> Iterator[float]:
    low = -inf if spec.low is None else spec.low
    high = inf if spec.high is None else spec.high
    inside = [value for value in literals if low <= value <= high]
    whole = spec.type in _WHOLE
    for value in inside:
        if not whole or value == floor(value):
            yield int(value) if whole else value
    for left, right in pairwise([low, *inside, high]):
        between = _between(left, right, whole)
        if between is not None:
            yield between
    for end in (low, high):
        if end not in (-inf, inf) and (not whole or end == floor(end)):
            yield int(end) if whole else end


def _between(left: float, right: float, whole: bool) -> float | None:
    """A value strictly between; a round one where there is room; None where there is none."""
    if left == -inf:
        return 0 if right == inf else ceil(right) - 1
    if right == inf:
        return floor(left) + 1
    half = (left + right) / 2
    for near in (floor(half), floor(half) + 1, floor(left) + 1):
        if left < near < right:
            return near
    return half if not whole and left < half < right else None
