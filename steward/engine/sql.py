"""Conditions as SQL, for facts that live in a warehouse: a tree and a dialect in, the text of a condition out.

sqlglot is the printer and nothing else. SQL's own three-valued logic is Kleene's: NULL is unknown. Columns of numbers
must hold no NaN, which SQL takes for a number. Texts must be compared byte by byte, as is usual except in MySQL and
SQL Server.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from sqlglot import exp

from steward.engine.expression import All, Any, Expression, Leaf, Not, Scalar

Column = Callable[[str], exp.Expr]
"""Where a fact stands: its name in, sqlglot's node of the column out."""

_COMPARE: dict[str, type[exp.Binary]] = {
    "<": exp.LT, "<=": exp.LTE, ">": exp.GT, ">=": exp.GTE, "==": exp.EQ, "!=": exp.NEQ,
}
_EXACT_DIGITS = 15                          # SQLite 3.40 reads more of them inexactly


def quoted(fact: str) -> exp.Expr:
    """The column that is called as the fact is: "health.score"."""
    return exp.column(exp.to_identifier(fact, quoted=True))


def to_sql(expression: Expression, dialect: str, column: Column = quoted) -> str:
    """The condition in `dialect`, as sqlglot calls it: "postgres", "duckdb", "sqlite", "snowflake", "bigquery", ….

    It is TRUE, FALSE or NULL as the verdict is TRUE, FALSE or UNKNOWN.
    """
    return _node(expression, dialect, column).sql(dialect=dialect)


def _node(expression: Expression, dialect: str, column: Column) -> exp.Expr:
    match expression:
        case Leaf():
            return _leaf(expression, dialect, column)
        case Not(child):
            return exp.Not(this=exp.Paren(this=_node(child, dialect, column)))
        case All(children):
            return _joined(exp.And, children, dialect, column) if children else exp.true()
        case Any(children):
            return _joined(exp.Or, children, dialect, column) if children else exp.false()


def _joined(
    kind: type[exp.Connector], children: tuple[Expression, ...], dialect: str, column: Column,
) -> exp.Expr:
    """Balanced, so that a condition of a thousand lines is no deeper than ten."""
    if len(children) == 1:
        return _node(children[0], dialect, column)
    half = len(children) // 2
    left, right = (_joined(kind, part, dialect, column) for part in (children[:half], children[half:]))
    return kind(this=exp.Paren(this=left), expression=exp.Paren(this=right))


def _leaf(leaf: Leaf, dialect: str, column: Column) -> exp.Expr:
    there = column(leaf.fact)
    match leaf.op:
        case "is unknown":
            return exp.Is(this=there, expression=exp.null())
        case "is known":
            return exp.Not(this=exp.Is(this=there, expression=exp.null()))
        case "in":
            return exp.In(this=there, expressions=[_literal(value, dialect) for value in leaf.values])
        case "not in":
            return exp.Not(this=exp.In(this=there, expressions=[_literal(value, dialect) for value in leaf.values]))
        case _:
            return _COMPARE[leaf.op](this=there, expression=_literal(leaf.values[0], dialect))


def _literal(value: Scalar, dialect: str) -> exp.Expr:
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    if isinstance(value, str):
        return exp.Literal.string(value)
    if isinstance(value, date):
        text = exp.Literal.string(value.isoformat())
        return text if dialect == "sqlite" else exp.cast(text, "date")      # SQLite keeps days as text
    if isinstance(value, int):
        return exp.Literal.number(value)
    return _number(value, dialect)


def _number(value: float, dialect: str) -> exp.Expr:
    """The double that `value` is, not a decimal near it: so the exponent, and in SQLite a division that is exact."""
    if value < 0:
        return exp.Neg(this=_number(-value, dialect))
    digits = repr(value)
    if dialect == "sqlite" and len(digits.split("e")[0].replace(".", "").strip("0")) > _EXACT_DIGITS:
        over, under = (exp.Literal.number(f"{part}.0") for part in value.as_integer_ratio())
        return exp.Paren(this=exp.Div(this=over, expression=under, typed=False, safe=False))
    return exp.Literal.number(digits if "e" in digits else f"{digits}e0")
