"""Facts about product usage: sums, averages, changes and slopes over windows that end at the feed's last whole day."""

from __future__ import annotations

from collections.abc import Sequence

from steward.facts.spec import spec
from steward.model.facts import FactSpec, FactType

WINDOWS = (7, 28, 90)
NOT_FEATURES = frozenset({"active_users", "logins", "sessions"})
"""Metrics that say how many came, not what they did; they do not count as features used."""

_N = FactType.NUMBER


def specs(metrics: Sequence[str]) -> tuple[FactSpec, ...]:
    """The usage facts of `metrics`, then those over all of them."""
    every = tuple(line for metric in metrics for line in _of_metric(metric))
    return every + (
        spec("usage", "usage.features_used_28d", FactType.INTEGER, "Features used at all in the last 28 days: metrics "
             "with a sum above zero, without active_users, logins and sessions.", "usage", unit="features", low=0),
        spec("usage", "usage.history_days", FactType.DAYS, "Days from the account's first day in the feed (180 days back "
             "at most) to its last whole day.", "usage"),
        spec("usage", "seats.utilization", FactType.RATIO, "usage.active_users.avg_28d divided by subscription.seats; "
             "above 100% where more people come than there are seats.", "usage, subscription", low=0),
    )


def _of_metric(metric: str) -> tuple[FactSpec, ...]:
    source = f"usage {metric}"

    def line(what: str, kind: FactType, meaning: str, unit: str = "", low: float | None = None) -> FactSpec:
        return spec("usage", f"usage.{metric}.{what}", kind, meaning, source, unit=unit, low=low)

    return (
        *(line(f"sum_{days}d", _N, f"{metric} over the last {days} days together.", metric) for days in WINDOWS),
        *(line(f"avg_{days}d", _N, f"{metric} a day over the last {days} days, days without use counted as zero.",
               f"{metric} a day") for days in WINDOWS),
        *(line(f"change_{days}d", FactType.RATIO, f"{metric} of the last {days} days against the {days} days before; "
               "unknown where those were zero or lie before the account's first day.", low=-1) for days in WINDOWS),
        line("slope_90d", _N, f"{metric} gained or lost per day: the least-squares line through the last 90 days.",
             f"{metric} a day per day"),
        line("days_since_last", FactType.DAYS, f"Days from the last day with any {metric} to the feed's last whole day; "
             "unknown where there was none in 180 days."),
    )
