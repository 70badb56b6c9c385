"""What the operator sets for HubSpot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

from connectors.hubspot.shapes import SHAPES
from steward.model.words import nearest

_Names = dict[str, str]
_PER_10_S = {"free": 100, "starter": 100, "professional": 190, "enterprise": 190, "oauth": 110}


class HubSpotSettings(BaseModel):
    """One portal, as one private app, service key or installed app (OAuth) sees it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_token: SecretStr | None = Field(None, description="Token of the private app or service key, pat-…")
    client_id: str = Field("", description="Client id of an app that was installed by OAuth")
    refresh_token: SecretStr | None = Field(None, description="Refresh token of that app; instead of access_token")
    oauth: str = Field(
        "", pattern=r"^(|v1|v3|20\d\d-(03|09))$", description="Version of /oauth/…/token; that of `api` unless set")
    host: str = Field("https://api.hubapi.com", pattern=r"^https?://[^/]+$", description="The API")
    api: str = Field("v3", pattern=r"^(v3|20\d\d-(03|09))$", description='Scheme of the paths: v3, or dated: "2026-03"')
    client_secret: SecretStr | None = Field(None, description="Client secret of the app: signs webhooks, and OAuth")
    portal_id: str = Field("", pattern=r"^\d*$", description="Number of the portal, for links in receipts")
    app_url: str = Field("https://app.hubspot.com", pattern=r"^https?://", description="Where people open HubSpot")
    key_property: str = Field(
        "steward_key", description="Property with unique values on tasks, calls, meetings, emails, notes and deals")
    meeting_types: _Names = Field(
        default_factory=dict, description='Our type of touchpoint -> the portal\'s meeting type, {qbr: "QBR"}')
    deal_pipeline: str = Field("default", description="Pipeline in which opportunities are opened")
    deal_stage: str = Field("appointmentscheduled", description="Stage in which opportunities are opened")
    deal_types: _Names = Field(
        {"expansion": "existingbusiness", "renewal": "existingbusiness"}, description="Our type -> HubSpot's deal type")
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
    touchpoints: tuple[Literal["meetings", "calls", "emails"], ...] = Field(
        ("meetings",), description="What counts as a touchpoint: meetings, calls, emails")
    subscription_object: str = Field("", description='Custom object with paid terms, "p_subscriptions"')
    milestone_object: str = Field("", description='Custom object with milestones, "p_milestones"')
    overlap_s: Annotated[int, Field(ge=0)] = Field(300, description="How late HubSpot's search may learn of a change")
    searches_per_s: Annotated[int, Field(gt=0)] = Field(5, description="HubSpot allows 5 for the whole portal")
    tier: Literal["free", "starter", "professional", "enterprise", "oauth"] = Field(
        "professional", description='HubSpot\'s plan, or "oauth" for a marketplace app; decides calls_per_10_s')
    calls_per_10_s: Annotated[int, Field(gt=0)] | None = Field(
        None, description="Calls in ten seconds, where it is not the tier's; 250 with the API add-on")

    @property
    def most_per_10_s(self) -> int:
        return self.calls_per_10_s or _PER_10_S[self.tier]

    @property
    def oauth_version(self) -> str:
        """HubSpot ends /oauth/v1 on 2027-02-16; of the dated ones 2026-03 is known."""
        return self.oauth or ("v3" if self.api == "v3" else "2026-03")

    @model_validator(mode="after")
    def _may_call(self) -> Self:
        whole = bool(self.refresh_token and self.client_id and self.client_secret)
        if self.refresh_token and not whole:
            raise ValueError("refresh_token needs client_id and client_secret beside it")
        if not self.access_token and not whole:
            raise ValueError("give access_token, or refresh_token with client_id and client_secret")
        return self

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
