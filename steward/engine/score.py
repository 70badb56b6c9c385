"""How a live playbook has done: was it right, in time, acted on, bearable; and whether to keep, tune or retire it.

What "right" means follows from what the playbook is for:
  * warning (a CTA or task of type `risk`): the account churned within a window after the entry, as
    `engine/outcomes.py` defines churn. Whom acting saved counts as wrong, so those who were not acted on (control and
    shadow) tell more, and are asked first where there are enough of them;
  * goal (another playbook with a `goal`): the goal was reached within its time;
  * clearing (all others): it was closed as cleared or goal_met, and not as expired; other ends say nothing.
An enrollment is decided once its whole window is over (of clearing: its timeout), and not as soon as it is right: who
is right early would count early, and the share would flatter. Shares have intervals that stay valid however
often one looks (`engine/evidence.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal

from steward.engine.evidence import Counted, share
from steward.engine.language import CtaStep, Playbook

ENOUGH = 20                                 # decided enrollments, before which there is no verdict
SELDOM = 0.3                                # right less often than that: tune
LATE_DAYS = 14                              # a warning that comes later than so many days before: tune
IGNORED = 0.5                               # acknowledged less often than that: tune
HEAVY_A_WEEK = 5.0                          # CTAs and tasks of one person a week, on the average: tune
BROKEN = 0.05                               # actions failed or unknown, as a share: tune

Kind = Literal["warning", "goal", "clearing"]
Advice = Literal["keep", "tune", "retire", "wait"]


@dataclass(frozen=True, slots=True)
class Judged:
    """One enrollment. `right` is None while it is not decided, or where its end says nothing."""

    acted_on: bool                          # treatment; control and shadow are not
    right: bool | None
    lead: timedelta | None                  # from the entry to what makes it right
    asked: bool                             # whether it asked work of a person
    acknowledged_after: timedelta | None


@dataclass(frozen=True, slots=True)
class Precision:
    """`right` of `decided`, with the interval of the share; `low` and `high` span everything while there is nothing."""

    right: int
    decided: int
    low: float
    high: float

    @property
    def share(self) -> float | None:
        """None of nobody."""
        return self.right / self.decided if self.decided else None


@dataclass(frozen=True, slots=True)
class Load:
    """CTAs and tasks that one person was asked; the mean is over all weeks since the first."""

    person: str
    work: int
    mean_a_week: float
    most_a_week: int


@dataclass(frozen=True, slots=True)
class Score:
    """The whole answer. `arms` counts enrollments; `actions` counts actions by state; `usual` is how often a churn
    happens to any account in such a window, None where that is not known or not asked."""

    playbook_id: str
    version: str
    kind: Kind
    right_means: str
    since: datetime | None
    enrolled: int
    arms: Mapping[str, int]
    open: int
    precision: Precision                    # of all
    not_acted_on: Precision                 # of control and shadow alone
    usual: float | None
    lead_days: float | None                 # the median of those that were right
    asked: int                              # enrollments that asked work of a person
    acknowledged: int
    hours_to_acknowledge: float | None      # the median
    loads: tuple[Load, ...]
    actions: Mapping[str, int]
    advice: Advice
    because: tuple[str, ...]


def kind_of(playbook: Playbook) -> Kind:
    """What the playbook is for."""
    types = {step.do.type for step in playbook.steps() if isinstance(step.do, CtaStep)}
    return "warning" if "risk" in types else "goal" if playbook.goal else "clearing"


def precision(judged: Sequence[Judged]) -> Precision:
    """How often it was right."""
    decided = [each.right for each in judged if each.right is not None]
    found = share(Counted(sum(decided), len(decided)))
    return Precision(sum(decided), len(decided), found.low, found.high)


def lead_days(judged: Sequence[Judged]) -> float | None:
    """The median, in days, of those that were right."""
    leads = [each.lead / timedelta(days=1) for each in judged if each.right and each.lead is not None]
    return round(median(leads), 1) if leads else None


def hours_to_acknowledge(judged: Sequence[Judged]) -> float | None:
    """The median of those that were acknowledged."""
    took = [each.acknowledged_after / timedelta(hours=1) for each in judged if each.acknowledged_after is not None]
    return round(median(took), 1) if took else None


def loads(work: Sequence[tuple[str, object]], weeks: int) -> tuple[Load, ...]:
    """From person and week of each CTA and task; the heaviest first."""
    by_person: dict[str, Counter[object]] = {}
    for person, week in work:
        by_person.setdefault(person, Counter())[week] += 1
    found = (Load(person, counted.total(), round(counted.total() / max(weeks, 1), 2), max(counted.values()))
             for person, counted in by_person.items())
    return tuple(sorted(found, key=lambda each: (-each.work, each.person)))


def advise(score: Score) -> tuple[Advice, tuple[str, ...]]:
    """Keep, tune, retire, or wait for data; and why, in words."""
    basis, who = _basis(score)
    faults = (*_work_faults(score), *_broken(score))
    if basis.decided < ENOUGH:
        few = f"not enough data yet to say whether it is right (n = {basis.decided}, {ENOUGH} are needed)"
        return ("tune" if faults else "wait"), (few, *faults)
    told = f"{basis.right} of {basis.decided}{who}: {score.right_means} ({basis.low:.0%} to {basis.high:.0%})"
    if score.usual is not None and basis.high <= score.usual:
        return "retire", (told, f"that is no more than of any account ({score.usual:.0%}): it tells nothing")
    if score.kind != "warning" and basis.high <= 0.1:
        return "retire", (told, "that is less than one in ten, surely")
    doubts = (*_seldom(score, basis), *_late(score), *faults)
    return ("tune", (told, *doubts)) if doubts else ("keep", (told,))


def _basis(score: Score) -> tuple[Precision, str]:
    if score.kind == "warning" and score.not_acted_on.decided >= ENOUGH:
        return score.not_acted_on, " that were not acted on"
    return score.precision, ""


def _seldom(score: Score, basis: Precision) -> tuple[str, ...]:
    found = basis.share
    if found is None or found >= SELDOM:
        return ()
    saved = score.kind == "warning" and basis is score.precision and score.arms.get("treatment", 0)
    but = "; whom it saved counts as wrong, so only a holdout can tell (holdout: 10%)" if saved else ""
    return (f"it is right less than {SELDOM:.0%} of the time{but}",)


def _late(score: Score) -> tuple[str, ...]:
    if score.kind != "warning" or score.lead_days is None or score.lead_days >= LATE_DAYS:
        return ()
    return (f"it warns {score.lead_days:g} days before, and less than {LATE_DAYS} leave no time to act",)


def _work_faults(score: Score) -> tuple[str, ...]:
    out = []
    if score.asked >= ENOUGH and score.acknowledged < IGNORED * score.asked:
        out.append(f"people took on {score.acknowledged} of {score.asked}")
    heavy = [each for each in score.loads if each.mean_a_week > HEAVY_A_WEEK]
    return (*out, *(f"{each.person} gets {each.mean_a_week:g} a week" for each in heavy))


def _broken(score: Score) -> tuple[str, ...]:
    broken = score.actions.get("failed", 0) + score.actions.get("unknown", 0)
    total = sum(score.actions.values())
    if not broken or broken <= BROKEN * total:
        return ()
    return (f"{broken} of {total} actions failed or nobody knows how they ended",)
