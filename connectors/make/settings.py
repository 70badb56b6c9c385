"""What the operator sets for Make."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from steward.kit.webhooks import signing_key

Secret = Annotated[SecretStr, AfterValidator(signing_key)]


class MakeSettings(BaseModel):
    """One custom webhook of a scenario; its address is a secret."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: SecretStr | None = Field(None, description="A custom webhook, for the webhook steps of playbooks")
    api_key: SecretStr | None = Field(
        None, description="Sent as x-make-apikey to `url` alone, where the webhook asks for one")
    signing_secret: Secret | None = Field(None, description="whsec_…; without it calls are not signed")
    hosts: tuple[str, ...] = Field(("make.com",), description="Only addresses under these hosts are called")
    allow_private: bool = Field(False, description="Allow an address in a private network, for tests")
    incoming_secret: Secret | None = Field(None, description="whsec_…: with which calls to us are signed")
    incoming_token: SecretStr | None = Field(
        None, min_length=24, description="The header x-steward-token of calls to us, where nothing signs them")
