"""Gainsight NXT (CS): companies, people, CTAs, success plans, Timeline and scores; and the work of playbooks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Stream, Tools
from steward.model.actions import DeliveryClass
from steward.model.records import Noun

if TYPE_CHECKING:
    from connectors.gainsight.sandbox import GainsightSandbox
    from connectors.gainsight.settings import GainsightSettings


def _settings() -> type[GainsightSettings]:
    from connectors.gainsight.settings import GainsightSettings

    return GainsightSettings


def _sandbox() -> type[GainsightSandbox]:
    from connectors.gainsight.sandbox import GainsightSandbox

    return GainsightSandbox


def _connect(settings: GainsightSettings, tools: Tools) -> Connection:
    from connectors.gainsight.check import check
    from connectors.gainsight.client import Client
    from connectors.gainsight.sink import GainsightSink
    from connectors.gainsight.source import GainsightSource

    client = Client(settings, tools)
    return Connection(
        source=GainsightSource(client, settings, tools),
        sink=GainsightSink(client, settings, tools),
        check=lambda: check(client, settings),
    )


_TAP = "Steerco-Analytics-Internal/tap-gainsight"
_ESTUARY = "estuary/connectors source-gainsight-nxt"
CONNECTOR = Connector(
    name="gainsight",
    title="Gainsight CS",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    streams={
        "persons": Stream(Noun.PERSON, "Users of Gainsight"),
        "accounts": Stream(Noun.ACCOUNT, "Companies, with the scores of their scorecards"),
        "contacts": Stream(Noun.CONTACT, "Persons at a company"),
        "tasks": Stream(Noun.TASK, "CTAs, those that Steward opened too"),
        "cta_tasks": Stream(Noun.TASK, "Tasks within CTAs"),
        "milestones": Stream(Noun.MILESTONE, "Objectives of success plans"),
        "touchpoints": Stream(Noun.TOUCHPOINT, "Timeline activities that are a contact with the customer"),
        "survey_responses": Stream(Noun.SURVEY_RESPONSE, "Survey participants who have answered"),
    },
    actions={
        "open_cta": DeliveryClass.B, "log_touchpoint": DeliveryClass.A, "update_record": DeliveryClass.A,
        "start_success_plan": DeliveryClass.B,
    },
    folder=Path(__file__).parent,
    confirmed={
        "every answer is an envelope, and a no may have status 200": f"third party {_TAP} (samples of the documents)",
        "rows are `data` or `data.records`; nothing is said in three ways": f"third party {_TAP} and {_ESTUARY}",
        "filters take times with an offset from UTC": f"third party {_ESTUARY} (production code); else set filter_zone",
        "rows can be ordered by (ModifiedDate, Gsid) and compared by Gsid": f"third party {_TAP} (pages so)",
        "deletions are logged for 15 days; CTAs have their own list": f"third party {_TAP} (samples)",
        "how deleted activities are asked for": "UNCONFIRMED: startDate and endDate; a refusal is told",
        "dropdown items stand in describe, else in their category": f"third party {_TAP} (one live tenant)",
        "a new CTA or plan is named under its referenceId": "third party dumbmachine/fabricate",
        "Gainsight enforces no key for CTAs and plans": "UNCONFIRMED: nothing says that it does, so class B",
        "ExternalId is unique on Timeline; a second is refused": "third party support.gainsight.com, Timeline APIs",
        "companies are updated by ?keys=Gsid, 50 at most, all or none": "third party dumbmachine/fabricate",
        "scorecard_fact has CompanyId, MeasureId, CurrentScoreId": "UNCONFIRMED: by the glossary; absent is Missing",
        "survey_participant has NpsScore and RespondedDate": "UNCONFIRMED: name yours in `fields`",
        "429 carries Retry-After": "UNCONFIRMED: used where it is there",
    },
)
