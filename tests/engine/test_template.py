"""Templates fill in facts and can do nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import pytest

from steward.engine.template import MOST_OUTPUT, MOST_VALUE, faults_of, plain, render, says_something, write
from steward.model.facts import FactSpec, FactType

ROW: dict[str, Any] = {
    "account.name": "Acme", "account.arr": 60000.4, "usage.active_users.change_28d": -0.314, "renewal.days_left": 1,
    "health.score": 57.66, "account.since_on": date(2026, 3, 5), "account.do_not_contact": False,
}


@pytest.mark.parametrize(("text", "expected"), [
    ("{{ account.name }} pays {{ account.arr | money }}", "Acme pays 60,000 USD"),
    ("{{account.arr}}", "60,000 USD"), ("{{ account.arr | number }} of it", "60,000 of it"),
    ("{{ usage.active_users.change_28d | percent }}", "-31%"),
    ("{{ renewal.days_left | days }}", "1 day"),
    ("{{ health.score | number }}", "57.7"),
    ("{{ account.since_on | date }}", "5 Mar 2026"),
    ("{{ account.do_not_contact }}", "false"),
    ("{{ support.open_urgent | number }}", "not known"),
    ("{{ account.name | money }}", "Acme"),
    ("two\nlines  of {{ account.name }}", "two lines of Acme"),
])
def test_facts_are_written_as_people_write_them(catalog: Mapping[str, FactSpec], text: str, expected: str) -> None:
    """The CSM reads it on a phone."""
    assert render(text, ROW, catalog) == expected


@pytest.mark.parametrize("name", ["<!channel>", "=HYPERLINK(\"x\")", "{{ account.arr }}", "a\nb\x1b[2J", "x" * 9000])
def test_a_hostile_name_stays_a_short_plain_text(catalog: Mapping[str, FactSpec], name: str) -> None:
    """It is filled in once, is never read as a template, and cannot flood the card."""
    out = render("{{ account.name }}", {"account.name": name}, catalog)

    assert len(out) <= MOST_VALUE
    assert "\n" not in out
    assert "60,000" not in out


def test_the_output_is_bounded(catalog: Mapping[str, FactSpec]) -> None:
    """Whatever the template says."""
    assert len(render("{{ account.name }} " * 5000, {"account.name": "y" * 300}, catalog)) == MOST_OUTPUT


@pytest.mark.parametrize("text", [
    "{{ account.nam }}", "{{ account.name | upper }}", "{{ account.name.__class__ }}", "{% for x in y %}", "{{ 1 + 1 }}",
    "{{ account.name", "{{ account['name'] }}",
])
def test_what_is_no_fact_is_a_fault(catalog: Mapping[str, FactSpec], text: str) -> None:
    """The checker finds it before a customer's CSM does."""
    assert faults_of(text, catalog)


def test_the_plain_card_takes_no_orders_from_a_title(catalog: Mapping[str, FactSpec]) -> None:
    """Titles are text, whatever braces they hold."""
    assert plain("it", "{{ account.arr }}", "Because.").title == "{{ account.name }}:  account.arr "


def test_a_line_with_nothing_known_in_it_says_nothing() -> None:
    """It is left out of what changed."""
    assert says_something("{{ account.name }} {{ health.score }}", {"account.name": "Acme"})
    assert says_something("just words", {})
    assert not says_something("{{ health.score }}", {})


@pytest.mark.parametrize(("value", "filter_name", "shown"), [
    (99.9, "number", "99.9"), (100.4, "number", "100"), (-100.4, "number", "-100"), (57.0, "number", "57"), (57, "number", "57"),
    (12_345.6, "number", "12,346"), (1.4, "days", "1 day"), (0.4, "days", "0 days"), (2, "days", "2 days"),
    (-0.055, "percent", "-6%"), (59_999.5, "money", "60,000 USD"), (True, "number", "true"), (float("nan"), "number", "not known"),
    ("x" * MOST_VALUE, "text", "x" * MOST_VALUE), ("x" * (MOST_VALUE + 1), "text", "x" * (MOST_VALUE - 1) + "…"),
])
def test_a_value_is_written_so_that_it_can_be_read_aloud(value: Any, filter_name: str, shown: str) -> None:
    """A tenth of a point matters at 57, and not at 12,346."""
    assert write(value, filter_name, FactSpec("account.arr", FactType.MONEY, "", "", "crm", unit="USD")) == shown


def test_money_is_what_the_filter_makes_of_any_number() -> None:
    """Of a fact that is a plain number too: rounded, with its unit."""
    assert write(59_999.5, "money", FactSpec("deal.size", FactType.NUMBER, "", "", "crm", unit="EUR")) == "60,000 EUR"
    assert write(59_999.5, "money", None) == "60,000"


def test_a_fact_that_is_gone_from_the_catalog_is_still_written(catalog: Mapping[str, FactSpec]) -> None:
    """An old card must not stop the run."""
    assert render("{{ gone.fact }} of {{ gone.other }}", {"gone.fact": 12.0}, catalog) == "12.0 of not known"
