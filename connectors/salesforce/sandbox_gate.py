"""The way into the sandbox: sign-in, tokens, the instance that the org is on, API versions, the day's calls, sizes."""

from __future__ import annotations

import threading
from typing import Any
from urllib.parse import urlencode

from connectors.salesforce.sandbox_replies import refusal
from connectors.salesforce.sandbox_tokens import Tokens
from steward.kit.sandbox import Reply, Request, Sandbox, route
from steward.kit.sandbox_server import Server, serving

OLDEST_VERSION, NEWEST_VERSION = 31, 67
MOST_URI_BYTES = 16_384

_WORDS = {
    400: ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "The record was refused by a validation rule"),
    401: ("INVALID_SESSION_ID", "Session expired or invalid"),
    403: ("INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id"),
    404: ("NOT_FOUND", "The requested resource does not exist"),
    405: ("METHOD_NOT_ALLOWED", "HTTP Method not allowed"),
    410: ("UNSUPPORTED_API_VERSION", "API version is retired"),
    414: ("URI_TOO_LONG", "The URI is longer than 16,384 bytes"),
    431: ("REQUEST_HEADER_FIELDS_TOO_LARGE", "URI and headers are longer than 16,384 bytes"),
    422: ("UNPROCESSABLE_ENTITY", "The request could not be processed"),
    429: ("REQUEST_LIMIT_EXCEEDED", "Too many requests"),
    500: ("UNKNOWN_EXCEPTION", "An unexpected error occurred. Please include this ErrorId if you contact support: 1-1"),
    504: ("GATEWAY_TIMEOUT", "The request took too long"),
}


class Gate(Sandbox):
    """Who may come in. `quota` is the daily limit of calls."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.quota = 1_000_000
        self.tokens = Tokens()
        self._calls = 0
        self._gone = 0                       # so many calls find the day's quota gone
        self._elsewhere: list[Server] = []   # instances that the org was moved to

    # ---- what tests may do ----

    def expire_tokens(self) -> None:
        """Every access token given out so far is dead."""
        self.tokens.expire()

    def exhaust_quota(self, calls: int) -> None:
        """The day's quota is gone for the next `calls` calls: people have used it. Then it is a new day."""
        with self.lock:
            self._gone = calls

    def migrate(self) -> str:
        """Move the org to another instance: tokens are dead, and whoever signs in is sent there. Its URL."""
        server = serving(self, 0)
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True, name="sandbox-moved").start()
        self._elsewhere.append(server)
        self.expire_tokens()
        return self.instance_url

    @property
    def instance_url(self) -> str:
        """Where the org is now; sign-in stays at `url`, the org's own domain."""
        return f"http://127.0.0.1:{self._elsewhere[-1].server_address[1]}" if self._elsewhere else self.url

    def stop(self) -> None:
        super().stop()
        for server in self._elsewhere:
            server.shutdown()
            server.server_close()
            server.cut_lines()
        self._elsewhere = []

    # ---- one call ----

    @property
    def usage(self) -> str:
        """What `Sforce-Limit-Info` says."""
        return f"api-usage={min(self._calls, self.quota)}/{self.quota}"

    @property
    def calls_left(self) -> int:
        """How many calls may still be made today."""
        return max(0, self.quota - self._calls)

    def error(self, status: int, retry_after: str | None = None) -> Reply:
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        if status in (502, 503):             # from the edge, not from the API
            return Reply(status, b"<html><body><h1>Service unavailable</h1></body></html>", headers, "text/html")
        code, message = _WORDS.get(status, ("UNKNOWN_EXCEPTION", f"status {status}"))
        return Reply(status, [{"message": message, "errorCode": code}], headers)

    def allow(self, request: Request) -> Reply | None:
        if not request.path.startswith("/services/data/"):
            return None
        if self.instance_url.removeprefix("http://") != request.headers.get("host", "") and self._elsewhere:
            return self.error(401)           # the session belongs to another instance
        if not self.tokens.knows(request.headers.get("authorization", "")):
            return self.error(401)
        too_long = self._too_long(request)
        if too_long:
            return too_long
        number = request.path.split("/")[3].removeprefix("v").partition(".")[0]
        if not number.isdigit() or int(number) > NEWEST_VERSION:
            return self.error(404)
        if int(number) < OLDEST_VERSION:
            return self.error(410)
        return self._over_quota()

    def _too_long(self, request: Request) -> Reply | None:
        uri = len(request.path) + len(urlencode(request.query))
        headers = sum(len(name) + len(value) + 4 for name, value in request.headers.items())
        if uri + headers <= MOST_URI_BYTES:
            return None
        self.breaches.append(f"{uri} bytes of URI and {headers} of headers; {MOST_URI_BYTES} are the most")
        return self.error(414 if uri > MOST_URI_BYTES else 431)

    def _over_quota(self) -> Reply | None:
        if self._gone:
            self._gone -= 1
            self._calls = 0 if not self._gone else self.quota
            return refusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
        self._calls += 1
        if self._calls > self.quota:
            self.breaches.append(f"call {self._calls} of a day of {self.quota}")
            return refusal("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.", status=403)
        return None

    @route("POST", "/services/oauth2/token")
    def token(self, request: Request) -> Reply:
        answer = self.tokens.give(request.form(), request.headers.get("authorization", ""), self.instance_url)
        return Reply(400 if "error" in answer else 200, answer)
