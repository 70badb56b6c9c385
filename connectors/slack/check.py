"""`connector check`: whether the token works, has its scopes, and sees the default channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.slack.client import Client
from connectors.slack.settings import SlackSettings
from steward.contracts import Finding
from steward.model.errors import StewardError

SCOPES = {
    "chat:write": "post and redraw messages",
    "users:read": "find people",
    "users:read.email": "find people by e-mail",
    "im:write": "open direct messages",
}
_MOST_PAGES = 20


def check(client: Client, settings: SlackSettings) -> Sequence[Finding]:
    """What works and what does not; changes nothing in Slack."""
    try:
        answer = client.read("auth.test")
    except StewardError as error:
        return [Finding("token", False, str(error))]
    findings = [Finding(f'token: app "{answer.get("user")}" in workspace "{answer.get("team")}"', True)]
    findings += _scopes(answer)
    if settings.default_channel:
        findings.append(_channel(client, settings.default_channel))
    if settings.signing_secret is None:
        findings.append(Finding("signing secret", False, "Buttons will not work. Set signing_secret in steward.yaml."))
    return findings


def _scopes(answer: Mapping[str, Any]) -> list[Finding]:
    """Slack names the token's scopes in a header of every answer."""
    headers = {name.lower(): value for name, value in answer["_headers"].items()}
    granted = {scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",")}
    if granted == {""}:
        return []
    return [
        Finding(f"scope {scope}: {use}", scope in granted, f'Add the scope "{scope}" to the app and reinstall it.')
        for scope, use in SCOPES.items()
    ]


def _channel(client: Client, wanted: str) -> Finding:
    what, cursor = f'default_channel "{wanted}"', ""
    try:
        for _ in range(_MOST_PAGES):
            page = client.read("conversations.list", limit=200, cursor=cursor, exclude_archived="true")
            for channel in page.get("channels", ()):
                if wanted.lstrip("#") in (channel.get("name"), channel.get("id")):
                    return Finding(what, bool(channel.get("is_member")), "Invite the app to the channel: /invite @app")
            cursor = (page.get("response_metadata") or {}).get("next_cursor", "")
            if not cursor:
                break
    except StewardError as error:
        return Finding(what, False, f"{error}\nTo check the channel the app also needs channels:read.")
    return Finding(what, False, "Create the channel, or correct default_channel in steward.yaml.")
