"""Calls of webhooks: the action as JSON, under a `webhook-id` made of its key, signed per Standard Webhooks 1.0.0."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from standardwebhooks.webhooks import Webhook

from connectors.webhook.settings import WebhookSettings
from steward.contracts import Tools
from steward.kit.client import Client
from steward.model.actions import Action, CallWebhook, IdempotencyKey, Receipt
from steward.model.errors import RecordRejected

TYPE = "playbook.step"
_OURS = ("webhook-id", "webhook-timestamp", "webhook-signature", "content-type", "content-length", "host")


class WebhookSink:
    """Delivery class A: the same key is sent under the same `webhook-id`, which receivers drop the second time."""

    def __init__(self, settings: WebhookSettings, tools: Tools) -> None:
        secrets = (settings.signing_secret, settings.previous_signing_secret)
        self._signers = [Webhook(secret.get_secret_value()) for secret in secrets if secret]
        parts = urlsplit(settings.url.get_secret_value())
        self._path = f"{parts.path}{'?' if parts.query else ''}{parts.query}" or "/"
        headers = {name: value.get_secret_value() for name, value in settings.headers.items()
                   if name.lower() not in _OURS}
        self._client = Client("webhook", f"{parts.scheme}://{parts.netloc}", tools, headers,
                              public_only=not settings.allow_private)
        self._tools = tools

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Post the call.

        Raises:
            RecordRejected: the receiver is gone for good (410), or refused the call.
            OutcomeUnknown: the line broke after sending; sending again is safe.
        """
        if not isinstance(action, CallWebhook):
            raise RecordRejected(f'webhook cannot do "{action.kind}"; it can do call_webhook', "kind")
        sent_id = webhook_id(key)
        body = json.dumps(payload(action, key), ensure_ascii=False, separators=(",", ":")).encode()
        self._client.post(self._path, "post the webhook", body, self._signed(sent_id, body))
        return Receipt(external_id=sent_id, delivered_at=self._tools.now())

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """None: it may simply be sent again, the receiver drops what it has by its `webhook-id`."""
        return None

    def _signed(self, sent_id: str, body: bytes) -> Mapping[str, str]:
        now = self._tools.now()
        headers = {"webhook-id": sent_id, "webhook-timestamp": str(int(now.timestamp()))}
        signatures = [signer.sign(sent_id, now, body.decode()) for signer in self._signers]
        return {**headers, "webhook-signature": " ".join(signatures)} if signatures else headers


def webhook_id(key: IdempotencyKey) -> str:
    """ "msg_…", the same for the same key for ever."""
    return f"msg_{uuid.uuid5(uuid.NAMESPACE_URL, f'steward:{key}').hex}"


def payload(action: CallWebhook, key: IdempotencyKey) -> dict[str, Any]:
    """The body: `id` is what Zapier tells doubles by; `data` only ever gets further fields."""
    data = {"key": key, **action.model_dump(mode="json", exclude={"kind", "decided_at", "facts"})}
    data["facts"] = {fact.name: fact.model_dump(mode="json", exclude={"name"}) for fact in action.facts}
    return {"id": webhook_id(key), "type": TYPE, "timestamp": action.decided_at.isoformat(), "data": data}
