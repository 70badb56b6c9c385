"""Conditions over one account, in microseconds: a tree in, a plain function out. Nothing is generated or executed."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any as Anything

from steward.engine.expression import All, Any, Expression, Leaf, Not

Row = Mapping[str, Anything]
"""Facts by name; None or absent is unknown. Must be freshened."""

Closure = Callable[[Row], bool | None]

_COMPARE: dict[str, Callable[[Anything, Anything], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    "in": lambda value, values: value in values, "not in": lambda value, values: value not in values,
}


def closure(expression: Expression) -> Closure:
    """The function that gives TRUE, FALSE or None of a row."""
    match expression:
        case Leaf():
            return _leaf(expression)
        case Not(child):
            return _not(closure(child))
        case All(children):
            return _all(tuple(closure(child) for child in children))
        case Any(children):
            return _any(tuple(closure(child) for child in children))


def _leaf(leaf: Leaf) -> Closure:
    fact = leaf.fact
    if leaf.op in ("is known", "is unknown"):
        wanted = leaf.op == "is known"
        return lambda row: ((value := row.get(fact)) is not None and value == value) is wanted  # noqa: PLR0124  # NaN
    compare = _COMPARE[leaf.op]
    operand: Anything = leaf.values if leaf.op in ("in", "not in") else leaf.values[0]

    def answer(row: Row) -> bool | None:
        value = row.get(fact)
        if value is None or value != value:  # noqa: PLR0124  # only NaN differs from itself
            return None
        return compare(value, operand)

    return answer


def _not(child: Closure) -> Closure:
    def answer(row: Row) -> bool | None:
        value = child(row)
        return None if value is None else not value

    return answer


def _all(children: tuple[Closure, ...]) -> Closure:
    def answer(row: Row) -> bool | None:
        result: bool | None = True
        for child in children:
            value = child(row)
            if value is False:
                return False
            if value is None:
                result = None
        return result

    return answer


def _any(children: tuple[Closure, ...]) -> Closure:
    def answer(row: Row) -> bool | None:
        result: bool | None = False
        for child in children:
            value = child(row)
            if value is True:
                return True
            if value is None:
                result = None
        return result

    return answer
