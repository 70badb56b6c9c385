"""What the operator sets for Teams."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class TeamsSettings(BaseModel):
    """The channels that are written to, each by the secret address of its workflow."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    channels: dict[str, SecretStr] = Field(
        min_length=1, description="Name of a channel -> the HTTP POST URL of its workflow; the URL is a secret")
    default_channel: str = Field("", description="The channel for messages to people; one of `channels`")
    answers_url: str = Field(
        "", pattern=r"^(https?://.+)?$",
        description="Where buttons lead: https://<your Steward>/hooks/<this connection>; without it none is drawn")
    link_secret: SecretStr | None = Field(
        None, min_length=16, description="Signs the links behind buttons; any long random text that you keep")
    link_days: int = Field(7, ge=1, le=30, description="How long a link works")
