"""Salesforce played on loopback: OAuth, SOQL with paging, deletes, merges, writes, limits, and its own error bodies."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

from connectors.salesforce import sandbox_seed
from connectors.salesforce.org import Org
from connectors.salesforce.sandbox_rules import Refused
from connectors.salesforce.sandbox_tokens import Tokens
from connectors.salesforce.schema import PREFIXES, TABLES, TableSchema
from connectors.salesforce.soql import Query, SoqlError, instant, parse, written
from connectors.salesforce.tables import Table, make_id
from steward.kit.sandbox import Reply, Request, Sandbox, route
from steward.model.actions import Action

DATA = "/services/data/{version}"
OLDEST_VERSION, NEWEST_VERSION = 31, 67
MOST_URI_BYTES = 16_384
DELETE_LOG_DAYS = 15

_WORDS = {
    400: ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "The record was refused by a validation rule"),
    401: ("INVALID_SESSION_ID", "Session expired or invalid"),
    403: ("INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id"),
    404: ("NOT_FOUND", "The requested resource does not exist"),
    405: ("METHOD_NOT_ALLOWED", "HTTP Method not allowed"),
    410: ("UNSUPPORTED_API_VERSION", "API version is retired"),
    414: ("URI_TOO_LONG", "The URI is longer than 16,384 bytes"),
    422: ("UNPROCESSABLE_ENTITY", "The request could not be processed"),
    429: ("REQUEST_LIMIT_EXCEEDED", "Too many requests"),
    500: ("UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId if you contact support: 1-1"),
    504: ("GATEWAY_TIMEOUT", "The request took too long"),
}


@dataclass(slots=True)
class _Locator:
    """A query that has more pages; `size` rows were found when it was first asked."""

    query: Query
    ids: Sequence[str]


class _Fast(Reply):
    """A reply whose body is written by orjson: a page of 2,000 rows in a few milliseconds."""

    def payload(self) -> bytes:
        import orjson

        return orjson.dumps(self.body) if isinstance(self.body, dict | list) else Reply.payload(self)


class SalesforceSandbox(Sandbox):
    """One org. See README.md, "Sandbox", for its tables and fields.

    `quota` is the daily limit of calls; `open_transactions` are starts of transactions that have not committed.
    """

    name = "salesforce"
    tables = TABLES

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self.quota = 1_000_000
        self.open_transactions: list[datetime] = []
        self.tokens = Tokens()
        self.user_id = make_id("005", 0)
        self._org = Org(self.ledger, self.now, sandbox_seed.integration_user(self.user_id))
        self._locators: dict[str, _Locator] = {}
        self._calls = 0

    # ---- what tests and the demo may do ----

    @staticmethod
    def make_id(table: str, number: int) -> str:
        """A valid 18-character id of `table`."""
        return make_id(PREFIXES[table], number)

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take over `rows`; later rows of one id change the fields given. Raises ValueError on unknown fields."""
        with self.lock:
            self._org.load(table, rows)

    def upsert(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """As `load`: what somebody in the org does. SystemModstamp is now, unless given (a row committed late)."""
        self.load(table, rows)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """Copies of the live rows of `table`."""
        with self.lock:
            return [dict(row) for row in self._org.tables[table].rows.values() if not row.get("IsDeleted")]

    def delete(self, table: str, ids: Sequence[str]) -> None:
        """Move rows into the recycle bin, where queryAll still sees them."""
        with self.lock:
            self._org.delete(table, ids)

    def purge(self, table: str, ids: Sequence[str]) -> None:
        """Delete rows past the recycle bin: only the delete log still knows them."""
        with self.lock:
            self._org.purge(table, ids)

    def merge(self, winner: str, losers: Sequence[str]) -> None:
        """Merge `losers` (accounts, contacts or cases) into `winner`; what pointed at them points at the winner."""
        with self.lock:
            self._org.merge(winner, losers)

    def hide(self, *names: str) -> None:
        """Let the caller see exactly everything but these fields ("Account.ARR__c") and objects ("Case")."""
        with self.lock:
            self._org.hidden = set(names)

    def change_field(self, table: str, field: str, *, external_id: bool, unique: bool) -> None:
        """Define a field otherwise, as an administrator does."""
        with self.lock:
            self._org.change_field(table, field, external_id=external_id, unique=unique)

    def expire_tokens(self) -> None:
        """Every access token given out so far is dead."""
        self.tokens.expire()

    def seed(self, accounts: int) -> None:
        """A small company of `accounts` accounts, all of it older than a day."""
        for table, rows in sandbox_seed.company(accounts, self.now()).items():
            self.load(table, rows)

    def sample_actions(self) -> Sequence[Action]:
        return sandbox_seed.actions(self.now())

    def settings(self) -> dict[str, Any]:
        return {"instance_url": self.url,
                "auth": {"client_id": self.tokens.client_id, "client_secret": self.tokens.client_secret}}

    def jwt_settings(self) -> dict[str, Any]:
        """As `settings`, for the JWT bearer flow."""
        return {"instance_url": self.url, "auth": {"client_id": self.tokens.client_id, "username": self.tokens.username,
                                                   "private_key": self.tokens.private_key}}

    # ---- what the vendor says ----

    def error(self, status: int, retry_after: str | None = None) -> Reply:
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        if status in (502, 503):             # from the edge, not from the API
            return Reply(status, b"<html><body><h1>Service unavailable</h1></body></html>", headers, "text/html")
        code, message = _WORDS.get(status, ("UNKNOWN_EXCEPTION", f"status {status}"))
        return Reply(status, [{"message": message, "errorCode": code}], headers)

    def allow(self, request: Request) -> Reply | None:
        if not request.path.startswith("/services/data/"):
            return None
        if not self.tokens.knows(request.headers.get("authorization", "")):
            return self.error(401)
        if len(request.path) + len(urlencode(request.query)) > MOST_URI_BYTES:
            return self.error(414)
        number = request.path.split("/")[3].removeprefix("v").partition(".")[0]
        if not number.isdigit() or int(number) > NEWEST_VERSION:
            return self.error(404)
        if int(number) < OLDEST_VERSION:
            return self.error(410)
        self._calls += 1
        if self._calls > self.quota:
            return _refusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
        return None

    def answer(self, request: Request) -> Reply:
        try:
            reply = super().answer(request)
        except SoqlError as error:
            reply = _refusal(error.code, error.message)
        except Refused as error:
            reply = _refusal(error.code, error.message, fields=list(error.fields))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reply = _refusal("JSON_PARSER_ERROR", f"The call could not be read: {type(error).__name__}")
        if request.path.startswith("/services/data/"):
            usage = f"api-usage={min(self._calls, self.quota)}/{self.quota}"
            reply = replace(reply, headers={**reply.headers, "Sforce-Limit-Info": usage})
        return reply

    # ---- sign-in ----

    @route("POST", "/services/oauth2/token")
    def token(self, request: Request) -> Reply:
        answer = self.tokens.give(request.form(), request.headers.get("authorization", ""), self.url)
        return Reply(400 if "error" in answer else 200, answer)

    # ---- reading ----

    @route("GET", DATA + "/limits")
    def limits(self, _: Request) -> Reply:
        left = {"Max": self.quota, "Remaining": max(0, self.quota - self._calls)}
        return Reply(200, {"DailyApiRequests": left, "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000}})

    @route("GET", DATA + "/sobjects")
    def objects(self, _: Request) -> Reply:
        listed = [{**_about(schema), "urls": {}} for schema in self._org.visible().values()]
        return Reply(200, {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": listed})

    @route("GET", DATA + "/query")
    @route("GET", DATA + "/queryAll")
    def query(self, request: Request) -> Reply:
        asked = parse(request.query.get("q", ""), self._org.visible())
        ids = self._org.tables[asked.table].select(asked, deleted=request.path.rstrip("/").endswith("queryAll"))
        if not asked.fields:
            return Reply(200, {"totalSize": len(ids), "done": True, "records": []})
        name = f"01gSb{len(self._locators) + 1:010d}AAA"
        self._locators[name] = _Locator(asked, ids)
        return self._page(request, name, 0)

    @route("GET", DATA + "/query/{locator}")
    @route("GET", DATA + "/queryAll/{locator}")
    def query_more(self, request: Request) -> Reply:
        name, _, start = request.params["locator"].rpartition("-")
        if name not in self._locators or not start.isdigit():
            return _refusal("INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(request, name, int(start))

    def _page(self, request: Request, name: str, start: int) -> Reply:
        locator = self._locators[name]
        wanted = request.headers.get("sforce-query-options", "").partition("batchSize=")[2]
        end = start + min(self.page_size, max(200, int(wanted)) if wanted.isdigit() else 2000)
        table, version = locator.query.table, request.params["version"]
        rows, records = self._org.tables[table].rows, []
        for external_id in locator.ids[start:end]:
            row = rows.get(external_id)
            if row is None:
                continue                     # purged since the query began
            url = f"/services/data/{version}/sobjects/{table}/{external_id}"
            fields = {each: row.get(each) for each in locator.query.fields}
            records.append({"attributes": {"type": table, "url": url}, **fields})
        body: dict[str, Any] = {"totalSize": len(locator.ids), "done": end >= len(locator.ids), "records": records}
        if not body["done"]:
            body["nextRecordsUrl"] = f"/services/data/{version}/query/{name}-{end}"
        return _Fast(200, body)

    @route("GET", DATA + "/sobjects/{table}/{what}")
    def read(self, request: Request) -> Reply:
        schema = self._org.visible().get(request.params["table"])
        if schema is None:
            return self.error(404)
        what = request.params["what"]
        if what == "describe":
            fields = [field.describe() for field in schema.fields.values()]
            return Reply(200, {**_about(schema), "fields": fields})
        if what in ("deleted", "updated"):
            return self._changes(request, self._org.tables[schema.name], what)
        row = self._org.tables[schema.name].find(what)
        return self.error(404) if row is None or row.get("IsDeleted") else Reply(200, self._whole(schema, row))

    @route("GET", DATA + "/sobjects/{table}/{field}/{value}")
    def read_by_external_id(self, request: Request) -> Reply:
        matches = self._by_external_id(request)
        if len(matches) != 1:
            return self.error(404) if not matches else self._several(request, matches)
        return Reply(200, self._whole(self._org.visible()[request.params["table"]], matches[0]))

    def _changes(self, request: Request, table: Table, what: str) -> Reply:
        start, end = _to_minute(request.query["start"]), _to_minute(request.query["end"])
        now = self.now()
        oldest = now - timedelta(days=DELETE_LOG_DAYS if what == "deleted" else 30)
        if end - start <= timedelta(minutes=1):
            return _refusal("INVALID_REPLICATION_DATE", "startDate must precede endDate by more than one minute")
        if start < oldest:
            return _refusal("INVALID_REPLICATION_DATE", "startDate before earliest available date")
        covered = written(min([end, now.replace(second=0, microsecond=0), *self.open_transactions]))
        within = (written(start), written(end + timedelta(minutes=1)))
        if what == "deleted":
            listed = [{"id": each, "deletedDate": at} for at, each in table.deletions if within[0] <= at < within[1]]
            return Reply(200, {"deletedRecords": listed, "earliestDateAvailable": written(oldest),
                               "latestDateCovered": covered})
        ids = [row["Id"] for row in table.rows.values()
               if not row.get("IsDeleted") and within[0] <= row["SystemModstamp"] < within[1]]
        return Reply(200, {"ids": ids, "latestDateCovered": covered})

    # ---- writing ----

    @route("POST", DATA + "/sobjects/{table}")
    def create(self, request: Request) -> Reply:
        if request.params["table"] not in self._org.visible():
            return self.error(404)
        external_id = self._org.write(request.params["table"], None, request.json(), "create")
        return Reply(201, {"id": external_id, "success": True, "errors": []})

    @route("PATCH", DATA + "/sobjects/{table}/{id}")
    def update(self, request: Request) -> Reply:
        table = self._org.tables.get(request.params["table"])
        row = table.find(request.params["id"]) if table else None
        if row is None:
            return self.error(404)
        self._org.write(request.params["table"], row, request.json(), "update")
        return Reply(204)

    @route("DELETE", DATA + "/sobjects/{table}/{id}")
    def drop(self, request: Request) -> Reply:
        table = self._org.tables.get(request.params["table"])
        row = table.find(request.params["id"]) if table else None
        if row is None or row.get("IsDeleted"):
            return self.error(404)
        self._org.drop(request.params["table"], row)
        return Reply(204)

    @route("PATCH", DATA + "/sobjects/{table}/{field}/{value}")
    def upsert_by_external_id(self, request: Request) -> Reply:
        matches = self._by_external_id(request)
        if len(matches) > 1:
            return self._several(request, matches)
        table, field, value = request.params["table"], request.params["field"], unquote(request.params["value"])
        given = request.json()
        if field in given:
            raise Refused("INVALID_FIELD", f"The {field} field should not be specified in the sobject data.", field)
        external_id = self._org.write(table, matches[0] if matches else None, {**given, field: value}, "upsert")
        created = not matches
        return Reply(201 if created else 200, {"id": external_id, "success": True, "errors": [], "created": created})

    # ---- helpers ----

    def _by_external_id(self, request: Request) -> list[dict[str, Any]]:
        schema = self._org.visible().get(request.params["table"])
        field = schema.fields.get(request.params["field"]) if schema else None
        if schema is None or field is None or not field.external_id:
            raise Refused("NOT_FOUND", "Provided external ID field does not exist or is not accessible: "
                          f"{request.params['field']}")
        return self._org.tables[schema.name].matching(field, unquote(request.params["value"]))

    def _several(self, request: Request, matches: Sequence[Mapping[str, Any]]) -> Reply:
        root = f"/services/data/{request.params['version']}/sobjects/{request.params['table']}"
        return Reply(300, [f"{root}/{row['Id']}" for row in matches])

    def _whole(self, schema: TableSchema, row: Mapping[str, Any]) -> dict[str, Any]:
        return {"attributes": {"type": schema.name}, **{name: row.get(name) for name in schema.fields}}


def _to_minute(text: str) -> datetime:
    """Salesforce ignores the seconds of both ends of a window: 12:30:15 is 12:30:00."""
    return instant(text.replace(" ", "+")).replace(second=0, microsecond=0)


def _about(schema: TableSchema) -> dict[str, Any]:
    return {"name": schema.name, "label": schema.name.removesuffix("__c").replace("_", " "), "keyPrefix": schema.prefix,
            "custom": schema.name.endswith("__c"), "queryable": True, "createable": True, "updateable": True,
            "deletable": schema.name != "User", "replicateable": True, "retrieveable": True}


def _refusal(code: str, message: str, fields: Sequence[str] = (), status: int = 400) -> Reply:
    said: dict[str, Any] = {"message": message, "errorCode": code}
    return Reply(404 if code == "NOT_FOUND" else status, [said | {"fields": list(fields)} if fields else said])
