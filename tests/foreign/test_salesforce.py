"""jsforce and simple-salesforce against our org: clients that know only Salesforce must find nothing odd in it."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import SalesforceMalformedRequest, SalesforceOperationError

from connectors.salesforce.sandbox import SalesforceSandbox

ACCOUNTS = 450
ACCOUNT, CONTACT = SalesforceSandbox.make_id("Account", 1), SalesforceSandbox.make_id("Contact", 10)


@pytest.fixture
def org() -> Iterator[SalesforceSandbox]:
    org = SalesforceSandbox()
    org.seed(ACCOUNTS)
    org.page_size = 200
    org.start()
    yield org
    org.stop()


def _token(org: SalesforceSandbox) -> str:
    answer = requests.post(f"{org.url}/services/oauth2/token", timeout=30, auth=(org.tokens.client_id, org.tokens.client_secret),
                           data={"grant_type": "client_credentials"})
    return str(answer.json()["access_token"])


def _tasks(org: SalesforceSandbox) -> dict[str, dict[str, Any]]:
    return {row["Steward_Key__c"]: row for row in org.rows("Task") if row.get("Steward_Key__c")}


def test_jsforce_reads_and_writes(org: SalesforceSandbox, node: Any) -> None:
    """jsforce 3.10.16 is what half of all integrations are made with."""
    now = org.now()
    seen = node("jsforce.mjs", {
        "url": org.url, "token": _token(org), "account": ACCOUNT, "contact": CONTACT,
        "since": (now - timedelta(days=1)).isoformat(), "until": (now + timedelta(minutes=5)).isoformat()})

    accounts = {row["Id"]: row for row in org.rows("Account")}
    assert (seen["query"]["total"], seen["query"]["pages"]) == (ACCOUNTS, 3)
    assert seen["query"]["ids"] == sorted(accounts)
    assert seen["query"]["names"] == [accounts[each]["Name"] for each in sorted(accounts)]

    tasks = _tasks(org)
    assert seen["created"] == {"id": tasks["js-1"]["Id"], "success": True, "errors": []}
    assert seen["updated"]["success"] is True
    assert seen["retrieved"]["Status"] == "Completed"
    assert seen["refused"] == "REQUIRED_FIELD_MISSING"
    assert [each["success"] for each in seen["many"]] == [True, True, False]
    assert seen["many"][2]["errors"][0]["statusCode"] == "INVALID_CROSS_REFERENCE_KEY"
    assert tasks["js-1"]["Subject"] == "again"
    assert CONTACT in [each["id"] for each in seen["deleted"]["deletedRecords"]]
    assert seen["limits"]["DailyApiRequests"]["Max"] == org.quota
    assert seen["usage"]["apiUsage"]["limit"] == org.quota

    assert {row["Id"]: row["Name"] for row in seen["bulkQuery"]} == {each: row["Name"] for each, row in accounts.items()}
    assert {row["Do_Not_Contact__c"] for row in seen["bulkQuery"]} == {"false"}
    assert seen["ingest"]["good"] == [[tasks["js-4"]["Id"], "true", "js-4"], [tasks["js-2"]["Id"], "false", "js-2"]]
    assert [row[1] for row in seen["ingest"]["bad"]] == ["js-5"]
    assert "MALFORMED_ID" in seen["ingest"]["bad"][0][0]
    assert seen["ingest"]["rest"] == 0

    assert {effect.key: effect.kind for effect in org.ledger if effect.key} == {
        "js-1": "Task update", "js-2": "Task update", "js-4": "Task upsert"}
    assert [effect.kind for effect in org.ledger if not effect.key] == ["Contact delete"]
    assert set(tasks) == {"js-1", "js-2", "js-4"}
    assert org.breaches == []


class _ToSandbox(HTTPAdapter):
    """simple-salesforce always calls https://…salesforce.com: turned to the sandbox."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._to = urlsplit(url)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        request.url = urlunsplit((self._to.scheme, self._to.netloc, parts.path, parts.query, ""))
        return super().send(request, *args, **kwargs)


@pytest.fixture
def client(org: SalesforceSandbox, monkeypatch: pytest.MonkeyPatch) -> Salesforce:
    from simple_salesforce import bulk2

    monkeypatch.setattr(bulk2, "sleep", lambda _: None)     # it waits five seconds before it looks at a job
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", _ToSandbox(org.url))
    return Salesforce(consumer_key=org.tokens.client_id, consumer_secret=org.tokens.client_secret, domain="acme.my",
                      version="67.0", session=session)


def test_simple_salesforce_reads_and_writes(org: SalesforceSandbox, client: Salesforce) -> None:
    """The Python client that most scripts use, unwrapped."""
    found = client.query_all("SELECT Id, Name FROM Account ORDER BY Id")
    assert [row["Id"] for row in found["records"]] == sorted(row["Id"] for row in org.rows("Account"))

    made = client.Task.create({"Subject": "One", "WhatId": ACCOUNT, "Steward_Key__c": "py-1"})
    assert client.Task.upsert("Steward_Key__c/py-1", {"Subject": "Changed"}) == 200
    assert client.Task.upsert("Steward_Key__c/py-2", {"Subject": "New", "WhatId": ACCOUNT}) == 201
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_FIELD"):
        client.Task.create({"Nonsense__x": 1})

    tasks = _tasks(org)
    assert made["id"] == tasks["py-1"]["Id"]
    assert {key: row["Subject"] for key, row in tasks.items()} == {"py-1": "Changed", "py-2": "New"}
    assert [(effect.kind, effect.key) for effect in org.ledger] == [
        ("Task create", "py-1"), ("Task update", "py-1"), ("Task upsert", "py-2")]


@pytest.mark.parametrize("header_once", [False, True])
def test_simple_salesforce_reads_by_bulk(org: SalesforceSandbox, client: Salesforce, header_once: bool) -> None:
    """It reads each part as a CSV of its own; where only the first had the names, it would take a row for them."""
    org.most_results, org.header_once = 200, header_once
    parts = list(client.bulk2.Contact.query("SELECT Id, LastName, Email FROM Contact", max_records=200))

    rows = [row for part in parts for row in csv.DictReader(io.StringIO(part))]
    assert len(parts) == 5
    if header_once:
        assert len(rows) < 2 * ACCOUNTS, "the variant that simple-salesforce does not expect"
        return
    assert {row["Id"]: row["LastName"] for row in rows} == {row["Id"]: row["LastName"] for row in org.rows("Contact")}


def test_simple_salesforce_writes_by_bulk(org: SalesforceSandbox, client: Salesforce) -> None:
    """Insert, upsert, update and delete as jobs; what was refused comes back with its reason."""
    rows = [{"Subject": f"Bulk {number}", "WhatId": ACCOUNT, "Steward_Key__c": f"bulk-{number}"} for number in range(20)]
    [inserted] = client.bulk2.Task.insert(records=rows)
    [upserted] = client.bulk2.Task.upsert(
        records=[*rows[:5], {"Subject": "bad", "WhatId": "nobody", "Steward_Key__c": "bulk-x"}],
        external_id_field="Steward_Key__c")
    failed = list(csv.DictReader(io.StringIO(client.bulk2.Task.get_failed_records(upserted["job_id"]))))
    ids = {key: row["Id"] for key, row in _tasks(org).items()}
    [updated] = client.bulk2.Task.update(records=[{"Id": ids["bulk-1"], "Status": "Completed"}])
    [gone] = client.bulk2.Task.delete(records=[{"Id": ids["bulk-2"]}])

    assert [each["numberRecordsProcessed"] for each in (inserted, upserted, updated, gone)] == [20, 6, 1, 1]
    assert [each["numberRecordsFailed"] for each in (inserted, upserted, updated, gone)] == [0, 1, 0, 0]
    assert [(row["Steward_Key__c"], "MALFORMED_ID" in row["sf__Error"]) for row in failed] == [("bulk-x", True)]
    assert _tasks(org)["bulk-1"]["Status"] == "Completed"
    assert "bulk-2" not in _tasks(org)
    assert len([effect for effect in org.ledger if effect.kind == "Task create"]) == 20
    assert org.breaches == []


def test_simple_salesforce_hears_of_a_job_that_fails(org: SalesforceSandbox, client: Salesforce) -> None:
    """A failed job has its reason."""
    org.job_fails = ["InternalServerError : no luck"]

    with pytest.raises(SalesforceOperationError, match="no luck"):
        list(client.bulk2.Contact.query("SELECT Id FROM Contact"))
