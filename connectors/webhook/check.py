"""`connector check`: whether the address may be called and is reached, and whether calls are signed. Posts nothing."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.webhook.settings import WebhookSettings
from steward.contracts import Finding
from steward.kit.webhooks import reachable


def check(settings: WebhookSettings) -> Sequence[Finding]:
    """Connects, and hangs up: a receiver would take any request for an event."""
    signed = Finding("calls are signed", settings.signing_secret is not None,
                     "Set signing_secret, and give it to the receiver to verify with.")
    if settings.url is None:
        return [signed]
    return [reachable("webhook", settings.url, allow_private=settings.allow_private), signed]
