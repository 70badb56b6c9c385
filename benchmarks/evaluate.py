"""Fifty conditions over all accounts: ours beside hand-written NumPy (the limit), DuckDB and SQLite.

Ours gives three truth values for each account, NumPy two; DuckDB and SQLite only count, which is the cheapest they do.
"""

from __future__ import annotations

import argparse
import sqlite3
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import polars as pl

from benchmarks import conditions as made
from benchmarks.measure import figures, grown, interleaved, peak_mb, show
from benchmarks.peers import arrays, numpy_function
from steward.engine.batch import verdicts
from steward.engine.expression import Expression, facts_of
from steward.engine.sql import to_sql


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluate", description=__doc__)
    parser.add_argument("--accounts", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--alone", action="store_true", help="without peers; for the growth")
    parser.add_argument("--json", action="store_true", help="one line instead of an indented object")
    chosen = parser.parse_args()
    if chosen.alone:
        show(alone(chosen.accounts, chosen.rounds), chosen.json)
        return
    sizes = tuple(dict.fromkeys((max(1000, chosen.accounts // 100), max(1000, chosen.accounts // 10), chosen.accounts)))
    growth = grown("benchmarks.evaluate", sizes, "--accounts") if len(sizes) > 1 else None
    show({**measure(chosen.accounts, chosen.rounds), "growth": growth}, chosen.json)


def alone(accounts: int, rounds: int) -> dict[str, Any]:
    """Ours and nothing else, with what is in memory before the accounts are."""
    asked, before = made.conditions(), peak_mb()
    frame = made.accounts(accounts)
    took = interleaved({"ours": lambda: verdicts(frame, asked)}, rounds)
    return {"ours_s": took["ours"], "peak_mb": peak_mb(), "before_mb": before}


def measure(accounts: int, rounds: int) -> dict[str, Any]:
    """All of them, in turns, on the same accounts."""
    asked, frame = made.conditions(), made.accounts(accounts)
    answers = verdicts(frame, asked)
    memory = peak_mb()
    facts, codes = arrays(frame)
    by_hand = numpy_function(asked, frame, codes)
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as folder:
        duck, lite = _duckdb(frame, Path(folder)), _sqlite(frame, asked)
        contestants = {
            "ours": lambda: verdicts(frame, asked), "numpy": lambda: by_hand(facts),
            "duckdb": lambda: duck.execute(_counting(asked, "duckdb")).fetchone(),
            "sqlite": lambda: lite.execute(_counting(asked, "sqlite")).fetchone(),
        }
        few = {"duckdb": min(3, rounds), "sqlite": 1} if accounts > 200_000 else {}
        took = interleaved(contestants, rounds, few)
        counts = tuple(answers.sum().row(0))
        equal = (counts == tuple(int(each.sum()) for each in by_hand(facts))
                 and counts == contestants["duckdb"]() and counts == contestants["sqlite"]())
    found = figures("evaluate", took.pop("ours"), took, equal, accounts=accounts, conditions=len(asked),
                    facts=frame.width, rounds=rounds)
    return {**found, "peak_mb": memory}         # before the peers made their copies


def _counting(asked: dict[str, Expression], dialect: str) -> str:
    counts = (f"count(*) FILTER (WHERE {to_sql(each, dialect)})" for each in asked.values())
    return f"SELECT {', '.join(counts)} FROM facts"


def _duckdb(frame: pl.DataFrame, folder: Path) -> duckdb.DuckDBPyConnection:
    frame.write_parquet(folder / "facts.parquet")
    line = duckdb.connect(config={"threads": 2})
    line.execute(f"CREATE TABLE facts AS SELECT * FROM read_parquet('{folder / 'facts.parquet'}')")
    return line


def _sqlite(frame: pl.DataFrame, asked: dict[str, Expression]) -> sqlite3.Connection:
    line = sqlite3.connect(":memory:")
    used = frame.select(sorted(facts_of(*asked.values())))
    used = used.with_columns(pl.col(pl.Date).cast(pl.String), pl.col(pl.Categorical).cast(pl.String))
    columns = ", ".join(f'"{name}"' for name in used.columns)
    line.execute(f"CREATE TABLE facts ({columns})")
    line.executemany(f"INSERT INTO facts VALUES ({', '.join('?' for _ in used.columns)})", used.iter_rows())
    return line


if __name__ == "__main__":
    main()
