"""A receiver of Standard Webhooks on loopback: verifies the signature and drops what comes twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from standardwebhooks.webhooks import Webhook

from steward.kit.receiver import INCOMING, SECRET, Receiver
from steward.kit.sandbox import Reply, Request, route


class WebhookSandbox(Receiver):
    """A system of the company's own that keeps to the standard."""

    name = "webhook"
    listener_path = "/hooks/listen/1"

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self.seen = {str(effect.detail["id"]) for effect in self.ledger}

    def settings(self) -> dict[str, Any]:
        return {"url": f"{self.url}/hooks/catch/1?source=steward", "signing_secret": SECRET, "allow_private": True,
                "incoming_secret": INCOMING}

    @route("POST", "/hooks/catch/{number}")
    @route("POST", "/hooks/listen/{number}")
    def catch(self, request: Request) -> Reply:
        sent_id, stamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "0")
        expected = Webhook(SECRET).sign(sent_id, datetime.fromtimestamp(int(stamp), UTC), request.body.decode())
        if expected not in request.headers.get("webhook-signature", "").split(" "):
            return self.error(401)
        if sent_id in self.seen:
            return Reply(200, {"status": "known"})
        taken = self.take(request, Reply(200, {"status": "success"}))
        if taken.status == 200:
            self.seen.add(sent_id)
        return taken
