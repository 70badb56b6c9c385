"""How much counts of yes and no say: shares and differences of shares, with intervals that stay valid under peeking.

The interval may be looked at after every observation, and the experiment ended whenever it says something: the chance
that it EVER leaves the truth out is at most `alpha`. It is exact, not asymptotic: it holds from the first observation
on, whatever the shares are and however the arms are filled.

Method: for one arm with yes and no counted so far, the likelihood averaged over a Beta(1/2, 1/2) prior, divided by the
likelihood of the true share, is a non-negative martingale that begins at 1; by Ville's inequality it reaches 1/alpha
with a chance of at most alpha. The product over independent arms is such a martingale too, so the set of all shares
for which it stays below 1/alpha holds the true ones at all times at once. An interval for any weighted sum of shares,
such as treatment minus control averaged over strata, is the range of that sum over the set (found by Lagrange).

Sources: H. Robbins, "Statistical methods related to the law of the iterated logarithm", Ann. Math. Statist. 41 (1970),
1397-1409 (mixture martingales); S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, "Time-uniform, nonparametric,
nonasymptotic confidence sequences", Ann. Statist. 49 (2021), 1055-1080, arXiv:1810.08240 (the same as confidence
sequences). Chosen over the asymptotic sequences of Waudby-Smith et al. (Ann. Statist. 2024, arXiv:2103.06476), which
are narrower with hundreds of observations in each arm and promise nothing with a dozen. What it assumes: the accounts
of one arm (and stratum) are alike draws with one share that does not drift.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import exp, inf, lgamma, log, sqrt

ALPHA = 0.05
POWER = 0.8
_NORMAL_AT_POWER = 0.8416212                # the normal deviate of 0.8, see `smallest_effect`
_HALVINGS = 60


@dataclass(frozen=True, slots=True)
class Counted:
    """`yes` of `n`; neither needs to be whole (an expected count is a count, too)."""

    yes: float
    n: float

    @property
    def share(self) -> float | None:
        """None of nobody."""
        return self.yes / self.n if self.n else None

    def __add__(self, other: Counted) -> Counted:
        return Counted(self.yes + other.yes, self.n + other.n)


@dataclass(frozen=True, slots=True)
class Interval:
    """Both ends belong to it."""

    low: float
    high: float

    def excludes(self, value: float) -> bool:
        """Whether `value` lies outside."""
        return value < self.low or value > self.high


@dataclass(frozen=True, slots=True)
class Stratum:
    """The two arms of those who are alike."""

    treatment: Counted
    control: Counted
    name: str = ""

    @property
    def complete(self) -> bool:
        """Whether there is somebody in both arms."""
        return bool(self.treatment.n and self.control.n)


@dataclass(frozen=True, slots=True)
class Difference:
    """Share of treatment minus that of control. `estimate` is None while an arm is empty."""

    estimate: float | None
    interval: Interval
    left_out: int = 0                       # observations in strata with an empty arm


def share(counted: Counted, alpha: float = ALPHA) -> Interval:
    """The interval of one share."""
    cell = (counted, 1.0)
    return Interval(0.0 - _most([(counted, -1.0)], alpha), _most([cell], alpha))


def difference(strata: Sequence[Stratum], alpha: float = ALPHA) -> Difference:
    """Treatment minus control, averaged over the strata by how many are in each; one stratum is the plain difference.

    Strata in which an arm is still empty say nothing about the difference and are left out.
    """
    whole = [each for each in strata if each.complete]
    left_out = round(sum(each.treatment.n + each.control.n for each in strata if not each.complete))
    if not whole:
        return Difference(None, Interval(-1.0, 1.0), left_out)
    total = sum(each.treatment.n + each.control.n for each in whole)
    cells: list[tuple[Counted, float]] = []
    estimate = 0.0
    for each in whole:
        weight = (each.treatment.n + each.control.n) / total
        cells += [(each.treatment, weight), (each.control, -weight)]
        estimate += weight * (each.treatment.yes / each.treatment.n - each.control.yes / each.control.n)
    low = -_most([(counted, -weight) for counted, weight in cells], alpha)
    return Difference(estimate, Interval(low, _most(cells, alpha)), left_out)


def smallest_effect(treatment_n: float, control_n: float, base: float, alpha: float = ALPHA) -> float | None:
    """The smallest rise over `base` (the share of control) that `difference` shows with a chance of some 80 %.

    None: not even a rise to 100 % would be shown. An approximation, compared with simulation in the tests: the counts
    are what is expected, less 0.84 standard errors (the normal deviate of 80 %), shared out by the arms' variances.
    That it may be shown earlier than at the end, as one peeks, comes on top.
    """
    if treatment_n <= 0 or control_n <= 0 or not _shown(1.0 - base, treatment_n, control_n, base, alpha):
        return None
    return _bisect(lambda effect: _shown(effect, treatment_n, control_n, base, alpha), 0.0, 1.0 - base)


def _shown(effect: float, treatment_n: float, control_n: float, base: float, alpha: float) -> bool:
    raised = base + effect
    spread = raised * (1 - raised) / treatment_n, base * (1 - base) / control_n
    error = sqrt(sum(spread))
    off = [_NORMAL_AT_POWER * each / error if error else 0.0 for each in spread]
    seen = Stratum(Counted(_within(raised - off[0]) * treatment_n, treatment_n),
                   Counted(_within(base + off[1]) * control_n, control_n))
    found = difference([seen], alpha)
    return found.estimate is not None and found.estimate > 0 and found.interval.low > 0


def _within(value: float) -> float:
    return min(max(value, 0.0), 1.0)


# ---- the set of shares that are not refuted ----

def _most(cells: Sequence[tuple[Counted, float]], alpha: float) -> float:
    """The largest sum of weight times share over all shares for which the martingale is below 1/alpha."""
    spent = sum(_log_mixture(counted) for counted, _ in cells)

    def inside(log_price: float) -> bool:
        refuted = spent
        for counted, weight in cells:
            refuted += _log_loss(counted, _share_at(counted, weight, exp(log_price)))
        return refuted < -log(alpha)

    price = 0.0 if inside(-_HALVINGS) else exp(_bisect(inside, -_HALVINGS, _HALVINGS))
    return sum(weight * _share_at(counted, weight, price) for counted, weight in cells)


def _bisect(true_from: Callable[[float], bool], low: float, high: float) -> float:
    """Where a condition that is false at `low` and true at `high` begins to be true."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (low, middle) if true_from(middle) else (middle, high)
    return high


def _log_mixture(counted: Counted) -> float:
    """The log of the likelihood averaged over Beta(1/2, 1/2)."""
    yes, no = counted.yes + 0.5, counted.n - counted.yes + 0.5
    return lgamma(yes) + lgamma(no) - lgamma(yes + no) - 2 * lgamma(0.5)


def _log_loss(counted: Counted, at: float) -> float:
    """Minus the log likelihood of the share `at`."""
    loss = 0.0
    for count, chance in ((counted.yes, at), (counted.n - counted.yes, 1 - at)):
        if count > 0:
            loss += inf if chance <= 0 else -count * log(chance)
    return loss


def _share_at(counted: Counted, weight: float, price: float) -> float:
    """The share that maximises weight * share - price * loss: a root of a quadratic, in the form that does not cancel.

    With no price on being unlikely it is the end that the weight pulls to, with a high one the observed share.
    """
    if weight < 0:
        return 1 - _share_at(Counted(counted.n - counted.yes, counted.n), -weight, price)
    if weight == 0 or not counted.n:
        return 1.0 if weight else (counted.share or 0.0)
    straight = weight - price * counted.n
    root = sqrt(straight * straight + 4 * weight * price * counted.yes)
    if straight >= 0:
        return min((straight + root) / (2 * weight), 1.0)
    return min(2 * price * counted.yes / (root - straight), 1.0)
