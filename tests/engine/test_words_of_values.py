"""Values as people write and read them, at the sizes where the unit changes."""

from __future__ import annotations

from datetime import timedelta

import pytest

from steward.engine.freshness import age_text
from steward.engine.literals import normal, parse_literal
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


MONEY = FactSpec("account.arr", FactType.MONEY, "", "", "crm", unit="USD")
NUMBER = FactSpec("health.score", FactType.NUMBER, "", "", "health")


@pytest.mark.parametrize(("value", "spec", "text"), [
    (2_000_000.0, MONEY, "2M USD"), (1_000_000.0, MONEY, "1M USD"), (1_500_000.0, MONEY, "1500k USD"), (2_000.0, MONEY, "2k USD"),
    (999.0, MONEY, "999 USD"), (0.0, MONEY, "0 USD"), (12.5, MONEY, "12.5 USD"), (60.0, NUMBER, "60"), (-0.0, NUMBER, "0"),
    (0.1, NUMBER, "0.1"), (1e-7, NUMBER, "0.0000001"), (100.0, NUMBER, "100"),
])
def test_a_value_has_one_way_of_being_written_and_is_read_back(value: float, spec: FactSpec, text: str) -> None:
    """The same threshold, however it was typed, is the same version of the playbook."""
    assert normal((value,), ">=", spec) == text
    assert parse_literal(text, spec) == value


@pytest.mark.parametrize(("values", "op", "text"), [
    (("smb",), "==", "smb"), (("Food, drink",), "==", '"Food, drink"'), (('the "best"',), "==", '"the "best""'), (('x", "y',), "==", '"x", "y"'),
    (("Food, drink", "it's"), "in", '["Food, drink", "it\'s"]'), (('x", "y',), "in", "['x\", \"y']"),
])
def test_a_text_stands_in_quotes_where_it_would_be_read_otherwise(values: tuple[str, ...], op: str, text: str) -> None:
    """A comma inside a name is no second name."""
    assert normal(values, op, FactSpec("account.industry", FactType.TEXT, "", "", "crm")) == text
