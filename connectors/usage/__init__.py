"""Product usage: dropped files of numbers per account and day, and events by webhook."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Stream, Tools

if TYPE_CHECKING:
    from connectors.usage.sandbox import UsageSandbox
    from connectors.usage.settings import UsageSettings


def _settings() -> type[UsageSettings]:
    from connectors.usage.settings import UsageSettings

    return UsageSettings


def _sandbox() -> type[UsageSandbox]:
    from connectors.usage.sandbox import UsageSandbox

    return UsageSandbox


def _connect(settings: UsageSettings, tools: Tools) -> Connection:
    from connectors.usage.check import check
    from connectors.usage.drops import drops_of
    from connectors.usage.inbox import UsageInbox
    from connectors.usage.source import UsageSource

    drops = drops_of(settings, tools)
    return Connection(
        source=UsageSource(drops, settings, tools),
        inbox=UsageInbox(settings, tools) if settings.signing_secret or settings.write_key else None,
        check=lambda: check(drops, settings),
    )


CONNECTOR = Connector(
    name="usage",
    title="Product usage",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    streams={"daily": Stream(None, "Usage per account and day: a number for each metric", usage=True)},
    inbox=True,
    folder=Path(__file__).parent,
    waivers={
        "an_old_call_is_rejected": "Segment signs no time; the store takes each messageId once",
        "absent_fields_are_missing": "only the list of drops is JSON; a drop's rows are refused by their place",
    },
)
