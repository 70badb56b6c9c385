"""Gainsight PX: accounts, users and what they do in the product, counted by account and day; fields of accounts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Stream, Tools
from steward.model.actions import DeliveryClass
from steward.model.records import Noun

if TYPE_CHECKING:
    from connectors.gainsight_px.sandbox import GainsightPxSandbox
    from connectors.gainsight_px.settings import GainsightPxSettings


def _settings() -> type[GainsightPxSettings]:
    from connectors.gainsight_px.settings import GainsightPxSettings

    return GainsightPxSettings


def _sandbox() -> type[GainsightPxSandbox]:
    from connectors.gainsight_px.sandbox import GainsightPxSandbox

    return GainsightPxSandbox


def _connect(settings: GainsightPxSettings, tools: Tools) -> Connection:
    from connectors.gainsight_px.check import check
    from connectors.gainsight_px.client import Client
    from connectors.gainsight_px.sink import GainsightPxSink
    from connectors.gainsight_px.source import GainsightPxSource

    client = Client(settings, tools)
    return Connection(
        source=GainsightPxSource(client, settings, tools),
        sink=GainsightPxSink(client, tools),
        check=lambda: check(client, settings, tools),
    )


_SPEC = "official spec Gainsight PX REST API 0.1.6"
CONNECTOR = Connector(
    name="gainsight_px",
    title="Gainsight PX",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    streams={
        "accounts": Stream(Noun.ACCOUNT, "Accounts that the product told PX of"),
        "contacts": Stream(Noun.CONTACT, "Users of type USER"),
        "daily": Stream(None, "Sessions, events and features, counted by account and day", usage=True),
    },
    tells_deletions=False,
    actions={"update_record": DeliveryClass.A},
    folder=Path(__file__).parent,
    waivers={"a_write_that_meets_drip": "a yes to an update is a 204, which has no body that could drip"},
    confirmed={
        "three data centres; the key goes in X-APTRINSIC-API-KEY": _SPEC,
        "another data centre answers 404": "third party airbyte-source-gainsight-px and three more",
        "a page is 1,000 rows at most; a scroll ends with a page that is short": _SPEC,
        "lists are filtered and sorted by any field": f"{_SPEC} (any field); client library tap-gainsightpx (sorts so)",
        "lastModifiedDate is compared with milliseconds": "UNCONFIRMED: `connector check` tries it",
        "how a scroll that expired is answered": "UNCONFIRMED: 400, 404 and 410 start the list anew",
        "whether a page can be asked for twice": "UNCONFIRMED: so it never is; the list goes on by time",
        "events are asked for by dates in ISO 8601, of 190 days at most": f"{_SPEC}; client library tap-gainsightpx",
        "accounts and users that are deleted are not told of": f"{_SPEC} (has no such call)",
        "a changed account is answered 204": _SPEC,
        "fields that a change leaves out stay": "UNCONFIRMED: so the whole account is sent",
        "about 200 calls a second and a million a day": _SPEC,
    },
)
