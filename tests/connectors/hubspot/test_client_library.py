"""HubSpot's own client library against the sandbox: what it does not notice, our connector will not either."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import hubspot
import pytest
from hubspot.crm.associations.v4.models import BatchInputPublicFetchAssociationsBatchRequest
from hubspot.crm.companies.exceptions import UnauthorizedException
from hubspot.crm.companies.models import PublicObjectSearchRequest
from hubspot.crm.contacts.exceptions import ApiException
from hubspot.crm.objects.models import BatchInputSimplePublicObjectBatchInputUpsert, BatchReadInputSimplePublicObjectId

from connectors.hubspot.sandbox import REFRESH_TOKEN, SECRET, TOKEN, HubSpotSandbox


@pytest.fixture
def client(sandbox: HubSpotSandbox) -> hubspot.HubSpot:
    sandbox.seed(7)
    return hubspot.HubSpot(access_token=TOKEN, host=sandbox.url, retry=False)      # it would sleep out a 429


def test_a_listing_is_paged_with_properties_and_associations(client: Any) -> None:
    """The library repeats `properties` in the query for each name."""
    page = client.crm.contacts.basic_api.get_page(limit=10, properties=["email", "jobtitle"], associations=["companies"])
    rest = client.crm.contacts.basic_api.get_page(limit=10, after=page.paging.next.after)

    assert len(page.results) == 10
    assert page.results[0].properties["jobtitle"] == "Head of IT"
    assert page.results[0].associations["companies"].results[0].type == "contact_to_company"
    assert page.results[0].updated_at.tzinfo is not None
    assert len(rest.results) == 4
    assert rest.paging is None


def test_a_search_filters_sorts_and_counts(client: Any, sandbox: HubSpotSandbox) -> None:
    """The incremental pull stands on it."""
    asked = PublicObjectSearchRequest(
        filter_groups=[
            {"filters": [{"propertyName": "segment", "operator": "EQ", "value": "smb"},
                         {"propertyName": "numberofemployees", "operator": "BETWEEN", "value": "1", "highValue": "9999"}]},
            {"filters": [{"propertyName": "domain", "operator": "IN", "values": ["customer-0.example.com"]}]},
        ], sorts=[{"propertyName": "hs_lastmodifieddate", "direction": "DESCENDING"}], properties=["segment"], limit=100)
    found = client.crm.companies.search_api.do_search(asked)
    changed = [each.updated_at for each in found.results]

    smb = [each for each in sandbox.portal.shelves["companies"] if each.properties["segment"] == "smb" or each.id == 1_000_001]
    assert found.total == len(found.results) == len(smb)
    assert changed == sorted(changed, reverse=True)


def test_batches_answer_207_for_what_is_not_there(client: Any) -> None:
    """Half a batch may fail."""
    read = client.crm.objects.batch_api.read("companies", BatchReadInputSimplePublicObjectId(
        properties=["name"], properties_with_history=[], inputs=[{"id": "1000001"}, {"id": "4"}]))
    made = client.crm.objects.batch_api.upsert("tasks", BatchInputSimplePublicObjectBatchInputUpsert(inputs=[
        {"id": "key-1", "idProperty": "steward_key", "properties": {"hs_timestamp": "2026-01-01T12:00:00Z"}},
        {"id": "key-2", "idProperty": "steward_key", "properties": {}},
    ]))

    assert [each.id for each in read.results] == ["1000001"]
    assert read.errors[0].category == "OBJECT_NOT_FOUND"
    assert [each.new for each in made.results] == [True]
    assert made.errors[0].context == {"properties": ["hs_timestamp"]}


def test_owners_properties_pipelines_and_associations_are_there(client: Any) -> None:
    """Everything the connector reads, as the library's models take it."""
    owners = client.crm.owners.owners_api.get_page(limit=100, archived=False)
    names = {each.name for each in client.crm.properties.core_api.get_all("tasks").results}
    stages = client.crm.pipelines.pipelines_api.get_all("tickets").results[0].stages
    tied = client.crm.associations.v4.batch_api.get_page(
        "contacts", "companies", BatchInputPublicFetchAssociationsBatchRequest(inputs=[{"id": "2000001"}]))

    assert {each.email for each in owners.results} >= {"ada.lovelace@steward.example.com"}
    assert "steward_key" in names
    assert [stage.metadata["ticketState"] for stage in stages] == ["OPEN", "OPEN", "OPEN", "CLOSED"]
    assert str(tied.results[0].to[0].to_object_id) == "1000001"


def test_a_wrong_token_is_told_in_hubspots_words(sandbox: HubSpotSandbox) -> None:
    """The remedy depends on the category."""
    stranger = hubspot.HubSpot(access_token="pat-na1-somebody-else", host=sandbox.url)

    with pytest.raises(UnauthorizedException) as raised:
        stranger.crm.companies.basic_api.get_page()

    assert "INVALID_AUTHENTICATION" in raised.value.body


def test_the_limits_are_those_of_the_portal(client: Any, sandbox: HubSpotSandbox) -> None:
    """The ledger of calls is the proof that Steward keeps to them."""
    sandbox.ten_secondly = 2
    contacts = client.crm.contacts.basic_api
    contacts.get_page()
    contacts.get_page()

    with pytest.raises(ApiException) as raised:
        contacts.get_page()

    assert raised.value.status == 429
    assert raised.value.headers["Retry-After"] == "10"
    assert "TEN_SECONDLY_ROLLING" in raised.value.body


def test_a_token_can_be_had_by_oauth(sandbox: HubSpotSandbox) -> None:
    """Marketplace apps do not have private tokens."""
    client = hubspot.HubSpot(host=sandbox.url)
    told = client.oauth.tokens_api.create(
        grant_type="refresh_token", client_id="1", client_secret=SECRET, refresh_token=REFRESH_TOKEN)
    client.access_token = told.access_token

    assert client.crm.companies.basic_api.get_page().results == []


def test_what_was_applied_stands_again_after_a_restart(tmp_path: Any) -> None:
    """The oracle of every crash test."""
    now = datetime(2026, 1, 1, tzinfo=UTC)
    first = HubSpotSandbox(tmp_path, now=lambda: now)
    first.seed(2)
    with first:
        client = hubspot.HubSpot(access_token=TOKEN, host=first.url)
        client.crm.objects.batch_api.upsert("tasks", {"inputs": [
            {"id": "k", "idProperty": "steward_key", "properties": {"hs_timestamp": "2026-01-01T12:00:00Z"}}]})
        made = client.crm.objects.batch_api.upsert("tasks", {"inputs": [
            {"id": "k", "idProperty": "steward_key", "properties": {"hs_task_subject": "changed"}}]}).results[0]
        client.crm.associations.v4.basic_api.create_default("tasks", made.id, "companies", "1000001")

    again = HubSpotSandbox(tmp_path)
    task = again.portal.shelves["tasks"].with_value("steward_key", "k")

    assert task
    assert task.properties["hs_task_subject"] == "changed"
    assert again.portal.links["tasks", task.id, "companies"] == [1_000_001]
    assert [effect.kind for effect in again.ledger.of("k")] == ["task upsert"]
