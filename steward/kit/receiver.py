"""What sandboxes of systems that take our webhooks, and call us, have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from standardwebhooks.webhooks import Webhook

from steward.kit.sandbox import Reply, Request, Sandbox
from steward.model.actions import Action, CallWebhook, TellListener, Told, WebhookFact

SECRET = "whsec_c2FuZGJveC1vbmx5LXNlY3JldC1vZi0zMi1ieXRlcw=="  # noqa: S105  opens nothing but the sandbox
INCOMING = "whsec_aW5jb21pbmctc2FuZGJveC1zZWNyZXQtMzItYnl0ZXM="


class Receiver(Sandbox):
    """`gone` answers 410, as an automation that was switched off does. `refused`: accounts that it cannot use."""

    tables: ClassVar[tuple[str, ...]] = ("refused",)
    listener_path: ClassVar[str]            # where events are posted

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self.gone = False
        self.refused: set[str] = set()

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """`refused`: rows of `account_id`, whose events the receiver cannot use."""
        if table not in self.tables:
            raise ValueError(f'the {self.name} sandbox has no table "{table}". It has: {", ".join(self.tables)}.')
        self.refused |= {row["account_id"] for row in rows}

    def seed(self, accounts: int) -> None:
        self.load("refused", [{"account_id": "acct_refused"}])

    def sample_actions(self) -> Sequence[Action]:
        now = self.now()
        return (
            CallWebhook(
                enrollment_id="health_drop/acct_1/1", playbook_id="health_drop", playbook_title="Health drop",
                version="7c1e09ab", account_id="acct_1", account_name="Acme", subject_id="acct_1",
                external_ids={"salesforce": "001"}, owner_email="ana@us.test", reasons=("health.score < 60 (58)",),
                facts=(WebhookFact(name="health.score", value=58.0), WebhookFact(name="account.arr", value=None)),
                decided_at=now),
            TellListener(
                listener_id="lst_1", target_url=f"{self.url}{self.listener_path}", event="enrollment.entered",
                event_id="evt_1", told=Told(
                    occurred_at=now, enrollment_id="health_drop/acct_1/1", playbook_id="health_drop",
                    playbook_title="Health drop", version="7c1e09ab", state="active", account_id="acct_1",
                    account_name="Acme", subject_id="acct_1")))

    def sample_bodies(self) -> Sequence[bytes]:
        answered = "2026-03-05T08:00:00+00:00"
        return (
            json.dumps({"noun": "survey_response", "external_id": "r-17", "account": {"salesforce": "001"},
                        "fields": {"kind": "nps", "score": 9, "answered_at": answered}}).encode(),
            json.dumps({"records": [
                {"noun": "touchpoint", "external_id": "t-1", "fields": {
                    "account_external_id": "acme", "kind": "call", "subject": "QBR", "held_at": answered}},
                {"noun": "response", "external_id": "a-1", "fields": {
                    "enrollment_id": "health_drop/acct_1/1", "answer": "acknowledge", "by": "ana@us.test"}},
            ]}).encode())

    def sign(self, body: bytes) -> dict[str, str]:
        now = datetime.now(UTC)
        sent_id = f"msg_{hashlib.sha256(body).hexdigest()[:24]}"
        return {"webhook-id": sent_id, "webhook-timestamp": str(int(now.timestamp())),
                "content-type": "application/json",
                "webhook-signature": Webhook(INCOMING).sign(sent_id, now, body.decode()),
                ":method": "POST", ":url": f"https://steward.example.com/hooks/{self.name}"}

    def take(self, request: Request, answer: Reply) -> Reply:
        """Apply the event, and give `answer`; 410 and 422 where it cannot be used."""
        if self.gone:
            return self.error(410)
        event = json.loads(request.body)
        told = event.get("data", event)
        if told.get("account_id") in self.refused:
            return self.error(422)
        self.ledger.append("event", str(told.get("key", "")),
                           {"id": request.headers.get("webhook-id", ""), "event": event})
        return answer
