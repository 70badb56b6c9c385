"""The SQL of a condition, as a warehouse reads it; tests/laws hold what it answers against ours."""

from __future__ import annotations

from datetime import date

import pytest

from steward.engine.expression import ALWAYS, NEVER, Leaf
from steward.engine.sql import to_sql


@pytest.mark.parametrize(("value", "dialect", "literal"), [
    (True, "postgres", "TRUE"), (3, "postgres", "3"), (-3, "sqlite", "-3"), ("it's", "duckdb", "'it''s'"),
    (date(2026, 3, 2), "postgres", "CAST('2026-03-02' AS DATE)"), (date(2026, 3, 2), "duckdb", "CAST('2026-03-02' AS DATE)"),
    (date(2026, 3, 2), "sqlite", "'2026-03-02'"),
    (60.0, "postgres", "60.0e0"), (0.1, "sqlite", "0.1e0"), (1e-7, "postgres", "1e-07"), (1e300, "sqlite", "1e+300"),
    (59.999999999, "sqlite", "59.999999999e0"), (0.123456789012345, "sqlite", "0.123456789012345e0"),
    (0.30000000000000004, "postgres", "0.30000000000000004e0"),
    (0.30000000000000004, "sqlite", "(CAST(1351079888211149.0 AS REAL) / 4503599627370496.0)"),
    (-0.30000000000000004, "sqlite", "-(CAST(1351079888211149.0 AS REAL) / 4503599627370496.0)"),
])
def test_a_value_is_written_so_that_each_database_reads_that_very_value(value: object, dialect: str, literal: str) -> None:
    """SQLite reads a number of 17 digits as one beside it; a threshold must not move by that."""
    printed = to_sql(Leaf("it", "==", (value,), ""), dialect)      # type: ignore[arg-type]  # each kind of value in turn

    assert printed == f'"it" = {literal}'


def test_what_is_always_or_never_true_is_written_without_a_fact() -> None:
    """A playbook that an event begins asks nothing."""
    assert (to_sql(ALWAYS, "postgres"), to_sql(NEVER, "postgres")) == ("TRUE", "FALSE")
