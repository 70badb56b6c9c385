"""Facts about product usage: sums, averages, changes and slopes over windows that end at the feed's last whole day.

A day on which the feed names others and not the account is a day of no use: zero. A day on which the feed names
nobody is a gap of the feed: not known, left out of averages and slopes. Days before the account's first day in the
feed are not known either. Days are UTC days, as the feeds write them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache, partial

import polars as pl

from steward.facts.basis import INSTANT
from steward.facts.calendar import LEAST_SLOPE_DAYS, calendar_of, first_days
from steward.facts.spec import spec
from steward.facts.windows import HISTORY_DAYS, NEVER, WINDOWS, runs, totals
from steward.model.facts import FactSpec, FactType

NOT_FEATURES = frozenset({"active_users", "logins", "sessions", "gate_hits"})
"""Metrics that say how many came or were turned away, not what they did; they do not count as features used."""

_FEW = 500                                                   # accounts, for which a stream is not worth its setting up
_N = FactType.NUMBER
_usage = partial(spec, "usage")


def specs(metrics: Sequence[str]) -> tuple[FactSpec, ...]:
    """The usage facts of `metrics`, then those over all of them."""
    return (
        *(line for metric in metrics for line in _of_metric(metric)),
        _usage("usage.features_used_28d", FactType.INTEGER, "Features used at all in the last 28 days: metrics with a "
               "sum above zero, without active_users, logins and sessions.", "usage", unit="features", low=0),
        _usage("usage.features_new_28d", FactType.INTEGER, "Features used in the last 28 days and not in the 62 days "
               "before; unknown with less than 90 days of history.", "usage", unit="features", low=0),
        _usage("usage.features_lost_28d", FactType.INTEGER, "Features used in the 28 days before the last 28 and not "
               "since.", "usage", unit="features", low=0),
        _usage("usage.history_days", FactType.DAYS, "Days from the account's first day in the feed to the feed's last "
               "whole day, both counted; 180 at most.", "usage", high=HISTORY_DAYS),
        _usage("seats.utilization", FactType.RATIO, "usage.active_users.avg_28d divided by subscription.seats; above "
               "100% where more people come than there are seats.", "usage, subscription", low=0),
    )


def _of_metric(metric: str) -> tuple[FactSpec, ...]:
    def line(what: str, kind: FactType, meaning: str, unit: str = "", low: float | None = None) -> FactSpec:
        return _usage(f"usage.{metric}.{what}", kind, meaning, f"usage {metric}", unit=unit, low=low)

    return (
        *(line(f"sum_{days}d", _N, f"{metric} over the last {days} days together.", metric) for days in WINDOWS),
        *(line(f"avg_{days}d", _N, f"{metric}, average of the days that the feed brought within the last {days}.",
          metric)
          for days in WINDOWS),
        *(line(f"change_{days}d", FactType.RATIO, f"Average of the last {days} days against the {days} days before; "
               "unknown where those were zero or the account's history is shorter.", low=-1) for days in WINDOWS),
        line("slope_90d", _N, f"{metric} gained or lost per day: the least-squares line through the last 90 days; "
             f"needs {LEAST_SLOPE_DAYS} days of history.", f"{metric} per day"),
        line("days_since_last", FactType.DAYS, f"Days from the last day with any {metric} to the feed's last whole "
             "day; unknown where there was none in 180 days."),
    )


def last_whole_day(days: Sequence[date], now: datetime) -> date | None:
    """The last of the feed's `days` that is over at `now`; None where none is."""
    return max((day for day in days if day < now.astimezone(UTC).date()), default=None)


def end_of(day: date) -> datetime:
    """The instant at which the UTC `day` is over: the as-of instant of facts that end with it."""
    return datetime.combine(day + timedelta(days=1), time(), UTC)


@dataclass(frozen=True, slots=True)
class Feed:
    """What one feed brought, read only as it is needed. `rows`: `id`, `day` and one column for each metric.

    `accounts`: `id` and `account_id`; ids that are not in it are nobody's. None: the ids are those of accounts.
    """

    rows: pl.LazyFrame
    accounts: pl.DataFrame | None = None

    @classmethod
    def of(cls, frame: pl.DataFrame) -> Feed:
        """Of a frame with the columns account_id, day and one for each metric."""
        return cls(frame.lazy().rename({"account_id": "id"}))


def facts(
    usage: pl.DataFrame | Sequence[Feed], metrics: Sequence[str], days: Sequence[date], now: datetime,
) -> pl.DataFrame:
    """The usage facts of every account that `usage` names; `as_of.usage` is when the last whole day ended.

    `usage`: feeds, or one frame with the columns account_id, day and one for each metric. The same account and day may
    stand in several rows, which are added up. `days`: every day on which a feed named any account, also such that
    `usage` leaves out.
    """
    last = last_whole_day(days, now)
    feeds = [Feed.of(usage)] if isinstance(usage, pl.DataFrame) else list(usage)
    there = {name for feed in feeds for name in feed.rows.collect_schema().names()}
    present = [metric for metric in metrics if metric in there]
    if last is None or not present:
        return pl.DataFrame(schema={"account_id": pl.String, "as_of.usage": INSTANT})
    calendar = calendar_of([(last - day).days for day in days], HISTORY_DAYS)
    known = {window: calendar.knows(0, window) for window in WINDOWS}
    summed = totals(*_runs_of(feeds, present, last), present).with_columns(
        pl.min_horizontal("first", pl.lit(HISTORY_DAYS - 1)).alias("first"),
    ).join(first_days(calendar, WINDOWS), on="first", how="left")
    features = [metric for metric in present if metric not in NOT_FEATURES]
    used = [pl.col(f"sum28:{metric}") > 0 for metric in features]
    new = [(pl.col(f"sum28:{m}") > 0) & (pl.col(f"sum90:{m}") <= pl.col(f"sum28:{m}")) for m in features]
    lost = [(pl.col(f"sum28:{m}") <= 0) & (pl.col(f"before28:{m}") > 0) for m in features]
    return summed.select(
        "account_id",
        *(fact for metric in present for fact in _facts_of(metric, frozenset(days for days in WINDOWS if known[days]))),
        (pl.when(known[28]).then(pl.sum_horizontal(used)) if used else pl.lit(None, pl.Int64))
        .alias("usage.features_used_28d"),
        (pl.when(known[28] & known[90] & (pl.col("first") >= 89)).then(pl.sum_horizontal(new))
         if used else pl.lit(None, pl.Int64)).alias("usage.features_new_28d"),
        (pl.when(pl.col("comparable28")).then(pl.sum_horizontal(lost)) if used else pl.lit(None, pl.Int64))
        .alias("usage.features_lost_28d"),
        (pl.col("first") + 1).alias("usage.history_days"),
        pl.lit(end_of(last), INSTANT).alias("as_of.usage"),
    )


def _runs_of(feeds: Sequence[Feed], metrics: Sequence[str], last: date) -> tuple[pl.DataFrame, pl.Series]:
    """What all feeds say of their accounts, and the ids of these; `at` is the account's place among them.

    By the feed's own ids first: there are far fewer runs than days to find the account of.
    """
    found, whose = [], []
    for feed in feeds:
        named = feed.rows.collect_schema().names()
        few = feed.accounts is not None and feed.accounts.height <= _FEW
        rows = runs(feed.rows, [metric for metric in metrics if metric in named], last, few=few)
        found.append(rows)
        whose.append(rows.select("id", account_id="id").unique(maintain_order=True) if feed.accounts is None
                     else feed.accounts)
    ids = pl.concat([accounts["account_id"] for accounts in whose]).unique(maintain_order=True)
    places = ids.to_frame().with_row_index("at")
    for number, (rows, accounts) in enumerate(zip(found, whose, strict=True)):
        known = accounts.join(places, on="account_id").select("id", "at")
        at = rows.select("id").join(known, on="id", how="left", maintain_order="left")["at"]
        placed = rows.drop("id").with_columns(at)
        found[number] = placed.filter(at.is_not_null()) if at.has_nulls() else placed
    return pl.concat(found, how="diagonal"), ids


@lru_cache(maxsize=256)
def _facts_of(metric: str, known: frozenset[int]) -> tuple[pl.Expr, ...]:
    """The facts of `metric`, out of the totals joined with what the calendar says of the account's first day.
    `known`: the windows that the feed covers."""
    name = f"usage.{metric}."
    last = pl.col(f"last:{metric}")
    named = last.is_not_null()                               # null on every day: another feed's metric, not zero
    found = []
    for days in WINDOWS:
        total, before = pl.col(f"sum{days}:{metric}"), pl.col(f"before{days}:{metric}")
        average, average_before = total / pl.col(f"days{days}"), before / pl.col(f"before{days}")
        comparable = named & pl.col(f"comparable{days}") & (before > 0)
        found += [
            pl.when(named & (days in known)).then(total).alias(f"{name}sum_{days}d"),
            pl.when(named & (days in known)).then(average).alias(f"{name}avg_{days}d"),
            pl.when(comparable).then(average / average_before - 1).alias(f"{name}change_{days}d"),
        ]
    # Age runs against time, so the slope over time is minus the slope over age.
    count, ages, squares = pl.col("days90"), pl.col("ages"), pl.col("squares")
    slope = (ages * pl.col(f"sum90:{metric}") - count * pl.col(f"moment:{metric}")) / (count * squares - ages * ages)
    return (
        *found,
        pl.when(named & pl.col("slope_known")).then(slope).alias(f"{name}slope_90d"),
        pl.when(last < NEVER).then(last.clip(lower_bound=0)).cast(pl.Int64)
        .alias(f"{name}days_since_last"),
    )
