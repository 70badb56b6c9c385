"""The sandbox speaks as Gainsight does: its answers have the shapes of what others have read of Gainsight's own.

Facts only were taken, of: Steerco-Analytics-Internal/tap-gainsight tests/fixtures (samples of the documents, written off,
with their addresses in SOURCES.json; and one described dropdown as a live tenant gave it), estuary/connectors
source-gainsight-nxt (production code, and the objects it reads), and, for the answers to writes, of two servers that
others wrote after the same documents (dumbmachine/fabricate, resources/gainsight, is one).
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import connectors.gainsight
from connectors.gainsight import sandbox_objects, sandbox_seed
from connectors.gainsight.sandbox import GainsightSandbox

SAMPLES = Path(connectors.gainsight.__file__).parent / "samples"
_TAP = "Steerco-Analytics-Internal/tap-gainsight tests/fixtures/"
SOURCES = {
    "company_page": _TAP + "company_query_response.json", "company_none": _TAP + "company_query_no_data_response.json",
    "user_none": "Gainsight's list of error codes, by tap_gainsight/client.py: GSOBJ_1011 with 400",
    "plan_none": _TAP + "custom_object_query_empty_response.json", "timeline_page": _TAP + "timeline_query_response.json",
    "delete_log_page": _TAP + "delete_log_response.json", "cta_page": _TAP + "cta_list_response.json",
    "cta_deleted_page": _TAP + "cta_deleted_list_response.json",
    "cta_refused": _TAP + "cta_list_invalid_select_response.json",
    "cta_made": "dumbmachine/fabricate resources/gainsight (bulk envelope)",
    "activity_kept": "dumbmachine/fabricate resources/gainsight (activity envelope)",
    "activity_twice": "dumbmachine/fabricate resources/gainsight (GS_TL_10_0207)",
    "described_picklist": _TAP + "describe_picklist_fields_live.json", "dropdown": _TAP + "dropdown_response.json",
    "object_not_found": _TAP + "describe_not_found_response.json", "unauthorized": _TAP + "unauthorized_response.json",
}
QUERY = "/v1/data/objects/query/"
COMPANY = sandbox_seed.company_id(0)
ACTIVITY = {
    "ExternalId": "key-1", "ContextName": "Company", "GsCompanyId": COMPANY, "TypeName": "Call", "Subject": "s", "Notes": "n",
    "Author": sandbox_seed.OPS, "ActivityDate": "2022-07-01T06:36:00.000-07:00"}
CTA = {
    "referenceId": "1", "Name": "Potential cancelation", "CompanyId": COMPANY, "OwnerEmail": sandbox_seed.OPS, "type": "Risk",
    "status": "New", "priority": "High", "reason": "Other", "DueDate": "2026-03-05"}


@pytest.fixture
def answered(sandbox: GainsightSandbox, ask: Callable[..., Any]) -> Callable[[str], Any]:
    """What the sandbox answers where Gainsight gave the sample."""
    sandbox.seed(3)
    sandbox.tenant.delete("company", sandbox_seed.company_id(2), sandbox.milliseconds())
    sandbox.tenant.delete("call_to_action", sandbox_objects.gsid("1S01", 1), sandbox.milliseconds())
    never = {"conditions": [{"name": "Name", "alias": "A", "value": ["nobody"], "operator": "EQ"}], "expression": "A"}

    def query(name: str, *select: str, where: object = None) -> Any:
        return ask("POST", QUERY + name, {"select": select, **({"where": where} if where else {})})

    cta = ("CompanyId", "CompanyId__gr.Name", "DueDate", "EntityType", "Gsid", "IsClosed", "IsImportant", "Name", "OwnerId",
           "PriorityId", "PriorityId__gr.Name", "StatusId__gr.Name", "TypeId__gr.Name")
    calls: dict[str, Callable[[], Any]] = {
        "company_page": lambda: query("Company", "Name", "RenewalDate", "Status", "Csm__gr.Email"),
        "company_none": lambda: query("Company", "Name", where=never),
        "user_none": lambda: query("gsuser", "Name", where=never), "plan_none": lambda: query("cta_group", "Name", where=never),
        "timeline_page": lambda: {**(told := query("activity_timeline", "ContextName", "GsCompanyId", "AuthorId")), "data": {
            "records": [{"contextname": row["ContextName"], **row} for row in told["data"]["records"]]}},
        "delete_log_page": lambda: query("record_delete_log", "RecordId", "DeletedOn", "ObjectName"),
        "cta_page": lambda: ask("POST", "/v2/cockpit/cta/list", {"select": cta, "pageSize": 100, "pageNumber": 1}),
        "cta_deleted_page": lambda: ask("POST", "/v2/cockpit/cta/deleted/list", {
            "select": ["Name", "CompanyId", "ModifiedDate", "Gsid"], "pageSize": 100, "pageNumber": 1}),
        "cta_refused": lambda: ask("POST", "/v2/cockpit/cta/list", {"select": ["gsidasdf"]}),
        "cta_made": lambda: ask("POST", "/v2/cockpit/cta/", {"requests": [{"record": CTA}]}),
        "activity_kept": lambda: ask("POST", "/v1/ant/es/activity", {"records": [ACTIVITY]}),
        "activity_twice": lambda: [ask("POST", "/v1/ant/es/activity", {"records": [ACTIVITY]}) for _ in range(2)][1],
        "described_picklist": lambda: [field for field in ask(
            "GET", "/v1/meta/services/objects/Company/describe")["data"][0]["fields"] if field["fieldName"] == "Status"],
        "dropdown": lambda: ask("GET", f"/v1/meta/services/dropdowns/{sandbox_objects.gsid('1I00', 'Risk')}"),
        "object_not_found": lambda: ask("GET", "/v1/meta/services/objects/nothing__gc/describe"),
        "unauthorized": lambda: ask("GET", "/v1/meta/services/objects/Company/describe", key="another"),
    }
    return lambda name: calls[name]()


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_an_answer_has_the_shape_of_the_sample(answered: Callable[[str], Any], name: str) -> None:
    """A connector that works with an invention works with nothing else."""
    sample = json.loads((SAMPLES / f"{name}.json").read_text())

    assert list(_differences(sample, answered(name), name)) == []


def test_every_sample_says_where_it_was_read() -> None:
    """A shape that nobody can look up is an invention."""
    assert {file.stem for file in SAMPLES.glob("*.json")} == set(SOURCES)


def _differences(sample: Any, told: Any, path: str) -> Any:
    """Where `told` lacks what the sample has, or has another type there. Times may be milliseconds or text; null may be."""
    if isinstance(sample, dict):
        if not isinstance(told, dict):
            yield f"{path}: {told!r} is no object"
            return
        for name, value in sample.items():
            if name in told:
                yield from _differences(value, told[name], f"{path}.{name}")
            elif name != "1" and not path.endswith((".success", ".failures")):
                yield f"{path}: lacks {name}"
    elif isinstance(sample, list):
        if not isinstance(told, list) or (sample and not told):
            yield f"{path}: {told!r} is no list with something in it"
            return
        for value in sample[:1]:
            yield from _differences(value, told[0], f"{path}[0]")
    elif path.endswith((".errorCode", ".errorDesc", ".title")) or isinstance(sample, bool):
        if sample != told and sample is not True and "duplicate" not in str(sample):
            yield f"{path}: {told!r} is not {sample!r}"
    elif sample is not None and told is not None and not path.endswith(("Date", "On")) and type(sample) is not type(told):
        yield f"{path}: {told!r} is no {type(sample).__name__}"
