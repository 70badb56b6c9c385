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
        "calls": Stream(Noun.TOUCHPOINT, "Calls that were made, where settings count them as touchpoints"),
        "emails": Stream(Noun.TOUCHPOINT, "E-mails that were sent or came, where settings count them as touchpoints"),
        "tasks": Stream(Noun.TASK, "Tasks, those that Steward opened too"),
    },
    actions=dict.fromkeys(("open_cta", "log_touchpoint", "update_record", "open_opportunity"), DeliveryClass.A),
    inbox=True,
    confirmed={
        "paths, bodies and answers of v3 and v4": "client library hubspot-api-client 12 and @hubspot/api-client 13.5",
        "paths, bodies and answers of 2026-03": "client library hubspot-sdk 0.1.0a9, with strict validation",
        "a listing has 100 rows a page, a search 200, in all 10,000": "third party estuary (production code)",
        "5 searches a second for a portal, no limit headers on them": "third party three that quote its documents",
        "100, 190 or 110 calls in ten seconds, by plan": "third party several that quote HubSpot's documents",
        "a batch takes 100 rows and may be answered 207, row by row": "client library hubspot-api-client 12",
        "objectWriteTraceId is repeated with each row": "client library hubspot-api-client 12; of errors UNCONFIRMED",
        "associations are read for 1,000 rows at once": "UNCONFIRMED",
        "the search index is late by no more than 300 s": "UNCONFIRMED: `overlap_s` says how late",
        "properties of calls, meetings, e-mails and notes may be unique": "UNCONFIRMED: `connector check` looks",
        "signature v3 is over the decoded address": "UNCONFIRMED: its documents say so, its libraries do not",
        "hs_merged_object_ids names who was merged away": "UNCONFIRMED",
        "an erased contact is in no listing": "UNCONFIRMED",
    },
    folder=Path(__file__).parent,
)
