"""A backtest over stored snapshots, beside what was really decided."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from steward.model.errors import ConfigError
from steward.store import enrollments, outbox, subject_facts
from steward.views.backtest import backtest

DAY = timedelta(days=1)
TEXT = """\
id: warning
title: Warning
why: Because.
mode: live
limit: 100 or 100%
caps: {account: 9, owner: 999}
when: {all: [health.score < 62, renewal.days_left <= 200 days]}
until: health.score >= 70
for: 2d
again_after: 10d
goal: {when: health.score >= 80, within: 30d}
do: [{cta: {type: risk}}]
exit: {gone: account.lifecycle == churned}
"""


def test_what_was_really_decided_comes_again(season: Callable[[int], Any]) -> None:
    """The proof that a backtest can be believed: for the time that was lived through, it says what happened."""
    us = season(50)
    playbook = us.playbook(TEXT)
    for number, at in enumerate(us.wander(60)):
        if number == 10:
            us.apply(playbook, at + timedelta(minutes=1))
        if number >= 10:
            us.evaluate(playbook, at)

    found = backtest(us.db, playbook, *us.ground)

    same = found.reproduced
    assert same is not None
    assert same.real > 10
    assert (same.share, same.not_found, same.only_replayed) == (1.0, (), 0)
    assert found.snapshots == 60
    assert sum(each.enrolled for each in found.weeks) == found.enrolled == len(found.entries)
    assert sum(each.work for each in found.owners) == found.work
    warned = found.warned
    assert warned.true_alarms + warned.false_alarms + warned.undecided == found.enrolled


def test_what_does_not_come_again_is_named_with_the_reason(season: Callable[[int], Any]) -> None:
    """A number below 100 % without a reason would only be worrying."""
    us = season(4)
    playbook = us.playbook(TEXT.replace("when: {all: [health.score < 62, renewal.days_left <= 200 days]}", "when: health.score < 62"))
    start = us.until - 10 * DAY
    us.apply(playbook, start)
    for number in range(10):
        us.know(start + number * DAY, [50.0, 50.0 if number > 4 else 90.0, 90.0, 65.0])
        us.evaluate(playbook, start + number * DAY)

    stricter = us.playbook(TEXT.replace("when: {all: [health.score < 62, renewal.days_left <= 200 days]}", "when: health.score < 40"))
    same = backtest(us.db, stricter, *us.ground).reproduced

    assert same is not None
    assert (same.real, same.found) == (2, 0)
    assert all("`when` is not true in the snapshot of" in each.why for each in same.not_found)
    assert all(f"it entered on version {playbook.version[:4]}" in each.why for each in same.not_found)
    looser = us.playbook(TEXT.replace("when: {all: [health.score < 62, renewal.days_left <= 200 days]}", "when: health.score < 70"))
    same = backtest(us.db, looser, *us.ground).reproduced
    assert same is not None
    assert (same.real, same.found, same.only_replayed) == (2, 2, 1)


def test_churn_is_caught_missed_or_falsely_warned_of(season: Callable[[int], Any]) -> None:
    """Each word counted once, on a company small enough to count by hand."""
    us = season(5)
    playbook = us.playbook(TEXT.replace("when: {all: [health.score < 62, renewal.days_left <= 200 days]}", "when: health.score < 62"))
    start = us.until - 40 * DAY
    for number in range(40):
        churned = [number >= 30, False, number >= 20, number >= 3, False]
        us.know(start + number * DAY, [50.0 if number >= 10 else 80.0, 50.0, 80.0, 50.0, 50.0 if number >= 35 else 80.0],
                account__lifecycle=["churned" if gone else "customer" for gone in churned],
                subscription__active_count=[0 if gone else 1 for gone in churned])

    found = backtest(us.db, playbook, *us.ground, window=25 * DAY)

    warned = found.warned
    assert [(each.account, each.lead_days) for each in warned.caught] == [("Acme 0", 18), ("Acme 3", 1)]
    assert [each.account for each in warned.missed] == ["Acme 2"]
    assert (warned.true_alarms, warned.false_alarms, warned.undecided) == (2, 1, 1)
    assert found.closed == {"exit:gone": 2}
    assert found.reproduced is None
    assert found.arr_touched == 240_000


def test_the_days_asked_bound_what_is_decided_and_not_what_is_seen_of_it(season: Callable[[int], Any]) -> None:
    """The past is decided as if nothing came after; how it ended may be read."""
    us = season(2)
    playbook = us.playbook(TEXT.replace("when: {all: [health.score < 62, renewal.days_left <= 200 days]}", "when: health.score < 62"))
    start = us.until - 30 * DAY
    for number in range(30):
        us.know(start + number * DAY, [50.0, 50.0 if number >= 12 else 80.0],
                account__lifecycle=["churned" if number >= 20 else "customer", "customer"])

    found = backtest(us.db, playbook, *us.ground, first=start, last=start + 10 * DAY, window=20 * DAY)

    assert [each.account for each in found.entries] == ["Acme 0"]
    assert (found.snapshots, found.warned.churned) == (11, 0)
    assert found.warned.false_alarms == 0
    assert found.warned.true_alarms == 1


def test_a_gap_is_told(season: Callable[[int], Any]) -> None:
    """Nobody may take silence for calm."""
    us = season(1)
    for number in (0, 1, 2, 9, 10):
        us.know(us.until + number * DAY, [50.0])

    found = backtest(us.db, us.playbook(TEXT), *us.ground)

    assert [(each.after, each.before) for each in found.gaps] == [(us.until + 2 * DAY, us.until + 9 * DAY)]
    assert any("gaps" in each for each in found.not_simulated)


def test_nothing_is_written(season: Callable[[int], Any]) -> None:
    """A backtest may be run beside the live system."""
    us = season(3)
    us.know(us.until, [50.0, 50.0, 90.0])
    backtest(us.db, us.playbook(TEXT), *us.ground)

    with us.db.read() as tx:
        assert (enrollments.list_(tx), outbox.list_(tx)) == ([], [])


def test_without_snapshots_it_says_what_to_do(season: Callable[[int], Any]) -> None:
    """A new user has none yet; a mistyped day finds none."""
    us = season(1)
    with pytest.raises(ConfigError, match=r"no snapshot of accounts is stored yet\. Run: steward evaluate"):
        backtest(us.db, us.playbook(TEXT), *us.ground)
    us.know(us.until, [50.0])

    with pytest.raises(ConfigError, match="no snapshot is stored from 2020-01-01"):
        backtest(us.db, us.playbook(TEXT), *us.ground, first=us.until.replace(year=2020, month=1, day=1),
                 last=us.until.replace(year=2021))


def test_contacts_are_played_with_the_facts_of_their_accounts(season: Callable[[int], Any]) -> None:
    """A champion who leaves matters where the account is large; both facts are as known that day."""
    us = season(2)
    playbook = us.playbook(
        "id: left\ntitle: Left\nwhy: B.\nmode: live\nsubject: contact\n"
        "when: {all: [contact.active == false, account.arr >= 50k USD]}\nuntil: contact.active == true\n"
        "do: [{cta: {type: risk}}]\n")
    start = us.until - 6 * DAY
    for number in range(6):
        at = start + number * DAY
        us.know(at, [50.0, 50.0])
        frame = pl.DataFrame({
            "account_id": us.ids, "subject_id": ["con_1", "con_2"], "connection": ["crm", "crm"], "external_id": ["1", "2"],
            "contact.active": [number < 3, True],
        }).with_columns(pl.lit(at).cast(pl.Datetime("us", "UTC")).alias("as_of.crm"))
        pending = subject_facts.write(us.db, "contact", frame, at)
        with us.db.write() as tx:
            subject_facts.show(tx, pending)

    found = backtest(us.db, playbook, *us.ground)

    assert [(each.subject_id, each.account_id, each.entered_at) for each in found.entries] == [
        ("con_1", us.ids[0], start + 3 * DAY)]
    assert found.arr_touched == 60_000
