"""What the operator sets for Slack."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, SecretStr


class SlackSettings(BaseModel):
    """One workspace, as one app sees it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    token: SecretStr = Field(description="Bot token of the app, xoxb-…")
    signing_secret: SecretStr | None = Field(None, description="Signing secret of the app, for buttons by HTTP")
    previous_signing_secret: SecretStr | None = Field(None, description="Still accepted while a new one is rolled out")
    app_token: SecretStr | None = Field(
        None, description="App-level token, xapp-…: buttons come by Socket Mode, and nothing outside need reach us")
    default_channel: str = Field("", description="Name or id of the channel for messages to people Slack does not know")
    team_id: str = Field("", description="When set, buttons pressed in any other workspace are refused, T…")
    per_channel_s: float = Field(
        1.0, ge=0, le=60, description="At least so long between two messages to one channel, of all our processes")
    base_url: str = Field("https://slack.com/api/", pattern=r"^https?://", description="The Web API")
