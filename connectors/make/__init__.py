"""Make: custom webhooks of scenarios, and calls from scenarios."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Tools
from steward.model.actions import DeliveryClass

if TYPE_CHECKING:
    from pydantic import SecretStr

    from connectors.make.sandbox import MakeSandbox
    from connectors.make.settings import MakeSettings


def _settings() -> type[MakeSettings]:
    from connectors.make.settings import MakeSettings

    return MakeSettings


def _sandbox() -> type[MakeSandbox]:
    from connectors.make.sandbox import MakeSandbox

    return MakeSandbox


def _key(settings: MakeSettings) -> dict[str, SecretStr]:
    return {"x-make-apikey": settings.api_key} if settings.api_key else {}


def _connect(settings: MakeSettings, tools: Tools) -> Connection:
    from connectors.make.check import check
    from connectors.make.sink import MakeSink
    from steward.kit.incoming import inbox_of
    from steward.kit.webhooks import Poster

    poster = Poster("make", tools, (settings.signing_secret,), url=settings.url, headers=_key(settings),
                    allow_private=settings.allow_private, hosts=settings.hosts)
    return Connection(
        sink=MakeSink("make", poster, tools, settings.url), check=lambda: check(settings),
        inbox=inbox_of("make", tools, settings.incoming_secret, settings.incoming_token))


CONNECTOR = Connector(
    name="make",
    title="Make",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    actions={"call_webhook": DeliveryClass.C, "tell_listener": DeliveryClass.C},
    inbox=True,
    folder=Path(__file__).parent,
    waivers={
        "a_write_that_meets_empty": 'Make answers "Accepted" as plain text, or what the scenario says',
        "a_write_that_meets_html": 'Make answers "Accepted" as plain text, or what the scenario says',
    },
    confirmed={
        "200 Accepted; 400 for a full queue; 410 when inactive; 429 beyond 30 a second; x-make-apikey": "UNCONFIRMED",
    },
)
