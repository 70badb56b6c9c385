"""`connector check`: whether the webhook is reached, and whether calls from Zapier are let in. Posts nothing."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.zapier.settings import ZapierSettings
from steward.contracts import Finding
from steward.kit.webhooks import lets_in, reachable


def check(settings: ZapierSettings) -> Sequence[Finding]:
    """Connects, and hangs up: Zapier would take any request for an event."""
    incoming = lets_in(settings.incoming_secret or settings.incoming_token)
    if settings.catch_url is None:
        return [Finding("no catch_url is set: no playbook can call it; listeners are told all the same", True),
                incoming]
    return [reachable("zapier", settings.catch_url, allow_private=settings.allow_private,
                      setting="catch_url"), incoming]
