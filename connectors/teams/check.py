"""`connector check`: whether every channel has an address and buttons can work. Posts nothing."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from connectors.teams.settings import TeamsSettings
from steward.contracts import Finding


def check(settings: TeamsSettings) -> Sequence[Finding]:
    """What can be said without writing to a channel."""
    findings = []
    for name, url in settings.channels.items():
        parts = urlsplit(url.get_secret_value())
        safe = parts.scheme == "https" or parts.hostname in ("127.0.0.1", "localhost")
        findings.append(Finding(
            f'channel "{name}" has an address (only a message shows whether it works)', safe and bool(parts.netloc),
            'Copy "HTTP POST URL" of the workflow; it begins with https.'))
    known = settings.default_channel in settings.channels
    findings.append(Finding("messages to people go to default_channel", known,
                            "Set default_channel to one of channels: a webhook cannot write to a person."))
    buttons = bool(settings.answers_url and settings.link_secret)
    findings.append(Finding("buttons", buttons, "Set answers_url and link_secret; without them cards have no buttons."))
    return findings
