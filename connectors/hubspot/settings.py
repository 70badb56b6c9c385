"""What the operator sets for HubSpot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from connectors.hubspot.shapes import SHAPES
from steward.model.words import nearest

_Names = dict[str, str]


class HubSpotSettings(BaseModel):
    """One portal, as one private app or service key sees it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_token: SecretStr = Field(description="Token of the private app or service key, pat-…")
    host: str = Field("https://api.hubapi.com", pattern=r"^https?://[^/]+$", description="The API")
    api: str = Field("v3", pattern=r"^(v3|20\d\d-(03|09))$", description='Scheme of the paths: v3, or dated: "2026-03"')
    client_secret: SecretStr | None = Field(None, description="Client secret of the app, which signs webhooks")
    portal_id: str = Field("", pattern=r"^\d*$", description="Number of the portal, for links in receipts")
    app_url: str = Field("https://app.hubspot.com", pattern=r"^https?://", description="Where people open HubSpot")
    task_key_property: str = Field("steward_key", description="Task property with unique values; holds our key")
    currency: str = Field("USD", pattern=r"^[A-Z]{3}$", description="Currency of amounts that name none")
    ids: _Names = Field(
        {"salesforce": "salesforceaccountid", "usage": "workspace_id"},
        description="Connection -> company property that holds that connection's id of the account",
    )
    properties: dict[str, _Names] = Field(
        default_factory=dict, description="Stream -> our field -> HubSpot property, where it is not the default",
    )
    words: dict[str, dict[str, _Names]] = Field(
        default_factory=dict, description="Stream -> our field -> HubSpot's value -> our word",
    )
    custom: dict[str, tuple[str, ...]] = Field(
        default_factory=dict, description="Stream -> properties to take over as custom.<name>",
    )
    won_stages: tuple[str, ...] = Field((), description="Deal stages that are won, beside those HubSpot marks")
    lost_stages: tuple[str, ...] = Field((), description="Deal stages that are lost, beside those HubSpot marks")
    waiting_stages: tuple[str, ...] = Field(("2",), description="Ticket stages that wait for the contact")
    survey_object: str = Field("feedback_submissions", description='Object with survey answers; "" where there is none')
    subscription_object: str = Field("", description='Custom object with paid terms, "p_subscriptions"')
    milestone_object: str = Field("", description='Custom object with milestones, "p_milestones"')
    overlap_s: Annotated[int, Field(ge=0)] = Field(300, description="How late HubSpot's search may learn of a change")
    searches_per_s: Annotated[int, Field(gt=0)] = Field(5, description="HubSpot allows 5 for the whole portal")
    calls_per_10_s: Annotated[int, Field(gt=0)] = Field(190, description="100 on Free and Starter, else 190")

    @field_validator("properties", "words")
    @classmethod
    def _fields_are_known(cls, given: dict[str, _Names]) -> dict[str, _Names]:
        for stream, names in given.items():
            _known("stream", stream, SHAPES)
            for name in names:
                _known(f"field of {stream}", name, SHAPES[stream].fields)
        return given

    @field_validator("custom")
    @classmethod
    def _streams_are_known(cls, given: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        for stream in given:
            _known("stream", stream, SHAPES)
        return given


def _known(what: str, name: str, names: Iterable[str]) -> None:
    known = list(names)
    if name not in known:
        near = nearest(name, known)
        hint = f'Did you mean "{near}"?' if near else f"There are: {', '.join(known)}."
        raise ValueError(f'unknown {what} "{name}". {hint}')
