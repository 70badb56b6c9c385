"""HubSpot: the CRM's records, CTAs as tasks, and its signed webhooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Stream, Tools
from steward.model.actions import DeliveryClass
from steward.model.records import Noun

if TYPE_CHECKING:
    from connectors.hubspot.sandbox import HubSpotSandbox
    from connectors.hubspot.settings import HubSpotSettings


def _settings() -> type[HubSpotSettings]:
    from connectors.hubspot.settings import HubSpotSettings

    return HubSpotSettings


def _sandbox() -> type[HubSpotSandbox]:
    from connectors.hubspot.sandbox import HubSpotSandbox

    return HubSpotSandbox


def _connect(settings: HubSpotSettings, tools: Tools) -> Connection:
    from connectors.hubspot.check import check
    from connectors.hubspot.client import Client
    from connectors.hubspot.inbox import HubSpotInbox
    from connectors.hubspot.sink import HubSpotSink
    from connectors.hubspot.source import HubSpotSource

    client = Client(settings, tools)
    return Connection(
        source=HubSpotSource(client, settings, tools),
        sink=HubSpotSink(client, settings, tools),
        inbox=HubSpotInbox(settings, tools) if settings.client_secret else None,
        check=lambda: check(client, settings),
    )


CONNECTOR = Connector(
    name="hubspot",
    title="HubSpot",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    streams={
        "persons": Stream(Noun.PERSON, "Owners: who accounts, deals and tasks belong to"),
        "accounts": Stream(Noun.ACCOUNT, "Companies"),
        "contacts": Stream(Noun.CONTACT, "Contacts and the company each belongs to"),
        "subscriptions": Stream(Noun.SUBSCRIPTION, "Paid terms, from a custom object where there is one"),
        "opportunities": Stream(Noun.OPPORTUNITY, "Deals"),
        "tickets": Stream(Noun.TICKET, "Support tickets"),
        "survey_responses": Stream(Noun.SURVEY_RESPONSE, "NPS, CSAT and CES answers: feedback submissions"),
        "milestones": Stream(Noun.MILESTONE, "Onboarding milestones, from a custom object where there is one"),
        "touchpoints": Stream(Noun.TOUCHPOINT, "Meetings that took place"),
        "tasks": Stream(Noun.TASK, "Tasks, those that Steward opened too"),
    },
    actions=dict.fromkeys(("open_cta", "log_touchpoint", "update_record", "open_opportunity"), DeliveryClass.A),
    inbox=True,
    folder=Path(__file__).parent,
)
