"""The recording walk: looks at every leaf of a condition, never stops early, and says what it saw."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any as Anything

from steward.engine.expression import (
    OPPOSITE,
    All,
    Any,
    Expression,
    Leaf,
    Not,
    Op,
    holds,
    kleene_all,
    kleene_any,
    leaves,
    verdict_of,
)
from steward.engine.freshness import why_not_known
from steward.engine.literals import show
from steward.model.enrollments import Clause, Verdict
from steward.model.facts import FactSpec, FactType
from steward.model.missing import MISSING

_NO_DISTANCE: tuple[Op, ...] = ("is known", "is unknown", "!=")


@dataclass(frozen=True, slots=True)
class Walked:
    """The verdict of a condition, one clause for each leaf from left to right, and those that decide alone.

    `deciding` are positions in `clauses`: turning any one of them round turns the whole verdict round.
    """

    verdict: Verdict
    clauses: tuple[Clause, ...]
    deciding: tuple[int, ...]
    distances: tuple[float, ...]            # of each clause, how near it is to turning round

    def nearest(self) -> Clause | None:
        """The deciding clause that lies nearest to its literal; None where no single one decides."""
        candidates = [at for at in self.deciding if self.clauses[at].nearest]
        found = min(candidates, key=lambda at: self.distances[at], default=None)
        return None if found is None else self.clauses[found]


def walk(expression: Expression, row: Mapping[str, Anything], catalog: Mapping[str, FactSpec], now: datetime) -> Walked:
    """`row` holds the facts as they are in the snapshot, stale or not, with their `as_of.<group>`."""
    asked = list(leaves(expression))
    found = clauses_of(expression, row, catalog, now)
    answers = [{Verdict.TRUE: True, Verdict.FALSE: False}.get(clause.verdict) for clause in found]
    whole = _fold(expression, answers)
    deciding = []
    for at, answer in enumerate(answers):
        if answer is not None and whole is not None:
            turned = [*answers[:at], not answer, *answers[at + 1:]]
            if _fold(expression, turned) is (not whole):
                deciding.append(at)
    distances = tuple(_distance(leaf, row.get(leaf.fact)) for leaf in asked)
    return Walked(verdict_of(whole), found, tuple(deciding), distances)


def clauses_of(
    expression: Expression, row: Mapping[str, Anything], catalog: Mapping[str, FactSpec], now: datetime,
) -> tuple[Clause, ...]:
    """One clause for each leaf, without asking which of them decide."""
    return clauses_seen(asked_by(expression, catalog), row, now)


@dataclass(frozen=True, slots=True)
class Asked:
    """A leaf, and what its clauses say whatever is observed."""

    leaf: Leaf
    spec: FactSpec
    text: str
    depth: int
    dated: str                              # the column with the instant that its fact is of
    wanted: str                             # the change that would make it true, and the one that would make it false
    turned: str
    measured: tuple[str, ...]               # those of the two that a distance belongs to


def asked_by(expression: Expression, catalog: Mapping[str, FactSpec]) -> tuple[Asked, ...]:
    """The leaves of a condition: found once, they are looked at in many rows."""
    return tuple(_asked(leaf, catalog[leaf.fact]) for leaf in leaves(expression))


def _asked(leaf: Leaf, spec: FactSpec) -> Asked:
    ways = {op: _wanted(leaf, op) for op in (leaf.op, OPPOSITE[leaf.op])}
    measured = tuple(text for op, text in ways.items() if op not in _NO_DISTANCE and len(leaf.values) == 1)
    return Asked(leaf, spec, leaf.text, leaf.path.count("any[") + leaf.path.count(".not"), f"as_of.{spec.group}",
                 ways[leaf.op], ways[OPPOSITE[leaf.op]], measured)


def clauses_seen(asked: Iterable[Asked], row: Mapping[str, Anything], now: datetime) -> tuple[Clause, ...]:
    """The clauses of one row."""
    return tuple([_clause(each, row, now) for each in asked])


def clause_text(clause: Clause, catalog: Mapping[str, FactSpec]) -> str:
    """ "health.score < 60 (58)"; with the reason where it is unknown."""
    if clause.why:
        return f"{clause.text} ({clause.why})"
    return f"{clause.text} ({seen_text(clause, catalog.get(clause.text.split(' ', 1)[0]))})"


def seen_text(clause: Clause, spec: FactSpec | None) -> str:
    """The observed value as the clause writes its literal; `spec` None where the catalog is not at hand."""
    seen = clause.observed
    if seen is MISSING:
        return "-"
    if spec is None and isinstance(seen, float):
        return f"{round(seen * 100, 1):g}%" if "%" in clause.text else f"{round(seen, 2):g}"
    return show(seen, spec)


def _fold(expression: Expression, answers: list[bool | None]) -> bool | None:
    """The verdict of the tree from those of its leaves, taken in their order."""
    following = iter(answers)

    def fold(node: Expression) -> bool | None:
        match node:
            case Leaf():
                return next(following)
            case Not(child):
                value = fold(child)
                return None if value is None else not value
            case All(children):
                return kleene_all([fold(child) for child in children])
            case Any(children):
                return kleene_any([fold(child) for child in children])

    return fold(expression)


def _clause(asked: Asked, row: Mapping[str, Anything], now: datetime) -> Clause:
    leaf, spec = asked.leaf, asked.spec
    value, as_of = row.get(leaf.fact), row.get(asked.dated)
    why = why_not_known(value, as_of, spec, now)
    answer = holds(leaf, None if why else value)
    observed = MISSING if value is None or value != value else value  # noqa: PLR0124  # NaN is not known
    return Clause(
        leaf.path, asked.text, verdict_of(answer), observed, as_of, spec.group, why, asked.depth,
        "" if why else _nearest(asked, value, answer))


def _nearest(asked: Asked, value: Anything, answer: bool | None) -> str:
    """The change that would turn the leaf round: ">= 60 (+2)"."""
    wanted = asked.turned if answer else asked.wanted
    return wanted + _by(asked.leaf.values[0], value, asked.spec) if wanted in asked.measured else wanted


def _wanted(leaf: Leaf, op: Op) -> str:
    return op if op in ("is known", "is unknown") else f"{op} {leaf.literal}"


def _by(literal: Anything, value: Anything, spec: FactSpec) -> str:
    if isinstance(literal, (int, float)) and isinstance(value, (int, float)) and spec.type is not FactType.BOOLEAN:
        delta = literal - value
        return f" ({'+' if delta >= 0 else ''}{show(delta, spec)})"
    if isinstance(literal, date) and isinstance(value, date):
        return f" ({(literal - value).days:+d} days)"
    return ""


def _distance(leaf: Leaf, value: Anything) -> float:
    """How far the value is from the literal, as a share of the larger; far where that means nothing."""
    literal = leaf.values[0] if len(leaf.values) == 1 else None
    if isinstance(value, bool) or not isinstance(literal, (int, float)) or not isinstance(value, (int, float)):
        return 1e9
    return abs(literal - value) / max(abs(literal), abs(value), 1e-9)
