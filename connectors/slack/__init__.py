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
    from connectors.slack.socket_mode import SlackSocket

    client = Client(settings, tools)
    return Connection(
        sink=SlackSink(client, settings, tools),
        inbox=SlackInbox(settings, tools) if settings.signing_secret or settings.app_token else None,
        socket=SlackSocket(settings, tools) if settings.app_token else None,
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
    socket=True,
    folder=Path(__file__).parent,
    waivers={
        "what_was_made_is_found": "messages cannot be looked for by key; an update need not be, it may be sent again",
        "a_lookup_that_fails_is_not_a_no": "find makes no call, as chat.update with the same content changes nothing",
    },
    confirmed={
        "methods, arguments, scopes and errors": "official spec of Slack's Web API (2021) and its method pages (2026)",
        "answers": "official spec of Slack's Web API (2021)",
        "v0 signatures of interactions": "client library slack-bolt",
        "Web API of the sandbox": "client library @slack/web-api",
        "post, update, thread, lookup on a Slack that others wrote": "third party emulate 0.11.2",
        "envelopes of Socket Mode": "client library slack-sdk",
        "one message a second in a channel": "official spec the method page of chat.postMessage",
        "client_msg_id drops doubles; 13,000 characters a message": "UNCONFIRMED",
    },
)
