"""Salesforce played on loopback: OAuth, SOQL with paging, deletes, merges, writes, limits, and its own error bodies."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from connectors.salesforce import sandbox_seed
from connectors.salesforce.org import Org
from connectors.salesforce.sandbox_bulk import BulkDoors
from connectors.salesforce.sandbox_collections import CollectionDoors, upsert_row
from connectors.salesforce.sandbox_gate import Gate
from connectors.salesforce.sandbox_life import Life
from connectors.salesforce.sandbox_replies import DATA, Fast, about, refusal
from connectors.salesforce.sandbox_rules import Refused
from connectors.salesforce.schema import NUMBERS, PREFIXES, TABLES, TableSchema
from connectors.salesforce.soql import Query, SoqlError, instant, parse, written
from connectors.salesforce.tables import Table, make_id
from steward.kit.sandbox import Effect, Reply, Request, route
from steward.model.actions import Action, UpdateRecord

DELETE_LOG_DAYS = 15
_OWN_TABLES = {"surveys": "Survey_Response__c", "usage_events": "Usage_Event__c"}


@dataclass(slots=True)
class _Locator:
    """A query that has more pages; `size` rows were found when it was first asked."""

    query: Query
    ids: Sequence[str]


class SalesforceSandbox(BulkDoors, CollectionDoors, Gate):
    """One org. See README.md, "Sandbox", for its tables and fields.

    `quota` is the daily limit of calls; `open_transactions` are starts of transactions that have not committed.
    """

    name = "salesforce"
    tables = TABLES

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self.open_transactions: list[datetime] = []
        self.delete_log_days, self.most_deleted_ids = DELETE_LOG_DAYS, 600_000
        self.user_id = make_id("005", 0)
        self._org = Org(self.ledger, self.now, sandbox_seed.integration_user(self.user_id))
        self._locators: dict[str, _Locator] = {}

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

    def add_table(self, name: str, prefix: str, kinds: Mapping[str, str]) -> None:
        """Create a custom object: {"double": "Points__c Weight__c"} says its fields by type."""
        with self.lock:
            self._org.add_table(name, prefix, kinds)

    def change_field(self, table: str, field: str, *, external_id: bool, unique: bool) -> None:
        """Define a field otherwise, as an administrator does."""
        with self.lock:
            self._org.change_field(table, field, external_id=external_id, unique=unique)

    def forget_locators(self) -> None:
        """Every query that has more pages is forgotten, as after two days."""
        with self.lock:
            self._locators.clear()

    def stir(self, chance: random.Random) -> str | None:
        named = [action.model_dump() for action in self.sample_actions()]
        kept = {each.get(name) for each in named for name in ("account_external_id", "contact_external_id")}
        with self.lock:
            return Life(self._org, self.now, chance, {str(each) for each in kept if each}).stir()

    def seed(self, accounts: int) -> None:
        """A small company of `accounts` accounts, all of it older than a day."""
        for table, rows in sandbox_seed.company(accounts, self.now()).items():
            self.load(table, rows)

    def sample_actions(self) -> Sequence[Action]:
        return sandbox_seed.actions(self.now())

    def effects_of(self, action: Action, key: str) -> list[Effect]:
        if not isinstance(action, UpdateRecord):
            return self.ledger.of(key)
        field = self._org.tables[action.noun.capitalize()].schema.fields.get(action.field)
        wanted = float(action.value) if field and field.type in NUMBERS and action.value else action.value or None
        return [each for each in self.ledger if each.detail["id"] == action.external_id
                and action.field in each.detail["row"] and each.detail["row"][action.field] == wanted]

    def settings(self) -> dict[str, Any]:
        own = {stream: table for stream, table in _OWN_TABLES.items() if self._org.tables[table].rows}
        return {"instance_url": self.url, **({"tables": own} if own else {}),
                "auth": {"client_id": self.tokens.client_id, "client_secret": self.tokens.client_secret}}

    def jwt_settings(self) -> dict[str, Any]:
        """As `settings`, for the JWT bearer flow."""
        return {"instance_url": self.url, "auth": {"client_id": self.tokens.client_id, "username": self.tokens.username,
                                                   "private_key": self.tokens.private_key}}

    # ---- what the vendor says ----

    def answer(self, request: Request) -> Reply:
        try:
            reply = super().answer(request)
        except SoqlError as error:
            reply = refusal(error.code, error.message)
        except Refused as error:
            reply = refusal(error.code, error.message, fields=list(error.fields))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            reply = refusal("JSON_PARSER_ERROR", f"The call could not be read: {type(error).__name__}")
        if request.path.startswith("/services/data/"):
            reply = replace(reply, headers={**reply.headers, "Sforce-Limit-Info": self.usage})
        return reply

    # ---- reading ----

    @route("GET", DATA + "/limits")
    def limits(self, _: Request) -> Reply:
        left = {"Max": self.quota, "Remaining": self.calls_left}
        return Reply(200, {"DailyApiRequests": left, "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000}})

    @route("GET", DATA + "/sobjects")
    def objects(self, _: Request) -> Reply:
        listed = [{**about(schema), "urls": {}} for schema in self._org.visible().values()]
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
            return refusal("INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(request, name, int(start))

    def _page(self, request: Request, name: str, start: int) -> Reply:
        locator = self._locators[name]
        wanted = request.headers.get("sforce-query-options", "").partition("batchSize=")[2]
        if wanted and not (wanted.isdigit() and 200 <= int(wanted) <= 2000):
            self.breaches.append(f"a batchSize of {wanted}; it is 200 to 2000")
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
        return Fast(200, body)

    @route("GET", DATA + "/sobjects/{table}/{what}")
    def read(self, request: Request) -> Reply:
        schema = self._org.visible().get(request.params["table"])
        if schema is None:
            return self.error(404)
        what = request.params["what"]
        if what == "describe":
            fields = [field.describe() for field in schema.fields.values()]
            return Reply(200, {**about(schema), "fields": fields})
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
        oldest = now - timedelta(days=self.delete_log_days if what == "deleted" else 30)
        if end - start <= timedelta(minutes=1):
            return refusal("INVALID_REPLICATION_DATE", "startDate must precede endDate by more than one minute")
        if start < oldest:
            return refusal("INVALID_REPLICATION_DATE", "startDate before earliest available date")
        covered = written(min([end, now.replace(second=0, microsecond=0), *self.open_transactions]))
        within = (written(start), written(end + timedelta(minutes=1)))
        if what == "deleted":
            listed = [{"id": each, "deletedDate": at} for at, each in table.deletions if within[0] <= at < within[1]]
            if len(listed) > self.most_deleted_ids:
                return refusal("EXCEEDED_ID_LIMIT", "exceeded limit on number of ids")
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
        external_id, created = upsert_row(self._org, table, field, {**given, field: value})
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
