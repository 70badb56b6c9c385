"""Power BI played on loopback: the token endpoint, push datasets with their limits, queries, refreshes, errors."""

from __future__ import annotations

import json
import random
import re
import secrets
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.powerbi.sandbox_rows import fault_in, stored
from connectors.powerbi.tables import (
    MOST_CALLS_A_MINUTE,
    MOST_COLUMNS,
    MOST_ROWS,
    MOST_ROWS_AN_HOUR,
    MOST_TABLES,
    PUBLICATIONS,
    dataset,
)
from steward.kit.sandbox import Reply, Request, Sandbox, route
from steward.kit.sandbox_tables import sample_publication
from steward.model.actions import Action, RefreshDataset
from steward.reporting import STAR

TENANT, CLIENT = "11111111-2222-4333-8444-555555555555", "22222222-3333-4444-8555-666666666666"
WORKSPACE, MODEL = "33333333-4444-4555-8666-777777777777", "44444444-5555-4666-8777-888888888888"
SECRET = "sandbox-client-secret-of-powerbi"  # noqa: S105  opens nothing but the sandbox
_WORDS = {400: "BadRequest", 401: "Unauthorized", 403: "Forbidden", 404: "PowerBIEntityNotFound", 409: "Conflict",
          413: "RequestTooLarge", 422: "UnprocessableEntity", 429: "TooManyRequests"}
_GROUP = "/v1.0/myorg/groups/{group}"
_DATASET = _GROUP + "/datasets/{dataset}"
_TABLE = _DATASET + "/tables/{table}"
_BIG = 250_000                              # a table of so many rows takes 120 calls an hour


class PowerBiSandbox(Sandbox):
    """One workspace. `rows` shows what a table holds; `refresh_fails` lets the refreshes fail."""

    name = "powerbi"
    token_s = 3_599.0

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self._tokens: dict[str, datetime] = {}
        self._datasets: dict[str, dict[str, Any]] = {}
        self._posts: dict[str, list[tuple[datetime, int]]] = {}
        self._refreshes: dict[str, list[dict[str, Any]]] = {}
        self.refresh_fails = False
        self._quota_gone = 0
        if state_dir and (state_dir / "datasets.json").exists():
            self._datasets = json.loads((state_dir / "datasets.json").read_text())
        if state_dir is None or not self._datasets:
            self._datasets[MODEL] = {"name": "CS model", "push": False, "tables": {}}

    # ---- what the oracle asks ----

    def rows(self, table: str, named: str = "Steward") -> list[dict[str, Any]]:
        """What the table of the dataset called `named` holds."""
        with self.lock:
            found = next(each for each in self._datasets.values() if each["name"] == named)
            return [dict(row) for row in found["tables"][table]["rows"]]

    def seed(self, accounts: int) -> None:
        self._datasets[str(uuid.uuid4())] = _made(dataset("Steward", STAR))

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        raise ValueError(f'the powerbi sandbox has no table "{table}"; it is filled through its API')

    def settings(self) -> dict[str, Any]:
        return {"tenant_id": TENANT, "client_id": CLIENT, "client_secret": SECRET, "workspace_id": WORKSPACE,
                "api_url": self.url, "login_url": self.url, "refresh_dataset_id": MODEL, "enhanced": True}

    def sample_actions(self) -> Sequence[Action]:
        return (sample_publication("fact_account_day", self.now()), RefreshDataset(as_of=self.now()))

    # ---- what goes wrong ----

    def error(self, status: int, retry_after: str | None = None) -> Reply:
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        code = _WORDS.get(status, "UnknownError")
        return Reply(status, {"error": {"code": code, "pbi.error": {"code": code, "parameters": {}, "details": []}}},
                     headers)

    def expire_tokens(self) -> None:
        with self.lock:
            self._tokens = dict.fromkeys(self._tokens, self.now() - timedelta(days=1))

    def exhaust_quota(self, calls: int) -> None:
        with self.lock:
            self._quota_gone = calls

    def stir(self, chance: random.Random) -> str | None:
        """What people do to a dataset: rename it, delete it, empty a table, take a column away."""
        with self.lock:
            ours = [(name, each) for name, each in sorted(self._datasets.items()) if each["push"]]
            if not ours:
                return None
            name, found = chance.choice(ours)
            table = chance.choice(sorted(found["tables"]))
            match chance.choice(("rename", "delete", "empty", "column")):
                case "rename":
                    found["name"] = f"{found['name']} (old)"
                    return "somebody renamed the dataset"
                case "delete":
                    del self._datasets[name]
                    return "somebody deleted the dataset"
                case "empty":
                    found["tables"][table]["rows"] = []
                    return f"somebody emptied {table}"
            found["tables"][table]["columns"] = found["tables"][table]["columns"][:-1]
            return f"somebody took a column of {table} away"

    def allow(self, request: Request) -> Reply | None:
        if request.path.endswith("/oauth2/v2.0/token"):
            return None
        ends = self._tokens.get(request.headers.get("authorization", "").removeprefix("Bearer "))
        if ends is None:
            return self.error(401)
        if ends <= self.now():
            return Reply(403, {"error": {"code": "TokenExpired", "message": "Access token has expired, resubmit with a "
                                                                            "new access token"}})
        if self._quota_gone > 0:
            self._quota_gone -= 1
            return self.error(429, "1")
        return None

    # ---- Microsoft Entra ----

    @route("POST", "/{tenant}/oauth2/v2.0/token")
    def token(self, request: Request) -> Reply:
        form = request.form()
        if request.params["tenant"] != TENANT or form.get("client_id") != CLIENT:
            return _refused(400, "unauthorized_client", "AADSTS700016: not in the directory")
        if form.get("client_secret") != SECRET:
            return _refused(401, "invalid_client", "AADSTS7000215: Invalid client secret provided")
        if form.get("grant_type") != "client_credentials" or not form.get("scope", "").endswith("/.default"):
            return _refused(400, "invalid_scope", "AADSTS1002012: the scope must end with /.default")
        given = f"eyJ-sandbox-{secrets.token_hex(12)}"
        self._tokens[given] = self.now() + timedelta(seconds=self.token_s)
        return Reply(200, {"token_type": "Bearer", "expires_in": int(self.token_s), "access_token": given})

    # ---- datasets ----

    @route("GET", _GROUP + "/datasets")
    def list_datasets(self, request: Request) -> Reply:
        return self._in_workspace(request) or Reply(200, {
            "@odata.context": f"{self.url}/v1.0/myorg/groups/{WORKSPACE}/$metadata#datasets",
            "value": [self._told(name) for name in self._datasets]})

    @route("POST", _GROUP + "/datasets")
    def post_dataset(self, request: Request) -> Reply:
        asked = request.json()
        tables = asked.get("tables") or []
        if refused := self._in_workspace(request):
            return refused
        if not asked.get("name") or not tables or request.query.get("defaultRetentionPolicy") not in (
                None, "None", "basicFIFO"):
            return self.error(400)
        if len(tables) > MOST_TABLES or any(len(each["columns"]) > MOST_COLUMNS for each in tables):
            return self._breach(f"a dataset of {len(tables)} tables, or one of more than {MOST_COLUMNS} columns")
        known = {each["name"]: {column["name"] for column in each["columns"]} for each in tables}
        for each in asked.get("relationships", ()):
            if each["fromColumn"] not in known.get(each["fromTable"], ()) or each["toColumn"] not in known.get(
                    each["toTable"], ()):
                return self.error(400)
        made = str(uuid.uuid4())
        self._datasets[made] = _made(asked)
        self.ledger.append("dataset", "", {"id": made, "name": asked["name"]})
        self._keep()
        return Reply(201, self._told(made))

    @route("GET", _DATASET + "/tables")
    def list_tables(self, request: Request) -> Reply:
        found = self._found(request)
        if isinstance(found, Reply):
            return found
        return Reply(200, {"value": [{"name": name, "columns": table["columns"]}
                                     for name, table in found["tables"].items()]})

    @route("PUT", _TABLE)
    def put_table(self, request: Request) -> Reply:
        table = self._table(request)
        if isinstance(table, Reply):
            return table
        asked = request.json()
        if len(asked.get("columns") or ()) > MOST_COLUMNS:
            return self._breach(f"a table of {len(asked['columns'])} columns")
        if not asked.get("columns"):
            return self.error(400)
        table["columns"] = asked["columns"]
        return Reply(200, {"name": asked["name"], "columns": table["columns"]})

    # ---- rows ----

    @route("DELETE", _TABLE + "/rows")
    def delete_rows(self, request: Request) -> Reply:
        table = self._table(request)
        if isinstance(table, Reply):
            return table
        table["rows"] = []
        return Reply(200)

    @route("POST", _TABLE + "/rows")
    def post_rows(self, request: Request) -> Reply:
        table = self._table(request)
        if isinstance(table, Reply):
            return table
        rows = request.json().get("rows")
        if not isinstance(rows, list):
            return self.error(400)
        if len(rows) > MOST_ROWS:
            return self._breach(f"{len(rows)} rows in one call")
        if slow := self._too_fast(request.params["dataset"], len(rows)):
            return slow
        kinds = {column["name"]: column["dataType"] for column in table["columns"]}
        for row in rows:
            if what := fault_in(row, kinds):
                if "characters" in what:
                    return self._breach(what)
                return Reply(400, {"error": {"code": "BadRequest", "message": what}})
        table["rows"] += [stored(row, kinds) for row in rows]
        if request.params["table"] == PUBLICATIONS:
            for row in rows:
                self.ledger.append("publication", row["key"], {"table": row["table"], "rows": row["rows"]})
            self._keep()
        return Reply(200)

    def _too_fast(self, dataset_id: str, rows: int) -> Reply | None:
        now = self.now()
        past = [each for each in self._posts.get(dataset_id, ()) if each[0] > now - timedelta(hours=1)]
        biggest = max((len(each["rows"]) for each in self._datasets[dataset_id]["tables"].values()), default=0)
        window = timedelta(hours=1) if biggest >= _BIG else timedelta(minutes=1)
        lately = [each for each in past if each[0] > now - window]
        if len(lately) >= MOST_CALLS_A_MINUTE or sum(each[1] for each in past) + rows > MOST_ROWS_AN_HOUR:
            self.breaches.append(f"{len(lately) + 1} calls with rows within {window}, {rows} rows more")
            first = lately[0][0] + window if len(lately) >= MOST_CALLS_A_MINUTE else past[0][0] + timedelta(hours=1)
            return self.error(429, str(max(1, round((first - now).total_seconds()) + 1)))
        self._posts[dataset_id] = [*past, (now, rows)]
        return None

    @route("POST", _DATASET + "/executeQueries")
    def execute_queries(self, request: Request) -> Reply:
        """Knows the two queries that are asked here; anything else is no DAX to it."""
        found = self._found(request)
        if isinstance(found, Reply):
            return found
        dax = request.json()["queries"][0]["query"]
        wanted = re.fullmatch(r"EVALUATE FILTER\('(\w+)', '\w+'\[(\w+)\] = \"((?:[^\"]|\"\")*)\"\)", dax)
        first = re.fullmatch(r"EVALUATE TOPN\(1, '(\w+)'\)", dax)
        named = (wanted or first)[1] if wanted or first else ""     # type: ignore[index]  # one of them matched
        if named not in found["tables"]:
            return Reply(400, {"error": {"code": "DatasetExecuteQueriesError", "message": "DAX query failure"}})
        rows = found["tables"][named]["rows"]
        if wanted:
            rows = [row for row in rows if row.get(wanted[2]) == wanted[3].replace('""', '"')]
        shown = [{f"{named}[{name}]": value for name, value in row.items()} for row in (rows if wanted else rows[:1])]
        return Reply(200, {"results": [{"tables": [{"rows": shown}]}]})

    def error_in_200(self) -> Reply | None:
        """A query that asks for too much is answered so."""
        return Reply(200, {"results": [{"tables": [{"rows": [], "error": {
            "code": "MoreThanAllowedRows", "message": "More than {allowed number} rows in a query result"}}]}]})

    # ---- refreshes ----

    @route("POST", _DATASET + "/refreshes")
    def post_refresh(self, request: Request) -> Reply:
        found = self._found(request)
        if isinstance(found, Reply):
            return found
        if found["push"]:
            return Reply(400, {"error": {"code": "InvalidRequest", "message": "not supported for a push dataset"}})
        history = self._refreshes.setdefault(request.params["dataset"], [])
        asked, made = request.json() or {}, str(uuid.uuid4())
        at = f"{self.now().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        enhanced = bool(set(asked) - {"notifyOption"})
        history.insert(0, {"refreshType": "ViaEnhancedApi" if enhanced else "ViaApi", "startTime": at, "endTime": at,
                           "status": "Failed" if self.refresh_fails else "Completed", "requestId": made})
        self.ledger.append("refresh", request.headers.get("x-steward-key", ""), {"request": made})
        # The official spec: the id comes only where more than notifyOption was asked for.
        return Reply(202, None, {"x-ms-request-id": made} if enhanced else {})

    @route("GET", _DATASET + "/refreshes")
    def list_refreshes(self, request: Request) -> Reply:
        found = self._found(request)
        if isinstance(found, Reply):
            return found
        most = int(request.query.get("$top", "60"))
        return Reply(200, {"value": self._refreshes.get(request.params["dataset"], [])[:most]})

    # ---- helpers ----

    def _in_workspace(self, request: Request) -> Reply | None:
        return None if request.params["group"] == WORKSPACE else self.error(404)

    def _found(self, request: Request) -> dict[str, Any] | Reply:
        refused = self._in_workspace(request)
        return refused or self._datasets.get(request.params["dataset"]) or self.error(404)

    def _table(self, request: Request) -> dict[str, Any] | Reply:
        found = self._found(request)
        if isinstance(found, Reply):
            return found
        table: dict[str, Any] | None = found["tables"].get(request.params["table"])
        return table if table is not None and found["push"] else self.error(404)

    def _told(self, dataset_id: str) -> dict[str, Any]:
        found = self._datasets[dataset_id]
        return {"id": dataset_id, "name": found["name"], "addRowsAPIEnabled": found["push"],
                "configuredBy": "steward@contoso.test", "isRefreshable": not found["push"],
                "webUrl": f"https://app.powerbi.com/groups/{WORKSPACE}/datasets/{dataset_id}"}

    def _breach(self, what: str) -> Reply:
        self.breaches.append(what)
        return Reply(400, {"error": {"code": "InvalidRequest", "message": what}})

    def _keep(self) -> None:
        if self.state_dir:
            (self.state_dir / "datasets.json").write_text(json.dumps(self._datasets))


def _refused(status: int, code: str, why: str) -> Reply:
    return Reply(status, {"error": code, "error_description": why})


def _made(asked: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": asked["name"], "push": True,
            "tables": {each["name"]: {"columns": each["columns"], "rows": []} for each in asked["tables"]}}
