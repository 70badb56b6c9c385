"""HubSpot's own libraries, for Node.js and for Python's dated scheme, against the sandbox: they see a HubSpot."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from connectors.hubspot.sandbox import CLIENT_ID, REFRESH_TOKEN, SECRET, TOKEN, HubSpotSandbox

EMAILS = sorted(f"anne.{number}.{each}@example.com" for number in range(12) for each in range(2))


@pytest.fixture
def sandbox() -> Iterator[HubSpotSandbox]:
    with HubSpotSandbox() as started:
        assert isinstance(started, HubSpotSandbox)
        started.seed(12)
        started.page_size = 10
        yield started


def effects(sandbox: HubSpotSandbox) -> list[tuple[str, str]]:
    return [(effect.kind, effect.key) for effect in sandbox.ledger]


def test_the_library_for_node(sandbox: HubSpotSandbox, node: Any) -> None:
    """@hubspot/api-client 13: v3 and v4, with its own models over every answer."""
    webhook = sandbox.sign(b'[{"a":"b"}]')
    said = node("hubspot.mjs", {
        "url": sandbox.url, "token": TOKEN, "client_id": CLIENT_ID, "secret": SECRET, "refresh": REFRESH_TOKEN,
        "contact": "2000001", "webhook": {
            "url": webhook[":url"], "method": "POST", "requestBody": '[{"a":"b"}]',
            "signature": webhook["x-hubspot-signature-v3"], "timestamp": int(webhook["x-hubspot-request-timestamp"])},
    })

    rows = sandbox.portal.shelves["companies"].rows
    assert said["listed"] == [[str(each), rows[each].properties["name"]] for each in range(1_000_001, 1_000_013)]
    assert said["dates"] is True
    assert (said["total"], sorted(said["searched"])) == (24, EMAILS)
    assert said["read"] == {"ids": ["1000001"], "errors": ["OBJECT_NOT_FOUND"]}
    assert said["upserted"] == {
        "status": "COMPLETE", "made": [True],
        "errors": [{"properties": ["hs_timestamp"], "objectWriteTraceId": ["second"]}]}
    assert said["task"]["companies"] == ["1000002"]
    assert said["tied"] == {"made": 1, "companies": ["1000003"]}
    assert said["changed"] == {"cities": ["Köln"], "errors": ["OBJECT_NOT_FOUND"]}
    assert "ada.lovelace@steward.example.com" in said["owners"]
    assert said["stages"][-2:] == ["closedwon", "closedlost"]
    assert said["unique"] == ["steward_key"]
    assert said["schemas"] == ["p_milestones", "p_subscriptions"]
    assert said["archived"] == [["2000001", True]]
    assert said["missing"] == [404, "OBJECT_NOT_FOUND"]
    assert said["oauth"] == [1800, 1]
    assert said["signature"] is True
    assert effects(sandbox) == [
        ("task upsert", "key-1"), ("task create", ""), ("task association", ""), ("task association", ""),
        ("company update", ""), ("contact archive", ""),
    ]
    assert sandbox.breaches == []


def test_the_library_of_the_dated_scheme(sandbox: HubSpotSandbox) -> None:
    """hubspot-sdk: every path 2026-03, every answer through its pydantic models, which are asked to be strict."""
    sdk = pytest.importorskip("hubspot_sdk", reason="hubspot-sdk is not installed; run: make setup")
    client = sdk.HubSpot(access_token=TOKEN, base_url=sandbox.url, max_retries=0, _strict_response_validation=True)
    crm = client.crm

    listed = list(crm.objects.companies.list(limit=5, properties=["name"], associations=["contacts"]))
    found: list[str] = []
    after: str | None = "0"
    while after is not None:
        page = crm.objects.contacts.search(
            after=after, limit=7, properties=["email"], sorts=["hs_object_id"],
            filter_groups=[{"filters": [{"property_name": "email", "operator": "HAS_PROPERTY"}]}])
        found += [str(each.properties["email"]) for each in page.results]
        after = page.paging.next.after if page.paging else None
    assert [each.id for each in listed] == [str(each) for each in range(1_000_001, 1_000_013)]
    assert listed[0].associations["contacts"].results[0].id == "2000001"
    assert sorted(found) == EMAILS

    read = crm.objects.companies.batch.get(
        inputs=[{"id": "1000001"}, {"id": "404"}], properties=["name"], properties_with_history=[])
    assert [each.id for each in read.results] == ["1000001"]
    upserted = crm.objects.tasks.batch.upsert(inputs=[
        {"id": "key-1", "id_property": "steward_key", "properties": {"hs_timestamp": "2026-03-05T12:00:00Z"}},
        {"id": "key-2", "id_property": "steward_key", "properties": {"hs_task_subject": "No day"}},
    ])
    assert [each.new for each in upserted.results] == [True]
    assert upserted.model_extra["errors"][0]["context"] == {"properties": ["hs_timestamp"]}
    task = crm.objects.tasks.create(
        properties={"hs_timestamp": "2026-03-06T12:00:00Z", "hs_task_subject": "Tied"},
        associations=[{"to": {"id": "1000002"},
                       "types": [{"association_category": "HUBSPOT_DEFINED", "association_type_id": 192}]}])
    tied = crm.associations.batch.create_default(
        from_object_type="tasks", to_object_type="companies",
        inputs=[{"from": {"id": upserted.results[0].id}, "to": {"id": "1000003"}}])
    links = crm.associations.batch.get(
        from_object_type="tasks", to_object_type="companies",
        inputs=[{"id": task.id}, {"id": upserted.results[0].id}])
    assert tied.results[0].to.id == "1000003"
    assert [[str(to.to_object_id) for to in each.to] for each in links.results] == [["1000002"], ["1000003"]]

    changed = crm.objects.companies.batch.update(inputs=[{"id": "1000001", "properties": {"city": "Köln"}}])
    assert changed.results[0].properties["city"] == "Köln"
    assert {each.email for each in crm.owners.list()} >= {"ada.lovelace@steward.example.com"}
    assert [each.id for each in crm.pipelines.list("tickets").results[0].stages] == ["1", "2", "3", "4"]
    assert [each.name for each in crm.properties.list("tasks").results if each.has_unique_value] == ["steward_key"]
    with pytest.raises(sdk.NotFoundError):
        crm.objects.companies.get("404")
    assert effects(sandbox) == [
        ("task upsert", "key-1"), ("task create", ""), ("task association", ""), ("task association", ""),
        ("company update", ""),
    ]
    assert sandbox.breaches == []


def test_a_limit_is_told_so_that_their_own_retry_understands_it(sandbox: HubSpotSandbox) -> None:
    """What we say in a 429 must be what HubSpot's own client sleeps by."""
    sdk = pytest.importorskip("hubspot_sdk", reason="hubspot-sdk is not installed; run: make setup")
    sandbox.faults = [_once_too_fast()]
    started = time.monotonic()
    client = sdk.HubSpot(access_token=TOKEN, base_url=sandbox.url, max_retries=1)

    assert len(client.crm.objects.companies.list(limit=5).results) == 5
    assert time.monotonic() - started >= 1
    assert [status for *_, status in sandbox.calls] == [429, 200]


def _once_too_fast() -> Any:
    from steward.kit.sandbox import Fault

    return Fault("status", status=429, retry_after="1")
