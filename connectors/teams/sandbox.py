"""Teams' Workflows on loopback: a secret address for each channel, cards refused as Teams refuses them."""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode

from connectors.teams.card import SCHEMA
from connectors.teams.links import Answer, token
from connectors.teams.sink import CARD
from steward.kit.sandbox import Reply, Request, Sandbox, route
from steward.model.actions import Action, Button, Card, CardField, Message, Recipient

LINK_SECRET = "teams-sandbox-link-secret"  # noqa: S105  opens nothing but the sandbox
MOST_BYTES = 28 * 1024


class TeamsSandbox(Sandbox):
    """`channels` maps a channel to its workflow's id and signature; `per_second` is the most that one takes."""

    name = "teams"
    tables = ("channels",)

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self.channels: dict[str, tuple[str, str]] = {}
        self.per_second = 0
        self._recent: dict[str, deque[datetime]] = {}
        self._made: Counter[str] = Counter()

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """`channels`: rows of `name`, `workflow`, `sig`."""
        if table not in self.tables:
            raise ValueError(f'the teams sandbox has no table "{table}". It has: {", ".join(self.tables)}.')
        self.channels |= {row["name"]: (row["workflow"], row["sig"]) for row in rows}

    def seed(self, accounts: int) -> None:
        self.load("channels", [{"name": "cs-alerts", "workflow": "0f3a", "sig": "sandbox-sig-1"},
                               {"name": "renewals", "workflow": "77c1", "sig": "sandbox-sig-2"}])

    def settings(self) -> dict[str, Any]:
        return {"channels": {
                    name: f"{self.url}/workflows/{workflow}/triggers/manual/paths/invoke?api-version=1&sig={sig}"
                    for name, (workflow, sig) in self.channels.items()},
                "default_channel": "cs-alerts", "answers_url": "https://steward.example.com/hooks/teams",
                "link_secret": LINK_SECRET}

    def sample_actions(self) -> Sequence[Action]:
        card = Card(sentence="Acme dropped to 42.", title="Health drop: Acme", tone="risk",
                    fields=(CardField(label="ARR", value="60,000 USD"),), changes=("12 users fewer",),
                    next_step="Call them.", buttons=(Button(label="Acknowledge", answer="acknowledge"),))
        return (Message(to=Recipient(channel="cs-alerts"), card=card, enrollment_id="health_drop/acct_1/1"),)

    def sample_bodies(self) -> Sequence[bytes]:
        answer = Answer("health_drop/acct_1/1", "acknowledge", self.now() + timedelta(days=1))
        return (urlencode({"t": token(answer, LINK_SECRET), "by": "ana@us.test"}).encode(),)

    def sign(self, body: bytes) -> dict[str, str]:
        return {"content-type": "application/x-www-form-urlencoded", ":method": "POST",
                ":url": "https://steward.example.com/hooks/teams"}

    def error(self, status: int, retry_after: str | None = None) -> Reply:
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        words = {401: "The authentication credentials are not valid.", 404: "The workflow was not found.",
                 413: "The request body is too large.", 429: "Rate limit is exceeded. Try again later."}
        body = {"error": {"code": f"Status{status}", "message": words.get(status, "The request failed.")}}
        return Reply(status, body, headers)

    @route("POST", "/workflows/{workflow}/triggers/manual/paths/invoke")
    def invoke(self, request: Request) -> Reply:
        channel = next((name for name, (workflow, _) in self.channels.items()
                        if workflow == request.params["workflow"]), None)
        if channel is None:
            return self.error(404)
        if request.query.get("sig") != self.channels[channel][1]:
            return self.error(401)
        if len(request.body) > MOST_BYTES:
            return self.error(413)
        if self._too_fast(channel):
            return self.error(429, "1")
        card = _card(request.body)
        if card is None:
            return self.error(400)
        key = unquote(request.headers.get("x-steward-key", ""))
        self.ledger.append("message", key, {"channel": channel, "card": card})
        return Reply(202)

    def _too_fast(self, channel: str) -> bool:
        if not self.per_second:
            return False
        recent, now = self._recent.setdefault(channel, deque()), self.now()
        while recent and now - recent[0] >= timedelta(seconds=1):
            recent.popleft()
        if len(recent) >= self.per_second:
            return True
        recent.append(now)
        return False


def _card(body: bytes) -> dict[str, Any] | None:
    """The one Adaptive Card in a message, None where there is none that Teams would draw."""
    try:
        message = json.loads(body)
        attachment = message["attachments"][0]
        card: dict[str, Any] = attachment["content"]
        good = (message["type"], attachment["contentType"], card["type"], card["$schema"]) == (
            "message", CARD, "AdaptiveCard", SCHEMA)
        return card if good and isinstance(card["body"], list) else None
    except (ValueError, KeyError, IndexError, TypeError):
        return None
