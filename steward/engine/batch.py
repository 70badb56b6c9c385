"""Conditions over all accounts at once: a tree in, a Polars expression out, null where the verdict is UNKNOWN."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import lru_cache

import polars as pl

from steward.engine.expression import All, Any, Expression, Leaf, Not, facts_of, holds


def verdicts(frame: pl.DataFrame, conditions: Mapping[str, Expression]) -> pl.DataFrame:
    """One boolean column for each condition, in the rows of `frame`, which must be freshened."""
    if not conditions:
        return frame.select([])
    columns = frozenset(frame.columns)
    exprs = [expr(condition, columns).alias(name) for name, condition in conditions.items()]
    return frame.select(pl.repeat(True, pl.len()).alias("_"), *exprs).drop("_")


def expr(expression: Expression, columns: Collection[str]) -> pl.Expr:
    """The tree as one expression; a fact without a column is unknown."""
    return _expr(expression, frozenset(facts_of(expression).difference(columns)))


@lru_cache(maxsize=4096)                    # a millisecond to make ten of them, and they are the same in every run
def _expr(expression: Expression, absent: frozenset[str]) -> pl.Expr:
    match expression:
        case Leaf():
            if expression.fact in absent:
                return pl.lit(holds(expression, None), dtype=pl.Boolean)
            return _leaf(expression, pl.col(expression.fact))
        case _:
            return _whole(expression, lambda child: _expr(child, absent))


def combined(expression: Expression, leaves: Mapping[Leaf, pl.Expr]) -> pl.Expr:
    """The tree over what its leaves answered before."""
    return leaves[expression] if isinstance(expression, Leaf) else _whole(
        expression, lambda child: combined(child, leaves))


def _whole(expression: All | Any | Not, part: Callable[[Expression], pl.Expr]) -> pl.Expr:
    match expression:
        case Not(child):
            return ~part(child)
        case All(children):
            return pl.all_horizontal([part(child) for child in children]) if children else pl.lit(True)
        case Any(children):
            return pl.any_horizontal([part(child) for child in children]) if children else pl.lit(False)


def _leaf(leaf: Leaf, column: pl.Expr) -> pl.Expr:
    match leaf.op:
        case "is known":
            return column.is_not_null()
        case "is unknown":
            return column.is_null()
        case "in":
            return pl.any_horizontal([column == value for value in leaf.values])
        case "not in":
            return pl.all_horizontal([column != value for value in leaf.values])
        case "<":
            return column < leaf.values[0]
        case "<=":
            return column <= leaf.values[0]
        case ">":
            return column > leaf.values[0]
        case ">=":
            return column >= leaf.values[0]
        case "==":
            return column == leaf.values[0]
        case _:
            return column != leaf.values[0]
