"""Deadlines and dates are conditions: what they mean is what the checker, the plan and the people see."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from steward.engine import moments
from steward.engine.expression import leaves
from steward.engine.language import Playbook
from steward.engine.load import load_playbook
from steward.facts.catalog import catalog as whole_catalog
from steward.model.facts import FactSpec

FACTS: Mapping[str, FactSpec] = whole_catalog()
REST = "id: it\ntitle: It\nwhy: Because.\ndo: [{message: {to: csm}}]\n"


def load(text: str) -> Playbook:
    return load_playbook(REST + text, "it.yaml", FACTS)


def texts(playbook: Playbook) -> list[str]:
    return [leaf.text for leaf in leaves(playbook.when)]


def test_a_date_is_the_days_before_a_moment_until_it_comes() -> None:
    """Ninety days before the renewal, and never again once it is over."""
    playbook = load("trigger: {date: {before: renewal, by: 90d}}\nuntil: renewal.days_left > 90")

    assert texts(playbook) == ["renewal.days_left <= 90", "renewal.days_left >= 0"]
    assert [leaf.path for leaf in leaves(playbook.when)] == ["trigger.date.by", "trigger.date.before"]
    assert playbook.asked is None


def test_a_deadline_is_what_did_not_happen_in_time_and_clears_once_it_does() -> None:
    """First value late: the reason for most churn in the first year."""
    playbook = load("trigger: {deadline: {expect: milestone.first_value, within: 30d, of: subscription.start}}")

    assert texts(playbook) == ["subscription.days_since_start >= 30", "milestone.first_value.reached == false"]
    assert [leaf.text for leaf in leaves(playbook.clears)] == ["milestone.first_value.reached == true"]


def test_what_else_is_asked_comes_behind_it() -> None:
    """One flat list reads better in an explanation than a list in a list."""
    playbook = load("trigger: {date: {before: milestone.go_live, by: 7d}}\n"
                    "when: {all: [account.segment == smb, account.arr >= 1k USD]}\nuntil: account.segment != smb")

    assert texts(playbook) == ["milestone.go_live.days_left <= 7", "milestone.go_live.days_left >= 0",
                               "account.segment == smb", "account.arr >= 1k USD"]
    assert playbook.asked is not None


@pytest.mark.parametrize("known", [moments.coming(FACTS), moments.past(FACTS)])
def test_every_moment_that_is_offered_has_its_fact(known: tuple[str, ...]) -> None:
    """A moment without a fact would be a playbook that never fires."""
    tables = {**moments.COMING, **moments.PAST}
    facts = [tables.get(name) for name in known if name in tables]

    assert facts
    assert not [fact for fact in facts if fact not in FACTS]


def test_no_moment_of_the_tables_is_without_a_fact_in_the_catalog() -> None:
    """The tables and the catalog are written in two places; they may not part."""
    assert not {*moments.COMING.values(), *moments.PAST.values()} - set(FACTS)
