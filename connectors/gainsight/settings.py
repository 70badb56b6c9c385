"""What the operator sets for Gainsight CS."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated
from zoneinfo import available_timezones

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, field_validator

from connectors.gainsight.shapes import SHAPES
from steward.model.words import nearest

_Names = dict[str, str]


def _zone(name: str) -> str:
    if name and name not in available_timezones():
        raise ValueError(f'"{name}" is no IANA time zone, such as "America/New_York"')
    return name


def _several(given: object) -> object:
    return (given,) if isinstance(given, str) else given


_Fields = Annotated[tuple[str, ...], BeforeValidator(_several)]


class GainsightSettings(BaseModel):
    """One tenant, as the holder of its access key sees it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = Field(pattern=r"^https?://[^/]+$", description="The tenant: https://acme.gainsightcloud.com")
    access_key: SecretStr = Field(description="Administration, Connectors, Gainsight API; one for the whole tenant")
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="Currency of amounts that name none")
    ids: _Names = Field(
        {"salesforce": "SfdcAccountId"},
        description="Connection -> Company field that holds that connection's id of the account",
    )
    fields: dict[str, dict[str, _Fields]] = Field(
        default_factory=dict, description="Stream -> our field -> Gainsight's field, or several: the first that is set",
    )
    words: dict[str, dict[str, _Names]] = Field(
        default_factory=dict, description='Stream -> our field -> Gainsight\'s label -> our word; "" leaves it out',
    )
    custom: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Stream -> fields to take over as custom.<name>",
    )
    scores: bool = Field(True, description="Take over scorecards as custom.score and custom.score_<measure>")
    survey_object: str = Field("survey_participant", description='Object with survey answers; "" where there is none')
    cta_key_field: str = Field("", description="CTA field of type String that holds our key; else a line in Comments")
    plan_key_field: str = Field("", description="As cta_key_field, of success plans; else a line in the action plan")
    cta_types: _Names = Field(default_factory=dict, description="Our type (risk, onboarding, …) -> CTA type")
    cta_reasons: _Names = Field(default_factory=dict, description="Our type -> CTA reason")
    cta_status: str = Field("New", description="Status of a CTA that is opened")
    plan_types: _Names = Field(default_factory=dict, description="Template of a success plan -> type of the plan")
    plan_status: str = Field("Draft", description="Status of a success plan that is started")
    plan_days: Annotated[int, Field(gt=0)] = Field(90, description="Days until a success plan is due")
    touchpoint_types: _Names = Field(default_factory=dict, description="call, meeting, email, qbr -> activity type")
    default_owner: str = Field("", description="E-mail of the user who gets what nobody else can be given")
    overlap_s: Annotated[int, Field(ge=0)] = Field(600, description="How late a change may become visible")
    filter_zone: Annotated[str, AfterValidator(_zone)] = Field(
        "", description="Zone in which the tenant reads times in filters, where it does not take an offset from UTC")
    page_size: Annotated[int, Field(gt=0, le=5000)] = Field(5000, description="Rows asked for at once")
    calls_per_min: Annotated[int, Field(gt=0)] = Field(90, description="Gainsight allows 100 for the whole tenant")
    calls_per_day: Annotated[int, Field(gt=0)] = Field(45_000, description="Of the 50,000 for the whole tenant")

    @field_validator("fields", "words", "custom")
    @classmethod
    def _streams_are_known(cls, given: dict[str, object]) -> dict[str, object]:
        for stream, names in given.items():
            _known("stream", stream, SHAPES)
            for name in names if isinstance(names, dict) else ():
                _known(f"field of {stream}", name, SHAPES[stream].fields)
        return given


def _known(what: str, name: str, names: Iterable[str]) -> None:
    known = list(names)
    if name not in known:
        near = nearest(name, known)
        hint = f'Did you mean "{near}"?' if near else f"There are: {', '.join(known)}."
        raise ValueError(f'unknown {what} "{name}". {hint}')
