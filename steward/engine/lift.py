"""Whether a playbook helps: treatment beside control on its goal, and before that, what this volume can show at all.

The unit is a family of accounts, since arms are drawn by family: its first enrollment that became active counts, in
the arm that was assigned to it, whatever was done or not done then (intention to treat). An outcome counts once its
whole window is over, in both arms alike; of whom nothing was known in the window, the goal counts as not reached.
Intervals are those of `engine/evidence.py`: valid however often one looks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from steward.engine.evidence import ALPHA, Counted, Difference, Stratum, difference, share, smallest_effect
from steward.model.enrollments import Arm

HORIZONS_WEEKS = (4, 8, 13, 26, 52)
HYPOTHETICAL_SHARES = (0.1, 0.2, 0.5)
FEW = 20                                    # in an arm: below that the words say how few it were


@dataclass(frozen=True, slots=True)
class Unit:
    """One family in the experiment. `reached` is None until its window is over."""

    family_id: str
    arm: Arm                                # treatment or control
    stratum: str
    entered_at: datetime
    reached: bool | None
    known: bool = True                      # whether anything was known of it within the window
    harmed: frozenset[str] = frozenset()    # the guardrails that it ran into, once the window is over


@dataclass(frozen=True, slots=True)
class ArmCount:
    """One arm. `decided` are those whose window is over."""

    assigned: int
    decided: int
    reached: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Guardrail:
    """Something that must not rise by acting; `harm` where the interval shows that it did."""

    name: str
    treatment: Counted
    control: Counted
    low: float
    high: float
    harm: bool


@dataclass(frozen=True, slots=True)
class Reach:
    """What `weeks` can show: so many outcomes in each arm, and the smallest rise, as a share; None is none at all."""

    weeks: int
    treatment: float
    control: float
    effect: float | None


@dataclass(frozen=True, slots=True)
class Power:
    """What can be shown with this volume and holdout. `base` None: nothing is known of it, a half is assumed."""

    a_week: float
    share: float
    base: float | None
    reaches: tuple[Reach, ...]
    says: str


@dataclass(frozen=True, slots=True)
class Measured:
    """The two arms beside each other. `low` and `high` bound the difference of shares, treatment minus control."""

    treatment: ArmCount
    control: ArmCount
    estimate: float | None                  # None while an arm is empty
    low: float
    high: float
    confidence: float
    strata: tuple[Stratum, ...]
    guardrails: tuple[Guardrail, ...]
    says: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lift:
    """The whole answer; `says` is it in words."""

    playbook_id: str
    version: str
    outcome: str                            # "the goal within 60d"
    holdout: float
    started: bool                           # whether there is somebody in both arms
    powers: tuple[Power, ...]               # before the start: of the playbook's own share, or of some it could have
    measured: Measured
    repeats: int                            # enrollments of families that were counted before
    says: tuple[str, ...]


def measure(units: Sequence[Unit], rails: Sequence[str], holdout: float, alpha: float = ALPHA) -> Measured:
    """Compare the arms. `rails`: the guardrails by name; `holdout`: the share that ought to be control."""
    arms = {arm: [each for each in units if each.arm is arm] for arm in (Arm.TREATMENT, Arm.CONTROL)}
    treatment, control = (_count(arms[arm]) for arm in (Arm.TREATMENT, Arm.CONTROL))
    strata = tuple(_stratum(name, units) for name in sorted({each.stratum for each in units}))
    found = difference(strata, alpha)
    guardrails = tuple(_guardrail(name, arms[Arm.TREATMENT], arms[Arm.CONTROL], alpha) for name in rails)
    says = (_verdict(treatment, control, found, alpha),
            *_left_out(found.left_out), *_lopsided(treatment, control, holdout),
            *(f"Careful: {each.name} is higher with treatment, by at least {_points(each.low)}."
              for each in guardrails if each.harm))
    return Measured(treatment, control, found.estimate, found.interval.low, found.interval.high, 1 - alpha, strata,
                    guardrails, says)


def power(a_week: float, share_: float, base: float | None, window: timedelta, alpha: float = ALPHA) -> Power:
    """What can be shown in some weeks: with new families `a_week`, of whom `share_` is control and `base` of control
    reaches the goal. An outcome is known once its window is over, so the first weeks show nothing."""
    reaches = []
    for weeks in HORIZONS_WEEKS:
        decided = a_week * max(weeks - window / timedelta(days=7), 0.0)
        treatment, control = decided * (1 - share_), decided * share_
        effect = smallest_effect(treatment, control, 0.5 if base is None else base, alpha)
        reaches.append(Reach(weeks, round(treatment, 1), round(control, 1), effect))
    told = Power(a_week, share_, base, tuple(reaches), "")
    return replace(told, says=_power_says(told, window))


def _count(units: Sequence[Unit]) -> ArmCount:
    decided = [each for each in units if each.reached is not None]
    return ArmCount(len(units), len(decided), sum(bool(each.reached) for each in decided),
                    sum(not each.known for each in decided))


def _stratum(name: str, units: Sequence[Unit]) -> Stratum:
    ours = [each for each in units if each.stratum == name]
    treatment, control = (_count([each for each in ours if each.arm is arm]) for arm in (Arm.TREATMENT, Arm.CONTROL))
    return Stratum(Counted(treatment.reached, treatment.decided), Counted(control.reached, control.decided), name)


def _guardrail(name: str, treatment: Sequence[Unit], control: Sequence[Unit], alpha: float) -> Guardrail:
    ours, theirs = (
        Counted(sum(name in each.harmed for each in arm if each.reached is not None),
                sum(each.reached is not None for each in arm)) for arm in (treatment, control))
    found = difference([Stratum(ours, theirs)], alpha).interval
    return Guardrail(name, ours, theirs, found.low, found.high, found.low > 0)


# ---- words ----

def _verdict(treatment: ArmCount, control: ArmCount, found: Difference, alpha: float) -> str:
    counts = f"treatment {treatment.reached} of {treatment.decided}, control {control.reached} of {control.decided}"
    estimate, low, high = found.estimate, found.interval.low, found.interval.high
    if estimate is None:
        empty = "treatment" if not treatment.decided else "control"
        why = "an outcome counts once its window is over"
        return f"Nothing can be said yet: no outcome in {empty} is known ({counts}); {why}."
    held = f"between {_signed(low)} and {_signed(high)} ({1 - alpha:.0%} sure, however often one looks)"
    if low > 0:
        return f"It helps: {_signed(estimate)} reach the goal, {held}; {counts}."
    if high < 0:
        return f"It harms: {_signed(estimate)} reach the goal, {held}; {counts}."
    few = f" With {control.decided} in control that is to be expected." if control.decided < FEW else ""
    return f"Nothing is shown yet: the difference is {held}; {counts}.{few}"


def _left_out(count: int) -> tuple[str, ...]:
    if not count:
        return ()
    return (f"{count} outcomes stand in strata with an empty arm and are left out.",)


def _lopsided(treatment: ArmCount, control: ArmCount, holdout: float) -> tuple[str, ...]:
    """Whether the arms have sizes that chance does not make: then something else than chance chose."""
    total = treatment.assigned + control.assigned
    found = share(Counted(control.assigned, total), 0.001)
    if not total or not holdout or not found.excludes(holdout):
        return ()
    told = f"Careful: {control.assigned} of {total} are control, and {holdout:.0%} should be."
    return (f"{told} Something besides chance chose; do not trust the difference before that is explained.",)


def _power_says(told: Power, window: timedelta) -> str:
    volume = f"{told.a_week:.0f}" if told.a_week >= 10 else f"{told.a_week:.1f}".removesuffix(".0")
    begins = f"This playbook enrols {volume} a week; with a {told.share:.0%} holdout "
    year = told.reaches[-1]
    base = "" if told.base is not None else " (nobody knows the goal's usual share yet: a half is assumed)"
    if year.effect is None:
        return f"{begins}nothing at all can be shown in a year{base}."
    first = next(each for each in told.reaches if each.effect is not None)
    assert first.effect is not None
    early = "" if first is year else f" (in {first.weeks} weeks nothing under {_points(first.effect)})"
    wait = f" An outcome is known {window.days} days after the entry." if window.days else ""
    return f"{begins}nothing under {_points(year.effect)} can be shown in a year{early}{base}.{wait}"


def _points(share_: float) -> str:
    points = f"{abs(share_) * 100:.0f}"
    return "1 point" if points == "1" else f"{points} points"


def _signed(difference_: float) -> str:
    """ "12 points more", "3 points fewer"."""
    return f"{_points(difference_)} {'fewer' if difference_ < 0 else 'more'}"
