"""What the operator sets for one receiver of webhooks."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr


def _address(url: SecretStr) -> SecretStr:
    if not re.match(r"https?://[^/\s]+", url.get_secret_value()):
        raise ValueError("copy the whole address of the webhook; it begins with https://")
    return url


def _key(secret: SecretStr) -> SecretStr:
    """Standard Webhooks: 24 to 64 random bytes in base64, after "whsec_"."""
    from base64 import b64decode

    try:
        bytes_ = b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
    except ValueError:
        bytes_ = b""
    if not 24 <= len(bytes_) <= 64:
        raise ValueError("make one: python -c \"import base64, secrets; "
                         "print('whsec_' + base64.b64encode(secrets.token_bytes(32)).decode())\"")
    return secret


class WebhookSettings(BaseModel):
    """One address. The receiver verifies with `signing_secret`, and drops what comes twice by its `webhook-id`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[SecretStr, AfterValidator(_address)] = Field(description="Where to post; it may hold a secret")
    signing_secret: Annotated[SecretStr, AfterValidator(_key)] | None = Field(
        None, description="whsec_…; without it calls are not signed (Zapier and Make check nothing themselves)")
    previous_signing_secret: Annotated[SecretStr, AfterValidator(_key)] | None = Field(
        None, description="Signed with as well while receivers change to the new one")
    headers: dict[str, SecretStr] = Field(
        default_factory=dict, description="Sent with every call, such as x-make-apikey")
    allow_private: bool = Field(False, description="Allow an address in a private network")
