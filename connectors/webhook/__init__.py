"""Webhooks to and from systems of the company's own, signed per Standard Webhooks."""

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
    from steward.kit.incoming import inbox_of
    from steward.kit.webhooks import Poster, WebhookSink

    poster = Poster("webhook", tools, (settings.signing_secret, settings.previous_signing_secret),
                    url=settings.url, headers=settings.headers, allow_private=settings.allow_private)
    return Connection(
        sink=WebhookSink("webhook", poster, tools, settings.url), check=lambda: check(settings),
        inbox=inbox_of("webhook", tools, settings.incoming_secret, settings.incoming_token))


CONNECTOR = Connector(
    name="webhook",
    title="Webhooks of your own systems",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    actions={"call_webhook": DeliveryClass.A, "tell_listener": DeliveryClass.A},
    inbox=True,
    folder=Path(__file__).parent,
    waivers={
        "a_write_that_meets_empty": "the standard: every 2xx is a yes, whatever its body",
        "a_write_that_meets_html": "the standard: every 2xx is a yes, whatever its body",
        "what_was_made_is_found": "a receiver cannot be asked; the same webhook-id again is the same event to it",
        "a_lookup_that_fails_is_not_a_no": "find makes no call, as the same webhook-id may simply be sent again",
    },
    confirmed={
        "webhook-id, webhook-timestamp, webhook-signature": "official spec Standard Webhooks 1.0.0",
        "receivers accept what we sign": "client library standardwebhooks, svix",
    },
)
