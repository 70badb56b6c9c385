"""The sandbox's OAuth endpoint: client credentials with Basic, and JWT bearer, checked as Salesforce checks them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
_AUDIENCES = ["https://login.salesforce.com", "https://test.salesforce.com"]


class Tokens:
    """The app that may sign in, and the access tokens that are alive."""

    client_id = "3MVG9sandbox.steward.consumer.key"
    client_secret = "sandbox-consumer-secret-0123456789"  # noqa: S105  of a server on loopback
    username = "steward@sandbox.example"

    def __init__(self) -> None:
        self._alive: set[str] = set()
        self._given = 0

    @cached_property
    def private_key(self) -> str:
        """The PEM of the key whose certificate was uploaded to the app; made when first asked for."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption(),
        ).decode()

    def expire(self) -> None:
        """Forget every token given out."""
        self._alive.clear()

    def knows(self, authorization: str) -> bool:
        """Whether the header carries a token that is alive."""
        return authorization.removeprefix("Bearer ") in self._alive

    def give(self, form: Mapping[str, str], authorization: str, instance_url: str) -> dict[str, Any]:
        """The answer to a token request: a token, or `error` and `error_description`."""
        grant = form.get("grant_type", "")
        if grant == "client_credentials":
            refused = self._check_client(form, authorization)
        elif grant == JWT_BEARER:
            refused = self._check_assertion(form.get("assertion", ""))
        else:
            refused = ("unsupported_grant_type", "grant type not supported")
        if refused:
            return {"error": refused[0], "error_description": refused[1]}
        self._given += 1
        token = f"00DSb0000000001!AQsandbox.{self._given:06d}.access.token"
        self._alive.add(token)
        return {"access_token": token, "instance_url": instance_url, "token_type": "Bearer",
                "id": f"{instance_url}/id/00DSb0000000001EAA/005Sb0", "signature": "c2lnbmF0dXJl",
                "issued_at": str(int(datetime.now(UTC).timestamp() * 1000))}

    def _check_client(self, form: Mapping[str, str], authorization: str) -> tuple[str, str] | None:
        wanted = f"{self.client_id}:{self.client_secret}"
        given = f"{form.get('client_id', '')}:{form.get('client_secret', '')}"
        if authorization.startswith("Basic "):
            given = base64.b64decode(authorization[6:]).decode(errors="replace")
        if given.partition(":")[0] != self.client_id:
            return ("invalid_client_id", "client identifier invalid")
        return None if given == wanted else ("invalid_client", "invalid client credentials")

    def _check_assertion(self, assertion: str) -> tuple[str, str] | None:
        import jwt
        from cryptography.hazmat.primitives.serialization import load_pem_private_key

        public = load_pem_private_key(self.private_key.encode(), None).public_key()
        try:
            claims = jwt.decode(assertion, public, algorithms=["RS256"], audience=_AUDIENCES,  # type: ignore[arg-type]  # it is an RSA key
                                options={"require": ["iss", "sub", "aud", "exp"]})
        except jwt.PyJWTError as error:
            return ("invalid_grant", "expired authorization code" if "expired" in str(error) else "invalid assertion")
        latest = datetime.now(UTC) + timedelta(minutes=4)
        if claims["iss"] != self.client_id or int(claims["exp"]) > latest.timestamp():
            return ("invalid_grant", "invalid assertion")
        return None if claims["sub"] == self.username else ("invalid_grant", "user hasn't approved this consumer")
