"""`connector check`: whether the address may be called and is reached, and whether calls are signed. Posts nothing."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

from connectors.webhook.settings import WebhookSettings
from steward.contracts import Finding
from steward.kit.addresses import public_address
from steward.model.errors import StewardError

_PATIENCE_S = 5.0


def check(settings: WebhookSettings) -> Sequence[Finding]:
    """Connects, and hangs up: a receiver would take any request for an event."""
    parts = urlsplit(settings.url.get_secret_value())
    signed = Finding("calls are signed", settings.signing_secret is not None,
                     "Set signing_secret, and give it to the receiver to verify with.")
    try:
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        address = host if settings.allow_private else public_address("webhook", host, port)
        socket.create_connection((address, port), _PATIENCE_S).close()
    except (StewardError, ValueError) as error:
        return [Finding("the address may be called", False, str(error)), signed]
    except OSError as error:
        return [Finding("the address answers", False, f"No connection ({type(error).__name__}). Check url."), signed]
    private = " (a private network is allowed)" if settings.allow_private else ""
    return [Finding(f"the address answers{private}", True), signed]
