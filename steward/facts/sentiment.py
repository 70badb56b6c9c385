"""Facts about what the account's people say of us in surveys."""

from __future__ import annotations

from functools import partial

import polars as pl

from steward.facts.basis import Basis
from steward.facts.spec import spec
from steward.model.facts import FactType

_S = "survey_response"
_survey = partial(spec, "survey")

SPECS = (
    _survey("nps.last_score", FactType.NUMBER, "The latest answer to \"would you recommend us\".", _S, unit="points",
            low=0, high=10),
    _survey("nps.days_since", FactType.DAYS, "Days since that answer.", _S),
    _survey("nps.average_365d", FactType.NUMBER, "Average answer of the last 365 days.", _S, unit="points", low=0,
            high=10),
    _survey("nps.answers_365d", FactType.INTEGER, "Answers in the last 365 days.", _S, unit="answers", low=0),
    _survey("nps.detractors_90d", FactType.INTEGER, "Answers of 0 to 6 in the last 90 days.", _S, unit="answers",
            low=0),
    _survey("nps.last_is_detractor", FactType.BOOLEAN, "True where the latest answer is 0 to 6.", _S),
    _survey("nps.last_is_promoter", FactType.BOOLEAN, "True where the latest answer is 9 or 10.", _S),
    _survey("nps.last_change", FactType.NUMBER, "Points of the latest answer against the one before, whoever gave "
            "them; unknown where there is one only.", _S, unit="points", low=-10, high=10),
)
WITHOUT_RECORDS = {"nps.answers_365d": 0, "nps.detractors_90d": 0}


def facts(responses: pl.DataFrame, basis: Basis) -> pl.DataFrame:
    """The survey facts of every account that answered; scores outside 0 to 10 and answers to come do not count."""
    answered = basis.day("answered_at")
    since, score = basis.days_since(answered), pl.col("score")
    counts = ((pl.col("kind") == "nps") & score.is_between(0, 10) & (since >= 0)).fill_null(value=False)
    year, quarter = counts & basis.within(answered, 365), counts & basis.within(answered, 90)
    return responses.sort("answered_at", "connection", "external_id").group_by("account_id", maintain_order=True).agg(
        score.filter(counts).last().alias("nps.last_score"),
        (score.filter(counts).last() <= 6).alias("nps.last_is_detractor"),
        (score.filter(counts).last() >= 9).alias("nps.last_is_promoter"),
        score.filter(counts).diff().last().alias("nps.last_change"),
        pl.when(counts).then(since).min().alias("nps.days_since"),
        pl.when(year).then(score).mean().alias("nps.average_365d"),
        year.sum().alias("nps.answers_365d"),
        (quarter & (score <= 6)).sum().alias("nps.detractors_90d"),
    )
