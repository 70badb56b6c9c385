"""Zapier: Zaps that ask to be told (REST hooks), Catch Hooks, and calls from Zaps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Tools
from steward.model.actions import DeliveryClass

if TYPE_CHECKING:
    from connectors.zapier.sandbox import ZapierSandbox
    from connectors.zapier.settings import ZapierSettings


def _settings() -> type[ZapierSettings]:
    from connectors.zapier.settings import ZapierSettings

    return ZapierSettings


def _sandbox() -> type[ZapierSandbox]:
    from connectors.zapier.sandbox import ZapierSandbox

    return ZapierSandbox


def _connect(settings: ZapierSettings, tools: Tools) -> Connection:
    from connectors.zapier.check import check
    from steward.kit.incoming import inbox_of
    from steward.kit.webhooks import ForgetfulSink, Poster

    poster = Poster("zapier", tools, (settings.signing_secret,), allow_private=settings.allow_private,
                    hosts=settings.hosts)
    return Connection(
        sink=ForgetfulSink("zapier", poster, tools, settings.catch_url), check=lambda: check(settings),
        inbox=inbox_of("zapier", tools, settings.incoming_secret, settings.incoming_token))


CONNECTOR = Connector(
    name="zapier",
    title="Zapier",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    actions={"call_webhook": DeliveryClass.C, "tell_listener": DeliveryClass.C},
    inbox=True,
    folder=Path(__file__).parent,
    waivers={
        "a_write_that_meets_empty": "the standard: every 2xx is a yes, whatever its body",
        "a_write_that_meets_html": "the standard: every 2xx is a yes, whatever its body",
    },
    confirmed={
        "a hook is told by POST; every call starts the Zap anew": "third party Zapier's documentation (stored copies)",
        "410 ends a hook": "UNCONFIRMED",
        "subscribe, unsubscribe, sample and the app's definition": "client library zapier-platform-core 19.1.0",
        "30 calls a second and 10,000 in five minutes": "third party Zapier's documentation (stored copies)",
    },
)
