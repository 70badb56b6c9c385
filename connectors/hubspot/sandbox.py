"""HubSpot played on loopback: objects, search, batches, associations, owners, limits, errors and signed webhooks."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import time
import uuid
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

import orjson

from connectors.hubspot import sandbox_properties as given
from connectors.hubspot.sandbox_portal import Portal, kind_of, problem_of
from connectors.hubspot.sandbox_shelf import Invalid, instant, milliseconds
from steward.kit.sandbox import Reply, Request, Sandbox, route
from steward.model.actions import Action, OpenCta

TOKEN = "pat-na1-5a4db0c5-sandbox-of-hubspot"  # noqa: S105  the sandbox's own
SECRET = "f6b1c2d3-client-secret-of-the-sandbox"  # noqa: S105  the sandbox's own
PORTAL = "4727653"
VERSIONS = ("2026-03", "2026-09")
_WORDS = {
    400: ("VALIDATION_ERROR", "Invalid input JSON"),
    401: ("INVALID_AUTHENTICATION", (
        "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find more "
        "details at https://developers.hubspot.com/docs/methods/auth")),
    403: ("MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call."),
    404: ("OBJECT_NOT_FOUND", "resource not found"),
    409: ("CONFLICT", "Contact already exists. Existing ID: 123"),
    422: ("VALIDATION_ERROR", "Property values were not valid"),
    423: ("LOCKED", "This resource is locked"),
    500: ("INTERNAL_ERROR", "internal error"),
}


class HubSpotSandbox(Sandbox):
    """One portal. Limits are off until set: `ten_secondly`, `search_per_second` and `daily` are calls."""

    name: ClassVar[str] = "hubspot"
    tables: ClassVar[tuple[str, ...]] = ("owners", "pipelines", "properties", *given.KINDS)

    def __init__(self, state_dir: Path | None = None, **settings: Any) -> None:
        super().__init__(state_dir, **settings)
        self.ten_secondly = self.search_per_second = self.daily = 0
        self.search_cap = 10_000
        self.portal = Portal(self.ledger, self.now)
        self.breaches: list[str] = []
        self._recent: deque[float] = deque()
        self._searches: deque[float] = deque()
        self._count = 0

    # ---- what stands in the portal ----

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        with self.lock:
            for row in rows:
                self.portal.take(table, row)

    def seed(self, accounts: int) -> None:
        from connectors.hubspot.sandbox_company import tables

        for table, rows in tables(accounts, self.now()).items():
            self.load(table, rows)

    def change(self, kind: str, row_id: str | int, properties: Mapping[str, str], at: datetime | None = None) -> None:
        """Change a row as a person would."""
        with self.lock:
            shelf = self.portal.shelves[kind]
            row = shelf.rows[int(row_id)]
            shelf.put(replace(row, properties={**row.properties, **properties}, updated=self._at(at)))

    def archive(self, kind: str, row_id: str | int, at: datetime | None = None) -> None:
        """Delete a row as a person would."""
        with self.lock:
            shelf = self.portal.shelves[kind]
            shelf.put(replace(shelf.rows[int(row_id)], archived=self._at(at)))

    def merge(self, kind: str, survivor: str | int, loser: str | int, at: datetime | None = None) -> None:
        """Merge `loser` away."""
        known = self.portal.shelves[kind].rows[int(survivor)].properties.get("hs_merged_object_ids", "")
        self.change(kind, survivor, {"hs_merged_object_ids": ";".join(filter(None, (known, str(loser))))}, at)

    def settings(self) -> dict[str, Any]:
        return {
            "access_token": TOKEN, "host": self.url, "client_secret": SECRET, "portal_id": PORTAL,
            "subscription_object": "p_subscriptions", "milestone_object": "p_milestones",
        }

    def sample_actions(self) -> Sequence[Action]:
        company = str(min(row.id for row in self.portal.shelves["companies"]))
        owner = next((each["email"] for each in self.portal.owners.values() if not each["archived"]), None)
        return [OpenCta(
            account_external_id=company, type="risk", subject="Call <Acme> & Söhne 🚀", assignee_email=owner,
            body="Users fell by 31 %.\nAsk <script>alert(1)</script> what changed.",
            due_on=(self.now() + timedelta(days=3)).date(), priority="high",
        )]

    # ---- webhooks ----

    def sample_bodies(self) -> Sequence[bytes]:
        from connectors.hubspot.sandbox_company import events

        company = min(row.id for row in self.portal.shelves["companies"])
        return [orjson.dumps(each) for each in events(self.now(), company)]

    def sign(
        self, body: bytes, url: str = "https://steward.example.com/hooks/hubspot", method: str = "POST",
    ) -> dict[str, str]:
        stamp = str(self._at(None))
        told = f"{method}{url}".encode() + body + stamp.encode()
        signed = base64.b64encode(hmac.new(SECRET.encode(), told, hashlib.sha256).digest()).decode()
        return {
            ":method": method, ":url": url, "content-type": "application/json", "x-hubspot-signature-version": "v3",
            "x-hubspot-request-timestamp": stamp, "x-hubspot-signature-v3": signed,
        }

    def post_webhook(self, url: str, events: Sequence[Mapping[str, Any]], signed_url: str = "") -> int:
        """Call `url` on loopback with `events`, as HubSpot does, and return the status. `signed_url`: as the outside
        world sees it, where that differs."""
        body, parts = orjson.dumps(list(events)), urlsplit(url)
        headers = {name: value for name, value in self.sign(body, signed_url or url).items() if name[0] != ":"}
        line = http.client.HTTPConnection(parts.netloc, timeout=5)
        try:
            line.request("POST", parts.path + (f"?{parts.query}" if parts.query else ""), body, headers)
            return line.getresponse().status
        finally:
            line.close()

    # ---- who may call, and how fast ----

    def error(self, status: int, retry_after: str | None = None) -> Reply:
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        if status == 429:
            body = {"status": "error", "message": "You have reached your ten_secondly_rolling limit.",
                    "errorType": "RATE_LIMIT", "correlationId": self._correlation(),
                    "policyName": "TEN_SECONDLY_ROLLING", "groupName": f"publicapi:private-apps:calls:{PORTAL}"}
            return Reply(429, body, headers)
        category, message = _WORDS.get(status, ("INTERNAL_ERROR", f"status {status}"))
        return replace(self._no(status, category, message), headers=headers)

    def allow(self, request: Request) -> Reply | None:
        if request.path.startswith("/oauth/"):
            return None
        if request.headers.get("authorization") not in (f"Bearer {TOKEN}", f"Bearer {_OAUTH}"):
            return self.error(401)
        now = time.monotonic()
        self._count += 1
        if self.daily and self._count > self.daily:
            reply = self.error(429)
            return replace(reply, body={**reply.body, "message": "You have reached your daily limit.",
                                        "policyName": "DAILY", "requestId": self._correlation()})
        if not _within(self._recent, now, 10, self.ten_secondly):
            self.breaches.append(f"more than {self.ten_secondly} calls in 10 s")
            return self.error(429, "10")
        if request.path.endswith("/search") and not _within(self._searches, now, 1, self.search_per_second):
            self.breaches.append(f"more than {self.search_per_second} searches in a second")
            reply = self.error(429)
            return replace(reply, body={**reply.body, "message": "You have reached your secondly limit.",
                                        "policyName": "SECONDLY"})
        return None

    def answer(self, request: Request) -> Reply:
        try:
            reply = super().answer(request)
        except (Invalid, KeyError, TypeError, AttributeError, ValueError) as error:
            reply = self._no(400, "VALIDATION_ERROR", f"Invalid input: {error}")
        if request.path.endswith("/search"):
            return reply                    # searches carry no rate-limit headers
        most = self.ten_secondly or 190
        limits = {
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000", "X-HubSpot-RateLimit-Max": str(most),
            "X-HubSpot-RateLimit-Remaining": str(max(0, most - len(self._recent))),
            "X-HubSpot-RateLimit-Daily": str(self.daily or 650_000),
            "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, (self.daily or 650_000) - self._count)),
        }
        return replace(reply, headers={**limits, **reply.headers})

    @route("POST", "/oauth/v1/token")
    @route("POST", "/oauth/v3/token")
    @route("POST", "/oauth/2026-03/token")
    def token(self, request: Request) -> Reply:
        form = request.form()
        if form.get("grant_type") not in ("authorization_code", "refresh_token") or form.get("client_secret") != SECRET:
            return self._no(400, "BAD_CLIENT_SECRET", "missing or invalid client secret")
        return Reply(200, {"access_token": _OAUTH, "refresh_token": "refresh-of-the-sandbox", "expires_in": 1800,
                           "token_type": "bearer"})

    # ---- reading ----

    @route("GET", "/crm/v3/objects/{kind}")
    @route("GET", "/crm/objects/{version}/{kind}")
    def list_rows(self, request: Request) -> Reply:
        kind, limit = self._kind(request), int(request.query.get("limit", "10"))
        if limit > 100:
            raise Invalid("limit must be at most 100")
        archived = request.query.get("archived", "false").lower() == "true"
        rows, after = self.portal.shelves[kind].listed(
            int(request.query.get("after") or 0), min(limit, self.page_size), archived)
        wanted, to = _listed(request, "properties"), _listed(request, "associations")
        return Reply(200, {"results": [self.portal.json(kind, row, wanted, to) for row in rows], **_paging(after)})

    @route("GET", "/crm/v3/objects/{kind}/{id}")
    @route("GET", "/crm/objects/{version}/{kind}/{id}")
    def one_row(self, request: Request) -> Reply:
        kind = self._kind(request)
        row = self.portal.by(kind, request.query.get("idProperty", ""), request.params["id"])
        if row is None:
            return self.error(404)
        return Reply(200, self.portal.json(kind, row, _listed(request, "properties"), _listed(request, "associations")))

    @route("POST", "/crm/v3/objects/{kind}/search")
    @route("POST", "/crm/objects/{version}/{kind}/search")
    def search(self, request: Request) -> Reply:
        kind, body = self._kind(request), request.json()
        after, limit = int(body.get("after") or 0), int(body.get("limit") or 10)
        if limit > 200 or after + min(limit, self.page_size) > self.search_cap:
            raise Invalid(f"a search gives at most 200 results a page and {self.search_cap} in all")
        for each in (one for group in body.get("filterGroups") or () for one in group.get("filters") or ()):
            if each.get("propertyName") not in self.portal.properties[kind]:
                raise Invalid(f'Property "{each.get("propertyName")}" does not exist')
        limit = min(limit, self.page_size)
        total, rows = self.portal.shelves[kind].search(body, after, limit)
        return Reply(200, {
            "total": total, "results": [self.portal.json(kind, row, body.get("properties") or ()) for row in rows],
            **_paging(after + limit if after + limit < total else None),
        })

    @route("POST", "/crm/v3/objects/{kind}/batch/read")
    @route("POST", "/crm/objects/{version}/{kind}/batch/read")
    def read_batch(self, request: Request) -> Reply:
        kind, body = self._kind(request), request.json()
        by = body.get("idProperty") or ""
        if by and not self.portal.properties[kind].get(by, {}).get("hasUniqueValue"):
            raise Invalid(f'idProperty "{by}" is not a unique property of {kind}')
        results, missing = [], []
        for each in _inputs(body):
            row = self.portal.by(kind, by, str(each["id"]))
            if row is None:
                missing.append(str(each["id"]))
            else:
                results.append(self.portal.json(kind, row, body.get("properties") or ()))
        message = f"Could not get some {given.SINGULAR[kind].upper()} objects, they may be deleted or not exist."
        return self._batch(results, [problem_of("OBJECT_NOT_FOUND", message, {"ids": missing})] if missing else [])

    @route("GET", "/crm/v3/owners")
    @route("GET", "/crm/owners/{version}")
    def owners(self, request: Request) -> Reply:
        archived, email = request.query.get("archived", "false").lower() == "true", request.query.get("email", "")
        rows = sorted((each for each in self.portal.owners.values() if bool(each["archived"]) is archived
                       and (not email or str(each.get("email", "")).lower() == email.lower())),
                      key=lambda each: int(each["id"]))
        rows = [each for each in rows if int(each["id"]) > int(request.query.get("after") or 0)]
        limit = min(int(request.query.get("limit", "100")), self.page_size)
        page = rows[:limit]
        return Reply(200, {"results": page, **_paging(int(page[-1]["id"]) if len(rows) > limit else None)})

    @route("GET", "/crm/v3/properties/{kind}")
    @route("GET", "/crm/properties/{version}/{kind}")
    def properties(self, request: Request) -> Reply:
        return Reply(200, {"results": list(self.portal.properties[self._kind(request)].values())})

    @route("GET", "/crm/v3/pipelines/{kind}")
    @route("GET", "/crm/pipelines/{version}/{kind}")
    def pipelines(self, request: Request) -> Reply:
        return Reply(200, {"results": self.portal.pipelines.get(self._kind(request), [])})

    @route("GET", "/crm/v4/objects/{kind}/{id}/associations/{to}")
    def list_associations(self, request: Request) -> Reply:
        kind, to = self._kind(request), kind_of(request.params["to"])
        return Reply(200, {"results": self.portal.linked(kind, int(request.params["id"]), to)})

    @route("POST", "/crm/v4/associations/{kind}/{to}/batch/read")
    @route("POST", "/crm/associations/{version}/{kind}/{to}/batch/read")
    def read_associations(self, request: Request) -> Reply:
        kind, to = self._kind(request), kind_of(request.params["to"])
        results, errors = [], []
        for each in _inputs(request.json(), 1000):
            links = self.portal.linked(kind, int(each["id"]), to)
            if links:
                results.append({"from": {"id": str(each["id"])}, "to": links})
            else:
                problem = problem_of("OBJECT_NOT_FOUND", f"No {to} is associated with {kind} {each['id']}.",
                                        {"fromObjectId": [str(each["id"])]})
                errors.append({**problem, "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND"})
        return self._batch(results, errors)

    # ---- writing ----

    @route("POST", "/crm/v3/objects/{kind}/batch/upsert")
    @route("POST", "/crm/objects/{version}/{kind}/batch/upsert")
    def upsert_batch(self, request: Request) -> Reply:
        kind, results, errors = self._kind(request), [], []
        for each in _inputs(request.json()):
            by = each.get("idProperty") or ""
            if not self.portal.properties[kind].get(by, {}).get("hasUniqueValue"):
                message = f'idProperty "{by}" is not a unique property of {kind}'
                errors.append(problem_of("VALIDATION_ERROR", message, {"propertyName": [by]}))
                continue
            told = {**each.get("properties", {}), by: str(each["id"])}
            row = self.portal.shelves[kind].with_value(by, str(each["id"]))
            problem = self.portal.wrong(kind, told, new=row is None)
            if problem:
                errors.append(problem)
                continue
            kept = self.portal.write(kind, told, row, f"{given.SINGULAR[kind]} upsert", str(each["id"]))
            results.append({**self.portal.json(kind, kept, tuple(told)), "new": row is None})
        return self._batch(results, errors)

    @route("POST", "/crm/v3/objects/{kind}/batch/create")
    @route("POST", "/crm/objects/{version}/{kind}/batch/create")
    def create_batch(self, request: Request) -> Reply:
        kind = self._kind(request)
        results: list[dict[str, Any]] = []
        errors: list[dict[str, Any]] = []
        for each in _inputs(request.json()):
            made = self.portal.create(kind, each)
            (errors if "category" in made else results).append(made)
        return self._batch(results, errors, 201)

    @route("POST", "/crm/v3/objects/{kind}")
    @route("POST", "/crm/objects/{version}/{kind}")
    def create(self, request: Request) -> Reply:
        made = self.portal.create(self._kind(request), request.json())
        return Reply(400 if "category" in made else 201, made)

    @route("PATCH", "/crm/v3/objects/{kind}/{id}")
    @route("PATCH", "/crm/objects/{version}/{kind}/{id}")
    def update(self, request: Request) -> Reply:
        kind, told = self._kind(request), request.json()["properties"]
        row = self.portal.by(kind, request.query.get("idProperty", ""), request.params["id"])
        if row is None:
            return self.error(404)
        problem = self.portal.wrong(kind, told, new=False)
        if problem:
            return Reply(400, problem)
        return Reply(200, self.portal.json(kind, self.portal.write(kind, told, row, "", ""), tuple(told)))

    @route("PUT", "/crm/v4/objects/{kind}/{id}/associations/default/{to}/{to_id}")
    @route("PUT", "/crm/objects/{version}/{kind}/{id}/associations/default/{to}/{to_id}")
    def associate(self, request: Request) -> Reply:
        kind, to = self._kind(request), kind_of(request.params["to"])
        row = self.portal.shelves[kind].get(request.params["id"])
        other = self.portal.shelves[to].get(request.params["to_id"])
        if row is None or other is None:
            return self.error(404)
        if other.id not in self.portal.links.get((kind, row.id, to), ()):
            self.portal.tie(kind, row.id, to, other.id)
        types = [{"category": "HUBSPOT_DEFINED", "typeId": given.TO_COMPANY.get(kind, (0, 9000))[1]}]
        made = {"from": {"id": str(row.id)}, "to": {"id": str(other.id)}, "associationSpec": types[0]}
        return self._batch([made], [])

    # ---- the inside ----

    def _kind(self, request: Request) -> str:
        if request.params.get("version", VERSIONS[0]) not in VERSIONS:
            raise Invalid(f'"{request.params["version"]}" is not a version of this API')
        return kind_of(request.params["kind"])

    def _no(self, status: int, category: str, message: str) -> Reply:
        body = problem_of(category, message, {})
        if status == 403:
            body["errors"] = [{"message": "One or more of the following scopes are required.",
                               "context": {"requiredGranularScopes": ["crm.objects.companies.read"]}}]
        return Reply(status, body)

    def _batch(self, results: list[Any], errors: list[Any], status: int = 200) -> Reply:
        at = instant(self._at(None))
        body = {"status": "COMPLETE", "results": results, "startedAt": at, "completedAt": at}
        return Reply(207, {**body, "errors": errors, "numErrors": len(errors)}) if errors else Reply(status, body)

    def _correlation(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name}/{self._count}"))

    def _at(self, at: datetime | None) -> int:
        return milliseconds((at or self.now()).astimezone(UTC).isoformat())


_OAUTH = "CJ-oauth-token-of-the-sandbox"


def _listed(request: Request, name: str) -> list[str]:
    """A list in the query: its name again for each, or commas between them."""
    return [part for key, value in request.pairs if key == name for part in value.split(",") if part]


def _inputs(body: Mapping[str, Any], most: int = 100) -> list[Mapping[str, Any]]:
    inputs = list(body["inputs"])
    if len(inputs) > most:
        raise Invalid(f"at most {most} inputs are allowed")
    return inputs


def _paging(after: int | None) -> dict[str, Any]:
    return {"paging": {"next": {"after": str(after), "link": f"?after={after}"}}} if after is not None else {}


def _within(calls: deque[float], now: float, window_s: float, most: int) -> bool:
    """Whether another call is allowed; counts it if so."""
    while calls and calls[0] <= now - window_s:
        calls.popleft()
    if most and len(calls) >= most:
        return False
    calls.append(now)
    return True
