"""Values as people write and read them, at the sizes where the unit changes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from steward.engine.freshness import age_text
from steward.engine.literals import parse_literal
from steward.model.facts import FactSpec, FactType


@pytest.mark.parametrize(("age", "text"), [
    (timedelta(minutes=-5), "0min"), (timedelta(minutes=59, seconds=59), "59min"), (timedelta(hours=1), "1h"),
    (timedelta(hours=71, minutes=59), "71h"), (timedelta(hours=72), "3d"), (timedelta(days=12, hours=23), "12d"),
])
def test_an_age_is_told_in_the_unit_that_fits(age: timedelta, text: str) -> None:
    """"41h old" tells somebody which night the feed broke; 2460 minutes do not."""
    assert age_text(age) == text


@pytest.mark.parametrize("text", ["1", "1 day", "1 days", "1d"])
def test_days_are_written_in_any_usual_way(text: str) -> None:
    """Nobody should have to look up which of them is right."""
    assert parse_literal(text, FactSpec("renewal.days_left", FactType.DAYS, "Days.", "crm", "crm", unit="days")) == 1
