"""Tableau Server and Cloud: published data sources with the tables that reports read, kept up to date."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Tools
from steward.model.actions import DeliveryClass

if TYPE_CHECKING:
    from connectors.tableau.sandbox import TableauSandbox
    from connectors.tableau.settings import TableauSettings


def _settings() -> type[TableauSettings]:
    from connectors.tableau.settings import TableauSettings

    return TableauSettings


def _sandbox() -> type[TableauSandbox]:
    from connectors.tableau.sandbox import TableauSandbox

    return TableauSandbox


def _connect(settings: TableauSettings, tools: Tools) -> Connection:
    from connectors.tableau.check import check
    from connectors.tableau.sink import TableauSink
    from connectors.tableau.site import Tableau

    tableau = Tableau(settings, tools)
    return Connection(sink=TableauSink(settings, tableau, tools), check=lambda: check(settings, tableau))


_RECORDED, _CLIENT = "third party XML recorded by tableauserverclient", "client library tableauserverclient 0.42"

CONNECTOR = Connector(
    name="tableau",
    title="Tableau Server and Cloud",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    actions={"publish_table": DeliveryClass.A, "extend_table": DeliveryClass.A},
    folder=Path(__file__).parent,
    needs={"pantab": "tableau", "tableauserverclient": "tableau"},
    waivers={
        "what_was_made_is_found": "a job cannot be asked for by its RequestID; the same one runs once",
        "a_lookup_that_fails_is_not_a_no": "find makes no call, as the same RequestID may simply be sent again",
    },
    confirmed={
        "an update with a RequestID that was used before is not run again":
            f"{_CLIENT}, and the vendor's document Update Data in Hyper Data Source",
        "paths, headers, multipart bodies and the upload in pieces": _CLIENT,
        "the elements and attributes of every answer, errors included": _RECORDED,
        "replace, delete and insert with source and target table, a condition with op eq":
            "official spec document Update Data in Published Live-to-Hyper Data Sources",
        "how long tokens last, 429 on Cloud, one session for each access token": "UNCONFIRMED",
    },
)
