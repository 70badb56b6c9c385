"""Conditions over one account, in microseconds: a tree in, a plain function out. Nothing is generated or executed.

A function for each operator and a `not` carried down to the leaves: what could be shared would cost a call more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any as Anything

from steward.engine.expression import OPPOSITE, All, Any, Expression, Leaf, Not

Row = Mapping[str, Anything]
"""Facts by name; None, NaN or absent is unknown. What is too old must be None already: see `freshness`."""

Closure = Callable[[Row], bool | None]


def closure(expression: Expression) -> Closure:
    """The function that gives TRUE, FALSE or None of a row."""
    match expression:
        case Leaf():
            return _LEAF[expression.op](expression.fact, _operand(expression))
        case Not(child):
            return _negated(child)
        case All(children):
            return _all(tuple(closure(child) for child in children))
        case Any(children):
            return _any(tuple(closure(child) for child in children))


def _negated(expression: Expression) -> Closure:
    match expression:
        case Leaf():
            return _LEAF[OPPOSITE[expression.op]](expression.fact, _operand(expression))
        case Not(child):
            return closure(child)
        case All(children):
            return _any(tuple(_negated(child) for child in children))
        case Any(children):
            return _all(tuple(_negated(child) for child in children))


def _operand(leaf: Leaf) -> Anything:
    return leaf.values[0] if len(leaf.values) == 1 and leaf.op not in ("in", "not in") else leaf.values


# ---- groups ----

def _all(children: tuple[Closure, ...]) -> Closure:
    if len(children) == 1:
        return children[0]
    if len(children) == 2:
        return _both(*children)

    def answer(row: Row) -> bool | None:
        result: bool | None = True
        for child in children:
            value = child(row)
            if not value:
                if value is False:
                    return False
                result = None
        return result

    return answer


def _both(first: Closure, second: Closure) -> Closure:
    def answer(row: Row) -> bool | None:
        one = first(row)
        if one:
            return second(row)
        return False if one is False or second(row) is False else None

    return answer


def _any(children: tuple[Closure, ...]) -> Closure:
    if len(children) == 1:
        return children[0]
    if len(children) == 2:
        return _either(*children)

    def answer(row: Row) -> bool | None:
        result: bool | None = False
        for child in children:
            value = child(row)
            if value:
                return True
            if value is None:
                result = None
        return result

    return answer


def _either(first: Closure, second: Closure) -> Closure:
    def answer(row: Row) -> bool | None:
        one = first(row)
        if one:
            return True
        if one is False:
            return second(row)
        return True if second(row) else None

    return answer


# ---- leaves: where a comparison fails, NaN is told from a value by not being equal to itself ----

def _less(fact: str, bound: Anything) -> Closure:
    def answer(row: Row) -> bool | None:
        try:
            value = row[fact]
        except KeyError:
            return None
        if value is None:
            return None
        return True if value < bound else False if value == value else None  # noqa: PLR0124

    return answer


def _at_most(fact: str, bound: Anything) -> Closure:
    def answer(row: Row) -> bool | None:
        try:
            value = row[fact]
        except KeyError:
            return None
        if value is None:
            return None
        return True if value <= bound else False if value == value else None  # noqa: PLR0124

    return answer


def _more(fact: str, bound: Anything) -> Closure:
    def answer(row: Row) -> bool | None:
        try:
            value = row[fact]
        except KeyError:
            return None
        if value is None:
            return None
        return True if value > bound else False if value == value else None  # noqa: PLR0124

    return answer


def _at_least(fact: str, bound: Anything) -> Closure:
    def answer(row: Row) -> bool | None:
        try:
            value = row[fact]
        except KeyError:
            return None
        if value is None:
            return None
        return True if value >= bound else False if value == value else None  # noqa: PLR0124

    return answer


def _equal(fact: str, wanted: Anything) -> Closure:
    def answer(row: Row) -> bool | None:
        try:
            value = row[fact]
        except KeyError:
            return None
        if value is None:
            return None
        return True if value == wanted else False if value == value else None  # noqa: PLR0124

    return answer


def _different(fact: str, wanted: Anything) -> Closure:
    def answer(row: Row) -> bool | None:
        try:
            value = row[fact]
        except KeyError:
            return None
        if value is None:
            return None
        return False if value == wanted else True if value == value else None  # noqa: PLR0124

    return answer


def _among(fact: str, wanted: Anything) -> Closure:
    def answer(row: Row) -> bool | None:
        value = row.get(fact)
        if value is None:
            return None
        return True if value in wanted else False if value == value else None  # noqa: PLR0124

    return answer


def _not_among(fact: str, wanted: Anything) -> Closure:
    def answer(row: Row) -> bool | None:
        value = row.get(fact)
        if value is None:
            return None
        return False if value in wanted else True if value == value else None  # noqa: PLR0124

    return answer


def _known(fact: str, _: Anything) -> Closure:
    def answer(row: Row) -> bool | None:
        value = row.get(fact)
        return value is not None and bool(value == value)  # noqa: PLR0124

    return answer


def _unknown(fact: str, _: Anything) -> Closure:
    def answer(row: Row) -> bool | None:
        value = row.get(fact)
        return value is None or bool(value != value)  # noqa: PLR0124

    return answer


_LEAF: Mapping[str, Callable[[str, Anything], Closure]] = {
    "<": _less, "<=": _at_most, ">": _more, ">=": _at_least, "==": _equal, "!=": _different,
    "in": _among, "not in": _not_among, "is known": _known, "is unknown": _unknown,
}
