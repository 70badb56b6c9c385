"""The health score: a weighted average of measures over facts, and how each measure contributed."""

from __future__ import annotations

from steward.facts.spec import spec
from steward.model.facts import FactType

_S = "scorecard"

SPECS = (
    spec("health", "health.score", FactType.NUMBER, "Weighted average of the scorecard's measures, 0 to 100, higher is "
         "better; unknown below the scorecard's least coverage.", _S, unit="points", low=0, high=100),
    spec("health", "health.coverage", FactType.RATIO, "Share of the scorecard's weight whose measures are known.", _S,
         low=0, high=1),
    spec("health", "health.band", FactType.TEXT, "The score in one word, by the scorecard's bands.", _S,
         one_of=("red", "yellow", "green")),
    spec("health", "health.change_28d", FactType.NUMBER, "Points gained or lost against the score as known 28 days ago; "
         "unknown where there is no snapshot that old.", _S, unit="points", low=-100, high=100),
)
