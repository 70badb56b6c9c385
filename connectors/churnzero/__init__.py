"""ChurnZero: accounts, people, contracts, tasks, events in; attributes out, and events that Plays turn into tasks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Stream, Tools
from steward.model.actions import DeliveryClass
from steward.model.records import Noun

if TYPE_CHECKING:
    from connectors.churnzero.sandbox import ChurnZeroSandbox
    from connectors.churnzero.settings import ChurnZeroSettings


def _settings() -> type[ChurnZeroSettings]:
    from connectors.churnzero.settings import ChurnZeroSettings

    return ChurnZeroSettings


def _sandbox() -> type[ChurnZeroSandbox]:
    from connectors.churnzero.sandbox import ChurnZeroSandbox

    return ChurnZeroSandbox


def _connect(settings: ChurnZeroSettings, tools: Tools) -> Connection:
    from connectors.churnzero.check import check
    from connectors.churnzero.client import Client
    from connectors.churnzero.sink import ChurnZeroSink
    from connectors.churnzero.source import ChurnZeroSource

    client = Client(settings, tools)
    return Connection(
        source=ChurnZeroSource(client, settings, tools), sink=ChurnZeroSink(client, settings, tools),
        check=lambda: check(client, settings))


CONNECTOR = Connector(
    name="churnzero",
    title="ChurnZero",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    streams={
        "persons": Stream(Noun.PERSON, "Users: who owns accounts."),
        "accounts": Stream(Noun.ACCOUNT, "Accounts, with the churn score as `custom.churn_score`."),
        "contacts": Stream(Noun.CONTACT, "People at the accounts."),
        "subscriptions": Stream(Noun.SUBSCRIPTION, "The contract that stands on each account."),
        "tasks": Stream(Noun.TASK, "Tasks, with those that Plays made of Steward's events."),
        "usage_events": Stream(Noun.USAGE_EVENT, "Events: each counts towards the metric of its name."),
    },
    tells_deletions=False,
    actions={
        "open_cta": DeliveryClass.B, "log_touchpoint": DeliveryClass.A, "update_record": DeliveryClass.A,
    },
    folder=Path(__file__).parent,
    waivers={
        "what_was_made_is_found": "an attribute keeps no key, and setting it again sets the same; events have tests",
        "a_lookup_that_fails_is_not_a_no": "of an attribute nothing is looked up; events have tests of their own",
    },
    confirmed={
        "OData v4 with Basic e-mail:key; pages of 100; `$top` gives no nextLink; two limits a minute":
            "third party stored copies of ChurnZero's developer pages",
        "names of fields: ExternalId, TotalContractAmount, PrimaryChurnScoreValue (higher is worse), EventTypeName":
            "third party programs that say they ran against live instances",
        "a repeated event (same date, account, contact, description) is ignored; setAttribute upserts":
            "client library churnzero-api-wrapper, which quotes ChurnZero's HTTP API",
        "ObjectLastModifiedDate on every entity": "third party Fivetran's schema of its ChurnZero connector",
        "what a success of `/i` says; how fast one may call; tasks by API": "UNCONFIRMED",
    },
)
