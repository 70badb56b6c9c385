"""A PX subscription on loopback: scrolls, filters, the range of events, and accounts that are written whole."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import unquote

from connectors.gainsight_px import sandbox_rows as lists
from connectors.gainsight_px import sandbox_seed
from connectors.gainsight_px.sandbox_rows import BadRequest, Row
from connectors.gainsight_px.sandbox_stir import stir
from connectors.gainsight_px.settings import MOST_DAYS, MOST_ROWS
from connectors.gainsight_px.shapes import CUSTOM, READ_ONLY
from steward.kit.reading import milliseconds
from steward.kit.sandbox import Effect, Reply, Request, Sandbox, route
from steward.model.actions import Action, UpdateRecord

KEY = "c0ffee00-px-sandbox-key"
READ_ONLY_KEY = "c0ffee00-px-sandbox-key-that-reads"
_KEYS: Mapping[str, str] = {
    "accounts": "id", "users": "identifyId", "attributes": "apiName", "features": "id", "session": "eventId",
    "custom": "eventId", "feature_match": "eventId",
}
_ROWS_OF: Mapping[str, str] = {
    "custom": "customEvents", "session": "sessionInitializedEvents", "feature_match": "featureMatchEvents",
    # Of these there are none here; how they are named is known from tap-gainsightpx.
    "identify": "identifyEvents", "segment_match": "featureMatchEvents", "email": "results",
    "engagementView": "results", "formSubmit": "results", "lead": "results", "pageView": "results",
}
_WORDS = {
    400: "Bad request", 401: "Unauthorized or bad API Key", 403: "Access denied", 404: "Not Found",
    429: "Rate limit exceeded",
}
_DAY_MS = 86_400_000


class GainsightPxSandbox(Sandbox):
    """`elsewhere` plays the wrong data centre, `per_second` switches that limit on (0: off)."""

    name = "gainsight_px"
    tables: ClassVar[tuple[str, ...]] = tuple(_KEYS)

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self.rows: dict[str, dict[str, Row]] = {name: {} for name in _KEYS}
        self.hidden: dict[str, Row] = {}                     # accounts of which lists have the last change not yet
        self.scrolls = lists.Scrolls()
        self.elsewhere, self.per_second, self._quota_calls = False, 0, 0
        self._calls: deque[datetime] = deque()

    # ---- what is in it ----

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows in PX's own names; times are `datetime` or milliseconds."""
        if table not in _KEYS:
            raise ValueError(f'the gainsight_px sandbox has no table "{table}". It has: {", ".join(_KEYS)}.')
        with self.lock:
            for row in rows:
                kept = {name: lists.as_kept(each) for name, each in row.items()}
                self.rows[table][str(kept[_KEYS[table]])] = kept
            if table == "accounts":
                self._replay()

    def seed(self, accounts: int) -> None:
        """So many accounts, each with two users and a visitor, and what they did in the last days."""
        for table, rows in sandbox_seed.subscription(accounts, self.now()).items():
            self.load(table, rows)

    def settings(self) -> dict[str, Any]:
        return {"url": self.url, "api_key": KEY, "page_size": min(self.page_size, MOST_ROWS), "history_days": 8,
                "overlap_days": 1, "events": {"Report Viewed": "reports"}, "features": {"feat-dashboard": "dashboards"},
                "custom": {"accounts": {"health_score": "healthScore", "tier": "customAttributes.tier"}}}

    def sample_actions(self) -> Sequence[Action]:
        return (UpdateRecord(external_id=sandbox_seed.account_id(0), field="customAttributes.tier", value="Gold"),)

    def effects_of(self, action: Action, key: str) -> list[Effect]:
        if not isinstance(action, UpdateRecord):
            return self.ledger.of(key)
        path = action.field
        return [effect for effect in self.ledger if effect.kind == "account update"
                and effect.detail["id"] == action.external_id
                and str(effect.detail["fields"].get(path)) == action.value]

    def stir(self, chance: random.Random) -> str | None:
        return stir(self, chance)

    def settle(self) -> None:
        with self.lock:
            self.hidden.clear()

    # ---- who may call, and how fast ----

    def error(self, status: int, retry_after: str | None = None) -> Reply:
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        return Reply(status, self._no(status, _WORDS.get(status, "Internal Server Error")), headers)

    def exhaust_quota(self, calls: int) -> None:
        self._quota_calls = calls

    def allow(self, request: Request) -> Reply | None:
        if self.elsewhere:
            return self.error(404)
        key = request.headers.get("x-aptrinsic-api-key")
        if key not in (KEY, READ_ONLY_KEY):
            return self.error(401)
        if key == READ_ONLY_KEY and request.method != "GET":
            return self.error(403)
        if self._quota_calls:
            self._quota_calls -= 1
            return self.error(429)
        if "%2f" in request.path.lower():                       # as the servers of Java do
            return self.error(400)
        now = self.now()
        while self._calls and self._calls[0] <= now - timedelta(seconds=1):
            self._calls.popleft()
        self._calls.append(now)
        if self.per_second and len(self._calls) > self.per_second:
            self.breaches.append(f"{len(self._calls)} calls in a second; PX allows {self.per_second}")
            return self.error(429)
        return None

    def answer(self, request: Request) -> Reply:
        try:
            return super().answer(request)
        except BadRequest as error:
            return Reply(400, self._no(400, str(error)))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            return Reply(400, self._no(400, f"Bad request: {error}"))

    # ---- lists ----

    @route("GET", "/v1/accounts")
    def list_accounts(self, request: Request) -> Reply:
        rows = [self.hidden.get(name, row) for name, row in self.rows["accounts"].items()]
        return self._list(request, rows, "accounts")

    @route("GET", "/v1/users")
    def list_users(self, request: Request) -> Reply:
        return self._list(request, list(self.rows["users"].values()), "users")

    @route("GET", "/v1/events/{kind}")
    def list_events(self, request: Request) -> Reply:
        kind = request.params["kind"]
        if kind not in _ROWS_OF:
            return self.error(404)
        now = milliseconds(self.now())
        since, until = lists.bounds(self._filters(request))
        if since is None:
            since = now - _DAY_MS
        if (until or now) - since > MOST_DAYS * _DAY_MS:
            self.breaches.append(f"events of {((until or now) - since) // _DAY_MS} days; PX gives {MOST_DAYS}")
            raise BadRequest(f"Exceeded date range{MOST_DAYS}days")
        rows = [row for row in self.rows.get(kind, {}).values() if row["date"] >= since]
        return self._list(request, rows, _ROWS_OF[kind])

    @route("GET", "/v1/survey/responses")
    def list_answers(self, request: Request) -> Reply:
        return self._list(request, [], "results")

    @route("GET", "/v1/feature")
    def list_features(self, request: Request) -> Reply:
        return self._numbered(request, list(self.rows["features"].values()), "features")

    @route("GET", "/v1/engagement")
    def list_engagements(self, request: Request) -> Reply:
        return self._numbered(request, [], "engagements")

    @route("GET", "/v1/segment")
    def list_segments(self, request: Request) -> Reply:
        return self._numbered(request, [], "segments")

    @route("GET", "/v1/admin/model/account/attributes")
    def list_attributes(self, request: Request) -> Reply:
        return Reply(200, list(self.rows["attributes"].values()))

    def _list(self, request: Request, rows: list[Row], name: str) -> Reply:
        size, scroll_id = self._size(request), request.query.get("scrollId", "")
        if not scroll_id:
            found = lists.chosen(rows, self._filters(request), request.query.get("sort", ""))
            scroll_id = self.scrolls.begin(found)
        elif scroll_id not in self.scrolls.open:
            return Reply(404, self._no(404, "No search context found for id"))
        left = self.scrolls.open[scroll_id]
        page, rest = left[:size], left[size:]
        self.scrolls.open[scroll_id] = rest
        total = self.scrolls.totals.setdefault(scroll_id, len(left))
        # As the documentation warns, an id is told on the last page too.
        return Reply(200, {name: page, "totalHits": total, "scrollId": scroll_id})

    def _numbered(self, request: Request, rows: list[Row], name: str) -> Reply:
        size, number = self._size(request), int(request.query.get("pageNumber", 0))
        page = rows[number * size:(number + 1) * size]
        return Reply(200, {name: page, "pageNumber": number, "isLastPage": (number + 1) * size >= len(rows)})

    def _size(self, request: Request) -> int:
        size = int(request.query.get("pageSize", 25))
        if not 1 <= size <= MOST_ROWS:
            self.breaches.append(f"a page of {size}; PX gives {MOST_ROWS} at most")
            raise BadRequest(f"pageSize must be between 1 and {MOST_ROWS}")
        return min(size, self.page_size)

    @staticmethod
    def _filters(request: Request) -> list[str]:
        return [given for name, given in request.pairs if name == "filter"]

    # ---- one account ----

    @route("GET", "/v1/accounts/{id}")
    def read_account(self, request: Request) -> Reply:
        row = self.rows["accounts"].get(unquote(request.params["id"]))
        return Reply(200, row) if row else self.error(404)

    @route("GET", "/v1/users/{id}")
    def read_user(self, request: Request) -> Reply:
        row = self.rows["users"].get(unquote(request.params["id"]))
        return Reply(200, row) if row else self.error(404)

    @route("PUT", "/v1/accounts/update")
    @route("PUT", "/v1/accounts/{id}")
    def update_account(self, request: Request) -> Reply:
        """What is left out is emptied: the harder of the two things that the documentation may mean."""
        told = request.json()
        account_id = str(told["id"]) if request.path.endswith("/update") else unquote(request.params["id"])
        row = self.rows["accounts"].get(account_id)
        if row is None:
            return self.error(404)
        missing = [name for name in ("id", "name", "propertyKeys") if not told.get(name)]
        if missing:
            raise BadRequest(f"{', '.join(missing)} is required")
        self._typed(told)
        after = {**{name: row[name] for name in READ_ONLY if name in row},
                 **{name: each for name, each in told.items() if name not in READ_ONLY}}
        fields = _differences(row, after)
        if fields:
            after["lastModifiedDate"] = milliseconds(self.now())
            self.rows["accounts"][account_id] = after
            self.ledger.append("account update", "", {"id": account_id, "fields": fields, "row": after})
        return Reply(204)

    @route("POST", "/v1/accounts")
    def create_account(self, request: Request) -> Reply:
        told = request.json()
        if told["id"] in self.rows["accounts"]:
            raise BadRequest("Bad request, possible duplicate")
        now = milliseconds(self.now())
        row = {**told, "createDate": now, "lastModifiedDate": now}
        self.rows["accounts"][told["id"]] = row
        self.ledger.append("account create", "", {"id": told["id"], "row": row})
        return Reply(201, {})

    @route("DELETE", "/v1/accounts/{id}")
    def delete_account(self, request: Request) -> Reply:
        account_id = unquote(request.params["id"])
        if not self.forget(account_id):
            return self.error(404)
        self.ledger.append("account delete", "", {"id": account_id})
        return Reply(204)

    def forget(self, account_id: str) -> bool:
        """Delete an account and, as PX does, its users."""
        users = self.rows["users"]
        for name in [name for name, user in users.items() if user.get("accountId") == account_id]:
            del users[name]
        return self.rows["accounts"].pop(account_id, None) is not None

    # ---- the inside ----

    def _typed(self, told: Row) -> None:
        for name in ("numberOfEmployees", "healthScore", "renewalDate"):
            if not isinstance(told.get(name, 0), int | None):
                raise BadRequest(f"{name} must be an integer")
        kinds = {"STRING": str, "NUMBER": int | float, "BOOLEAN": bool, "DATE_TIME": int}
        for name, each in (told.get(CUSTOM) or {}).items():
            known = self.rows["attributes"].get(name)
            if known is None:
                raise BadRequest(f"Unknown attribute {name}")
            if each is not None and not isinstance(each, kinds[known["type"]]):
                raise BadRequest(f"{name} must be a {known['type']}")

    def _replay(self) -> None:
        """What was written to accounts before a restart."""
        for effect in self.ledger:
            if effect.kind == "account delete":
                self.forget(effect.detail["id"])
            else:
                self.rows["accounts"][effect.detail["id"]] = dict(effect.detail["row"])

    @staticmethod
    def _no(status: int, words: str) -> Row:
        return {"status": status, "error": _WORDS.get(status, "Internal Server Error"), "message": words}


def _differences(before: Row, after: Row) -> Row:
    """What changed, custom attributes by their path."""
    flat = [{**{name: each for name, each in row.items() if name != CUSTOM},
             **{f"{CUSTOM}.{name}": each for name, each in (row.get(CUSTOM) or {}).items()}} for row in (before, after)]
    return {name: flat[1].get(name) for name in sorted({*flat[0], *flat[1]}) if flat[0].get(name) != flat[1].get(name)}
