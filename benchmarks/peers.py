"""The benchmark's conditions as a person would write them for the peers, who have two truth values and no unknown.

A `not` is carried to the leaves and a comparison is guarded against what is unknown, so each answers True where ours
is TRUE. Facts are called as the peers can call them, with _ for the dots; days are numbers.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any as Anything

import numpy as np
import polars as pl

from benchmarks.conditions import straight
from steward.engine.expression import All, Expression, Leaf

NO_DAY = -(2**31)
_EPOCH = date(1970, 1, 1)
Row = dict[str, Anything]


def plain_name(fact: str) -> str:
    """ "usage_active_users_change_28d"."""
    return fact.replace(".", "_")


def plain_row(row: Mapping[str, Anything]) -> Row:
    """The account as the peers take it."""
    return {plain_name(name): _plain(value) for name, value in row.items()}


def written(condition: Expression, leaf: Callable[[Leaf], str], both: str, either: str) -> str:
    """The condition as text; `leaf` writes a comparison."""
    def write(node: Expression) -> str:
        if isinstance(node, Leaf):
            return leaf(node)
        children = node.children  # type: ignore[union-attr]  # `straight` leaves no `not`
        return f"({(both if isinstance(node, All) else either).join(write(child) for child in children)})"

    return write(straight(condition))


def _values(leaf: Leaf) -> list[Anything]:
    return [_plain(value) for value in leaf.values]


def _plain(value: Anything) -> Anything:
    return (value - _EPOCH).days if isinstance(value, date) else value


# ---- Python, one function for each ----

def lambdas(conditions: Mapping[str, Expression]) -> list[Callable[[Row], object]]:
    """One lambda for each condition, over a dict."""
    return [eval(f"lambda row: {written(each, _python, ' and ', ' or ')}") for each in conditions.values()]


def _python(leaf: Leaf) -> str:
    there, values = f"row[{plain_name(leaf.fact)!r}]", _values(leaf)
    match leaf.op:
        case "is known":
            return f"{there} is not None"
        case "is unknown":
            return f"{there} is None"
        case "in" | "not in":
            return f"({there} is not None and {there} {leaf.op} {tuple(values)!r})"
        case "==":
            return f"{there} == {values[0]!r}"
        case _:
            return f"({there} is not None and {there} {leaf.op} {values[0]!r})"


# ---- NumPy ----

def arrays(frame: pl.DataFrame) -> tuple[dict[str, np.ndarray], dict[str, dict[str, int]]]:
    """NaN for unknown numbers, small codes for words and truth (-1 is unknown), days as numbers; and the codes."""
    found, codes = {}, {}
    for name, kind in frame.schema.items():
        column, plain = frame[name], plain_name(name)
        if kind == pl.Categorical:
            words = sorted(column.drop_nulls().cast(pl.String).unique())
            codes[plain] = {word: at for at, word in enumerate(words)}
            coded = column.cast(pl.String).replace_strict(codes[plain], default=None, return_dtype=pl.Int8)
            found[plain] = coded.fill_null(-1).to_numpy()
        elif kind == pl.Boolean:
            found[plain] = column.cast(pl.Int8).fill_null(-1).to_numpy()
        elif kind == pl.Date:
            found[plain] = column.cast(pl.Int32).fill_null(NO_DAY).to_numpy()
        else:
            found[plain] = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return found, codes


def numpy_function(
    conditions: Mapping[str, Expression], frame: pl.DataFrame, codes: Mapping[str, Mapping[str, int]],
) -> Callable[[Mapping[str, np.ndarray]], list[np.ndarray]]:
    """One function that gives a boolean array for each condition."""
    def leaf(each: Leaf) -> str:
        name, kind = plain_name(each.fact), frame.schema[each.fact]
        values = [codes[name].get(value, -9) if name in codes else int(value) if isinstance(value, bool) else value
                  for value in _values(each)]
        there = f"facts[{name!r}]"
        number = kind.is_float() or kind.is_integer()
        unknown = f"({there} != {there})" if number else f"({there} == {NO_DAY if kind == pl.Date else -1})"
        match each.op:
            case "is known":
                return f"~{unknown}"
            case "is unknown":
                return unknown
            case "in":
                return f"({' | '.join(f'({there} == {value})' for value in values)})"
            case "not in":
                return f"({' & '.join(f'({there} != {value})' for value in values)} & ~{unknown})"
            case "!=":
                return f"(({there} != {values[0]}) & ~{unknown})"
            case "<" | "<=" if not number:
                return f"(({there} {each.op} {values[0]}) & ~{unknown})"
            case _:
                return f"({there} {each.op} {values[0]})"

    body = ",\n".join(written(condition, leaf, " & ", " | ") for condition in conditions.values())
    return eval(f"lambda facts: [\n{body}]")  # type: ignore[no-any-return]


# ---- rule engines ----

def infix(condition: Expression, null: str, both: str, either: str, inside: str) -> str:
    """For CEL, rule-engine and zen; `inside` writes membership of {there} in {items}."""
    def leaf(each: Leaf) -> str:
        there, values = plain_name(each.fact), [json.dumps(value) for value in _values(each)]
        guard, items = f"{there} != {null}", f"[{', '.join(values)}]"
        match each.op:
            case "is known":
                return guard
            case "is unknown":
                return f"{there} == {null}"
            case "in":
                return f"({guard}{both}{inside.format(there=there, items=items)})"
            case "not in":
                return f"({guard}{both}{both.join(f'{there} != {value}' for value in values)})"
            case _:
                return f"({guard}{both}{there} {each.op} {values[0]})"

    return written(condition, leaf, both, either)


def json_logic_rule(condition: Expression) -> Anything:
    """The condition as JsonLogic."""
    def rule(node: Expression) -> Anything:
        if not isinstance(node, Leaf):
            children = node.children  # type: ignore[union-attr]  # `straight` leaves no `not`
            return {"and" if isinstance(node, All) else "or": [rule(child) for child in children]}
        there, values = {"var": plain_name(node.fact)}, _values(node)
        known = {"!==": [there, None]}
        match node.op:
            case "is known":
                return known
            case "is unknown":
                return {"===": [there, None]}
            case "in":
                return {"and": [known, {"in": [there, values]}]}
            case "not in":
                return {"and": [known, {"!": {"in": [there, values]}}]}
            case _:
                return {"and": [known, {node.op: [there, values[0]]}]}

    return rule(straight(condition))
