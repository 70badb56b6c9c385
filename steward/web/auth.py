"""Who may call the API: a bearer token of `web.tokens` in steward.yaml."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from typing import Annotated

from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import SecretStr

from steward.model.errors import AccessDenied

_bearer = HTTPBearer(auto_error=False, description="A token of `web.tokens` in steward.yaml.")


def caller(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)],
) -> str:
    """The name of the token that was sent.

    Raises:
        AccessDenied: none was sent, or none of ours; without any token in steward.yaml nobody gets in.
    """
    tokens: Mapping[str, SecretStr] = request.app.state.hub.settings.web.tokens
    if credentials is None:
        raise AccessDenied("Send the header `Authorization: Bearer TOKEN`, with a token of web.tokens in steward.yaml.")
    sent = _digest(credentials.credentials)
    names = [name for name, token in tokens.items() if hmac.compare_digest(_digest(token.get_secret_value()), sent)]
    if not names:
        raise AccessDenied("This token is not known here. Ask who runs Steward for one.")
    return names[0]


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()


Caller = Annotated[str, Depends(caller)]
