"""The shapes of Slack's objects and arguments, and one card to try things with."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from steward.kit.sandbox import Request
from steward.model.actions import Button, Card, CardField

TEAM_ID, BOT_ID, APP_ID = "T0STEWARD", "U0STEWARD", "A0STEWARD"
ENROLLMENT = "health_drop/acme/1"
CARD = Card(
    sentence="Acme Ltd: health fell from 82 to 54; 120,000 EUR renew in 74 days.",
    title="Health fell: Acme Ltd",
    tone="risk",
    fields=(CardField(label="ARR", value="120,000 EUR"), CardField(label="Renewal", value="74 days")),
    changes=("Active users −38 % in 28 days",),
    next_step="Call the champion.",
    buttons=(Button(label="Acknowledge", answer="acknowledge"), Button(label="Open", url="https://crm.example/1")),
    context=("health_drop@7c1e",),
)


def refusal(error: str) -> dict[str, Any]:
    return {"ok": False, "error": error}


def make_id(letter: str, name: str) -> str:
    return letter + hashlib.sha256(name.encode()).hexdigest()[:10].upper()


def direct_id(user_id: str) -> str:
    return make_id("D", user_id)


def as_user(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"team_id": TEAM_ID, "deleted": False, "is_bot": False, "is_app_user": False, "updated": 1700000000,
            "tz": "UTC", **row, "profile": {**row.get("profile", {})}}


def as_channel(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"is_channel": True, "is_archived": False, "is_member": True, "is_private": False,
            "created": 1700000000, "name_normalized": row["name"], **row}


def as_message(asked: Mapping[str, Any], ts: str) -> dict[str, Any]:
    message = {"type": "message", "user": BOT_ID, "bot_id": "B0STEWARD", "app_id": APP_ID, "team": TEAM_ID, "ts": ts,
               "text": str(asked.get("text") or "")}
    for name in ("blocks", "metadata", "client_msg_id"):
        if asked.get(name) is not None:
            message[name] = asked[name]
    return message


def arguments(request: Request) -> dict[str, Any]:
    """JSON, or a form whose `blocks` and `metadata` are JSON text."""
    if request.headers.get("content-type", "").startswith("application/json"):
        body = request.json()
        return dict(body) if isinstance(body, dict) else {}
    found: dict[str, Any] = {**request.query, **(request.form() if request.body else {})}
    for name in ("blocks", "metadata"):
        if name in found:
            found[name] = json.loads(found[name])
    return found
