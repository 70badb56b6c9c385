"""`connector check`: whether the webhook is reached, and whether calls from Make are let in. Posts nothing."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.make.settings import MakeSettings
from steward.contracts import Finding
from steward.kit.webhooks import lets_in, reachable


def check(settings: MakeSettings) -> Sequence[Finding]:
    """Connects, and hangs up: Make would take any request for an event."""
    incoming = lets_in(settings.incoming_secret or settings.incoming_token)
    if settings.url is None:
        return [Finding("no url is set: no playbook can call it; listeners are told all the same", True),
                incoming]
    key = Finding("api_key: only a call shows whether it is the webhook's", True)
    return [reachable("make", settings.url, allow_private=settings.allow_private), *([key] if settings.api_key else []),
            incoming]
