"""Facts about what the account's people say of us in surveys."""

from __future__ import annotations

from steward.facts.spec import spec
from steward.model.facts import FactType

_S = "survey_response"

SPECS = (
    spec("survey", "nps.last_score", FactType.NUMBER, "The latest answer to \"would you recommend us\".", _S,
         unit="points", low=0, high=10),
    spec("survey", "nps.days_since", FactType.DAYS, "Days since that answer.", _S),
    spec("survey", "nps.average_365d", FactType.NUMBER, "Average answer of the last 365 days.", _S, unit="points", low=0,
         high=10),
    spec("survey", "nps.answers_365d", FactType.INTEGER, "Answers in the last 365 days.", _S, unit="answers", low=0),
    spec("survey", "nps.detractors_90d", FactType.INTEGER, "Answers of 0 to 6 in the last 90 days.", _S, unit="answers",
         low=0),
)
