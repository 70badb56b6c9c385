"""One condition, six answers that must be one: batch, closures, walk, and the printed SQL on three databases.

Many conditions in one query over many rows. Short by default; STEWARD_TORTURE=1 takes a million pairs of condition
and row. With -s each test says how many it compared, and how many of them were unknown or lay at a literal.
"""

from __future__ import annotations

import os
import random
import sqlite3
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any as Anything

import duckdb
import polars as pl
import psycopg
import pytest

from steward.engine.batch import verdicts
from steward.engine.closures import closure
from steward.engine.expression import ALWAYS, NEVER, All, Any, Expression, Leaf, Not, Op, holds, leaves
from steward.engine.freshness import freshen, freshen_row
from steward.engine.sql import to_sql
from steward.engine.walk import walk
from steward.model.enrollments import Verdict
from steward.model.facts import FactSpec, FactType

LONG = bool(os.environ.get("STEWARD_TORTURE"))
ROUNDS, CONDITIONS, ROWS = (20, 50, 1000) if LONG else (3, 30, 60)
NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
BOUND = timedelta(hours=26)
DAYS = [date(2026, 1, 1) + timedelta(days=day) for day in range(5)]
POOLS: Mapping[FactType, Sequence[Anything]] = {
    FactType.NUMBER: [0.0, 59.999999999, 60.0, 60.1, 1e15, -0.1 - 0.2, 0.1 + 0.2, 0.3, 100 / 3, 1e-7],
    FactType.RATIO: [-0.3, -0.30000000000000004, 0.0, 0.1, 1.0], FactType.MONEY: [0.0, 5_000.0, 99_999.99, 2.5e9],
    FactType.INTEGER: [-1, 0, 1, 2, 3], FactType.DAYS: [-1, 0, 1, 2, 3, 36_600],
    FactType.TEXT: ["smb", "SMB", "mid_market", "O'Hara", "Ä<!channel>", "%", " smb", 'a"b\\c'],
    FactType.BOOLEAN: [True, False], FactType.DATE: DAYS,
}
DTYPES: Mapping[FactType, pl.DataType] = {
    FactType.NUMBER: pl.Float64(), FactType.RATIO: pl.Float64(), FactType.MONEY: pl.Float64(),
    FactType.INTEGER: pl.Int64(), FactType.DAYS: pl.Int64(), FactType.TEXT: pl.Categorical(),
    FactType.BOOLEAN: pl.Boolean(), FactType.DATE: pl.Date(),
}
COLUMNS = {
    pl.Float64(): "double precision", pl.Int64(): "bigint", pl.Categorical(): "text", pl.Boolean(): "boolean",
    pl.Date(): "date",
}
CATALOG = {
    f"{kind.value}.{group}": FactSpec(
        f"{kind.value}.{group}", kind, "", "", group, fresh_within=BOUND if group == "aging" else None)
    for kind in FactType for group in ("ageless", "aging")
}
WORDS = {True: Verdict.TRUE, False: Verdict.FALSE, None: Verdict.UNKNOWN}
Ask = Callable[[pl.DataFrame, list[Expression]], list[tuple[Anything, ...]]]


class Chance:
    """Conditions and rows by chance, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def value(self, kind: FactType) -> Anything:
        """Of the pool, so that rows lie at the literals; or, for a number, anything."""
        if kind in (FactType.NUMBER, FactType.RATIO) and self.random.random() < 0.2:
            return self.random.uniform(-100, 100)
        return self.random.choice(POOLS[kind])

    def leaf(self) -> Leaf:
        spec = CATALOG[self.random.choice(sorted(CATALOG))]
        ordered: list[Op] = [] if spec.type in (FactType.TEXT, FactType.BOOLEAN) else ["<", "<=", ">", ">="]
        op: Op = self.random.choice([*ordered, "==", "!=", "in", "not in", "is known", "is unknown"])
        count = 0 if op.startswith("is") else self.random.randint(1, 3) if "in" in op else 1
        return Leaf(spec.name, op, tuple(self.value(spec.type) for _ in range(count)), "")

    def condition(self, depth: int = 4) -> Expression:
        draw = self.random.random()
        if depth == 0 or draw < 0.25:
            return ALWAYS if draw < 0.01 else NEVER if draw < 0.02 else self.leaf()
        if draw < 0.4:
            return Not(self.condition(depth - 1))
        children = tuple(self.condition(depth - 1) for _ in range(self.random.randint(0 if draw > 0.98 else 1, 4)))
        return All(children) if draw < 0.7 else Any(children)

    def frame(self, rows: int) -> pl.DataFrame:
        columns: dict[str, pl.Series] = {"id": pl.Series(range(rows))}
        for name, spec in CATALOG.items():
            values = [None if self.random.random() < 0.2 else self.value(spec.type) for _ in range(rows)]
            columns[name] = pl.Series(values, dtype=DTYPES[spec.type])
        ages = [self.random.choice([timedelta(0), BOUND, BOUND + timedelta(microseconds=1), None]) for _ in range(rows)]
        columns["as_of.aging"] = pl.Series(
            [None if age is None else NOW - age for age in ages], dtype=pl.Datetime("us", "UTC"))
        return pl.DataFrame(columns)


@dataclass
class Tally:
    """How many pairs of condition and row were compared, what was said of them, in how many a value is a literal."""

    said: Counter[bool | None] = field(default_factory=Counter)
    at_literal: int = 0

    def add(self, expected: Sequence[bool | None], at_literal: Sequence[bool | None]) -> None:
        self.said.update(expected)
        self.at_literal += at_literal.count(True)

    def told(self, of: str) -> None:
        """Say it; fails where fewer were compared than promised, or one of the kinds was hardly among them."""
        pairs = self.said.total()
        sys.stdout.write(f"\n{of}: {pairs:,} pairs of condition and row agree: {self.said[True]:,} true, "
                         f"{self.said[False]:,} false, {self.said[None]:,} unknown; {self.at_literal:,} at a literal\n")

        assert pairs == ROUNDS * CONDITIONS * ROWS
        assert min(*self.said.values(), self.at_literal) > pairs / 10


def rounds(of: str) -> Iterator[tuple[list[Expression], pl.DataFrame, dict[str, list[bool | None]]]]:
    """Conditions, accounts as the snapshot has them, and what batch says of them freshened; at the end the tally is told."""
    tally = Tally()
    for seed in range(ROUNDS):
        chance = Chance(seed)
        conditions = [chance.condition() for _ in range(CONDITIONS)]
        frame = chance.frame(ROWS)
        asked = {f"c{at}": condition for at, condition in enumerate(conditions)}
        asked |= {f"at.c{at}": at_a_literal(condition) for at, condition in enumerate(conditions)}
        expected = verdicts(freshen(frame, CATALOG, CATALOG, NOW), asked).to_dict(as_series=False)
        yield conditions, frame, expected
        for at in range(CONDITIONS):
            tally.add(expected[f"c{at}"], expected[f"at.c{at}"])
    tally.told(of)


def at_a_literal(condition: Expression) -> Expression:
    """TRUE where one of its facts has the very value that it is compared with."""
    return Any(tuple(replace(each, op="in") for each in leaves(condition) if each.values))


def test_closures_and_walk_say_what_batch_says() -> None:
    """What the nightly run decides, the webhook decides, and the explanation says."""
    for conditions, frame, expected in rounds("batch, closures and walk"):
        rows = frame.to_dicts()
        fresh = [freshen_row(row, CATALOG, NOW) for row in rows]
        for at, condition in enumerate(conditions):
            ask = closure(condition)

            assert [ask(row) for row in fresh] == expected[f"c{at}"], condition
            assert [walk(condition, row, CATALOG, NOW).verdict for row in rows] == [
                WORDS[value] for value in expected[f"c{at}"]], condition


def test_the_closures_mean_what_a_leaf_means_of_any_value() -> None:
    """NaN is unknown to them too, even where nobody has freshened the row."""
    chance = Chance(99)
    for _ in range(20_000 if LONG else 2_000):
        leaf = chance.leaf()
        value = chance.random.choice([None, float("nan"), chance.value(CATALOG[leaf.fact].type)])
        if value != value and CATALOG[leaf.fact].type in (FactType.TEXT, FactType.BOOLEAN, FactType.DATE):  # NaN
            continue

        assert closure(leaf)({leaf.fact: value}) is holds(leaf, value), leaf
        assert closure(leaf)({}) is holds(leaf, None)


@pytest.fixture(params=["duckdb", "sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def ask_sql(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Runs conditions, printed for the database `ask_sql.dialect`, over a frame: one column for each."""
    dialect = request.param
    if dialect == "postgres":
        line: Anything = psycopg.connect(
            request.getfixturevalue("postgres_url").replace("postgresql+psycopg://", "postgresql://"), autocommit=True)
        marker, temporary = "%s", "TEMPORARY"
    else:
        line = duckdb.connect() if dialect == "duckdb" else sqlite3.connect(":memory:")
        marker, temporary = "?", "TEMPORARY"

    def ask(frame: pl.DataFrame, conditions: list[Expression]) -> list[tuple[Anything, ...]]:
        with closing(line.cursor()) as cursor:
            columns = ", ".join(f'"{name}" {COLUMNS.get(kind, "bigint")}' for name, kind in frame.schema.items())
            cursor.execute("DROP TABLE IF EXISTS facts")
            cursor.execute(f"CREATE {temporary} TABLE facts ({columns})")
            rows = frame.rows()
            if dialect == "sqlite":
                rows = [tuple(each.isoformat() if isinstance(each, date) else each for each in row) for row in rows]
            cursor.executemany(f"INSERT INTO facts VALUES ({', '.join(marker for _ in frame.columns)})", rows)
            printed = ", ".join(to_sql(condition, dialect) for condition in conditions)
            answers = cursor.execute(f"SELECT {printed} FROM facts ORDER BY id").fetchall()
        return [tuple(None if each is None else bool(each) for each in row) for row in answers]

    yield ask
    line.close()


def test_the_printed_sql_says_what_batch_says(ask_sql: Ask, request: pytest.FixtureRequest) -> None:
    """Where the facts live in a warehouse, its answer is ours."""
    for conditions, frame, expected in rounds(f"batch and {request.node.callspec.id}"):
        fresh = freshen(frame, CATALOG, CATALOG, NOW).drop("as_of.aging")

        answers = list(zip(*ask_sql(fresh, conditions), strict=True))
        for at, condition in enumerate(conditions):
            assert list(answers[at]) == expected[f"c{at}"], condition


def test_a_long_condition_does_not_go_too_deep(
    ask_sql: Ask,
) -> None:
    """SQLite refuses expressions deeper than 1,000; a list of 3,000 lines is written flat and printed balanced."""
    name = "integer.ageless"
    frame = pl.DataFrame({"id": [0, 1], name: [2_999, None]}, schema={"id": pl.Int64, name: pl.Int64})
    condition = Any(tuple(Leaf(name, "==", (value,), "") for value in range(3_000)))

    assert ask_sql(frame, [condition]) == [(True,), (None,)]
