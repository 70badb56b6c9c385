"""What a backtest counts, by hand on a few entries: caught in time, weeks, owners, gaps, and what it does not know."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from steward.engine.backtest import (
    Backtest,
    Gap,
    OwnerLoad,
    Warned,
    Week,
    arr_touched,
    gaps,
    not_simulated,
    owners,
    spacing,
    warned,
    weeks,
)
from steward.engine.expression import ALWAYS
from steward.engine.language import Playbook, Trigger, TriggerKind
from steward.engine.outcomes import Churns
from steward.engine.played import Entry

MONDAY, DAY, WINDOW = datetime(2026, 3, 2, 8, tzinfo=UTC), timedelta(days=1), timedelta(days=30)
BERLIN = ZoneInfo("Europe/Berlin")


def entry(account: str, day: float, **more: Any) -> Entry:
    return Entry(f"it/{account}/{day}", account, account, MONDAY + day * DAY, account=account.upper(), **more)


def churns(**days: list[float]) -> Churns:
    return Churns({name: [MONDAY + day * DAY for day in each] for name, each in days.items()})


def test_a_churn_is_caught_by_an_entry_before_it_and_not_longer_before_than_the_window() -> None:
    """An alarm on the day itself is too late, one of last year was about something else."""
    entries = [
        entry("early", 10, arr=5.0), entry("early", 12, arr=7.0),   # the first of them gives the lead
        entry("edge", 0, arr=None), entry("old", 0), entry("same", 20), entry("well", 1),
    ]
    told = warned(entries, churns(early=[20], edge=[30], old=[30.01], same=[20], silent=[5], before=[0], after=[61]),
                  (MONDAY, MONDAY + 60 * DAY, MONDAY + 90 * DAY), WINDOW, {"silent": "Silent"})

    assert [(each.account_id, each.account, each.lead_days, each.arr) for each in told.caught] == [
        ("early", "EARLY", 10, 5.0), ("edge", "EDGE", 30, None)]
    assert [(each.account_id, each.account) for each in told.missed] == [("old", ""), ("same", ""), ("silent", "Silent")]
    assert (told.churned, told.window_days, told.lead_days) == (5, 30, 20)
    assert (told.true_alarms, told.false_alarms, told.undecided) == (3, 3, 0)


def test_the_dearest_that_was_caught_comes_first_and_one_without_a_known_arr_last() -> None:
    """The list is read from the top."""
    entries = [entry("a", 1, arr=None), entry("b", 1, arr=0.5), entry("c", 1, arr=9.0)]
    told = warned(entries, churns(a=[9], b=[9], c=[9]), (MONDAY, MONDAY + 60 * DAY, MONDAY + 90 * DAY), WINDOW, {})

    assert [each.account_id for each in told.caught] == ["c", "b", "a"]


def test_an_entry_whose_window_is_not_over_is_undecided_even_where_it_came_true() -> None:
    """Counting the early ones alone would flatter the playbook."""
    told = warned([entry("a", 10), entry("b", 10), entry("c", 11)], churns(a=[12], c=[12]),
                  (MONDAY, MONDAY + 20 * DAY, MONDAY + 40 * DAY), WINDOW, {})

    assert (told.true_alarms, told.false_alarms, told.undecided) == (1, 1, 1)


def test_where_nobody_was_caught_there_is_no_lead_time() -> None:
    """A zero would read as "on the day"."""
    assert warned([], churns(a=[1]), (MONDAY, MONDAY + 9 * DAY, MONDAY + 9 * DAY), WINDOW, {}).lead_days is None


def test_every_week_is_listed_and_begins_on_the_company_s_monday() -> None:
    """A quiet week is news too; late Sunday in UTC is Monday in Berlin."""
    entries = [
        entry("a", 0.5, closed_at=MONDAY + 14 * DAY, work=[MONDAY + DAY, MONDAY + 15 * DAY, MONDAY + 16 * DAY]),
        entry("b", 6.6),                                              # Sunday 22:24 UTC
        entry("c", 6.65),                                             # 23:36 UTC, after midnight in Berlin
    ]

    assert weeks(entries, MONDAY, MONDAY + 20 * DAY, BERLIN) == (
        Week(date(2026, 3, 2), 2, 0, 1), Week(date(2026, 3, 9), 1, 0, 0), Week(date(2026, 3, 16), 0, 1, 2))
    assert weeks([], MONDAY, MONDAY, BERLIN) == (Week(date(2026, 3, 2), 0, 0, 0),)


def test_enrollments_a_week_are_over_all_weeks() -> None:
    """Ten in two weeks are five a week, and a backtest of no week divides by nothing."""
    nothing = Warned(30, 0, (), (), 0, 0, 0, None)

    def of(weeks_: tuple[Week, ...]) -> Backtest:
        return Backtest("it", "7c1e09ab", MONDAY, MONDAY, 1, 1, 10, {}, 0, weeks_, (), 0, 0, 0.0, 0, nothing, None, 0, 0.0, (), (), None, ())

    assert of((Week(date(2026, 3, 2), 10, 0, 0), Week(date(2026, 3, 9), 0, 0, 0))).a_week == 5
    assert of(()).a_week == 10


def test_the_load_of_each_owner_is_over_all_weeks_and_the_heaviest_comes_first() -> None:
    """One bad week is what an owner remembers; the mean hides it."""
    entries = [
        entry("a", 0, owner="ana", work=[MONDAY, MONDAY + DAY, MONDAY + 8 * DAY]), entry("b", 0, owner="bo"),
        entry("c", 0, owner="", work=[MONDAY]), entry("d", 0, owner="ana"), entry("e", 0, owner="cy"),
    ]

    assert owners(entries, 2, BERLIN) == (
        OwnerLoad("ana", 2, 3, 1.5, 2), OwnerLoad("nobody", 1, 1, 0.5, 1),
        OwnerLoad("bo", 1, 0, 0.0, 0), OwnerLoad("cy", 1, 0, 0.0, 0))
    assert owners(entries[:1], 0, BERLIN)[0].mean_a_week == 3


def test_a_gap_is_more_than_one_and_a_half_times_the_usual_distance() -> None:
    """A run that was an hour late is none; a weekend without a run is."""
    instants = [MONDAY + day * DAY for day in (0, 1, 2, 3.5, 4.5, 7.5, 8.5)]

    assert gaps(instants) == (Gap(MONDAY + 4.5 * DAY, MONDAY + 7.5 * DAY),)
    assert spacing(instants) == DAY
    assert (gaps(instants[:1]), spacing(instants[:1])) == ((), DAY)
    assert spacing([MONDAY, MONDAY + 6 * DAY / 24]) == timedelta(hours=6)


def test_the_arr_of_an_account_counts_once_as_it_was_at_first() -> None:
    """Three enrollments of one customer do not treble what it pays."""
    entries = [entry("a", 1, arr=100.0), entry("a", 9, arr=300.0), entry("b", 1), entry("c", 1, arr=50.0)]

    assert arr_touched(entries) == (150.0, 1)


@pytest.mark.parametrize(("hours", "said"), [
    (6, "6 hours"), (24, "a day"), (23.6, "a day"), (47, "47 hours"), (48, "2 days"), (72, "3 days"), (2400, "100 days"),
])
def test_what_is_not_simulated_is_said_for_this_playbook_and_these_snapshots(hours: float, said: str) -> None:
    """A backtest is believed; so it says itself what it leaves out."""
    plain = Playbook("it", "It", "Because.", ALWAYS, ())
    more = Playbook("it", "It", "Because.", ALWAYS, (), trigger=Trigger(TriggerKind.MANUAL), inhibited_by=("a", "b"))
    usual = not_simulated(plain, 0, timedelta(hours=hours))
    whole = not_simulated(more, 2, timedelta(hours=hours))

    assert f"(usually {said} apart)" in usual[3]
    assert len(usual) == 6
    assert whole[:6] == usual
    assert whole[6:] == (
        "inhibition by a, b: only this one playbook is played",
        "people who enrol by hand: this playbook is begun by them alone, so nobody enters",
        "the 2 gaps in the snapshots: nothing is known of them")
