"""Conditions over all accounts at once: a tree in, a Polars expression out, null where the verdict is UNKNOWN."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import polars as pl

from steward.engine.expression import All, Any, Expression, Leaf, Not


def verdicts(frame: pl.DataFrame, conditions: Mapping[str, Expression]) -> pl.DataFrame:
    """One boolean column for each condition, in the rows of `frame`, which must be freshened."""
    if not conditions:
        return frame.select([])
    exprs = [expr(condition, frame.schema).alias(name) for name, condition in conditions.items()]
    return frame.select(pl.repeat(True, pl.len()).alias("_"), *exprs).drop("_")


def expr(expression: Expression, columns: Mapping[str, pl.DataType] | Collection[str]) -> pl.Expr:
    """The tree as one expression; a fact without a column is unknown."""
    match expression:
        case Leaf():
            return _leaf(expression, columns)
        case Not(child):
            return ~expr(child, columns)
        case All(children):
            return pl.all_horizontal([expr(child, columns) for child in children]) if children else pl.lit(True)
        case Any(children):
            return pl.any_horizontal([expr(child, columns) for child in children]) if children else pl.lit(False)


def _leaf(leaf: Leaf, columns: Mapping[str, pl.DataType] | Collection[str]) -> pl.Expr:
    if leaf.fact not in columns:
        answer = {"is known": False, "is unknown": True}.get(leaf.op)
        return pl.lit(answer, dtype=pl.Boolean)
    column = pl.col(leaf.fact)
    return column.is_not_null() if leaf.op == "is known" else _known(leaf, column)


def _known(leaf: Leaf, column: pl.Expr) -> pl.Expr:
    match leaf.op:
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
