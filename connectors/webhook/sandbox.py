"""A receiver of Standard Webhooks on loopback: verifies the signature and drops what comes twice."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from standardwebhooks.webhooks import Webhook

from steward.kit.sandbox import Reply, Request, Sandbox, route
from steward.model.actions import Action, CallWebhook, WebhookFact

SECRET = "whsec_c2FuZGJveC1vbmx5LXNlY3JldC1vZi0zMi1ieXRlcw=="  # noqa: S105  opens nothing but the sandbox


class WebhookSandbox(Sandbox):
    """`gone` answers 410, as a Zap that was switched off does."""

    name = "webhook"
    tables = ("refused",)

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self.seen = {str(effect.detail["id"]) for effect in self.ledger}
        self.gone = False
        self._refused: set[str] = set()

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """`refused`: rows of `account_id`, whose events the receiver cannot use."""
        if table not in self.tables:
            raise ValueError(f'the webhook sandbox has no table "{table}". It has: {", ".join(self.tables)}.')
        self._refused |= {row["account_id"] for row in rows}

    def seed(self, accounts: int) -> None:
        self.load("refused", [{"account_id": "acct_refused"}])

    def settings(self) -> dict[str, Any]:
        return {"url": f"{self.url}/hooks/catch/1/abc?source=steward", "signing_secret": SECRET, "allow_private": True}

    def sample_actions(self) -> Sequence[Action]:
        return (CallWebhook(
            enrollment_id="health_drop/acct_1/1", playbook_id="health_drop", playbook_title="Health drop",
            version="7c1e09ab", account_id="acct_1", account_name="Acme", subject_id="acct_1",
            external_ids={"salesforce": "001"}, owner_email="ana@us.test", reasons=("health.score < 60 (58)",),
            facts=(WebhookFact(name="health.score", value=58.0), WebhookFact(name="account.arr", value=None)),
            decided_at=self.now()),)

    @route("POST", "/hooks/catch/{account}/{hook}")
    def catch(self, request: Request) -> Reply:
        if self.gone:
            return self.error(410)
        signer = Webhook(SECRET)
        sent_id, stamp = request.headers.get("webhook-id", ""), request.headers.get("webhook-timestamp", "0")
        expected = signer.sign(sent_id, datetime.fromtimestamp(int(stamp), UTC), request.body.decode())
        if expected not in request.headers.get("webhook-signature", "").split(" "):
            return self.error(401)
        event = json.loads(request.body)
        if event["data"]["account_id"] in self._refused:
            return self.error(422)
        if sent_id not in self.seen:
            self.seen.add(sent_id)
            self.ledger.append("event", event["data"]["key"], {"id": sent_id, "event": event})
        return Reply(200, {"status": "success"})
