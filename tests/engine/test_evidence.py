"""Intervals that stay valid under peeking: proven by exact sums and by thousands of simulated experiments."""

from __future__ import annotations

import os
from math import comb, exp, lgamma, log

import numpy as np
import pytest
from numpy.typing import NDArray

from steward.engine.evidence import (
    ALPHA,
    Counted,
    Stratum,
    _log_loss,
    _log_mixture,
    difference,
    share,
    smallest_effect,
)

RUNS = 20_000 if os.environ.get("STEWARD_TORTURE") else 2_500
Counts = NDArray[np.int64]
_LOG_GAMMA = np.vectorize(lgamma, otypes=[float])
_HALVES = _LOG_GAMMA(np.arange(0, 4000) + 0.5)
_WHOLES = _LOG_GAMMA(np.arange(0, 4000) + 1.0)


def experiments(runs: int, length: int, treatment: float, control: float, holdout: float) -> tuple[Counts, ...]:
    """Seeded experiments, one a row: yes and all of treatment, yes and all of control, after each observation."""
    draw = np.random.default_rng(7)
    is_control = draw.random((runs, length)) < holdout
    yes = draw.random((runs, length)) < np.where(is_control, control, treatment)
    return tuple(np.cumsum(each, axis=1) for each in (yes & ~is_control, ~is_control, yes & is_control, is_control))


def log_martingale(yes: Counts, all_: Counts, at: NDArray[np.float64]) -> NDArray[np.float64]:
    """The same as the module's, over whole arrays."""
    no = all_ - yes
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = np.where(yes > 0, yes * np.log(at), 0.0) + np.where(no > 0, no * np.log1p(-at), 0.0)
    return _HALVES[yes] + _HALVES[no] - _WHOLES[all_] - 2 * _HALVES[0] - loss


def refuted(counts: tuple[Counts, ...], effect: float) -> NDArray[np.bool_]:
    """Where no pair of shares with this `effect` is left: the least martingale over control's share is too large."""
    t_yes, t_all, c_yes, c_all = counts
    low = np.full(t_yes.shape, max(0.0, -effect) + 1e-12)
    high = np.full(t_yes.shape, min(1.0, 1.0 - effect) - 1e-12)
    for _ in range(40):
        middle = (low + high) / 2
        raised = middle + effect
        slope = ((t_all - t_yes) / (1 - raised) - t_yes / raised) + ((c_all - c_yes) / (1 - middle) - c_yes / middle)
        low, high = np.where(slope < 0, middle, low), np.where(slope < 0, high, middle)
    control = (low + high) / 2
    return log_martingale(t_yes, t_all, control + effect) + log_martingale(c_yes, c_all, control) >= -log(ALPHA)


@pytest.mark.parametrize("at", [0.02, 0.3, 0.5, 0.97])
def test_the_martingale_is_fair_whatever_the_share(at: float) -> None:
    """Its mean is 1 after any number of observations: on that, and on nothing else, the guarantee rests."""
    for n in (1, 2, 7, 40):
        mean = sum(comb(n, yes) * at**yes * (1 - at)**(n - yes) * exp(_log_mixture(Counted(yes, n)) + _log_loss(Counted(yes, n), at))
                   for yes in range(n + 1))

        assert mean == pytest.approx(1.0, abs=1e-9)


@pytest.mark.parametrize(("base", "holdout"), [(0.05, 0.1), (0.3, 0.1), (0.5, 0.5), (0.9, 0.3)])
def test_who_peeks_after_every_observation_is_not_fooled_more_often_than_promised(base: float, holdout: float) -> None:
    """A playbook that does nothing must not be called good because somebody looked every morning."""
    counts = experiments(RUNS, 250, base, base, holdout)

    ever = refuted(counts, 0.0).any(axis=1)

    assert ever.mean() <= ALPHA
    peeks = np.random.default_rng(1).integers(0, 250, 200)
    for run, peek in enumerate(peeks):
        told = difference([Stratum(Counted(int(counts[0][run, peek]), int(counts[1][run, peek])),
                                   Counted(int(counts[2][run, peek]), int(counts[3][run, peek])))])
        if counts[1][run, peek] and counts[3][run, peek]:
            assert told.interval.excludes(0.0) == refuted(tuple(each[run, peek] for each in counts), 0.0).all()


def test_where_the_whole_family_is_ever_looked_at_the_interval_itself_is_what_was_simulated() -> None:
    """The simulation is fast because it has a formula of its own; on those it refutes, the product must agree."""
    counts = experiments(200, 250, 0.75, 0.35, 0.4)
    outside = refuted(counts, 0.0)

    first = [(run, int(np.argmax(row))) for run, row in enumerate(outside) if row.any()]

    assert len(first) > 150
    for run, peek in first:
        for step, wanted in ((peek - 1, False), (peek, True)):
            told = difference([Stratum(*(Counted(int(counts[at][run, step]), int(counts[at + 1][run, step])) for at in (0, 2)))])
            assert (told.interval.low > 0) is wanted


@pytest.mark.parametrize(("treatment", "control"), [(0.4, 0.2), (0.1, 0.6)])
def test_the_true_difference_stays_inside_for_ever(treatment: float, control: float) -> None:
    """Not only "nothing" is covered: whatever the effect is."""
    counts = experiments(RUNS, 200, treatment, control, 0.3)

    assert refuted(counts, treatment - control).any(axis=1).mean() <= ALPHA


def test_looking_every_day_at_a_usual_interval_would_fool() -> None:
    """Why this module is there: the 95 % interval of the textbooks, looked at after each observation."""
    t_yes, t_all, c_yes, c_all = experiments(500, 400, 0.4, 0.4, 0.5)
    shares = t_yes / np.maximum(t_all, 1), c_yes / np.maximum(c_all, 1)
    error = np.sqrt(sum(p * (1 - p) / np.maximum(n, 1) for p, n in zip(shares, (t_all, c_all), strict=True)))

    fooled = ((np.abs(shares[0] - shares[1]) > 1.96 * error) & (t_all >= 20) & (c_all >= 20)).any(axis=1)

    assert fooled.mean() > 3 * ALPHA


def test_nobody_counted_says_nothing() -> None:
    """An empty arm must not become a number."""
    assert share(Counted(0, 0)).low == 0
    assert share(Counted(0, 0)).high == 1
    told = difference([Stratum(Counted(3, 9), Counted(0, 0))])

    assert (told.estimate, told.interval.low, told.interval.high, told.left_out) == (None, -1, 1, 9)


def test_one_of_each_is_nearly_nothing() -> None:
    """Two accounts are an anecdote."""
    told = difference([Stratum(Counted(1, 1), Counted(0, 1))])

    assert told.estimate == 1
    assert told.interval.low < -0.7


def test_the_interval_narrows_and_holds_the_estimate() -> None:
    """More accounts, more knowledge."""
    widths = []
    for n in (10, 40, 160, 640):
        told = difference([Stratum(Counted(0.6 * n, n), Counted(0.4 * n, n))])
        assert told.estimate is not None
        assert told.interval.low < told.estimate < told.interval.high
        widths.append(told.interval.high - told.interval.low)

    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.25


def test_arms_change_sides() -> None:
    """A playbook that harms is seen as clearly as one that helps."""
    there = difference([Stratum(Counted(70, 100), Counted(20, 60))])
    back = difference([Stratum(Counted(20, 60), Counted(70, 100))])

    assert there.interval.low == pytest.approx(-back.interval.high, abs=1e-9)
    assert there.interval.high == pytest.approx(-back.interval.low, abs=1e-9)


def test_strata_are_compared_like_with_like() -> None:
    """Large customers reach the goal more often and are held out more often: pooled, a useless playbook looks harmful."""
    large = Stratum(Counted(40, 50), Counted(160, 200), "enterprise")
    small = Stratum(Counted(20, 200), Counted(5, 50), "smb")

    apart = difference([large, small])
    pooled = difference([Stratum(large.treatment + small.treatment, large.control + small.control)])

    assert apart.estimate == pytest.approx(0.0)
    assert not apart.interval.excludes(0.0)
    assert pooled.interval.high < 0


def test_a_stratified_interval_covers_under_peeking() -> None:
    """The projection of four shares is as honest as that of two."""
    first, second = experiments(40, 120, 0.8, 0.7, 0.4), experiments(40, 120, 0.2, 0.1, 0.2)

    missed = 0
    for run in range(40):
        missed += any(
            difference([Stratum(*(Counted(int(arm[at][run, step]), int(arm[at + 1][run, step])) for at in (0, 2)))
                        for arm in (first, second)]).interval.excludes(0.1) for step in range(9, 120, 10))

    assert missed <= 2


@pytest.mark.parametrize(("treatment_n", "control_n", "base"), [
    (180, 20, 0.4), (60, 60, 0.2), (300, 90, 0.6), (900, 100, 0.02), (3000, 900, 0.93)])
def test_the_effect_that_is_promised_is_shown_four_times_of_five(treatment_n: int, control_n: int, base: float) -> None:
    """The power statement is an approximation; this is how good."""
    effect = smallest_effect(treatment_n, control_n, base)
    assert effect is not None
    draw = np.random.default_rng(11)
    yes = [draw.binomial(n, p, 600) for n, p in ((treatment_n, base + effect), (control_n, base))]

    shown = np.mean([
        difference([Stratum(Counted(int(one), treatment_n), Counted(int(other), control_n))]).interval.low > 0
        for one, other in zip(*yes, strict=True)])

    assert 0.72 <= shown <= 0.9


def test_what_cannot_be_shown_is_said() -> None:
    """Three a week with a tenth held out: a month of that shows nothing at all."""
    assert smallest_effect(10.8, 1.2, 0.4) is None
    assert smallest_effect(100, 0, 0.4) is None
    assert smallest_effect(100, 100, 1.0) is None


def test_an_interval_over_strata_holds_the_extremes_that_a_search_finds() -> None:
    """Strata of other sizes and other shares: the bound is found by a formula, and must be that of trying everything."""
    strata = [Stratum(Counted(9, 12), Counted(3, 8)), Stratum(Counted(2, 9), Counted(1, 21))]
    grid = np.linspace(0.01, 0.99, 41)
    total = sum(each.treatment.n + each.control.n for each in strata)
    spread, loss = np.zeros((1,)), np.zeros((1,))
    for each in strata:
        weight = (each.treatment.n + each.control.n) / total
        for counted, sign in ((each.treatment, weight), (each.control, -weight)):
            one = np.array([_log_loss(counted, float(at)) for at in grid]) + _log_mixture(counted)
            spread, loss = (spread[:, None] + sign * grid).ravel(), (loss[:, None] + one).ravel()
            keep = loss < -log(ALPHA) + 40
            spread, loss = spread[keep], loss[keep]
    possible = spread[loss < -log(ALPHA)]
    found = difference(strata)

    assert found.interval.low <= possible.min() < found.interval.low + 0.03
    assert found.interval.high >= possible.max() > found.interval.high - 0.03
    assert found.estimate == pytest.approx(20 / 50 * (9 / 12 - 3 / 8) + 30 / 50 * (2 / 9 - 1 / 21))


@pytest.mark.parametrize(("treatment", "control", "base"), [(0, 50, 0.4), (50, 0, 0.4), (-1, 50, 0.4), (3, 3, 0.4), (1000, 1000, 1.0)])
def test_where_nothing_can_be_shown_no_effect_is_named(treatment: float, control: float, base: float) -> None:
    """A number would be believed."""
    assert smallest_effect(treatment, control, base) is None
