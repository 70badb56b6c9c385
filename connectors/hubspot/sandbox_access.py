"""Who may call the sandbox's portal, and how fast: tokens, budgets, the day's quota, and HubSpot's words for no."""

from __future__ import annotations

import time
import uuid
from collections import deque
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from connectors.hubspot.sandbox_portal import problem_of
from connectors.hubspot.sandbox_shelf import Invalid, milliseconds
from steward.kit.sandbox import Reply, Request, Sandbox, route

TOKEN = "pat-na1-5a4db0c5-sandbox-of-hubspot"  # noqa: S105  the sandbox's own
SECRET = "f6b1c2d3-client-secret-of-the-sandbox"  # noqa: S105  the sandbox's own
CLIENT_ID = "6c1c0a92-client-of-the-sandbox"
REFRESH_TOKEN = "na1-refresh-token-of-the-sandbox"  # noqa: S105  the sandbox's own
PORTAL = "4727653"
LIVES = timedelta(seconds=1800)
MOST_IN_A_FILTER = 3000                     # characters of a search's filters

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


class TooMuch(Invalid):
    """A limit of HubSpot's was broken; it is noted in `breaches`."""


class Access(Sandbox):
    """Limits are off until set: `ten_secondly`, `search_per_second` and `daily` are calls."""

    def __init__(self, state_dir: Path | None = None, **settings: Any) -> None:
        super().__init__(state_dir, **settings)
        self.ten_secondly = self.search_per_second = self.daily = 0
        self._recent: deque[float] = deque()
        self._searches: deque[float] = deque()
        self._count = self._without_quota = 0
        self._access: dict[str, datetime] = {}  # token of OAuth -> until when it is taken

    def error(self, status: int, retry_after: str | None = None) -> Reply:
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        if status == 429:
            return replace(self._too_fast("TEN_SECONDLY_ROLLING", "ten_secondly_rolling"), headers=headers)
        category, message = _WORDS.get(status, ("INTERNAL_ERROR", f"status {status}"))
        return replace(self._no(status, category, message), headers=headers)

    def expire_tokens(self) -> None:
        """Tokens of OAuth; that of a private app does not expire."""
        with self.lock:
            self._access = dict.fromkeys(self._access, self.now())

    def exhaust_quota(self, calls: int) -> None:
        with self.lock:
            self._without_quota = calls

    def allow(self, request: Request) -> Reply | None:
        if request.path.startswith("/oauth/"):
            return None
        refused = self._known(request)
        if refused:
            return refused
        now = time.monotonic()
        self._count += 1
        if self._without_quota or (self.daily and self._count > self.daily):
            self._without_quota = max(0, self._without_quota - 1)
            reply = self._too_fast("DAILY", "daily")
            return replace(reply, body={**reply.body, "requestId": self._correlation()})
        if not _within(self._recent, now, 10, self.ten_secondly):
            self.breaches.append(f"more than {self.ten_secondly} calls in 10 s: {request.method} {request.path}")
            return self.error(429, "10")
        if request.path.endswith("/search") and not _within(self._searches, now, 1, self.search_per_second):
            self.breaches.append(f"more than {self.search_per_second} searches in a second: {request.path}")
            return self._too_fast("SECONDLY", "secondly")
        return None

    def answer(self, request: Request) -> Reply:
        try:
            reply = super().answer(request)
        except TooMuch as error:
            self.breaches.append(f"{error}: {request.method} {request.path}")
            reply = self._no(400, "VALIDATION_ERROR", f"Invalid input: {error}")
        except (Invalid, KeyError, TypeError, AttributeError, ValueError) as error:
            reply = self._no(400, "VALIDATION_ERROR", f"Invalid input: {error}")
        if request.path.endswith("/search"):
            return reply                    # searches carry no rate-limit headers
        most = self.ten_secondly or 190
        limits = {
            "X-HubSpot-RateLimit-Interval-Milliseconds": "10000", "X-HubSpot-RateLimit-Max": str(most),
            "X-HubSpot-RateLimit-Remaining": str(max(0, most - len(self._recent))),
        }
        if request.headers.get("authorization") == f"Bearer {TOKEN}":       # absent for OAuth
            limits |= {
                "X-HubSpot-RateLimit-Daily": str(self.daily or 650_000),
                "X-HubSpot-RateLimit-Daily-Remaining": str(max(0, (self.daily or 650_000) - self._count)),
            }
        return replace(reply, headers={**limits, **reply.headers})

    # ---- tokens ----

    def grant(self) -> str:
        """A new token of OAuth."""
        with self.lock:
            number = len(self._access) + 1
            token = f"CJ-{uuid.uuid5(uuid.NAMESPACE_URL, f'{self.name}/{number}')}-of-the-sandbox"
            self._access[token] = self.now() + LIVES
            return token

    @route("POST", "/oauth/v1/token")
    @route("POST", "/oauth/v3/token")
    @route("POST", "/oauth/2026-03/token")
    @route("POST", "/oauth/2026-09/token")
    def token(self, request: Request) -> Reply:
        form = request.form()
        if form.get("grant_type") not in ("authorization_code", "refresh_token") or form.get("client_secret") != SECRET:
            return self._no(400, "BAD_CLIENT_SECRET", "missing or invalid client secret")
        if form["grant_type"] == "refresh_token" and form.get("refresh_token") != REFRESH_TOKEN:
            return self._no(400, "BAD_REFRESH_TOKEN", "missing or invalid refresh token")
        return Reply(200, {"access_token": self.grant(), "refresh_token": REFRESH_TOKEN, "expires_in": 1800,
                           "token_type": "bearer", "hub_id": int(PORTAL)})

    @route("POST", "/oauth/2026-03/token/introspect")
    @route("POST", "/oauth/2026-09/token/introspect")
    def introspect(self, request: Request) -> Reply:
        token = request.form().get("token", "")
        if self._access.get(token, self.now()) <= self.now():
            return Reply(200, {"active": False})
        return Reply(200, {"active": True, "hub_id": int(PORTAL), "client_id": CLIENT_ID, "token_type": "bearer",
                           "expires_in": round((self._access[token] - self.now()).total_seconds())})

    @route("POST", "/oauth/2026-03/token/revoke")
    @route("POST", "/oauth/2026-09/token/revoke")
    def revoke(self, request: Request) -> Reply:
        self._access.pop(request.form().get("token", ""), None)
        return Reply(204)

    def _known(self, request: Request) -> Reply | None:
        told = request.headers.get("authorization", "")
        ends = self._access.get(told.removeprefix("Bearer "))
        if ends is None:
            return None if told == f"Bearer {TOKEN}" else self.error(401)
        if ends > self.now():
            return None
        ago = f"{round((self.now() - ends).total_seconds())} second(s) ago"
        return self._no(401, "EXPIRED_AUTHENTICATION", f"The OAuth token used to make this call expired {ago}.")

    # ---- HubSpot's words ----

    def _too_fast(self, policy: str, words: str) -> Reply:
        return Reply(429, {
            "status": "error", "message": f"You have reached your {words} limit.", "errorType": "RATE_LIMIT",
            "correlationId": self._correlation(), "policyName": policy,
            "groupName": f"publicapi:private-apps:calls:{PORTAL}",
        })

    def _no(self, status: int, category: str, message: str) -> Reply:
        body = problem_of(category, message, {})
        if status == 403:
            body["errors"] = [{"message": "One or more of the following scopes are required.",
                               "context": {"requiredGranularScopes": ["crm.objects.companies.read"]}}]
        return Reply(status, body)

    def _correlation(self) -> str:
        return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.name}/{self._count}"))

    def _at(self, at: datetime | None) -> int:
        return milliseconds((at or self.now()).astimezone(UTC).isoformat())


def inputs_of(body: Mapping[str, Any], most: int = 100) -> list[Mapping[str, Any]]:
    """The inputs of a batch.

    Raises:
        TooMuch: there are more than HubSpot takes at once.
    """
    inputs = list(body["inputs"])
    if len(inputs) > most:
        raise TooMuch(f"{len(inputs)} inputs in a batch; at most {most} are allowed")
    return inputs


def _within(calls: deque[float], now: float, window_s: float, most: int) -> bool:
    """Whether another call is allowed; counts it if so."""
    while calls and calls[0] <= now - window_s:
        calls.popleft()
    if most and len(calls) >= most:
        return False
    calls.append(now)
    return True
