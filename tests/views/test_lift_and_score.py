"""Lift and score of a playbook that was really evaluated, with a holdout."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from steward.store import arms
from steward.views.lift import lift
from steward.views.score import score

DAY = timedelta(days=1)
TEXT = """\
id: onboarding
title: Onboarding
why: Because.
mode: live
limit: 100 or 100%
caps: {account: 9, owner: 999}
holdout: 50%
when: health.score < 60
until: health.score >= 90
again_after: 10d
goal: {when: health.score >= 75, within: 10d}
do: [{cta: {type: onboarding, assign: csm}}]
"""


def live_through(us: Any, playbook: Any, days: int, helps: bool) -> None:
    """From the second day on everybody is enrolled; those who are treated reach the goal on day 6, where it `helps`."""
    start = us.until - days * DAY
    us.apply(playbook, start)
    treated: set[str] = set()
    for number in range(days):
        at = start + number * DAY
        us.know(at, [80.0 if helps and number >= 6 and each in treated else 50.0 for each in us.ids],
                account__family=us.ids)
        us.evaluate(playbook, at)
        with us.db.read() as tx:
            treated = {each.family_id for each in arms.list_(tx, playbook.id) if each.arm == "treatment"}


def test_a_playbook_that_helps_is_shown_to_help(season: Callable[[int], Any]) -> None:
    """Arms from the store, outcomes from the snapshots, control counted though nothing was done for it."""
    us = season(60)
    playbook = us.playbook(TEXT)
    live_through(us, playbook, 14, helps=True)

    found = lift(us.db, playbook, *us.ground, us.until)

    told = found.measured
    assert found.started
    assert found.powers == ()
    assert (told.treatment.reached, told.control.reached) == (told.treatment.decided, 0)
    assert told.treatment.decided + told.control.decided == 60
    assert told.low > 0
    assert found.says[0].startswith("It helps: 100 points more")
    assert found.repeats == 0


def test_while_windows_run_nothing_is_said(season: Callable[[int], Any]) -> None:
    """On day 8 all of treatment has reached the goal and none of control; the windows are not over."""
    us = season(60)
    playbook = us.playbook(TEXT)
    live_through(us, playbook, 8, helps=True)

    told = lift(us.db, playbook, *us.ground, us.until).measured

    assert (told.treatment.decided, told.control.decided, told.estimate) == (0, 0, None)


def test_before_the_start_it_says_what_can_be_shown(season: Callable[[int], Any]) -> None:
    """From the snapshots alone, with the playbook's own holdout, and with others where it has none."""
    us = season(20)
    for _ in us.wander(60):
        pass

    found = lift(us.db, us.playbook(TEXT), *us.ground, us.until)

    assert not found.started
    assert [each.share for each in found.powers] == [0.5]
    assert found.powers[0].a_week > 0
    assert found.says[0].startswith("This playbook enrols ")
    without = lift(us.db, us.playbook(TEXT.replace("holdout: 50%\n", "")), *us.ground, us.until)
    assert [each.share for each in without.powers] == [0.1, 0.2, 0.5]
    assert without.says[-1].endswith("Add to it: holdout: 10%")


def test_a_store_of_a_few_days_promises_no_volume(season: Callable[[int], Any]) -> None:
    """On the first day everybody for whom it is true is new; an experiment planned on that ends with nothing."""
    us = season(20)
    us.know(us.until - 1 * DAY, [50.0] * 20)
    us.know(us.until, [50.0] * 20)

    found = lift(us.db, us.playbook(TEXT), *us.ground, us.until)

    assert found.says[0].startswith("Only 2 days of facts are stored yet")


def test_a_family_counts_once_in_the_arm_of_its_family(season: Callable[[int], Any]) -> None:
    """Two subsidiaries of one company are not two observations."""
    us = season(12)
    playbook = us.playbook(TEXT)
    start = us.until - 13 * DAY
    us.apply(playbook, start)
    for number in range(13):
        us.know(start + number * DAY, [50.0] * 12, account__family=[us.ids[at // 2] for at in range(12)])
        us.evaluate(playbook, start + number * DAY)

    found = lift(us.db, playbook, *us.ground, us.until)

    assert found.measured.treatment.assigned + found.measured.control.assigned == 6
    assert found.repeats == 6


def test_a_score_says_that_it_does_not_know_yet(season: Callable[[int], Any]) -> None:
    """Six enrollments are no evidence, and nobody should be told a percentage."""
    us = season(6)
    playbook = us.playbook(TEXT)
    live_through(us, playbook, 14, helps=True)

    found = score(us.db, playbook, *us.ground, us.until)

    assert (found.kind, found.advice) == ("goal", "wait")
    assert found.because == ("not enough data yet to say whether it is right (n = 6, 20 are needed)",)


def test_a_score_counts_what_was_done_and_by_whom(season: Callable[[int], Any]) -> None:
    """Right, acted on, bearable, delivered: each from what is stored."""
    us = season(60)
    playbook = us.playbook(TEXT)
    live_through(us, playbook, 14, helps=True)
    found = score(us.db, playbook, *us.ground, us.until)

    treated = found.arms["treatment"]
    assert found.enrolled == 60
    assert (found.precision.decided, found.precision.right, found.lead_days) == (60, treated, 6.0)
    assert found.actions == {"cancelled": treated}          # nobody delivered them before the goal was met
    assert found.asked == treated
    assert [(each.person, each.work) for each in found.loads] == [("ana@us.test", treated)]
    assert found.advice == "tune"
    assert f"people took on 0 of {treated}" in found.because
    assert any(each.startswith("ana@us.test gets") for each in found.because)


def test_a_warning_is_judged_by_those_whom_nobody_saved(season: Callable[[int], Any]) -> None:
    """In shadow nobody acts, so a churn is a churn; the usual share of churn is what it must beat."""
    us = season(50)
    playbook = us.playbook(TEXT.replace("type: onboarding", "type: risk").replace("holdout: 50%\n", "").replace("mode: live", "mode: shadow"))
    start = us.until - 30 * DAY
    us.apply(playbook, start)
    for number in range(30):
        life = ["churned" if at < 20 and number >= 20 else "customer" for at in range(50)]
        us.know(start + number * DAY, [50.0 if at < 25 else 90.0 for at in range(50)], account__lifecycle=life)
        us.evaluate(playbook, start + number * DAY)

    found = score(us.db, playbook, *us.ground, us.until, window=25 * DAY)

    assert found.kind == "warning"
    assert (found.not_acted_on.right, found.not_acted_on.decided) == (20, 25)
    assert found.usual is not None
    assert found.not_acted_on.low > found.usual
    assert (found.advice, round(found.lead_days or 0)) == ("keep", 20)
    assert found.because[0].startswith("20 of 25 that were not acted on: the account churned within 25 days")
