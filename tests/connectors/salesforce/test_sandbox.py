"""The sandbox against the real simple-salesforce, unwrapped: it must be Salesforce to a client that knows only Salesforce."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import pytest
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceError,
    SalesforceMalformedRequest,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)
from simple_salesforce.format import format_soql

from connectors.salesforce.sandbox import SalesforceSandbox
from connectors.salesforce.tables import id18, make_id


class ToSandbox(HTTPAdapter):
    """Turns the https:// URLs of simple-salesforce to the sandbox (api-facts 1.3, way B)."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._to = urlsplit(url)

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        parts = urlsplit(str(request.url))
        request.url = urlunsplit((self._to.scheme, self._to.netloc, parts.path, parts.query, ""))
        return super().send(request, *args, **kwargs)


def sign_in(sandbox: SalesforceSandbox) -> Salesforce:
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", ToSandbox(sandbox.url))
    return Salesforce(consumer_key=sandbox.tokens.client_id, consumer_secret=sandbox.tokens.client_secret, domain="acme.my",
                      version="67.0", session=session)


@pytest.fixture
def org(sandbox: SalesforceSandbox) -> SalesforceSandbox:
    sandbox.seed(9)
    return sandbox


@pytest.fixture
def client(org: SalesforceSandbox) -> Salesforce:
    return sign_in(org)


def test_query_all_pages_through_locators(org: SalesforceSandbox, client: Salesforce) -> None:
    """A client that follows nextRecordsUrl sees every row once."""
    org.page_size = 2

    found = client.query_all("SELECT Id, Name FROM Account ORDER BY SystemModstamp, Id")

    assert found["totalSize"] == 9
    assert len({row["Id"] for row in found["records"]}) == 9
    assert found["records"][0]["attributes"]["type"] == "Account"
    first = client.query("SELECT Id FROM Account")
    assert (first["done"], first["nextRecordsUrl"].rpartition("-")[2]) == (False, "2")


@pytest.mark.parametrize(("where", "count"), [
    ("Name = {}", 1), ("Name != {}", 8), ("Name LIKE 'o''%'", None), ("NumberOfEmployees > 4 AND NumberOfEmployees <= 6", 2),
    ("NumberOfEmployees IN (1, 2, 99)", 2), ("NumberOfEmployees NOT IN (1, 2)", 7), ("(Segment__c = 'smb' OR Segment__c = 'Enterprise')", 6),
    ("NOT Segment__c = 'SMB'", 6), ("ParentId = null", 9), ("ParentId != null", 0), ("Do_Not_Contact__c = true", 0),
    ("CreatedDate < 2020-01-01T00:00:00Z", 0), ("ARR__c >= 12000.5", 9), ("name like 'ACME%'", 1), ("OwnerId IN ('005Sb0000000001')", 1),
])
def test_where_means_what_soql_means(client: Salesforce, where: str, count: int | None) -> None:
    """Text without case, ids of 15 or 18 characters, null, quotes: as Salesforce compares."""
    query = format_soql(f"SELECT Id FROM Account WHERE {where}", "o'neil & söhne") if "{}" in where else f"SELECT Id FROM Account WHERE {where}"
    if count is None:
        with pytest.raises(SalesforceMalformedRequest):
            client.query(query)
        return

    assert client.query(query)["totalSize"] == count


def test_order_limit_offset_and_count(client: Salesforce) -> None:
    """What is asked for in order comes in order."""
    rows = client.query("SELECT NumberOfEmployees FROM Account ORDER BY NumberOfEmployees DESC LIMIT 3 OFFSET 1")["records"]

    assert [row["NumberOfEmployees"] for row in rows] == [8, 7, 6]
    assert client.query("SELECT COUNT() FROM Contact")["totalSize"] == 18


@pytest.mark.parametrize(("query", "code"), [
    ("SELECT Id FROM Acount", "INVALID_TYPE"), ("SELECT Nme FROM Account", "INVALID_FIELD"), ("SELECT Id Account", "MALFORMED_QUERY"),
    ("SELECT Id FROM Account WHERE", "MALFORMED_QUERY"), ("SELECT Id FROM Account WHERE Name = 5", "INVALID_FIELD"),
    ("SELECT Id FROM Account WHERE CreatedDate > '2026-01-01'", "INVALID_FIELD"), ("SELECT Id FROM Account; DROP", "MALFORMED_QUERY"),
    ("SELECT Owner.Name FROM Account", "INVALID_FIELD"), ("SELECT Id FROM Account WHERE Description = 'x'", "INVALID_FIELD"),
    ("", "MALFORMED_QUERY"), ("SELECT Id FROM Account WHERE Name = 'x", "MALFORMED_QUERY"), ("SELECT Id FROM Account WHERE Id < (", "INVALID_FIELD"),
])
def test_mistakes_are_answered_in_salesforces_words(client: Salesforce, query: str, code: str) -> None:
    """A connector is only as good at errors as the errors it was tried on."""
    with pytest.raises(SalesforceMalformedRequest) as caught:
        client.query(query)

    assert caught.value.status == 400
    assert caught.value.content[0]["errorCode"] == code


def test_describe_limits_and_usage(org: SalesforceSandbox, client: Salesforce) -> None:
    """Tools look at these first."""
    fields = {field["name"]: field for field in client.Task.describe()["fields"]}

    assert (fields["Steward_Key__c"]["externalId"], fields["Steward_Key__c"]["unique"], fields["Subject"]["length"]) == (True, True, 255)
    assert "Onboarding_Milestone__c" in {each["name"] for each in client.describe()["sobjects"]}
    assert client.limits()["DailyApiRequests"]["Max"] == org.quota
    assert client.api_usage["api-usage"].total == org.quota
    with pytest.raises(SalesforceResourceNotFound):
        client.Nothing__c.describe()


def test_rows_are_made_read_changed_and_deleted(org: SalesforceSandbox, client: Salesforce, clock: Any) -> None:
    """The life of a row over REST."""
    made = client.Account.create({"Name": "New & Co"})["id"]
    clock.move(minutes=5)
    client.Account.update(made, {"Industry": "Retail"})
    row = client.Account.get(made)

    assert (row["Name"], row["Industry"], row["SystemModstamp"]) == ("New & Co", "Retail", "2026-03-05T08:05:30.000+0000")
    client.Account.delete(made)
    with pytest.raises(SalesforceResourceNotFound):
        client.Account.get(made)
    assert client.query(f"SELECT Id FROM Account WHERE Id = '{made}'")["totalSize"] == 0
    assert client.query(f"SELECT Id FROM Account WHERE Id = '{made}'", include_deleted=True)["totalSize"] == 1
    assert [effect.kind for effect in org.ledger] == ["Account create", "Account update", "Account delete"]


def test_upsert_by_external_id_answers_201_200_and_300(org: SalesforceSandbox, client: Salesforce) -> None:
    """The three answers on which delivery class A stands."""
    assert client.Task.upsert("Steward_Key__c/k1", {"Subject": "a"}) == 201
    assert client.Task.upsert("Steward_Key__c/k1", {"Subject": "b"}) == 200
    assert client.Task.get_by_custom_id("Steward_Key__c", "k1")["Subject"] == "b"
    org.change_field("Task", "Steward_Key__c", external_id=True, unique=False)
    org.upsert("Task", [{"Id": make_id("00T", 555), "Steward_Key__c": "K1"}])
    with pytest.raises(SalesforceError) as caught:
        client.Task.upsert("Steward_Key__c/k1", {"Subject": "c"})

    assert caught.value.status == 300
    assert len(caught.value.content) == 2


@pytest.mark.parametrize(("row", "code", "fields"), [
    ({"Subject": "x" * 256}, "STRING_TOO_LONG", ["Subject"]), ({"Nope": 1}, "INVALID_FIELD", None), ({"WhatId": "!"}, "MALFORMED_ID", ["WhatId"]),
    ({"OwnerId": make_id("005", 7)}, "INACTIVE_OWNER_OR_USER", ["OwnerId"]), ({"Steward_Key__c": "taken"}, "DUPLICATE_VALUE", ["Steward_Key__c"]),
    ({"Id": make_id("00T", 4)}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["Id"]),
])
def test_bad_rows_are_refused_with_their_field(client: Salesforce, row: dict[str, Any], code: str, fields: list[str] | None) -> None:
    """The field is what a person must change."""
    client.Task.create({"Subject": "first", "Steward_Key__c": "taken"})
    with pytest.raises(SalesforceMalformedRequest) as caught:
        client.Task.create(row)

    assert caught.value.content[0]["errorCode"] == code
    assert caught.value.content[0].get("fields") == fields


def test_deleted_and_updated_have_their_windows(org: SalesforceSandbox, client: Salesforce, clock: Any) -> None:
    """The replication calls: seconds ignored, a minute at least, fifteen days at most, and a safe end."""
    org.delete("Account", [make_id("001", 1)])
    org.upsert("Account", [{"Id": make_id("001", 2), "Name": "Changed"}])
    clock.move(minutes=3)
    now = clock()

    deleted = client.Account.deleted(now - timedelta(hours=1), now + timedelta(days=1))
    updated = client.Account.updated(now - timedelta(hours=1), now)

    assert [row["id"] for row in deleted["deletedRecords"]] == [make_id("001", 1)]
    assert deleted["latestDateCovered"] == "2026-03-05T08:03:00.000+0000"
    assert updated["ids"] == [make_id("001", 2)]
    org.open_transactions = [now - timedelta(minutes=50)]
    assert client.Account.updated(now - timedelta(hours=1), now)["latestDateCovered"] == "2026-03-05T07:13:30.000+0000"
    for start in (now - timedelta(seconds=30), now - timedelta(days=16)):
        with pytest.raises(SalesforceMalformedRequest, match="INVALID_REPLICATION_DATE"):
            client.Account.deleted(start, now)


def test_jwt_is_verified(org: SalesforceSandbox) -> None:
    """A signature by another key must not sign in."""
    from connectors.salesforce.sandbox_tokens import Tokens

    session = requests.Session()
    session.trust_env = False
    session.mount("https://", ToSandbox(org.url))
    common = {"username": org.tokens.username, "consumer_key": org.tokens.client_id, "domain": "login",
              "instance_url": "acme.my", "version": "67.0", "session": session}

    assert Salesforce(**common, privatekey=org.tokens.private_key).query("SELECT Id FROM User LIMIT 1")["records"]
    with pytest.raises(SalesforceAuthenticationFailed, match="invalid_grant"):
        Salesforce(**common, privatekey=Tokens().private_key)


def test_an_expired_token_is_renewed_by_the_client(org: SalesforceSandbox, client: Salesforce) -> None:
    """401 with INVALID_SESSION_ID is what clients watch for."""
    org.expire_tokens()

    assert client.query("SELECT Id FROM Account LIMIT 1")["records"]
    assert [status for _, _, _, status in org.calls] == [200, 401, 200, 200]


def test_a_quota_is_kept(org: SalesforceSandbox, client: Salesforce) -> None:
    """403 REQUEST_LIMIT_EXCEEDED, as no other limit says it."""
    org.quota = 1
    client.query("SELECT Id FROM Account LIMIT 1")
    with pytest.raises(SalesforceRefusedRequest, match="REQUEST_LIMIT_EXCEEDED"):
        client.query("SELECT Id FROM Account LIMIT 1")


def test_a_locator_of_another_org_is_refused(client: Salesforce) -> None:
    """Locators die with what made them."""
    with pytest.raises(SalesforceMalformedRequest, match="INVALID_QUERY_LOCATOR"):
        client.query_more("01gSb0000000099AAA-2")


@pytest.mark.parametrize(("table", "row", "said"), [
    ("Account", {"Id": make_id("001", 1), "Nmae": "x"}, 'Did you mean "Name"'), ("Accounts", {}, "There are: User, Account"),
    ("Account", {"Id": "1"}, "18 letters and digits"), ("Contract", {"Id": make_id("800", 1), "StartDate": "soon"}, "soon"),
])
def test_rows_that_no_org_could_have_are_refused_at_load(sandbox: SalesforceSandbox, table: str, row: dict[str, Any], said: str) -> None:
    """A typo in generated data must not pass as Missing."""
    with pytest.raises(ValueError, match=said):
        sandbox.load(table, [row])


def test_ids_have_their_check_letters() -> None:
    """15 characters differ by case; the last three of 18 say which are capitals."""
    assert id18("0015500000Xyy06") == "0015500000Xyy06AAB"
    assert id18("0051G000005Mun4") == "0051G000005Mun4QAC"
    assert len({make_id("001", number) for number in range(1000)}) == 1000


def test_twenty_thousand_rows_page_fast(sandbox: SalesforceSandbox, client: Salesforce) -> None:
    """The demo at scale must measure Steward, not the sandbox."""
    stamp = "2026-01-01T00:00:00.000+0000"
    sandbox.load("Contact", [
        {"Id": make_id("003", 1000 + number), "AccountId": make_id("001", number % 9 + 1), "LastName": f"N{number}", "Email": f"n{number}@x.example",
         "SystemModstamp": stamp} for number in range(20_000)
    ])
    started = time.perf_counter()

    found = client.query_all(f"SELECT Id, Name, Email FROM Contact WHERE SystemModstamp > {stamp[:23]}Z OR (SystemModstamp = {stamp[:23]}Z "
                             f"AND Id > '{make_id('003', 999)}') ORDER BY SystemModstamp, Id")

    assert found["totalSize"] > 20_000 - 1
    assert time.perf_counter() - started < 8, "usually under one second; the machine may be busy"


def _ask(client: Salesforce, method: str, path: str, body: Any = None, **query: Any) -> requests.Response:
    return client.session.request(method, f"{client.base_url}{path}", headers=client.headers, json=body, params=query)


def test_collections_answer_for_each_row_in_order(org: SalesforceSandbox, client: Salesforce) -> None:
    """200 though all fail; each row says for itself what became of it."""
    task = {"attributes": {"type": "Task"}, "Subject": "One"}
    made = _ask(client, "POST", "composite/sobjects", {"allOrNone": False, "records": [task, {**task, "No__x": 1}]})
    assert [each["success"] for each in made.json()] == [True, False]
    assert made.json()[1]["errors"][0]["statusCode"] == "INVALID_FIELD"

    one = made.json()[0]["id"]
    change = {"attributes": {"type": "Task"}, "id": one, "Subject": "Two"}
    changed = _ask(client, "PATCH", "composite/sobjects", {"allOrNone": False, "records": [
        change, change, {"attributes": {"type": "Task"}, "Subject": "no id"}]}).json()
    assert [each["errors"][0]["statusCode"] if each["errors"] else "ok" for each in changed] == [
        "ok", "DUPLICATE_VALUE", "MISSING_ARGUMENT"]
    read = _ask(client, "POST", "composite/sobjects/Task", {"ids": [one, make_id("00T", 999_999)], "fields": ["Subject"]})
    assert [row and row["Subject"] for row in read.json()] == ["Two", None]
    gone = _ask(client, "DELETE", "composite/sobjects", ids=f"{one},{one}").json()
    assert [each["success"] for each in gone] == [True, False]


def test_a_collection_too_large_is_refused_and_noted(org: SalesforceSandbox, client: Salesforce) -> None:
    """"No limit broken" is read from the sandbox: it must notice."""
    rows = [{"attributes": {"type": "Task"}, "Subject": str(number)} for number in range(201)]

    answer = _ask(client, "POST", "composite/sobjects", {"allOrNone": False, "records": rows})

    assert (answer.status_code, answer.json()[0]["errorCode"]) == (400, "EXCEEDED_MAX_SIZE_REQUEST")
    assert org.breaches == ["a collection of 201 records; 200 are the most"]
    assert not [row for row in org.rows("Task") if row["Subject"] == "200"]


def test_a_bulk_query_has_its_states_and_its_errors(org: SalesforceSandbox, client: Salesforce) -> None:
    """What a client must be ready for: not complete, another version, no such job, nonsense."""
    refused = _ask(client, "POST", "jobs/query", {"operation": "query", "query": "SELECT COUNT() FROM Account"})
    assert refused.status_code == 400
    job = _ask(client, "POST", "jobs/query", {"operation": "query", "query": "SELECT Id FROM Account"}).json()["id"]
    assert _ask(client, "GET", f"jobs/query/{job}/results").status_code == 412
    states = [_ask(client, "GET", f"jobs/query/{job}").json()["state"] for _ in range(2)]
    assert states == ["InProgress", "JobComplete"]
    assert _ask(client, "GET", f"jobs/query/{job}/results", maxRecords=4).headers["Sforce-Locator"] == "MTA4"
    last = _ask(client, "GET", f"jobs/query/{job}/results", maxRecords=50)
    assert (last.headers["Sforce-Locator"], last.headers["Sforce-NumberOfRecords"]) == ("null", "9")
    assert _ask(client, "GET", f"jobs/query/{job}/results", locator="nonsense").status_code == 400
    client.base_url = client.base_url.replace("v67.0", "v66.0")
    assert _ask(client, "GET", f"jobs/query/{job}/results").status_code == 409
    assert _ask(client, "DELETE", f"jobs/query/{job}").status_code == 204
    assert _ask(client, "GET", f"jobs/query/{job}").status_code == 404


def test_headers_and_uri_together_have_a_limit(org: SalesforceSandbox, client: Salesforce) -> None:
    """A long token leaves less room for the query."""
    client.headers["X-Long"] = "x" * 17_000

    assert _ask(client, "GET", "limits").status_code == 431
    assert len(org.breaches) == 1


def test_an_org_that_moved_answers_at_its_new_place_only(org: SalesforceSandbox, client: Salesforce) -> None:
    """The old instance no longer knows the session; signing in at the org's domain names the new one."""
    moved_to = org.migrate()
    answer = requests.post(f"{org.url}/services/oauth2/token", timeout=30, data={"grant_type": "client_credentials"},
                           auth=(org.tokens.client_id, org.tokens.client_secret)).json()
    headers = {"Authorization": f"Bearer {answer['access_token']}"}

    assert answer["instance_url"] == moved_to
    assert requests.get(f"{moved_to}/services/data/v67.0/limits", headers=headers, timeout=30).status_code == 200
    assert requests.get(f"{org.url}/services/data/v67.0/limits", headers=headers, timeout=30).status_code == 401
