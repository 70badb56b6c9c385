"""When a playbook is kept, tuned, retired or waited for, and why: at the very numbers where the advice changes."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from steward.engine.evidence import Counted, share
from steward.engine.expression import ALWAYS
from steward.engine.language import CtaStep, Goal, MessageStep, Playbook, Step
from steward.engine.score import (
    Judged,
    Load,
    Precision,
    Score,
    advise,
    hours_to_acknowledge,
    kind_of,
    lead_days,
    loads,
    precision,
)

DAY, HOUR = timedelta(days=1), timedelta(hours=1)


def right(yes: int, of: int) -> Precision:
    found = share(Counted(yes, of))
    return Precision(yes, of, found.low, found.high)


NOBODY = right(0, 0)
GOOD = Score("it", "7c1e09ab", "warning", "churned within 180 days", None, 100, {"treatment": 90, "control": 10}, 0,
             right(60, 90), NOBODY, 0.1, 30.0, 90, 80, 4.0, (), {"delivered": 100}, "wait", ())


def judged(right_: bool | None = True, **more: Any) -> Judged:
    return Judged(**{"acted_on": True, "right": right_, "lead": None, "asked": True, "acknowledged_after": None, **more})


@pytest.mark.parametrize(("more", "advice", "because"), [
    ({}, "keep", ("60 of 90: churned within 180 days (",)),
    ({"precision": right(13, 19)}, "wait", ("not enough data yet to say whether it is right (n = 19, 20 are needed)",)),
    ({"precision": right(14, 20)}, "keep", ("14 of 20",)),
    ({"not_acted_on": right(10, 20)}, "keep", ("10 of 20 that were not acted on: churned",)),
    ({"not_acted_on": right(10, 19)}, "keep", ("60 of 90: churned",)),
    ({"kind": "goal", "not_acted_on": right(10, 20)}, "keep", ("60 of 90: churned",)),
    ({"precision": right(1, 90), "usual": 0.2}, "retire", ("1 of 90", "that is no more than of any account (20%): it tells nothing")),
    ({"precision": right(1, 90), "usual": None}, "tune",
     ("1 of 90", "it is right less than 30% of the time; whom it saved counts as wrong, so only a holdout can tell (holdout: 10%)")),
    ({"precision": right(1, 90), "usual": None, "arms": {"shadow": 90}}, "tune",
     ("1 of 90", "it is right less than 30% of the time")),
    ({"precision": right(80, 90), "not_acted_on": right(2, 40), "usual": None}, "tune",
     ("2 of 40 that were not acted on", "it is right less than 30% of the time")),
    ({"precision": right(1, 200), "kind": "goal", "usual": None}, "retire", ("1 of 200", "that is less than one in ten, surely")),
    ({"precision": right(20, 90), "kind": "clearing", "usual": None}, "tune",
     ("20 of 90", "it is right less than 30% of the time")),
    ({"precision": right(27, 90), "usual": None}, "keep", ("27 of 90",)),
    ({"lead_days": 13.9}, "tune", ("60 of 90", "it warns 13.9 days before, and less than 14 leave no time to act")),
    ({"lead_days": 14.0}, "keep", ("60 of 90",)), ({"lead_days": None}, "keep", ("60 of 90",)),
    ({"lead_days": 1.0, "kind": "goal"}, "keep", ("60 of 90",)),
    ({"acknowledged": 44}, "tune", ("60 of 90", "people took on 44 of 90")), ({"acknowledged": 45}, "keep", ("60 of 90",)),
    ({"asked": 19, "acknowledged": 0}, "keep", ("60 of 90",)),
    ({"asked": 20, "acknowledged": 0}, "tune", ("60 of 90", "people took on 0 of 20")),
    ({"loads": (Load("ana", 60, 5.1, 9), Load("bo", 50, 5.0, 9))}, "tune", ("60 of 90", "ana gets 5.1 a week")),
    ({"actions": {"delivered": 95, "failed": 3, "unknown": 2}}, "keep", ("60 of 90",)),
    ({"actions": {"delivered": 94, "failed": 3, "unknown": 3}}, "tune",
     ("60 of 90", "6 of 100 actions failed or nobody knows how they ended")),
    ({"actions": {"unknown": 1}}, "tune", ("60 of 90", "1 of 1 actions failed or nobody knows how they ended")),
    ({"precision": right(3, 3), "actions": {"failed": 1}}, "tune",
     ("not enough data yet", "1 of 1 actions failed or nobody knows how they ended")),
])
def test_the_advice_follows_from_the_numbers_and_says_which(more: dict[str, Any], advice: str, because: tuple[str, ...]) -> None:
    """Whoever switches a playbook off on our word must be able to see why, and at which number it turns."""
    said, why = advise(replace(GOOD, **more))

    assert said == advice
    assert why[0].startswith(because[0]), "on how many it rests"
    assert why[1:] == because[1:]


def test_right_is_counted_of_those_that_are_decided() -> None:
    """What is open says nothing yet, and is not "wrong"."""
    told = precision([judged(True), judged(True), judged(False), judged(None)])

    assert (told.right, told.decided, told.share) == (2, 3, 2 / 3)
    assert (NOBODY.share, precision([judged(None)]).decided) == (None, 0)
    assert (NOBODY.low, NOBODY.high) == (0.0, 1.0)


def test_medians_are_of_those_of_whom_it_is_known() -> None:
    """A zero for "nobody" would read as "at once"."""
    told = [judged(True, lead=2 * DAY), judged(True, lead=5.04 * DAY), judged(True, lead=40 * DAY), judged(True),
            judged(False, lead=400 * DAY)]
    taken = [judged(acknowledged_after=each) for each in (2 * HOUR, 3.25 * HOUR, None, 90 * HOUR)]

    assert (lead_days(told), lead_days([judged(False, lead=DAY)])) == (5.0, None)
    assert (hours_to_acknowledge(taken), hours_to_acknowledge([judged()])) == (3.2, None)


def test_the_load_of_a_person_is_over_all_weeks_and_the_heaviest_first() -> None:
    """Three in one week is another burden than one in each of three."""
    work = [("bo", 1), ("ana", 1), ("ana", 1), ("ana", 3), ("cy", 2)]

    assert loads(work, 4) == (Load("ana", 3, 0.75, 2), Load("bo", 1, 0.25, 1), Load("cy", 1, 0.25, 1))
    assert loads(work[:1], 0) == (Load("bo", 1, 1.0, 1),)
    assert loads([("ana", 1)], 3)[0].mean_a_week == 0.33


@pytest.mark.parametrize(("do", "goal", "kind"), [
    (CtaStep("cta", "risk"), None, "warning"), (CtaStep("task", "risk"), Goal(ALWAYS), "warning"),
    (CtaStep("cta", "lifecycle"), Goal(ALWAYS), "goal"), (MessageStep(("csm",)), None, "clearing"),
])
def test_what_right_means_follows_from_what_the_playbook_is_for(do: Any, goal: Goal | None, kind: str) -> None:
    """A warning is right where the customer left; a win-back where the goal was reached."""
    assert kind_of(Playbook("it", "It", "Because.", ALWAYS, (Step(do, "do[0]"),), goal=goal)) == kind
