"""Who churned when, and who reached a goal: counted by hand on a few days."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from steward.engine.blocks import Block, block
from steward.engine.expression import All, Leaf
from steward.engine.outcomes import Churns, Reached, Window
from steward.facts.catalog import catalog as real_catalog

START = datetime(2026, 1, 1, 6, tzinfo=UTC)
DAY = timedelta(days=1)


def history(life: str = "", terms: str = "", left: str = "", size: int = 100) -> list[Block]:
    """One account: a letter a day, c customer, x churned, _ unknown; terms and days left as digits."""
    days = max(len(life), len(terms), len(left))
    names = {"c": "customer", "x": "churned", "o": "onboarding"}
    frames = []
    for day in range(days):
        row = {"account_id": ["a"], "account.lifecycle": [names.get(life[day:day + 1])]}
        for name, told in (("subscription.active_count", terms), ("renewal.days_left", left)):
            row[name] = [int(told[day]) if told[day:day + 1].isdigit() else None]  # type: ignore[list-item]  # counts
        frames.append((START + day * DAY, pl.DataFrame(row, schema_overrides={"account.lifecycle": pl.String})))
    return [block(frames[at:at + size]) for at in range(0, days, size)]


@pytest.mark.parametrize(("life", "terms", "left", "churned_on"), [
    ("ccxx", "", "", [2]),                                  # the CRM says so
    ("c_x", "", "", [2]),                                   # unknown in between hides nothing
    ("xxx", "", "", []),                                    # it was so all the time
    ("xxcx", "", "", [3]),                                  # won back, and lost again
    ("_xx", "", "", []),                                    # nobody knew it before
    ("cccc", "1100", "", [2]),                              # the term ended and nothing follows
    ("cccc", "1100", "1155", []),                           # a signed term follows
    ("cccx", "1100", "", [2]),                              # the CRM is told later: one churn, not two
    ("cccc", "1101", "", []),                               # the renewal was booked late
    ("ccxx", "1111", "", [2]),
    ("c" * 40, "1" + "0" * 38 + "1", "", [1]),              # back after more than a month: it was gone
    ("cccc", "0000", "", []),                               # a company without subscriptions in its sources
])
@pytest.mark.parametrize("size", [1, 100])
def test_churn_is_counted_once_on_its_first_day(life: str, terms: str, left: str, churned_on: list[int], size: int) -> None:
    churns = Churns()
    for each in history(life, terms, left, size):
        churns.look(each)

    assert [(at - START).days for at in churns.by_account.get("a", [])] == churned_on


def test_a_deleted_account_did_not_churn() -> None:
    """Merged and deleted records vanish from the snapshots; that is housekeeping."""
    churns = Churns()
    frame = pl.DataFrame({"account_id": ["a", "b"], "account.lifecycle": ["customer", "customer"]})
    churns.look(block([(START, frame), (START + DAY, frame.head(1)), (START + 2 * DAY, frame.head(1))]))

    assert churns.by_account == {}


@pytest.mark.parametrize("size", [1, 2, 50])
def test_a_goal_counts_within_its_window_and_not_on_the_day_of_entry(size: int) -> None:
    reached = Reached(Leaf("health.score", ">=", (70,), "70"), real_catalog())
    scores = [80.0, 50.0, 50.0, 75.0, None, 50.0]
    frames = [(START + day * DAY, pl.DataFrame({
        "account_id": ["a"], "health.score": pl.Series([score], dtype=pl.Float64), "as_of.health": [START + day * DAY],
    }).with_columns(pl.col("as_of.health").cast(pl.Datetime("us", "UTC")))) for day, score in enumerate(scores)]
    reached.watch([
        Window("met", "a", START, START + 3 * DAY), Window("late", "a", START, START + 2 * DAY),
        Window("blind", "a", START + 3 * DAY, START + 4 * DAY), Window("other", "b", START, START + 9 * DAY)])
    for at in range(0, len(frames), size):
        reached.look(block(frames[at:at + size]))

    assert reached.first == {"met": START + 3 * DAY}
    assert reached.known == {"met", "late"}


def test_a_renewal_that_is_booked_exactly_thirty_days_late_takes_the_churn_back() -> None:
    """Paperwork is late; a day more and the customer was gone."""
    for away, churns_on in ((30, []), (31, [1])):
        churns = Churns()
        for each in history("c" * (away + 2), "1" + "0" * away + "1"):
            churns.look(each)
        assert [(at - START).days for at in churns.by_account.get("a", [])] == churns_on


def test_the_churn_within_a_window_is_the_first_after_it_begins() -> None:
    """Of the day itself it was no warning; on the last day it was one."""
    churns = Churns({"a": [START, START + 5 * DAY, START + 9 * DAY]})

    assert churns.within("a", START, START + 9 * DAY) == START + 5 * DAY
    assert churns.within("a", START + 5 * DAY, START + 9 * DAY) == START + 9 * DAY
    assert churns.within("a", START + 5 * DAY, START + 8.9 * DAY) is churns.within("b", START, START + 9 * DAY) is None


def test_a_goal_reads_its_facts_and_how_old_they_are() -> None:
    """What is not read of a snapshot cannot be found stale."""
    condition = All((Leaf("health.score", ">=", (70,), "70"), Leaf("no.such.fact", "==", (1,), "1")))

    assert Reached(condition, real_catalog()).columns == {"health.score", "no.such.fact", "as_of.health"}
