"""Use of the product: two years for each account, shaped by its story."""

from __future__ import annotations

import io
from collections import defaultdict
from datetime import date, timedelta

import polars as pl
import pytest

from steward.demo.company import build
from steward.demo.company.curves import METRICS, NOBODYS, Usage
from steward.demo.company.life import live
from steward.demo.company.stories import Story

TODAY = date(2026, 11, 22)
ACCOUNTS = 200


@pytest.fixture(scope="module")
def usage() -> pl.DataFrame:
    use = Usage(ACCOUNTS, 7, TODAY)
    return pl.concat(use.frame(first, last) for first, last in use.months())


def _averages(usage: pl.DataFrame, first_ago: int, last_ago: int) -> dict[str, float]:
    """People a day from so many days ago to so many days ago, by account."""
    days = first_ago - last_ago + 1
    window = usage.filter(pl.col("day").is_between(TODAY - timedelta(days=first_ago), TODAY - timedelta(days=last_ago)))
    return dict(window.group_by("account_external_id").agg(pl.col("active_users").sum() / days).iter_rows())


@pytest.fixture(scope="module")
def change_28d(usage: pl.DataFrame) -> dict[Story, list[float]]:
    now, before = _averages(usage, 28, 1), _averages(usage, 56, 29)
    found = defaultdict(list)
    for label in build(ACCOUNTS, 7, TODAY).labels():
        if before.get(label.workspace_id):
            found[label.story].append(now.get(label.workspace_id, 0.0) / before[label.workspace_id] - 1)
    return found


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)


def test_a_quiet_decline_loses_a_third_in_four_weeks(change_28d: dict[Story, list[float]]) -> None:
    """It is what health_drop is for."""
    assert max(change_28d[Story.QUIET_DECLINE]) < -0.25
    assert _mean(change_28d[Story.CHAMPION_LEFT]) < -0.25


def test_steady_accounts_are_steady(change_28d: dict[Story, list[float]]) -> None:
    """Most of the company must not set anything off."""
    assert abs(_mean(change_28d[Story.STEADY])) < 0.03
    assert sum(abs(change) < 0.15 for change in change_28d[Story.STEADY]) > 0.97 * len(change_28d[Story.STEADY])


def test_noise_looks_like_a_decline_for_a_while(change_28d: dict[Story, list[float]]) -> None:
    """A dip is short of the threshold, a spike weeks ago is beyond it: only other facts tell it from the real thing."""
    assert -0.30 < _mean(change_28d[Story.HOLIDAY_DIP]) < -0.1
    assert _mean(change_28d[Story.ONE_OFF_SPIKE]) < -0.2


def test_seats_are_full_where_more_are_needed(usage: pl.DataFrame) -> None:
    """Seat pressure shows against the seats that were bought."""
    now = _averages(usage, 28, 1)
    used = defaultdict(list)
    for number in range(ACCOUNTS):
        life = live(7, number, TODAY)
        used[life.story].append(now.get(life.workspace_id, 0.0) / life.seats)

    assert min(used[Story.SEAT_PRESSURE]) > 0.9
    assert max(used[Story.STEADY]) < 0.85


def test_gates_are_met_and_a_new_feature_is_taken_up_where_the_story_says_so(usage: pl.DataFrame) -> None:
    """What a plan does not hold is asked for again and again; what was never used is, since three weeks."""
    lately = usage.filter(pl.col("day") > TODAY - timedelta(days=29)).group_by("account_external_id").agg(
        pl.col("gate_hits").sum())
    hits = dict(lately.iter_rows())
    by_story = defaultdict(list)
    for label in build(ACCOUNTS, 7, TODAY).labels():
        by_story[label.story].append(label.workspace_id)

    assert min(hits[name] for name in by_story[Story.GATE_HITS]) > 20
    assert max(hits.get(name, 0) for name in by_story[Story.STEADY]) < 20
    for name in by_story[Story.NEW_USE_CASE]:
        mine = usage.filter(pl.col("account_external_id") == name)
        begun = [mine.filter(pl.col(metric) > 0)["day"].min() for metric in ("automations", "api_calls")]
        assert max(day for day in begun if day) > TODAY - timedelta(days=28)  # type: ignore[type-var,operator]  # dates


def test_churned_accounts_fade_before_they_go(usage: pl.DataFrame) -> None:
    """A backtest can find what was to be seen before the end."""
    fading = []
    for number in range(ACCOUNTS):
        life = live(7, number, TODAY)
        if life.story is Story.CHURNED and life.ends_on and (TODAY - life.ends_on).days < 400:
            mine = usage.filter(pl.col("account_external_id") == life.workspace_id)
            last = mine.filter(pl.col("day") > life.ends_on - timedelta(days=28))["active_users"].sum() or 0
            before = mine.filter(pl.col("day").is_between(
                life.ends_on - timedelta(days=200), life.ends_on - timedelta(days=173)))["active_users"].sum() or 0
            fading.append(last < 0.6 * before)
            assert mine["day"].max() <= life.ends_on + timedelta(days=7)  # type: ignore[operator]  # a date

    assert fading
    assert all(fading)


def test_the_feed_has_two_years_and_ends_yesterday(usage: pl.DataFrame) -> None:
    """Every fact about a window has its days."""
    assert usage["day"].max() == TODAY - timedelta(days=1)
    assert usage["day"].min() == TODAY - timedelta(days=730)
    assert usage.columns == ["account_external_id", "day", *METRICS]
    assert usage.select(pl.struct("account_external_id", "day").is_duplicated().any()).item() is False
    assert usage.select(pl.min_horizontal(METRICS).min()).item() >= 0


def test_the_feed_knows_a_workspace_that_no_crm_knows(usage: pl.DataFrame) -> None:
    """Use that belongs to nobody must not belong to somebody."""
    assert NOBODYS in usage["account_external_id"]


def test_an_account_is_used_the_same_however_many_there_are(usage: pl.DataFrame) -> None:
    """The curves are as stable as the records."""
    few = Usage(20, 7, TODAY)
    first, last = list(few.months())[-2]
    mine = few.frame(first, last)
    same = usage.filter(
        pl.col("account_external_id").is_in(mine["account_external_id"].unique().to_list()),
        pl.col("day").is_between(first, last),
    )
    order = ["account_external_id", "day"]

    assert mine.sort(order).equals(same.sort(order))


def test_a_month_is_a_small_file_made_when_asked_for() -> None:
    """Two years of 20,000 accounts never stand in memory as numbers."""
    name, make = list(build(50, 7, TODAY).drops())[3]

    assert name == "usage-2025-02.parquet"
    assert pl.read_parquet(io.BytesIO(make())).height > 300
    assert make() == make()
