"""A custom webhook of Make on loopback: asks for the API key, answers "Accepted", and can be full or off.

Source: Make "Webhooks" help (read 2026-11): 200 "Accepted", 400 when the queue is full, 410 when inactive, 429 beyond
30 a second. None of it is confirmed on a real organisation.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from steward.kit.receiver import INCOMING, Receiver
from steward.kit.sandbox import Reply, Request, route

KEY = "make-sandbox-key"
MOST_BYTES = 5 * 1024 * 1024


class MakeSandbox(Receiver):
    """`full`: the queue takes nothing more for now."""

    name = "make"
    listener_path = "/listener"

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self.full = False

    def settings(self) -> dict[str, Any]:
        return {"url": f"{self.url}/hook", "api_key": KEY, "allow_private": True, "hosts": ["127.0.0.1"],
                "incoming_secret": INCOMING}

    def error(self, status: int, retry_after: str | None = None) -> Reply:
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        return Reply(status, f"status {status}".encode(), headers, "text/plain")

    @route("POST", "/{hook}")
    def hook(self, request: Request) -> Reply:
        if request.path == "/hook" and request.headers.get("x-make-apikey") != KEY:
            return self.error(401)
        if self.full:
            return Reply(400, b"Queue is full.", content_type="text/plain")
        if len(request.body) > MOST_BYTES:
            return self.error(413)
        return self.take(request, Reply(200, b"Accepted", content_type="text/plain"))
