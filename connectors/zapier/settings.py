"""What the operator sets for Zapier."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from steward.kit.webhooks import signing_key

Secret = Annotated[SecretStr, AfterValidator(signing_key)]


class ZapierSettings(BaseModel):
    """Zaps ask to be told by themselves, so that no address needs to be set; a Catch Hook is for steps of playbooks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    catch_url: SecretStr | None = Field(None, description="A Catch Hook, for the webhook steps of playbooks")
    signing_secret: Secret | None = Field(None, description="whsec_…; without it calls are not signed")
    hosts: tuple[str, ...] = Field(("hooks.zapier.com",), description="Only addresses under these hosts are called")
    allow_private: bool = Field(False, description="Allow an address in a private network, for tests")
    incoming_secret: Secret | None = Field(None, description="whsec_…: with which calls to us are signed")
    incoming_token: SecretStr | None = Field(
        None, min_length=24, description="The header x-steward-token of calls to us, where nothing signs them")
