"""Salesforce: accounts, people, contracts, opportunities, cases and activities in; CTAs out as Tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Stream, Tools
from steward.model.actions import DeliveryClass
from steward.model.records import Noun

if TYPE_CHECKING:
    from connectors.salesforce.sandbox import SalesforceSandbox
    from connectors.salesforce.settings import SalesforceSettings


def _settings() -> type[SalesforceSettings]:
    from connectors.salesforce.settings import SalesforceSettings

    return SalesforceSettings


def _sandbox() -> type[SalesforceSandbox]:
    from connectors.salesforce.sandbox import SalesforceSandbox

    return SalesforceSandbox


def _connect(settings: SalesforceSettings, tools: Tools) -> Connection:
    from connectors.salesforce.check import check
    from connectors.salesforce.client import Client
    from connectors.salesforce.mapping import check_settings
    from connectors.salesforce.sink import SalesforceSink
    from connectors.salesforce.source import SalesforceSource

    check_settings(settings, {name: stream.noun for name, stream in CONNECTOR.streams.items() if stream.noun})
    client = Client(settings, tools)
    return Connection(
        source=SalesforceSource(client, settings, tools), sink=SalesforceSink(client, settings, tools),
        check=lambda: check(client, settings),
    )


CONNECTOR = Connector(
    name="salesforce",
    title="Salesforce",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    streams={
        "persons": Stream(Noun.PERSON, "Users: who owns accounts and is told about them."),
        "accounts": Stream(Noun.ACCOUNT, "Accounts, with those deleted or merged away."),
        "contacts": Stream(Noun.CONTACT, "People at the accounts."),
        "subscriptions": Stream(Noun.SUBSCRIPTION, "Contracts, or the object named in `tables`."),
        "opportunities": Stream(Noun.OPPORTUNITY, "Deals: new, renewal, expansion."),
        "tickets": Stream(Noun.TICKET, "Cases."),
        "milestones": Stream(Noun.MILESTONE, "Onboarding milestones, from a custom object."),
        "touchpoints": Stream(Noun.TOUCHPOINT, "Events: calls and meetings that took place."),
        "surveys": Stream(Noun.SURVEY_RESPONSE, "Answers to surveys, from the object named in `tables`, if any."),
        "usage_events": Stream(Noun.USAGE_EVENT, "Usage, from the object named in `tables`, if any."),
        "tasks": Stream(Noun.TASK, "Tasks, those that Steward opened among them."),
    },
    actions={"open_cta": DeliveryClass.A},
)
