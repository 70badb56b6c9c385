"""What the operator sets for one system of the company's own."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from steward.kit.webhooks import signing_key


def _address(url: SecretStr) -> SecretStr:
    if not re.match(r"https?://[^/\s]+", url.get_secret_value()):
        raise ValueError("copy the whole address of the webhook; it begins with https://")
    return url


Secret = Annotated[SecretStr, AfterValidator(signing_key)]


class WebhookSettings(BaseModel):
    """The receiver verifies with `signing_secret`, and drops what comes twice by its `webhook-id`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[SecretStr, AfterValidator(_address)] | None = Field(
        None, description="Where the webhook steps of playbooks post; it may hold a secret")
    signing_secret: Secret | None = Field(None, description="whsec_…; without it calls are not signed")
    previous_signing_secret: Secret | None = Field(
        None, description="Signed with as well while receivers change to the new one")
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="Sent with every call of `url`, and to no listener")
    allow_private: bool = Field(False, description="Allow an address in a private network")
    incoming_secret: Secret | None = Field(None, description="whsec_…: with which calls to us are signed")
    incoming_token: SecretStr | None = Field(
        None, min_length=24, description="The header x-steward-token of calls to us, where the sender cannot sign")
