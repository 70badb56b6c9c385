"""The checked tree of a condition. A leaf is one comparison of a fact with a literal; `all`, `any`, `not` combine.

Kleene logic: a leaf is UNKNOWN where its fact is; `is known` and `is unknown` never are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from typing import Any as Anything
from typing import Literal

from steward.engine.findings import Mark
from steward.model.enrollments import Verdict

Scalar = bool | int | float | str | date
"""A literal's value: money and ratios are numbers by the time they stand in a tree."""

Op = Literal["<", "<=", ">", ">=", "==", "!=", "in", "not in", "is known", "is unknown"]

OPPOSITE: dict[Op, Op] = {
    "<": ">=", "<=": ">", ">": "<=", ">=": "<", "==": "!=", "!=": "==",
    "in": "not in", "not in": "in", "is known": "is unknown", "is unknown": "is known",
}


@dataclass(frozen=True, slots=True)
class Leaf:
    """`fact op values`: one value, several for `in` and `not in`, none for `is …`."""

    fact: str
    op: Op
    values: tuple[Scalar, ...]
    literal: str                            # as written: "50k USD", "[smb, mid_market]"
    path: str = field(default="", compare=False)   # "when.all[1]"
    mark: Mark = field(default=Mark(), compare=False)

    @property
    def text(self) -> str:
        """As people write it: "health.score < 60"."""
        return f"{self.fact} {self.op} {self.literal}".rstrip()


@dataclass(frozen=True, slots=True)
class All:
    """TRUE where every child is; FALSE where one is FALSE."""

    children: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """TRUE where one child is; FALSE where every one is FALSE."""

    children: tuple[Expression, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """TRUE where the child is FALSE, FALSE where it is TRUE."""

    child: Expression


Expression = Leaf | All | Any | Not

ALWAYS: Expression = All(())
"""TRUE of everybody, whatever is known of them."""
NEVER: Expression = Any(())
"""FALSE of everybody."""


def leaves(expression: Expression) -> Iterator[Leaf]:
    """Every leaf, from left to right."""
    match expression:
        case Leaf():
            yield expression
        case Not(child):
            yield from leaves(child)
        case All(children) | Any(children):
            for child in children:
                yield from leaves(child)


def facts_of(*expressions: Expression | None) -> frozenset[str]:
    """The names of the facts that are read."""
    return frozenset(leaf.fact for each in expressions if each is not None for leaf in leaves(each))


def canonical(expression: Expression | None) -> object:
    """The tree as JSON can hold it: equal for trees that mean the same to the letter."""
    match expression:
        case None:
            return None
        case Leaf():
            return [expression.fact, expression.op, [str(value) for value in expression.values]]
        case Not(child):
            return {"not": canonical(child)}
        case All(children):
            return {"all": [canonical(child) for child in children]}
        case Any(children):
            return {"any": [canonical(child) for child in children]}


def holds(leaf: Leaf, value: object) -> bool | None:
    """Whether the leaf is true of `value`; None where that is not known. `value` is None for Missing.

    NaN is not known. This one function is the meaning of a leaf for the walk and the checker.
    """
    if value is None or value != value:  # noqa: PLR0124  # only NaN differs from itself
        return _OF_MISSING.get(leaf.op)
    return _OF_KNOWN[leaf.op](value, leaf.values)


def kleene_all(values: Iterable[bool | None]) -> bool | None:
    """And: None is unknown."""
    result: bool | None = True
    for value in values:
        if value is False:
            return False
        if value is None:
            result = None
    return result


def kleene_any(values: Iterable[bool | None]) -> bool | None:
    """Or: None is unknown."""
    result: bool | None = False
    for value in values:
        if value is True:
            return True
        if value is None:
            result = None
    return result


def verdict_of(value: bool | None) -> Verdict:
    """The word for a three-valued boolean."""
    return Verdict.UNKNOWN if value is None else Verdict.TRUE if value else Verdict.FALSE


_OF_MISSING: dict[Op, bool] = {"is known": False, "is unknown": True}
_OF_KNOWN: dict[Op, Callable[[Anything, tuple[Scalar, ...]], bool]] = {
    "<": lambda value, literals: bool(value < literals[0]),
    "<=": lambda value, literals: bool(value <= literals[0]),
    ">": lambda value, literals: bool(value > literals[0]),
    ">=": lambda value, literals: bool(value >= literals[0]),
    "==": lambda value, literals: bool(value == literals[0]),
    "!=": lambda value, literals: bool(value != literals[0]),
    "in": lambda value, literals: value in literals,
    "not in": lambda value, literals: value not in literals,
    "is known": lambda _value, _literals: True,
    "is unknown": lambda _value, _literals: False,
}
