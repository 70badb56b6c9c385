"""What the operator sets for Slack."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class SlackSettings(BaseModel):
    """One workspace, as one app sees it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr = Field(description="Bot token of the app, xoxb-…")
    signing_secret: SecretStr | None = Field(None, description="Signing secret of the app; without it no button works")
    previous_signing_secret: SecretStr | None = Field(None, description="Still accepted while a new one is rolled out")
    default_channel: str = Field("", description="Name or id of the channel for messages to people Slack does not know")
    team_id: str = Field("", description="When set, buttons pressed in any other workspace are refused, T…")
    base_url: str = Field("https://slack.com/api/", pattern=r"^https?://", description="The Web API")
