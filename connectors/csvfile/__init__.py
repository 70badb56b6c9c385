"""Files: any CSV, TSV, Parquet or XLSX whose columns the settings map to our nouns."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from steward.contracts import Connection, Connector, Stream, Tools
from steward.model.records import Noun

if TYPE_CHECKING:
    from connectors.csvfile.sandbox import CsvfileSandbox
    from connectors.csvfile.settings import CsvfileSettings


def _settings() -> type[CsvfileSettings]:
    from connectors.csvfile.settings import CsvfileSettings

    return CsvfileSettings


def _sandbox() -> type[CsvfileSandbox]:
    from connectors.csvfile.sandbox import CsvfileSandbox

    return CsvfileSandbox


def _connect(settings: CsvfileSettings, tools: Tools) -> Connection:
    from connectors.csvfile.check import check
    from connectors.csvfile.source import CsvfileSource

    return Connection(source=CsvfileSource(settings, tools), check=lambda: check(settings))


CONNECTOR = Connector(
    name="csvfile",
    title="CSV, Parquet and Excel files",
    load_settings=_settings,
    connect=_connect,
    load_sandbox=_sandbox,
    streams={
        "persons": Stream(Noun.PERSON, "Colleagues who own accounts"),
        "accounts": Stream(Noun.ACCOUNT, "Customer companies"),
        "contacts": Stream(Noun.CONTACT, "People at the accounts"),
        "subscriptions": Stream(Noun.SUBSCRIPTION, "Paid terms"),
        "opportunities": Stream(Noun.OPPORTUNITY, "Deals: new, renewal, expansion"),
        "tickets": Stream(Noun.TICKET, "Support cases"),
        "survey_responses": Stream(Noun.SURVEY_RESPONSE, "NPS, CSAT and CES answers"),
        "milestones": Stream(Noun.MILESTONE, "Steps of success plans and onboardings"),
        "touchpoints": Stream(Noun.TOUCHPOINT, "Calls and meetings that took place"),
        "tasks": Stream(Noun.TASK, "Open and done tasks"),
        "usage": Stream(None, "Usage per account and day, wide or long, by day or by week", usage=True),
    },
    folder=Path(__file__).parent,
    waivers={
        "a_read_that_meets_*": "a folder, no HTTP that could go wrong; broken files have tests of their own",
    },
)
