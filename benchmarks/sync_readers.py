"""One reader for `benchmarks.sync`, alone in its process: a first load, then what changed; figures as JSON.

`ours` is the whole verb into SQLite: records, refusals, cursor, and an account for each. `dlt` reads the same fields
into DuckDB. `client` is the vendor's own library as its README says, every row thrown away. `bytes` is what nothing
can beat: the same calls by that library's transport, each body read and thrown away unparsed.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
os.environ["RUNTIME__LOG_LEVEL"] = "CRITICAL"
Read = Callable[[datetime | None], int]
"""All rows, or those changed since an instant; how many came."""


def main() -> None:
    """Print the figures of both loads, and the sum of a column at the end, by which answers are compared."""
    who, vendor, told, changed = sys.argv[1], sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4])
    with tempfile.TemporaryDirectory() as folder:
        read, total = READERS[who](vendor, told, Path(folder))
        first = _measured(told["url"], lambda: read(None))
        since = datetime.now(UTC)
        httpx.post(f"{told['url']}/_bench/change", json={"rows": changed}, timeout=60, trust_env=False)
        if who != "bytes":                  # the vendor makes its pages once for everybody
            READERS["bytes"](vendor, told, Path(folder))[0](since)
        second = _measured(told["url"], lambda: read(since))
        print(json.dumps({"first": first, "changed": second, "total": total()}))


def _measured(url: str, run: Callable[[], int]) -> dict[str, Any]:
    before = _calls(url)
    wall, cpu = time.perf_counter(), time.process_time()
    rows = run()
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    asked = _calls(url)[len(before):]
    return {
        "rows": rows, "wall_s": round(wall, 3), "cpu_s": round(cpu, 4), "calls": len(asked),
        "pages": sum(_is_page(method, path) for _, method, path, _ in asked),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
    }


def _calls(url: str) -> list[Any]:
    found: list[Any] = httpx.get(f"{url}/_sandbox/calls", timeout=60, trust_env=False).json()
    return found


def _is_page(method: str, path: str) -> bool:
    return ("/query" in path or path.rstrip("/").endswith(("/companies", "/companies/search"))) and method != "PUT"


# ---- ours ----

def _ours(vendor: str, told: dict[str, Any], folder: Path) -> tuple[Read, Callable[[], float]]:
    from steward.contracts import Tools
    from steward.model.records import Noun
    from steward.pipeline.sync import sync
    from steward.store import records
    from steward.store.database import Database
    from steward.wiring import installed

    connector = installed()[vendor]
    more = {"calls_per_10_s": 1_000_000, "searches_per_s": 1_000_000} if vendor == "hubspot" else {}
    settings = connector.load_settings().model_validate({**told["settings"], **more})
    db = Database.open(f"sqlite:///{folder}/steward.db", folder)
    connection = connector.connect(settings, Tools(now=lambda: datetime.now(UTC), sleep=time.sleep, deadline_s=120))

    def read(_: datetime | None) -> int:
        report = sync(db, vendor, connector, connection, lambda: datetime.now(UTC), time.sleep, streams=["accounts"])
        assert not report.troubles, report.troubles
        return report.streams[0].changed

    def total() -> float:
        with db.read() as tx:
            frame = records.frame(tx, Noun.ACCOUNT)
        return float(frame.height + frame["arr"].sum())

    return read, total


def _fields(vendor: str, told: dict[str, Any]) -> list[str]:
    """The fields that ours asks for: the others ask for the same."""
    if vendor == "hubspot":
        from connectors.hubspot.mapping import Reader
        from connectors.hubspot.settings import HubSpotSettings

        url = f"{told['url']}/crm/v3/properties/companies"
        bearer = {"Authorization": f"Bearer {told['settings']['access_token']}"}
        rows = httpx.get(url, headers=bearer, timeout=60, trust_env=False).json()["results"]
        known = {row["name"]: row for row in rows}
        settings = HubSpotSettings.model_validate(told["settings"])
        return Reader(settings, "accounts", "companies", known=known).properties()
    from connectors.salesforce.mapping import Mapper
    from connectors.salesforce.settings import SalesforceSettings
    from steward.model.records import Noun

    described = _salesforce(told).Account.describe()
    present = frozenset(each["name"] for each in described["fields"])
    return list(Mapper("accounts", Noun.ACCOUNT, SalesforceSettings.model_validate(told["settings"]), present).columns)


# ---- what people use instead ----

def _dlt(vendor: str, told: dict[str, Any], folder: Path) -> tuple[Read, Callable[[], float]]:
    import dlt

    pipeline = dlt.pipeline(f"bench_{vendor}", destination=dlt.destinations.duckdb(str(folder / "dlt.duckdb")),
                            pipelines_dir=str(folder / "dlt"), dataset_name="bench")
    source = _dlt_hubspot if vendor == "hubspot" else _dlt_salesforce
    fields = _fields(vendor, told)

    def read(since: datetime | None) -> int:
        pipeline.run(source(told, fields, since))
        counts = pipeline.last_trace.last_normalize_info.row_counts
        return sum(number for table, number in counts.items() if not table.startswith("_dlt"))

    def total() -> float:
        with pipeline.sql_client() as client:
            column = "properties__arr" if vendor == "hubspot" else "arr__c"
            rows = client.execute_sql(f"SELECT count(*), sum(CAST({column} AS DOUBLE)) FROM accounts")
        return float(rows[0][0] + rows[0][1])

    return read, total


def _dlt_hubspot(told: dict[str, Any], fields: list[str], since: datetime | None) -> Any:
    from dlt.sources.rest_api import rest_api_source

    paging = {"type": "cursor", "cursor_path": "paging.next.after"}
    if since is None:
        asked = {"path": "crm/v3/objects/companies", "params": {"limit": 100, "properties": ",".join(fields)},
                 "paginator": {**paging, "cursor_param": "after"}, "data_selector": "results"}
    else:
        asked = {"path": "crm/v3/objects/companies/search", "method": "POST", "data_selector": "results", "json": {
            "filterGroups": [{"filters": [{"propertyName": "hs_lastmodifieddate", "operator": "GTE",
                                           "value": str(int(since.timestamp() * 1000))}]}],
            "sorts": [{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}],
            "properties": fields, "limit": 200}, "paginator": {**paging, "cursor_body_path": "after"}}
    return rest_api_source({
        "client": {"base_url": told["url"], "auth": {"type": "bearer", "token": told["settings"]["access_token"]}},
        "resources": [{"name": "accounts", "primary_key": "id", "write_disposition": "merge", "endpoint": asked}],
    })


def _dlt_salesforce(told: dict[str, Any], fields: list[str], since: datetime | None) -> Any:
    import dlt

    @dlt.resource(name="accounts", primary_key="Id", write_disposition="merge")
    def accounts() -> Iterator[Any]:
        for row in _salesforce(told).query_all_iter(_soql(fields, since)):
            row.pop("attributes", None)
            yield row

    return accounts


# ---- the floors ----

def _client(vendor: str, told: dict[str, Any], _: Path) -> tuple[Read, Callable[[], float]]:
    fields = _fields(vendor, told)
    read = _client_hubspot(told, fields) if vendor == "hubspot" else (
        lambda since: sum(1 for _ in _salesforce(told).query_all_iter(_soql(fields, since))))
    return read, lambda: 0.0


def _client_hubspot(told: dict[str, Any], fields: list[str]) -> Read:
    import hubspot
    from hubspot.crm.companies import PublicObjectSearchRequest

    library = hubspot.Client.create(access_token=told["settings"]["access_token"])
    library.config["host"] = told["url"]

    def read(since: datetime | None) -> int:
        rows, after = 0, None
        while True:
            if since is None:
                page = library.crm.companies.basic_api.get_page(limit=100, properties=fields, after=after)
            else:
                asked = _search(fields, since)
                page = library.crm.companies.search_api.do_search(PublicObjectSearchRequest(
                    after=after, filter_groups=asked["filterGroups"], sorts=["hs_lastmodifieddate"],
                    properties=fields, limit=200))
            rows += len(page.results)
            if not page.paging:
                return rows
            after = page.paging.next.after

    return read


def _bytes(vendor: str, told: dict[str, Any], _: Path) -> tuple[Read, Callable[[], float]]:
    """Where the next page is stands at the end of HubSpot's answer, and near the end of Salesforce's."""
    fields = _fields(vendor, told)
    if vendor == "salesforce":
        return _bytes_salesforce(told, fields), lambda: 0.0
    import urllib3

    pool = urllib3.PoolManager()
    bearer = {"Authorization": f"Bearer {told['settings']['access_token']}"}
    listing = f"{told['url']}/crm/v3/objects/companies"

    def read(since: datetime | None) -> int:
        pages, after = 0, ""
        while True:
            if since is None:
                query = {"limit": 100, "archived": "false", "properties": ",".join(fields)}
                body = pool.request("GET", listing, fields=query | ({"after": after} if after else {}),
                                    headers=bearer).data
            else:
                body = pool.request("POST", f"{listing}/search", headers=bearer, json={
                    **_search(fields, since), **({"after": after} if after else {})}).data
            pages += 1
            tail = body[-300:].partition(b'"after"')[2]
            if not tail:
                return pages
            after = tail.split(b'"')[1].decode()

    return read, lambda: 0.0


def _bytes_salesforce(told: dict[str, Any], fields: list[str]) -> Read:
    library = _salesforce(told)

    def read(since: datetime | None) -> int:
        url, pages = f"{library.base_url}queryAll/", 0
        query: dict[str, str] | None = {"q": _soql(fields, since)}
        while True:
            body = library.session.get(url, params=query, headers={**library.headers}).content
            pages += 1
            found = (body[:300] + body[-300:]).partition(b'"nextRecordsUrl"')[2]
            if not found:
                return pages
            path = found.split(b'"')[1].decode()
            url, query = f"https://{library.sf_instance}{path}", None

    return read


# ---- the calls ----

def _search(fields: list[str], since: datetime) -> dict[str, Any]:
    return {"filterGroups": [{"filters": [{"propertyName": "hs_lastmodifieddate", "operator": "GTE",
                                           "value": str(int(since.timestamp() * 1000))}]}],
            "sorts": [{"propertyName": "hs_lastmodifieddate", "direction": "ASCENDING"}],
            "properties": fields, "limit": 200}


def _soql(fields: list[str], since: datetime | None) -> str:
    where = f" WHERE SystemModstamp >= {since:%Y-%m-%dT%H:%M:%SZ}" if since else ""
    return f"SELECT {', '.join(fields)} FROM Account{where} ORDER BY SystemModstamp ASC, Id ASC"


def _salesforce(told: dict[str, Any]) -> Any:
    import requests
    from requests.adapters import HTTPAdapter
    from simple_salesforce import Salesforce

    class Plain(HTTPAdapter):
        """The library builds https:// addresses only."""

        def send(self, request: Any, *args: Any, **kwargs: Any) -> Any:
            request.url = request.url.replace("https://", "http://", 1)
            return super().send(request, *args, **kwargs)

    auth = told["settings"]["auth"]
    token = httpx.post(f"{told['url']}/services/oauth2/token", data={"grant_type": "client_credentials", **auth},
                       timeout=60, trust_env=False).json()["access_token"]
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Plain())
    return Salesforce(instance=told["url"].removeprefix("http://"), session_id=token, session=session)


READERS: dict[str, Callable[[str, dict[str, Any], Path], tuple[Read, Callable[[], float]]]] = {
    "ours": _ours, "dlt": _dlt, "client": _client, "bytes": _bytes,
}
