"""Salesforce: accounts, people, deals, cases and activities in; CTAs, touchpoints, opportunities and fields out."""

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
    actions={
        "open_cta": DeliveryClass.A, "log_touchpoint": DeliveryClass.A, "open_opportunity": DeliveryClass.A,
        "update_record": DeliveryClass.A,
    },
    confirmed={
        "Records come by query, queryAll and nextRecordsUrl, at most 2,000 a page":
            "official spec Postman collection of Salesforce (2020); third party jsforce 3.10.16",
        "`deleted` and `updated` with latestDateCovered, 15 and 30 days back":
            "official spec Postman collection of Salesforce (2020), REST API Developer Guide",
        "A bulk query's parts come with Sforce-Locator, `null` after the last":
            "official spec Bulk API 2.0 Developer Guide; client library simple-salesforce 1.12.10",
        "Whether later parts of a bulk result begin with the names": "UNCONFIRMED; both are read",
        "Collections take 200 records, and answer 200 with a word for each":
            "official spec Postman collection of Salesforce (2020); third party jsforce 3.10.16",
        "Upsert by a unique External ID makes one record of one key": "official spec REST API Developer Guide",
        "Sforce-Limit-Info says api-usage on every answer": "client library simple-salesforce 1.12.10",
        "URI and headers are at most 16,384 bytes": "official spec REST API Developer Guide",
        "An Activity's custom field may be External ID and Unique": "UNCONFIRMED; describe is asked first",
        "A sign-in after an org has moved names its new host": "client library simple-salesforce 1.12.10",
    },
)
