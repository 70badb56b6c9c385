"""Standard Webhooks 1.0.0, both ways: a body under a lasting `webhook-id`, signed; and who signed a call to us.

Source: the specification of standardwebhooks.com, version 1.0.0, read 2026-11. `now` comes from the tools, as clocks
are looked at: a signature is good for five minutes either way.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import socket
import uuid
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from steward.contracts import BY_CONTENT, Finding, Tools
from steward.kit.addresses import public_address
from steward.kit.client import Client
from steward.model.actions import Action, CallWebhook, IdempotencyKey, Receipt, TellListener
from steward.model.errors import OutcomeUnknown, RecordRejected, SignatureRejected, StewardError

TOLERANCE_S = 300
PATIENCE_S = 5.0
STEP = "playbook.step"
OWN_HEADERS = ("webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "content-length", "host")


def signing_key(secret: SecretStr) -> SecretStr:
    """`secret` as it is. Raises ValueError unless it is 24 to 64 bytes in base64, with or without "whsec_"."""
    from base64 import b64decode

    try:
        bytes_ = b64decode(secret.get_secret_value().removeprefix("whsec_"), validate=True)
    except ValueError:
        bytes_ = b""
    if not 24 <= len(bytes_) <= 64:
        raise ValueError("make one: python -c \"import base64, secrets; "
                         "print('whsec_' + base64.b64encode(secrets.token_bytes(32)).decode())\"")
    return secret


def webhook_id(key: IdempotencyKey) -> str:
    """ "msg_…", the same for the same key for ever."""
    return f"msg_{uuid.uuid5(uuid.NAMESPACE_URL, f'steward:{key}').hex}"


def step_body(action: CallWebhook, key: IdempotencyKey) -> dict[str, Any]:
    """What a playbook's step tells: `id` is what receivers tell doubles by; `data` only ever gets further fields."""
    data = {"key": key, **action.model_dump(mode="json", exclude={"kind", "decided_at", "facts"})}
    data["facts"] = {fact.name: fact.model_dump(mode="json", exclude={"name"}) for fact in action.facts}
    return {"id": webhook_id(key), "type": STEP, "timestamp": action.decided_at.isoformat(), "data": data}


def listener_body(action: TellListener, key: IdempotencyKey) -> dict[str, Any]:
    """What a listener is told: one flat object, so that a person can pick fields from it. `id` is the event's own."""
    told = action.told.model_dump(mode="json")
    return {"id": action.event_id, "event": action.event, **told, "key": key}


def reachable(system: str, url: SecretStr, *, allow_private: bool, setting: str = "url") -> Finding:
    """Whether `url` may be called and is there: connects, and hangs up, as any request would be an event."""
    parts = urlsplit(url.get_secret_value())
    try:
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        address = host if allow_private else public_address(system, host, port)
        socket.create_connection((address, port), PATIENCE_S).close()
    except (StewardError, ValueError) as error:
        return Finding("the address may be called", False, str(error))
    except OSError as error:
        return Finding("the address answers", False, f"No connection ({type(error).__name__}). Check {setting}.")
    return Finding(f"the address answers{' (a private network is allowed)' if allow_private else ''}", True)


def lets_in(secret: SecretStr | None) -> Finding:
    """Whether anybody may call us: a connection without any secret lets nobody in, which may be what is wanted."""
    if secret is None:
        return Finding("calls to us are not taken: neither incoming_secret nor incoming_token is set", True)
    return Finding("calls to us are taken from whoever has the secret", True)


class Poster:
    """Posts to addresses that users set: public ones, unless `allow_private`; under `hosts` only, where given.

    `secrets` sign, the newest first; without one nothing is signed. `headers` may hold secrets, are never shown, and
    go to `url` alone, which the operator set beside them.
    """

    def __init__(
        self, system: str, tools: Tools, secrets: Sequence[SecretStr | None] = (), *,
        url: SecretStr | None = None, headers: Mapping[str, SecretStr] | None = None, allow_private: bool = False,
        hosts: Sequence[str] = (),
    ) -> None:
        own = {name: value.get_secret_value() for name, value in (headers or {}).items()
               if name.lower() not in OWN_HEADERS}
        self._url = url.get_secret_value() if url else ""
        self._clients = tuple(Client(system, "", tools, each, public_only=not allow_private) for each in ({}, own))
        self._signers = [Webhook(secret.get_secret_value()) for secret in secrets if secret]
        self._system, self._tools, self._hosts = system, tools, tuple(hosts)

    def post(self, url: str, sent_id: str, body: Mapping[str, Any]) -> None:
        """Post `body` as JSON under `sent_id`; every 2xx is a yes, whatever its body.

        Raises:
            ReceiverGone: the receiver said 410: it is switched off for good.
            RecordRejected: it refused the call, or the address is none that may be called.
            OutcomeUnknown: the line broke after sending.
        """
        self.may_call(url)
        content = json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()
        client = self._clients[bool(self._url) and url == self._url]
        client.post(url, "post the webhook", content, self._signed(sent_id, content))

    def may_call(self, url: str) -> None:
        """Raises RecordRejected where the address is none that this connection calls."""
        parts = urlsplit(url)
        host = (parts.hostname or "").lower()
        if parts.scheme not in ("http", "https") or not host:
            raise RecordRejected(f"{self._system}: the address to call is no http address", "target_url")
        if self._hosts and not any(host == each or host.endswith(f".{each}") for each in self._hosts):
            raise RecordRejected(
                f'{self._system}: the address is at "{host}", and this connection calls {", ".join(self._hosts)} only. '
                "Use a connection of the connector webhook for systems of your own.", "target_url")

    def _signed(self, sent_id: str, body: bytes) -> Mapping[str, str]:
        now = self._tools.now()
        headers = {"webhook-id": sent_id, "webhook-timestamp": str(int(now.timestamp()))}
        signatures = [signer.sign(sent_id, now, body.decode()) for signer in self._signers]
        return {**headers, "webhook-signature": " ".join(signatures)} if signatures else headers


class WebhookSink:
    """Tells receivers that keep to the standard: what has the same `webhook-id` is the same to them (class A)."""

    def __init__(self, system: str, poster: Poster, tools: Tools, url: SecretStr | None = None) -> None:
        self._system, self._poster, self._tools = system, poster, tools
        self._url = url.get_secret_value() if url else ""

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Post a playbook's step to the address in the settings, an event to the listener's.

        Raises:
            ReceiverGone, RecordRejected, OutcomeUnknown: as `Poster.post` says.
        """
        sent_id = webhook_id(key)
        if isinstance(action, CallWebhook):
            if not self._url:
                raise RecordRejected(f"{self._system}: the connection has no address to call. Set it.", "url")
            self._poster.post(self._url, sent_id, step_body(action, key))
        elif isinstance(action, TellListener):
            self._poster.post(action.target_url, sent_id, listener_body(action, key))
        else:
            raise RecordRejected(
                f'{self._system} cannot do "{action.kind}"; it can do call_webhook and tell_listener', "kind")
        return Receipt(external_id=sent_id, delivered_at=self._tools.now())

    def may_tell(self, target_url: str) -> None:
        """Raises RecordRejected where nothing would ever be posted there."""
        self._poster.may_call(target_url)

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """None: it may simply be sent again, the receiver drops what it has by its `webhook-id`."""
        return None


class ForgetfulSink(WebhookSink):
    """Tells receivers that start anew with each call, whatever its `webhook-id` (class C)."""

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """Raises OutcomeUnknown: such a receiver cannot be asked."""
        raise OutcomeUnknown(f"{self._system}: nobody can tell whether the receiver got it. Look at its history.")


class Guard:
    """Who made a call to us: by signature, or by a token in the header `x-steward-token` where that is all they can."""

    def __init__(
        self, system: str, tools: Tools, secrets: Sequence[SecretStr | None], token: SecretStr | None = None,
    ) -> None:
        self._system, self._now = system, tools.now
        self._signers = [Webhook(secret.get_secret_value()) for secret in secrets if secret]
        self._token = token.get_secret_value().encode() if token else b""

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise SignatureRejected unless one of the secrets signed `body` within five minutes, or the token is ours."""
        given = headers.get("x-steward-token", "")
        if self._token and given and hmac.compare_digest(given.encode("utf-8", "surrogatepass"), self._token):
            return
        sent_id, stamp = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        signatures = headers.get("webhook-signature", "").split(" ")
        if not sent_id or not re.fullmatch(r"[0-9]{1,11}", stamp, re.ASCII):
            raise SignatureRejected(f"{self._system}: the call is not signed. Send webhook-id, webhook-timestamp and "
                                    "webhook-signature (Standard Webhooks), or the token as x-steward-token.")
        if abs(self._now().timestamp() - int(stamp)) > TOLERANCE_S:
            raise SignatureRejected(f"{self._system}: the call was signed over five minutes from now. Set the clocks.")
        expected = [self._sign(signer, sent_id, int(stamp), body) for signer in self._signers]
        if not any(hmac.compare_digest(one.encode(), each.encode("utf-8", "surrogatepass"))
                   for one in expected for each in signatures):
            raise SignatureRejected(
                f"{self._system}: the signature of the call is wrong. Make the secret the same here and at the sender.")

    def _sign(self, signer: Webhook, sent_id: str, stamp: int, body: bytes) -> str:
        try:
            return signer.sign(sent_id, datetime.fromtimestamp(stamp, UTC), body.decode())
        except UnicodeError:
            raise SignatureRejected(f"{self._system}: the body of the call is not UTF-8") from None

    def delivery_id(self, headers: Mapping[str, str], body: bytes) -> str:
        """The sender's `webhook-id`; a hash of the body where it gave none."""
        return headers.get("webhook-id", "")[:100] or BY_CONTENT + hashlib.sha256(body).hexdigest()
