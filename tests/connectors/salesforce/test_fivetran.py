"""Tables of real orgs that others published, through the mapping: every row becomes a record or says why not."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connectors.salesforce import CONNECTOR
from connectors.salesforce.mapping import Mapper, wanted
from connectors.salesforce.schema import schemas
from connectors.salesforce.settings import SalesforceSettings

FOLDER = Path(__file__).resolve().parents[4] / "shared" / "data" / "fivetran_seeds" / "salesforce"
SETTINGS = SalesforceSettings.model_validate({
    "instance_url": "https://acme.my.salesforce.com", "auth": {"client_id": "x", "client_secret": "y"},
    "tables": {"subscriptions": "Order"},
    "fields": {"Order": {"starts_on": "EffectiveDate", "ends_on": "EndDate", "arr": "TotalAmount"}},
    "custom_fields": {"Opportunity": {"forecast": "ForecastCategoryName", "quarter": "FiscalQuarter"}},
})
STREAMS = {"persons": "user", "accounts": "account", "contacts": "contact", "opportunities": "opportunity",
           "touchpoints": "event", "tasks": "task", "subscriptions": "order"}
NUMBERS = ("amount", "number", "revenue", "quarter", "probability")

pytestmark = pytest.mark.skipif(not FOLDER.exists(), reason="the published tables are not on this machine")


@pytest.mark.parametrize("stream", STREAMS)
def test_every_row_is_accepted_or_refused_with_a_reason(stream: str) -> None:
    """Real orgs have fields and values that nobody made up for a test."""
    with (FOLDER / f"sf_{STREAMS[stream]}_data.csv").open(encoding="utf-8") as file:
        rows = [{_api_name(name): _as_json(name, text) for name, text in row.items()} for row in csv.DictReader(file)]
    noun = CONNECTOR.streams[stream].noun
    assert noun
    mapper = Mapper(stream, noun, SETTINGS, frozenset(rows[0]))

    taken = refused = 0
    for row in rows:
        record, refusals = mapper.record(row)
        taken += record is not None
        refused += record is None and bool(refusals)
        assert all(refusal.reason and refusal.where for refusal in refusals)
        asked = {name.removeprefix("!") for names in wanted(stream, SETTINGS).values() for name in names}
        given = {name for name in asked if row.get(name) is not None}
        lost = {refusal.field for refusal in refusals}
        assert record is None or record.deleted or len(record.values) + len(lost) >= len(given & _one_each(stream, given))

    assert taken + refused == len(rows)
    assert taken >= len(rows) - 1


def _one_each(stream: str, given: set[str]) -> set[str]:
    """Of the fields that share one of ours, one."""
    chosen = set()
    for names in wanted(stream, SETTINGS).values():
        chosen |= set([name for name in (each.removeprefix("!") for each in names) if name in given][:1])
    return chosen


def _api_name(name: str) -> str:
    """The API name behind the warehouse's column."""
    if name.endswith("_c"):
        return "_".join(part.capitalize() for part in name[:-2].split("_")) + "__c"
    return "".join(part.capitalize() for part in name.split("_"))


def _as_json(name: str, text: str) -> Any:
    """The value as Salesforce's JSON has it."""
    if text == "":
        return None
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    if any(word in name for word in NUMBERS) and text.replace(".", "", 1).isdigit():
        return Decimal(text)
    if len(text) == 19 and text[4] == text[7] == "-" and text[13] == ":":
        return f"{text[:10]}T{text[11:]}.000+0000"
    return text


def test_the_schema_of_the_sandbox_has_the_real_names() -> None:
    """A field that only our sandbox knows would be a field that nobody has."""
    known = {table: schema for table, schema in schemas().items() if table in ("Account", "Opportunity", "Task", "Event", "User")}
    for table, schema in known.items():
        with (FOLDER / f"sf_{table.lower()}_data.csv").open(encoding="utf-8") as file:
            real = {_api_name(name) for name in next(csv.reader(file))}
        ours = {name for name in schema.fields if not name.endswith("__c") and name != "CurrencyIsoCode"}
        missing = ours - real - {"SystemModstamp", "CreatedDate", "LastModifiedDate", "ActivityDateTime"}
        assert not missing, f"{table}: {missing}"
