"""Outgoing webhooks, signed per Standard Webhooks: Zapier, Make, or a system of your own."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Tools
from steward.model.actions import DeliveryClass

if TYPE_CHECKING:
    from connectors.webhook.sandbox import WebhookSandbox
    from connectors.webhook.settings import WebhookSettings


def _settings() -> type[WebhookSettings]:
    from connectors.webhook.settings import WebhookSettings

    return WebhookSettings


def _sandbox() -> type[WebhookSandbox]:
    from connectors.webhook.sandbox import WebhookSandbox

    return WebhookSandbox


def _connect(settings: WebhookSettings, tools: Tools) -> Connection:
    from connectors.webhook.check import check
    from connectors.webhook.sink import WebhookSink

    return Connection(sink=WebhookSink(settings, tools), check=lambda: check(settings))


CONNECTOR = Connector(
    name="webhook",
    title="Webhooks: Zapier, Make, any other",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    actions={"call_webhook": DeliveryClass.A},
    folder=Path(__file__).parent,
    waivers={
        "a_write_that_meets_empty": "the standard: every 2xx is a yes, whatever its body",
        "a_write_that_meets_html": "the standard: every 2xx is a yes, whatever its body",
        "what_was_made_is_found": "a receiver cannot be asked; the same webhook-id again is the same event to it",
        "a_lookup_that_fails_is_not_a_no": "find makes no call, as the same webhook-id may simply be sent again",
    },
)
