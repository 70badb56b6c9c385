"""Slack: messages to people and channels, and the buttons they press."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Tools
from steward.model.actions import DeliveryClass

if TYPE_CHECKING:
    from connectors.slack.sandbox import SlackSandbox
    from connectors.slack.settings import SlackSettings


def _settings() -> type[SlackSettings]:
    from connectors.slack.settings import SlackSettings

    return SlackSettings


def _sandbox() -> type[SlackSandbox]:
    from connectors.slack.sandbox import SlackSandbox

    return SlackSandbox


def _connect(settings: SlackSettings, tools: Tools) -> Connection:
    from connectors.slack.check import check
    from connectors.slack.client import Client
    from connectors.slack.inbox import SlackInbox
    from connectors.slack.sink import SlackSink

    client = Client(settings, tools)
    return Connection(
        sink=SlackSink(client, settings, tools),
        inbox=SlackInbox(settings, tools) if settings.signing_secret else None,
        check=lambda: check(client, settings),
    )


CONNECTOR = Connector(
    name="slack",
    title="Slack",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    actions={"message": DeliveryClass.C, "update_message": DeliveryClass.A},
    inbox=True,
    folder=Path(__file__).parent,
    waivers={
        "what_was_made_is_found": "messages cannot be looked for by key; an update need not be, it may be sent again",
        "a_lookup_that_fails_is_not_a_no": "find makes no call, as chat.update with the same content changes nothing",
    },
)
