"""hooks.zapier.com on loopback: every call starts the Zap anew, whatever its id; 30 calls a second are taken.

Source: Zapier "Webhooks: rate limits" and "REST hooks" (read 2026-11): 30 a second, 429 beyond; 410 once a Zap is off.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from steward.kit.receiver import INCOMING, Receiver
from steward.kit.sandbox import Reply, Request, route

PER_SECOND = 30


class ZapierSandbox(Receiver):
    """Zapier's receiver; `catch` is a Catch Hook, `standard` what a REST hook subscribed with."""

    name = "zapier"
    listener_path = "/hooks/standard/1/abc/"

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self._taken: deque[datetime] = deque()

    def settings(self) -> dict[str, Any]:
        return {"catch_url": f"{self.url}/hooks/catch/1/abc", "allow_private": True, "hosts": ["127.0.0.1"],
                "incoming_secret": INCOMING}

    @route("POST", "/hooks/catch/{account}/{hook}")
    @route("POST", "/hooks/standard/{account}/{hook}")
    def hook(self, request: Request) -> Reply:
        now = self.now()
        while self._taken and now - self._taken[0] >= timedelta(seconds=1):
            self._taken.popleft()
        if len(self._taken) >= PER_SECOND:
            return self.error(429, "1")
        self._taken.append(now)
        return self.take(request, Reply(200, {
            "attempt": str(uuid.uuid4()), "id": str(uuid.uuid4()), "request_id": str(uuid.uuid4()),
            "status": "success"}))
