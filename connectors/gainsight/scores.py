"""What scorecards say of companies: one value for each measure, beside the score of the whole."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.gainsight.client import Client, Row
from connectors.gainsight.reading import slug
from connectors.gainsight.schema import Schemas
from connectors.gainsight.settings import GainsightSettings
from connectors.gainsight.walking import Walker
from steward.kit import reading
from steward.model.records import Value

OBJECT = "scorecard_fact"
AT_ONCE = 200
_MEASURE, _SCORE, _GRADE = "MeasureId__gr.Name", "CurrentScoreId__gr.Score", "CurrentScoreId__gr.Name"


class Scores:
    """Reads the scores of companies; of a tenant without scorecards there are none."""

    def __init__(self, client: Client, settings: GainsightSettings, schemas: Schemas) -> None:
        self._walker: Walker | None = None
        if settings.scores and schemas.of(OBJECT):
            wanted = ("CompanyId", _MEASURE, _SCORE, _GRADE)
            select = [found[0] for each in wanted if (found := schemas.path(OBJECT, each))]
            self._walker = Walker(client, OBJECT, select, settings.page_size, settings.filter_zone)

    def of(self, companies: Sequence[str]) -> dict[str, dict[str, Value]]:
        """By company, `custom.score_<measure>`: a number, or the name of the colour or grade."""
        scores: dict[str, dict[str, Value]] = {}
        if self._walker is None:
            return scores
        for start in range(0, len(companies), AT_ONCE):
            for rows in self._walker.among("CompanyId", companies[start:start + AT_ONCE]):
                for row in rows:
                    told = {name.lower(): value for name, value in row.items()}
                    company, measure = (reading.text(told.get(name)) for name in ("companyid", _MEASURE.lower()))
                    value = _value(told)
                    if company and slug(measure) and value is not None:
                        scores.setdefault(company, {})[f"custom.score_{slug(measure)}"] = value
        return scores


def _value(told: Row) -> Value | None:
    try:
        return reading.number(told.get(_SCORE.lower()))
    except ValueError:
        return reading.text(told.get(_GRADE.lower())) or None
