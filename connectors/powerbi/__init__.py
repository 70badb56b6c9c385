"""Power BI: push datasets loaded with the tables that reports read, and datasets asked to refresh."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Tools
from steward.model.actions import DeliveryClass

if TYPE_CHECKING:
    from connectors.powerbi.sandbox import PowerBiSandbox
    from connectors.powerbi.settings import PowerBiSettings


def _settings() -> type[PowerBiSettings]:
    from connectors.powerbi.settings import PowerBiSettings

    return PowerBiSettings


def _sandbox() -> type[PowerBiSandbox]:
    from connectors.powerbi.sandbox import PowerBiSandbox

    return PowerBiSandbox


def _connect(settings: PowerBiSettings, tools: Tools) -> Connection:
    from connectors.powerbi.check import check
    from connectors.powerbi.client import PowerBi
    from connectors.powerbi.sink import PowerBiSink

    client = PowerBi(settings, tools)
    return Connection(sink=PowerBiSink(settings, client, tools), check=lambda: check(settings, client))


_SPEC = "official spec powerbi-swagger 2024-10"

CONNECTOR = Connector(
    name="powerbi",
    title="Power BI",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    actions={"publish_table": DeliveryClass.B, "refresh_dataset": DeliveryClass.C},
    folder=Path(__file__).parent,
    waivers={
        "a_write_that_meets_empty": "the official spec: adding rows is answered 200 without a body, a refresh 202",
        "a_write_that_meets_drip": "the yes to adding rows and to a refresh has no body that could drip",
    },
    confirmed={
        "paths, methods and bodies of every call, and the shapes of the answers": _SPEC,
        "adding rows is answered 200 without a body; a refresh 202 with x-ms-request-id": _SPEC,
        "10,000 rows a call, 120 calls a minute, 1 M rows an hour, 75 columns, 4,000 characters a string":
            "official spec document Push semantic model limitations",
        "a query that is too large is answered 200 with an error in it": "official spec document Execute Queries",
        "an expired token is answered 401, or 403 TokenExpired": "third party several write-ups",
        "executeQueries reads push datasets": "UNCONFIRMED",
        "the shape of error bodies, and Retry-After on 429": "UNCONFIRMED",
    },
)
