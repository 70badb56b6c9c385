"""The health score: a weighted average of measures over facts, and how each measure contributed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import Any

import polars as pl

from steward.facts.basis import INSTANT
from steward.facts.scorecard import Measure, Scorecard
from steward.facts.spec import spec
from steward.model.facts import FactSpec, FactType

_S = "scorecard"
_health = partial(spec, "health")

SPECS = (
    _health("health.score", FactType.NUMBER, "Weighted average of the scorecard's measures, 0 to 100, higher is "
            "better; unknown below the scorecard's least coverage.", _S, unit="points", low=0, high=100),
    _health("health.coverage", FactType.RATIO, "Share of the scorecard's weight whose measures are known.", _S, low=0,
            high=1),
    _health("health.band", FactType.TEXT, "The score in one word, by the scorecard's bands.", _S,
            one_of=("red", "yellow", "green")),
    _health("health.change_28d", FactType.NUMBER, "Points gained or lost against the score as known 28 days ago; "
            "unknown where there is no snapshot that old.", _S, unit="points", low=-100, high=100),
    _health("health.change_7d", FactType.NUMBER, "Points gained or lost against the score as known 7 days ago; "
            "unknown where there is no snapshot that old.", _S, unit="points", low=-100, high=100),
)


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one measure gave to the score. `gave` sums to the score over all measures, `lost` to 100 minus the score.

    `earned` is 0 to 100, None where the fact is not known; `share` is the measure's part of the known weight.
    """

    fact: str
    title: str
    part: str
    value: object
    earned: float | None
    share: float
    gave: float
    lost: float


def score(frame: pl.DataFrame, card: Scorecard, facts: Mapping[str, FactSpec], previous: pl.DataFrame) -> pl.DataFrame:
    """The health facts of every row of `frame`, a snapshot without them; with `as_of.health`: the oldest data in it.

    `previous` has account_id and `health.score` as known 28 days ago, and may have `score_7d`, as known 7 days ago.
    """
    earned = [_earned(m.fact, m.curve, None if m.table is None else tuple(m.table.items())) for m in card.measures]
    points = frame.select("account_id", *earned, *(f"as_of.{group}" for group in _groups(card, facts)))
    known = pl.sum_horizontal(pl.lit(0.0), *(
        pl.when(pl.col(m.fact).is_not_null()).then(m.weight).otherwise(0.0) for m in card.measures
    ))
    total = pl.sum_horizontal(pl.lit(0.0), *(pl.col(m.fact).fill_null(0.0) * m.weight for m in card.measures))
    whole = sum(measure.weight for measure in card.measures)
    scored = points.select("account_id", known.alias("known"), total.alias("total"), _oldest(card, facts)).with_columns(
        pl.when(pl.col("known") > 0).then(pl.col("known") / whole).otherwise(0.0).alias("health.coverage"),
    ).with_columns(
        pl.when((pl.col("known") > 0) & (pl.col("health.coverage") >= card.least_coverage))
        .then(pl.col("total") / pl.col("known")).alias("health.score"),
    )
    band = pl.when(pl.col("health.score") >= card.green).then(pl.lit("green")).when(
        pl.col("health.score") >= card.yellow).then(pl.lit("yellow")).otherwise(pl.lit("red"))
    last_week = pl.col("score_7d") if "score_7d" in previous.columns else pl.lit(None, pl.Float64).alias("score_7d")
    before = previous.select("account_id", pl.col("health.score").alias("before"), last_week)
    return scored.join(before, on="account_id", how="left").select(
        "account_id", "health.score", "health.coverage",
        pl.when(pl.col("health.score").is_not_null()).then(band).alias("health.band"),
        (pl.col("health.score") - pl.col("before")).alias("health.change_28d"),
        (pl.col("health.score") - pl.col("score_7d")).alias("health.change_7d"),
        "as_of.health",
    )


def contributions(row: Mapping[str, Any], card: Scorecard) -> tuple[Contribution, ...]:
    """What each measure gave to `row`'s health score, in the card's order; all 0 where there is no score."""
    earned = [_earned_by(measure, row.get(measure.fact)) for measure in card.measures]
    known = sum(m.weight for m, points in zip(card.measures, earned, strict=True) if points is not None)
    whole = sum(measure.weight for measure in card.measures)
    scored = known > 0 and known / whole >= card.least_coverage
    found = []
    for measure, points in zip(card.measures, earned, strict=True):
        share = measure.weight / known if scored and points is not None else 0.0
        gave = share * (points or 0.0)
        found.append(Contribution(
            measure.fact, measure.title, measure.part, row.get(measure.fact), points, share, gave, share * 100 - gave,
        ))
    return tuple(found)


def in_whole_points(found: Sequence[Contribution]) -> tuple[int, ...]:
    """`gave` of each in whole points that sum to the rounded score: the largest remainders are rounded up."""
    floors = [int(one.gave) for one in found]
    left = round(sum(one.gave for one in found)) - sum(floors)
    order = sorted(range(len(found)), key=lambda place: (floors[place] - found[place].gave, place))
    up = set(order[:left])
    return tuple(floor + (place in up) for place, floor in enumerate(floors))


@lru_cache(maxsize=256)
def _earned(
    fact: str, curve: tuple[tuple[float, float], ...], table: tuple[tuple[str | bool, float], ...] | None,
) -> pl.Expr:
    """The points of one measure, under the name of its fact."""
    value = pl.col(fact)
    if table is not None:
        return value.replace_strict(dict(table), default=None, return_dtype=pl.Float64)
    value = value.cast(pl.Float64)
    points: pl.Expr = pl.when(value.is_not_null()).then(curve[-1][1])
    for (x0, y0), (x1, y1) in reversed(tuple(pairwise(curve))):
        points = pl.when(value <= x1).then(y0 + (value - x0) * ((y1 - y0) / (x1 - x0))).otherwise(points)
    return pl.when(value <= curve[0][0]).then(curve[0][1]).otherwise(points).alias(fact)


def _earned_by(measure: Measure, value: float | str | None) -> float | None:
    if value is None or value != value:  # noqa: PLR0124  # only NaN differs from itself
        return None
    if measure.table is not None:
        return measure.table.get(value) if isinstance(value, bool | str) else None
    value = float(value)
    if value <= measure.curve[0][0]:
        return measure.curve[0][1]
    for (x0, y0), (x1, y1) in pairwise(measure.curve):
        if value <= x1:
            return y0 + (value - x0) * ((y1 - y0) / (x1 - x0))
    return measure.curve[-1][1]


def _groups(card: Scorecard, facts: Mapping[str, FactSpec]) -> list[str]:
    return sorted({facts[measure.fact].group for measure in card.measures})


def _oldest(card: Scorecard, facts: Mapping[str, FactSpec]) -> pl.Expr:
    """The oldest as-of instant among the groups that a known measure comes from; Missing where one has none."""
    used, undated = [], pl.lit(value=False)
    for group in _groups(card, facts):
        column = pl.col(f"as_of.{group}")
        there = pl.any_horizontal(pl.col(m.fact).is_not_null() for m in card.measures if facts[m.fact].group == group)
        used.append(pl.when(there).then(column))
        undated = undated | (there & column.is_null())
    oldest = pl.min_horizontal(used) if used else pl.lit(None, INSTANT)
    return pl.when(~undated).then(oldest).alias("as_of.health")
