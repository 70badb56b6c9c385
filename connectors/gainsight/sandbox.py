"""A Gainsight tenant on loopback: its envelope, its three ways to say that there is nothing, its noes with a 200."""

from __future__ import annotations

import random
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.gainsight import sandbox_objects as objects
from connectors.gainsight import sandbox_seed, sandbox_writes
from connectors.gainsight.sandbox_stir import stir
from connectors.gainsight.sandbox_tenant import Row, Said, Tenant
from steward.kit.sandbox import Effect, Reply, Request, Sandbox, route
from steward.model.actions import Action, LogTouchpoint, OpenCta, StartSuccessPlan, UpdateRecord

KEY = "c0ffee00-gainsight-sandbox-access-key"
_WORDS = {
    400: ("GSOBJ_1001", "Invalid request"), 401: ("GS_APIG_2401", "Unauthorized"), 403: ("GS_APIG_2403", "Forbidden"),
    404: ("GSOBJ_1023", "Invalid API path"), 422: ("GSOBJ_1001", "Invalid request"),
    429: ("GU_2400", "Too many requests"),
}
_MOST_CALL_BYTES = 10 * 1024 * 1024


class GainsightSandbox(Sandbox):
    """`per_min` and `per_day` switch the limits on (0: off); `error_codes` makes the next answers noes."""

    name = "gainsight"
    tables = tuple(objects.KINDS)

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self.tenant = Tenant()
        self.per_min = self.per_day = 0
        self._calls: deque[datetime] = deque()
        self._count = self._quota_calls = 0
        self.writes = sandbox_writes.Writes(self.tenant, self.ledger, self.milliseconds)
        sandbox_seed.dropdowns(self.tenant)

    # ---- what is in it ----

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows in Gainsight's own names, each with its Gsid; times are `datetime`, ISO 8601 or milliseconds."""
        if table.lower() not in self.tables:
            raise ValueError(f'the gainsight sandbox has no table "{table}". It has: {", ".join(self.tables)}.')
        with self.lock:
            for row in rows:
                self.tenant.put(table, {name: sandbox_seed.as_kept(value) for name, value in row.items()})
            self.writes.replay()

    def seed(self, accounts: int) -> None:
        """So many companies, each with people, CTAs, a success plan, activities, answers and scores."""
        for table, rows in sandbox_seed.company(accounts, self.now()).items():
            self.load(table, rows)

    def settings(self) -> dict[str, Any]:
        return {"url": self.url, "access_key": KEY, "default_owner": sandbox_seed.OPS,
                "page_size": min(self.page_size, 5000), "plan_types": {"recovery": "Recovery"}}

    def sample_actions(self) -> Sequence[Action]:
        company, csm = sandbox_seed.company_id(0), sandbox_seed.csm_email(0)
        return (
            OpenCta(account_external_id=company, type="risk", subject="Health drop: <Acme> & Co", priority="high",
                    body="Fewer people come.\nCall.", due_on=date(2026, 3, 5), assignee_email=csm),
            LogTouchpoint(account_external_id=company, type="call", subject="Called Acme", body="They <are> well.",
                          happened_at=datetime(2026, 3, 5, 8, tzinfo=UTC), owner_email=csm),
            UpdateRecord(external_id=company, field="Tier__gc", value="Gold"),
            StartSuccessPlan(account_external_id=company, template="recovery", title="Recovery: Acme",
                             body="Win them back.", starts_on=date(2026, 3, 5), owner_email=csm),
        )

    def effects_of(self, action: Action, key: str) -> list[Effect]:
        if not isinstance(action, UpdateRecord):
            return self.ledger.of(key)
        return [effect for effect in self.ledger if effect.kind == "company update"
                and effect.detail["gsid"] == action.external_id
                and str(effect.detail["fields"].get(action.field)) == action.value]

    def stir(self, chance: random.Random) -> str | None:
        return stir(self, chance)

    def settle(self) -> None:
        with self.lock:
            self.tenant.hidden.clear()

    # ---- who may call, and how fast ----

    def error(self, status: int, retry_after: str | None = None) -> Reply:
        code, words = _WORDS.get(status, ("GU_1101", "Unexpected processing error"))
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        return Reply(status, self._no(code, words), headers)

    def error_in_200(self) -> Reply | None:
        return Reply(200, self._no("GU_1101", "Unexpected processing error"))

    def exhaust_quota(self, calls: int) -> None:
        self._quota_calls = calls

    def allow(self, request: Request) -> Reply | None:
        if request.headers.get("accesskey") != KEY:
            return self.error(401)
        if len(request.body) > _MOST_CALL_BYTES:
            self.breaches.append(f"a body of {len(request.body):,} bytes")
        if self._quota_calls:
            self._quota_calls -= 1
            return Reply(429, self._no("GU_2400", "Too many requests: the limit of the day is reached"))
        return self._paced()

    def _paced(self) -> Reply | None:
        now = self.now()
        while self._calls and self._calls[0] <= now - timedelta(minutes=1):
            self._calls.popleft()
        self._calls.append(now)
        self._count += 1
        for most, calls, window in ((self.per_min, len(self._calls), "minute"), (self.per_day, self._count, "day")):
            if most and calls > most:
                self.breaches.append(f"{calls} calls in a {window}; Gainsight allows {most}")
                return self.error(429)
        return None

    def answer(self, request: Request) -> Reply:
        try:
            reply = super().answer(request)
        except Said as said:
            if said.code == "OBJECT_NOT_FOUND":
                return Reply(200, {"requestId": self._request_id(), "result": False, "title": said.code,
                                   "instance": f"{self.now():%Y-%m-%d %H:%M:%S} UTC", "detail": said.words,
                                   "errorDesc": said.words})
            if "at most" in said.words:
                self.breaches.append(said.words)
            return Reply(said.status, self._no(said.code, said.words))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            return Reply(400, self._no("GSOBJ_1001", f"Invalid request: {error}"))
        most = str(self.per_min or 100)
        return Reply(reply.status, reply.body, {"x-ratelimit-limit": most, **reply.headers}, reply.content_type)

    # ---- objects ----

    @route("POST", "/v1/data/objects/query/{object}")
    def query(self, request: Request) -> Reply:
        kind = self.tenant.kind(request.params["object"])
        rows = self.tenant.query(kind.name, request.json(), self.page_size)
        if not rows and kind.empty == "no_data":
            return Reply(200, self._no("GSOBJ_1012", "No data found for given criteria"))
        if not rows and kind.empty == "no_entity":
            return Reply(400, self._no("GSOBJ_1011", "No entity matches the given criteria"))
        return self._yes({"records": rows} if kind.wrapped or not rows else rows)

    @route("PUT", "/v1/data/objects/{object}")
    def update(self, request: Request) -> Reply:
        kind, records = self.tenant.kind(request.params["object"]), request.json()["records"]
        if kind.name != "company":
            raise Said("GSOBJ_1001", f"{kind.name} cannot be written here", 400)
        keys = [each for each in request.query.get("keys", "").split(",") if each]
        rows = self.writes.update_companies(records, keys)
        return self._yes({"count": len(rows), "records": rows})

    @route("GET", "/v1/meta/services/objects/{object}/describe")
    def describe(self, request: Request) -> Reply:
        kind = self.tenant.kind(request.params["object"])
        return Reply(200, {"requestId": self._request_id(), "result": True,
                           "data": [objects.described(kind, self.tenant.fields[kind.name.lower()])]})

    @route("GET", "/v1/meta/services/dropdowns/{category}")
    def dropdown(self, request: Request) -> Reply:
        wanted = request.params["category"]
        found = next((name for name in objects.DROPDOWNS if objects.gsid("1I00", name) == wanted), None)
        if found is None:
            return self.error(404)
        items = [{"name": label, "description": label, "displayOrder": place, "active": True, "systemName": label,
                  "categoryId": wanted, "gsid": objects.item(found, label), "deleted": False}
                 for place, label in enumerate(objects.DROPDOWNS[found], 1)]
        details = {"name": found, "systemName": found, "variant": "SINGLE_SELECT", "gsid": wanted}
        return Reply(200, {"requestId": self._request_id(), "result": True,
                           "data": {"categoryDetails": details, "childItems": items}})

    # ---- Cockpit and success plans ----

    @route("POST", "/v2/cockpit/cta/list")
    def list_ctas(self, request: Request) -> Reply:
        return self._yes(self.tenant.listed("call_to_action", request.json()))

    @route("POST", "/v2/cockpit/cta/deleted/list")
    def deleted_ctas(self, request: Request) -> Reply:
        since = self.milliseconds() - 15 * 86_400_000
        gone = [row for row in self.tenant.gone_ctas.values() if row["ModifiedDate"] >= since]
        body = request.json()
        rows = self.tenant.listed("call_to_action", body, gone)
        return Reply(200, {"result": True, "requestId": self._request_id(), "data": rows,
                           "pageSize": body.get("pageSize", 100), "currentPageNum": body.get("pageNumber", 1)})

    @route("POST", "/v2/successPlan/list")
    def list_plans(self, request: Request) -> Reply:
        return self._yes(self.tenant.listed("cta_group", request.json()))

    @route("GET", "/v2/cockpit/admin/picklist/lite")
    @route("GET", "/v2/successPlan/admin/picklist/lite")
    def options(self, request: Request) -> Reply:
        wanted = request.query.get("category", "").split(",")
        return self._yes({category: [{"gsid": objects.item(category, label), "name": label, "active": True}
                                     for label in objects.DROPDOWNS.get(category, ())] for category in wanted})

    @route("POST", "/v2/cockpit/cta")
    def create_ctas(self, request: Request) -> Reply:
        return self._written(self.writes.cta, request)

    @route("POST", "/v2/successPlan")
    def create_plans(self, request: Request) -> Reply:
        return self._written(self.writes.plan, request)

    def _written(self, write: Callable[[Mapping[str, Any]], Row], request: Request) -> Reply:
        success, failure = [], []
        for place, each in enumerate(request.json()["requests"], 1):
            reference = str(each["record"].get("referenceId") or place)
            try:
                success.append({reference: write(each["record"])["Gsid"]})
            except Said as said:
                failure.append({reference: said.words})
        return self._yes({"success": success, "failure": failure})

    # ---- Timeline ----

    @route("POST", "/v1/ant/es/activity")
    def create_activities(self, request: Request) -> Reply:
        success: dict[str, Any] = {}
        failures: dict[str, Any] = {}
        for record in request.json()["records"]:
            external_id = str(record.get("ExternalId") or "")
            try:
                success[external_id] = [{"activityId": self.writes.activity(record)["Gsid"]}]
            except Said as said:
                failures[external_id] = [{"errorCode": said.code, "message": said.words}]
        return Reply(200, {"result": True, "data": {"success": success, "failures": failures}})

    @route("POST", "/v1/ant/es/activity/deleted")
    def deleted_activities(self, request: Request) -> Reply:
        body = request.json()
        since, until = (sandbox_seed.as_kept(body[name]) for name in ("startDate", "endDate"))
        rows = [row for row in self.tenant.gone_activities.values() if since <= row["DeletedDate"] <= until]
        return self._yes({"records": rows})

    # ---- the inside ----

    def milliseconds(self) -> int:
        """The vendor's now."""
        return int(self.now().timestamp() * 1000)

    def _yes(self, data: Any) -> Reply:
        return Reply(200, {"result": True, "errorCode": None, "errorDesc": None, "requestId": self._request_id(),
                           "data": data, "message": None})

    def _no(self, code: str, words: str) -> dict[str, Any]:
        data: dict[str, Any] | None = {} if code.startswith("COCKPIT") else None
        return {"result": False, "errorCode": code, "errorDesc": words, "requestId": self._request_id(), "data": data,
                "message": "Unauthorized" if code == "GS_APIG_2401" else None}

    def _request_id(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name}/{self._count}"))
