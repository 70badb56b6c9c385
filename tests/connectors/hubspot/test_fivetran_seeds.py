"""Tables that others made, in HubSpot's own field names, through the mapping: every row accepted or refused with a reason."""

from __future__ import annotations

import csv
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.hubspot.sandbox import HubSpotSandbox
from steward.contracts import Page

_NEAR = [each / "shared/data/fivetran_seeds/hubspot" for each in Path(__file__).parents[4:6]]
SEEDS = next((each for each in _NEAR if each.exists()), _NEAR[0])
pytestmark = pytest.mark.skipif(not SEEDS.exists(), reason="../shared/data is not here")
# table -> our stream, file, its id column, and how its columns are called in HubSpot
TABLES = {
    "companies": ("accounts", "company_data", "id", {}),
    "contacts": ("contacts", "contact_data", "id", {}),
    "deals": ("opportunities", "deal_data", "deal_id", {
        "deal_pipeline_id": "pipeline", "deal_pipeline_stage_id": "dealstage", "owner_id": "hubspot_owner_id"}),
    "tickets": ("tickets", "ticket_data", "id", {}),
    "tasks": ("tasks", "engagement_task_data", "engagement_id", {}),
    "meetings": ("touchpoints", "engagement_meeting_data", "engagement_id", {
        "title": "hs_meeting_title", "start_time": "hs_meeting_start_time", "meeting_outcome": "hs_meeting_outcome"}),
}


def read(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def as_hubspot(told: dict[str, str], id_column: str, names: dict[str, str]) -> dict[str, Any]:
    """A row of the warehouse as the object it was made from."""
    properties = {
        names.get(name, name.removeprefix("property_")): value for name, value in told.items()
        if value and (name in names or name.startswith("property_"))
    }
    gone = told.get("is_deleted", told.get("_fivetran_deleted", "")).lower() == "true"
    at = told.get("property_createdate") or told.get("property_hs_createdate") or "2021-01-01 0:00:00"
    stamp = datetime.strptime(at.partition(".")[0], "%Y-%m-%d %H:%M:%S").isoformat() + ".000Z"  # noqa: DTZ007  Z is added
    return {"id": told[id_column], "createdAt": stamp, "updatedAt": stamp, "archived": gone, "properties": properties}


@pytest.mark.parametrize("table", sorted(TABLES))
def test_every_row_is_accepted_or_refused_with_a_reason(sandbox: HubSpotSandbox, connect: Any, table: str) -> None:
    """Rows that neither arrive nor are named are how customers get forgotten."""
    stream, file, id_column, names = TABLES[table]
    pipelines(sandbox)
    rows = [as_hubspot(told, id_column, names) for told in read(file)]
    sandbox.load(table, rows)
    merged = {each.strip() for row in rows for each in row["properties"].get("hs_merged_object_ids", "").split(";")} - {""}
    pages: list[Page] = list(connect().source.pull(stream, None))
    records = {record.external_id: record for page in pages for record in page.records}
    refusals = [refusal for page in pages for refusal in page.refusals]

    expected = {row["id"] for row in rows if not row["archived"]} | merged
    assert set(records) == expected
    assert {record.external_id for record in records.values() if record.merged_into} == merged
    assert all(refusal.reason and refusal.field and refusal.where.split()[1] in records for refusal in refusals)


def pipelines(sandbox: HubSpotSandbox) -> None:
    """The seeds' own stages of deals and tickets."""
    for kind, name in (("deals", "deal_pipeline_stage_data"), ("tickets", "ticket_pipeline_stage_data")):
        for told in read(name):
            metadata = {"isClosed": told["is_closed"].lower()}
            metadata |= {"probability": told["probability"]} if kind == "deals" else {"ticketState": told["ticket_state"]}
            sandbox.load("pipelines", [{"objectType": kind, "id": told["pipeline_id"], "label": told["pipeline_id"], "stages": [
                {"id": told["stage_id"], "label": told["label"], "metadata": metadata}]}])


def test_owners_of_the_seeds_become_persons(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Their addresses are hashed; they are people all the same."""
    owners = read("owner_data")
    sandbox.load("owners", [
        {"id": told["owner_id"], "email": told["email"], "firstName": told["first_name"], "lastName": told["last_name"],
         "updatedAt": told["updated_at"]} for told in owners])
    records = [record for page in connect().source.pull("persons", None) for record in page.records]

    assert {record.external_id for record in records} == {told["owner_id"] for told in owners}
    assert all(record.values["name"] for record in records)
