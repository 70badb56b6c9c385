"""What is too old is not known, to the second."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from steward.engine.freshness import age_text, freshen, freshen_row, why_unknown
from steward.model.facts import FactSpec

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)


@pytest.mark.parametrize(("age", "value", "known", "why"), [
    (timedelta(hours=26), 50.0, True, ""),
    (timedelta(hours=26, microseconds=1), 50.0, False, "26h old, fresh within 26h"),
    (timedelta(hours=41), 50.0, False, "41h old, fresh within 26h"),
    (timedelta(0), float("nan"), False, "no value"),
    (timedelta(0), None, False, "no value"),
    (None, 50.0, False, "no date on the health data"),
])
def test_frame_row_and_reason_agree(
    catalog: Mapping[str, FactSpec], age: timedelta | None, value: float | None, known: bool, why: str,
) -> None:
    """The batch, the webhook and the explanation may not see different facts."""
    frame = pl.DataFrame({
        "account_id": ["acct_1"], "health.score": pl.Series([value], dtype=pl.Float64),
        "as_of.health": pl.Series([None if age is None else NOW - age], dtype=pl.Datetime("us", "UTC"))})
    row = frame.row(0, named=True)

    assert (freshen(frame, ["health.score"], catalog, NOW)["health.score"][0] is not None) is known
    assert (freshen_row(row, catalog, NOW)["health.score"] is not None) is known
    assert why_unknown(row, catalog["health.score"], NOW) == why


def test_a_fact_without_a_bound_needs_no_date(catalog: Mapping[str, FactSpec]) -> None:
    """What never goes stale is never stale."""
    frame = pl.DataFrame({"account_id": ["acct_1"], "forecast.points": [3.0]})

    assert freshen(frame, catalog, catalog, NOW)["forecast.points"][0] == 3.0


def test_ages_are_short(catalog: Mapping[str, FactSpec]) -> None:
    """They stand in every message."""
    assert [age_text(timedelta(minutes=each)) for each in (5, 60, 71 * 60, 73 * 60)] == ["5min", "1h", "71h", "3d"]


def test_one_account_keeps_its_id_and_nothing_that_is_no_fact(catalog: Mapping[str, FactSpec]) -> None:
    """A verdict without its account could be filed under another."""
    row = {"account_id": "acct_1", "health.score": 50.0, "as_of.health": NOW, "usage.active_users.change_28d": 0.1,
           "as_of.usage": NOW - timedelta(days=9), "nonsense": 1}

    assert freshen_row(row, catalog, NOW) == {"account_id": "acct_1", "health.score": 50.0, "usage.active_users.change_28d": None}
    assert freshen_row({}, catalog, NOW) == {"account_id": None}
