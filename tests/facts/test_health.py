"""The health score and what each measure gave to it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from steward.facts import health
from steward.facts.basis import COLUMN, INSTANT
from steward.facts.catalog import catalog
from steward.facts.scorecard import Scorecard, load_scorecard, parse_scorecard

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
FACTS = catalog()
SHIPPED = load_scorecard(None, FACTS)
CARD = parse_scorecard("""
measures:
  - {fact: usage.active_users.change_28d, weight: 3, points: {-50%: 0, 0%: 80, 20%: 100}}
  - {fact: champion.known, weight: 1, points: {true: 100, false: 20}}
  - {fact: account.segment, weight: 1, points: {enterprise: 90, mid_market: 50, smb: 10}}
""", "card.yaml", FACTS)
NOBODY = pl.DataFrame(schema={"account_id": pl.String, "health.score": pl.Float64})


def score(rows: list[dict[str, Any]], card: Scorecard = CARD, previous: pl.DataFrame = NOBODY) -> list[dict[str, Any]]:
    columns: dict[str, Any] = {measure.fact: COLUMN[FACTS[measure.fact].type] for measure in card.measures}
    columns |= {f"as_of.{group}": INSTANT for group in ("crm", "usage", "support", "survey", "onboarding")}
    frame = pl.DataFrame(
        [[str(number), *(row.get(name) for name in columns)] for number, row in enumerate(rows)],
        schema={"account_id": pl.String, **columns}, orient="row",
    )
    return health.score(frame, card, FACTS, previous).to_dicts()


def test_the_score_is_the_average_by_weight() -> None:
    """Anybody can check it by hand: (3*40 + 100 + 50) / 5."""
    [found] = score([{"usage.active_users.change_28d": -0.25, "champion.known": True, "account.segment": "mid_market"}])

    assert found["health.score"] == pytest.approx(54)
    assert (found["health.coverage"], found["health.band"]) == (1, "red")


def test_what_is_missing_is_left_out_and_not_counted_as_bad() -> None:
    """An account without a survey is not an unhappy one."""
    [found] = score([{"usage.active_users.change_28d": 0.0, "champion.known": False}])

    assert found["health.score"] == pytest.approx((3 * 80 + 20) / 4)
    assert (found["health.coverage"], found["health.band"]) == (pytest.approx(0.8), "yellow")


def test_too_little_known_is_no_score() -> None:
    """One fifth of the picture must not decide whether somebody is called."""
    [nothing, little] = score([{}, {"champion.known": True}])

    assert (nothing["health.score"], nothing["health.coverage"], nothing["health.band"]) == (None, 0, None)
    assert (little["health.score"], little["health.coverage"]) == (None, pytest.approx(0.2))


@pytest.mark.parametrize(("change", "points"), [(-0.9, 0), (-0.5, 0), (-0.25, 40), (0, 80), (0.1, 90), (0.2, 100), (9, 100)])
def test_between_two_values_points_follow_the_line(change: float, points: float) -> None:
    """No cliffs: a little more use is a little more health."""
    [found] = score([{"usage.active_users.change_28d": change}])

    assert found["health.score"] == pytest.approx(points)


def test_the_change_is_against_what_was_known_then() -> None:
    """Only an older snapshot can say how it was; without one nothing is claimed."""
    then = pl.DataFrame({"account_id": ["0", "2"], "health.score": [90.0, None]})
    row = {"usage.active_users.change_28d": 0.0}

    assert [found["health.change_28d"] for found in score([row, row, row], previous=then)] == [pytest.approx(-10), None, None]


def test_the_score_is_as_old_as_the_oldest_data_in_it() -> None:
    """A score out of a feed that broke three days ago is three days old; a feed it does not use does not age it."""
    rows = [
        {"usage.active_users.change_28d": 0.0, "champion.known": True, "as_of.usage": NOW - timedelta(days=3), "as_of.crm": NOW},
        {"usage.active_users.change_28d": 0.0, "as_of.usage": NOW, "as_of.crm": NOW - timedelta(days=3)},
        {"usage.active_users.change_28d": 0.0, "champion.known": True, "as_of.usage": NOW},
    ]

    assert [found["as_of.health"] for found in score(rows)] == [NOW - timedelta(days=3), NOW, None]


def _value(name: str) -> st.SearchStrategy[Any]:
    fact = FACTS[name]
    if COLUMN[fact.type] is pl.Boolean:
        return st.booleans()
    if fact.one_of:
        return st.sampled_from(fact.one_of)
    low, high = fact.low if fact.low is not None else -1e3, min(fact.high or 1e3, 1e3)
    return st.integers(int(low), int(high)) if COLUMN[fact.type] is pl.Int64 else st.floats(low, high)


ROWS = st.lists(st.fixed_dictionaries({}, optional={
    measure.fact: st.one_of(st.none(), _value(measure.fact)) for measure in SHIPPED.measures
}), min_size=1, max_size=8)


@settings(max_examples=50, deadline=None)
@given(rows=ROWS)
def test_contributions_sum_to_the_score(rows: list[dict[str, Any]]) -> None:
    """The account page explains the score in parts; parts that do not add up are no explanation."""
    for row, found in zip(rows, score(rows, SHIPPED), strict=True):
        parts = health.contributions(row, SHIPPED)
        total = sum(part.gave for part in parts)

        assert total == pytest.approx(found["health.score"] or 0, abs=1e-9)
        assert (sum(part.share for part in parts) == pytest.approx(1)) is (found["health.score"] is not None)
        if found["health.score"] is not None:
            assert sum(part.lost for part in parts) == pytest.approx(100 - total, abs=1e-9)
            assert all((part.share > 0) is (row.get(part.fact) is not None) for part in parts)
        assert sum(health.in_whole_points(parts)) == round(total)


def test_a_contribution_names_the_measure_and_the_value() -> None:
    """The CSM reads: people who come, -25 %, gave 24 of 60."""
    part = health.contributions({"usage.active_users.change_28d": -0.25, "champion.known": True, "account.segment": "smb"},
                                CARD)[0]

    assert (part.fact, part.value, part.earned) == ("usage.active_users.change_28d", -0.25, pytest.approx(40))
    assert (part.share, part.gave, part.lost) == (pytest.approx(0.6), pytest.approx(24), pytest.approx(36))
