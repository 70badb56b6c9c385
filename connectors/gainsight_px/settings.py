"""What the operator sets for Gainsight PX."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

from connectors.gainsight_px.shapes import SHAPES
from steward.model import records as model
from steward.model.words import nearest

COUNTED = ("active_users", "sessions")
MOST_DAYS, MOST_ROWS = 190, 1000


def _metrics(given: dict[str, str]) -> dict[str, str]:
    for metric in given.values():
        if not metric.isidentifier() or metric.lower() != metric:
            raise ValueError(f'"{metric}" is no metric: lower-case letters, digits and "_", such as "reports"')
        if metric in COUNTED:
            raise ValueError(f'"{metric}" is counted from sessions; choose another metric')
    return given


_Metrics = Annotated[dict[str, str], AfterValidator(_metrics)]


class GainsightPxSettings(BaseModel):
    """One subscription, as the holder of an API key sees it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(
        "https://api.aptrinsic.com", pattern=r"^https?://[^/]+$",
        description="The data centre: https://api, https://api-eu or https://api-us2 .aptrinsic.com",
    )
    api_key: SecretStr = Field(description="Administration, REST API; with Read, and Write for update_record")
    ids: dict[str, str] = Field(
        {"salesforce": "sfdcId", "gainsight": "gsId"},
        description="Connection -> field that holds that connection's id of the account",
    )
    fields: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="Stream -> our field -> PX's, such as customAttributes.segment",
    )
    words: dict[str, dict[str, dict[str, str]]] = Field(
        default_factory=dict, description='Stream -> our field -> PX\'s word -> our word; "" leaves it out',
    )
    custom: dict[str, dict[str, str]] = Field(
        default_factory=dict, description="Stream -> <name> of custom.<name> -> PX's field",
    )
    events: _Metrics = Field(default_factory=dict, description="Name of a custom event -> usage metric it counts for")
    features: _Metrics = Field(default_factory=dict, description="Id of a feature -> usage metric it counts for")
    history_days: Annotated[int, Field(gt=0, le=MOST_DAYS)] = Field(90, description="Days of usage of the first pull")
    overlap_days: Annotated[int, Field(ge=0, le=30)] = Field(2, description="How many days late events may come")
    overlap_s: Annotated[int, Field(ge=0)] = Field(600, description="How late a change of an account may show")
    page_size: Annotated[int, Field(gt=0, le=MOST_ROWS)] = Field(MOST_ROWS, description="Rows asked for at once")

    @field_validator("fields", "words", "custom")
    @classmethod
    def _streams_are_known(cls, given: dict[str, object]) -> dict[str, object]:
        for stream in given:
            _known("stream", stream, SHAPES)
        return given

    @field_validator("fields", "words")
    @classmethod
    def _fields_are_known(cls, given: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
        for stream, names in given.items():
            for name in names:
                _known(f"field of {stream}", name, model.FIELDS[SHAPES[stream].noun])
        return given


def _known(what: str, name: str, names: Iterable[str]) -> None:
    known = list(names)
    if name not in known:
        near = nearest(name, known)
        hint = f'Did you mean "{near}"?' if near else f"There are: {', '.join(known)}."
        raise ValueError(f'unknown {what} "{name}". {hint}')
