"""Slack's Web API on loopback: people, channels, messages, and buttons that can be pressed."""

from __future__ import annotations

import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPSConnection
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlencode, urlsplit

from connectors.slack.blocks import draw
from connectors.slack.sandbox_blocks import faults, too_long
from connectors.slack.sandbox_shapes import (
    APP_ID,
    BOT_ID,
    CARD,
    ENROLLMENT,
    TEAM_ID,
    arguments,
    as_channel,
    as_message,
    as_user,
    direct_id,
    make_id,
    refusal,
)
from connectors.slack.sandbox_sockets import Sockets
from steward.kit.sandbox import Reply, Request, Sandbox, route
from steward.model.actions import Action, Message, Recipient, UpdateMessage

CHANNEL = "cs-alerts"
SCOPES: Mapping[str, str] = {                       # from method-docs: what each method asks for
    "auth.test": "", "chat.postMessage": "chat:write", "chat.update": "chat:write", "users.list": "users:read",
    "users.lookupByEmail": "users:read.email", "conversations.open": "im:write",
    "conversations.list": "channels:read", "conversations.history": "channels:history",
    "apps.connections.open": "connections:write",
}
_SEEDED_TS = "1700000000.000100"
_ERRORS = {
    400: "invalid_arguments", 401: "invalid_auth", 403: "missing_scope", 404: "channel_not_found",
    409: "duplicate_message_not_found", 422: "invalid_blocks",
}


class SlackSandbox(Sandbox):
    """One workspace with our app in it. Like Slack, it does not use `client_msg_id` to drop what came twice.

    `per_channel_s`: refuse a message that comes sooner than this after the last one in its channel (Slack: 1).
    """

    name: ClassVar[str] = "slack"
    tables: ClassVar[tuple[str, ...]] = ("users", "channels")

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        super().__init__(state_dir, now)
        self.app_token = "xapp-sandbox-0123456789"  # noqa: S105  opens nothing but the sandbox
        self.sockets: Sockets | None = None         # once a line was asked for
        self.token, self.signing_secret = "xoxb-sandbox-0123456789", "sandbox-signing-secret-0123456789"
        self.scopes = {scope for scope in SCOPES.values() if scope}
        self.per_channel_s = 0.0
        self._last_post: dict[str, float] = {}
        self._users: dict[str, dict[str, Any]] = {}
        self._directs: set[str] = set()
        self._channels: dict[str, dict[str, Any]] = {}
        self._messages: dict[tuple[str, str], dict[str, Any]] = {}
        self.load("channels", [{"id": make_id("C", CHANNEL), "name": CHANNEL}])
        for effect in self.ledger:                  # after a restart: what stood in the channels stands there again
            message = {name: value for name, value in effect.detail.items() if name != "channel"}
            self._messages[(effect.detail["channel"], message["ts"])] = message

    # ---- what it holds ----

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """`users`: members as users.list gives them; `channels`: as conversations.list does."""
        if table == "users":
            for row in rows:
                user = as_user(row)
                self._users[user["id"]] = user
                self._directs.add(direct_id(user["id"]))
        elif table == "channels":
            self._channels.update({str(row["id"]): as_channel(row) for row in rows})
        else:
            raise KeyError(f'the Slack sandbox has no table "{table}"; it has {", ".join(self.tables)}')

    def seed(self, accounts: int) -> None:
        """A person for every 5 accounts, one who has left, and one message in the channel."""
        people = [("ana", False), ("left", True), *((f"csm{number}", False) for number in range(1, accounts // 5 + 1))]
        self.load("users", [
            {"id": make_id("U", name), "name": name, "real_name": name.title(), "deleted": deleted,
             "profile": {"email": f"{name}@sandbox.example"}} for name, deleted in people
        ])
        self._messages.setdefault(
            (make_id("C", CHANNEL), _SEEDED_TS), {"type": "message", "ts": _SEEDED_TS, "text": "Welcome."})

    def settings(self) -> dict[str, Any]:
        return {"token": self.token, "signing_secret": self.signing_secret, "default_channel": CHANNEL,
                "team_id": TEAM_ID, "base_url": f"{self.url}/api/", "per_channel_s": self.per_channel_s}

    def sample_actions(self) -> Sequence[Action]:
        seeded = f"{make_id('C', CHANNEL)}:{_SEEDED_TS}"
        return (
            Message(to=Recipient(email="ana@sandbox.example", name="Ana"), card=CARD, enrollment_id=ENROLLMENT),
            UpdateMessage(message_id=seeded, card=CARD, enrollment_id=ENROLLMENT),
        )

    def messages(self) -> list[dict[str, Any]]:
        """Every message that stands, oldest first, as its channel shows it now."""
        with self.lock:
            return [{"channel": channel, **message} for (channel, _), message in sorted(
                self._messages.items(), key=lambda item: item[0][1])]

    def press(self, message: Mapping[str, Any], action_id: str, url: str, user: str | None = None) -> int:
        """Press a button of `message` as `user` (an id; else the first person): the status that `url` answers.

        `message` is one of `messages()` or the `detail` of a ledger's effect.
        """
        body = self.pressed(message, action_id, user)
        parts = urlsplit(url)
        kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
        line = kind(parts.netloc, timeout=10)
        try:
            headers = {name: value for name, value in self.sign(body).items() if not name.startswith(":")}
            line.request("POST", parts.path, body, headers)
            return line.getresponse().status
        finally:
            line.close()

    def pressed(self, message: Mapping[str, Any], action_id: str, user: str | None = None) -> bytes:
        """The body with which Slack tells the app that a button of `message` was pressed."""
        button = next(element for block in message["blocks"] if block["type"] == "actions"
                      for element in block["elements"] if element.get("action_id") == action_id)
        payload = self._interaction(message, button, user or next(iter(self._users)))
        return urlencode({"payload": json.dumps(payload)}).encode()

    def sample_bodies(self) -> Sequence[bytes]:
        message = {"channel": make_id("C", CHANNEL), "ts": _SEEDED_TS, "blocks": draw(CARD, ENROLLMENT)}
        return [self.pressed(message, "acknowledge", user) for user in list(self._users)[:2]]

    def sign(self, body: bytes) -> dict[str, str]:
        stamp = str(int(self.now().timestamp()))
        digest = hmac.new(self.signing_secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
        return {":method": "POST", ":url": "/hooks/slack", "content-type": "application/x-www-form-urlencoded",
                "x-slack-request-timestamp": stamp, "x-slack-signature": f"v0={digest}"}

    def _interaction(self, message: Mapping[str, Any], button: Mapping[str, Any], user: str) -> dict[str, Any]:
        at = f"{self.now().timestamp():.6f}"
        return {
            "type": "block_actions", "team": {"id": TEAM_ID, "domain": "sandbox"}, "api_app_id": APP_ID,
            "user": {"id": user, "username": self._users[user]["name"], "team_id": TEAM_ID},
            "trigger_id": f"{at}.{user}.{time.monotonic_ns()}", "channel": {"id": message["channel"]},
            "container": {"type": "message", "message_ts": message["ts"], "channel_id": message["channel"]},
            "message": dict(message), "response_url": "",
            "actions": [{**button, "block_id": "b", "action_ts": at}],
        }

    # ---- how it refuses ----

    def error(self, status: int, retry_after: str | None = None) -> Reply:
        """Slack says no with 200 and `ok: false`, except for too many calls and its own trouble."""
        if status == 429:
            return Reply(429, refusal("ratelimited"), {} if retry_after is None else {"Retry-After": retry_after})
        if status >= 500:
            return Reply(status, refusal("service_unavailable" if status == 503 else "internal_error"))
        body = refusal(_ERRORS.get(status, "invalid_arguments"))
        if status == 403:
            body |= {"needed": "chat:write", "provided": "users:read"}
        return Reply(200, body)

    def allow(self, request: Request) -> Reply | None:
        given = request.headers.get("authorization", "")
        if not given:
            return Reply(200, refusal("not_authed"))
        token = self.app_token if request.path.endswith("/apps.connections.open") else self.token
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            return Reply(200, refusal("invalid_auth"))
        return None

    # ---- its methods ----

    @route("POST", "/api/{method}")
    def call(self, request: Request) -> Reply:
        """Any method of the Web API, with JSON, a form or the query for its arguments."""
        method = request.params["method"]
        if method not in SCOPES:
            return Reply(200, refusal("unknown_method"))
        needed = SCOPES[method]
        if needed and needed not in self.scopes:
            return Reply(200, {**refusal("missing_scope"), "needed": needed, "provided": ",".join(sorted(self.scopes))})
        answer = getattr(self, "_" + method.replace(".", "_"))(arguments(request))
        headers = {"X-OAuth-Scopes": ",".join(sorted(self.scopes)), "X-Accepted-OAuth-Scopes": needed}
        if answer.get("error") == "ratelimited":
            return Reply(429, answer, {"Retry-After": "1"})
        return Reply(200, answer, headers)

    @route("GET", "/api/{method}")
    def get(self, request: Request) -> Reply:
        return self.call(request)

    def _auth_test(self, _: Mapping[str, Any]) -> dict[str, Any]:
        return {"ok": True, "url": "https://sandbox.slack.com/", "team": "Sandbox", "user": "steward",
                "team_id": TEAM_ID, "user_id": BOT_ID, "bot_id": "B0STEWARD", "is_enterprise_install": False}

    def _apps_connections_open(self, _: Mapping[str, Any]) -> dict[str, Any]:
        self.sockets = self.sockets or Sockets()
        return {"ok": True, "url": self.sockets.url}

    def press_by_socket(self, message: Mapping[str, Any], action_id: str, user: str | None = None) -> bool:
        """Press a button of `message`; whether a line of the app acknowledged it."""
        assert self.sockets, "no line was asked for"
        form = parse_qs(self.pressed(message, action_id, user).decode())
        return self.sockets.send(json.loads(form["payload"][0]))

    def stop(self) -> None:
        if self.sockets:
            self.sockets.stop()
            self.sockets = None
        super().stop()

    def _users_lookupByEmail(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802  Slack's name
        wanted = str(asked.get("email", "")).lower()
        for user in self._users.values():
            if wanted and user["profile"].get("email", "").lower() == wanted and not user["deleted"]:
                return {"ok": True, "user": user}
        return refusal("users_not_found")

    def _users_list(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return self._paged("members", list(self._users.values()), asked)

    def _conversations_list(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        return self._paged("channels", list(self._channels.values()), asked)

    def _conversations_open(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        user = self._users.get(str(asked.get("users", "")))
        if not user:
            return refusal("user_not_found" if asked.get("users") else "users_list_not_supplied")
        if user["deleted"]:
            return refusal("user_disabled")
        return {"ok": True, "channel": {"id": direct_id(user["id"])}, "no_op": False, "already_open": False}

    def _conversations_history(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        channel = self._place(str(asked.get("channel", "")))
        if not channel:
            return refusal("channel_not_found")
        standing = [message for (place, _), message in self._messages.items() if place == channel]
        standing.sort(key=lambda message: str(message["ts"]), reverse=True)
        page = self._paged("messages", standing, asked)
        if not asked.get("include_all_metadata"):
            page["messages"] = [{name: value for name, value in message.items() if name != "metadata"}
                                for message in page["messages"]]
        return {**page, "has_more": bool(page["response_metadata"]["next_cursor"]), "pin_count": 0,
                "channel_actions_ts": None, "channel_actions_count": 0}

    def _chat_postMessage(self, asked: Mapping[str, Any]) -> dict[str, Any]:  # noqa: N802  Slack's name
        channel = self._place(str(asked.get("channel", "")))
        refused = refusal("channel_not_found") if not channel else self._refused(asked) or self._too_fast(str(channel))
        if refused:
            return refused
        thread = asked.get("thread_ts")
        message = as_message(asked, f"{int(self.now().timestamp())}.{len(self.ledger) + 1:06d}")
        if thread and (channel, str(thread)) in self._messages:
            message["thread_ts"] = str(thread)
        self._keep("message", str(channel), message)
        return {"ok": True, "channel": channel, "ts": message["ts"], "message": message}

    def _chat_update(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        place = (str(asked.get("channel", "")), str(asked.get("ts", "")))
        standing = self._messages.get(place)
        if not self._place(place[0]):
            return refusal("channel_not_found")
        if not standing:
            return refusal("message_not_found")
        refused = self._refused(asked)
        if refused:
            return refused
        message = {**standing, **as_message(asked, place[1])}
        if message != standing:                     # the same content again is no further change
            self._keep("update", place[0], message)
        return {"ok": True, "channel": place[0], "ts": place[1], "text": message["text"], "message": message}

    # ---- what they share ----

    def _keep(self, kind: str, channel: str, message: dict[str, Any]) -> None:
        key = str(((message.get("metadata") or {}).get("event_payload") or {}).get("key", ""))
        self.ledger.append(kind, key, {"channel": channel, **message})
        self._messages[(channel, message["ts"])] = message

    def _place(self, named: str) -> str | None:
        """The id of the channel or direct message `named` by id or name; None when it is not there for us."""
        for channel in self._channels.values():
            if named.lstrip("#") in (channel["id"], channel["name"]) and not channel["is_archived"]:
                return str(channel["id"])
        return named if named in self._directs else None

    def _refused(self, asked: Mapping[str, Any]) -> dict[str, Any] | None:
        blocks = asked.get("blocks")
        if not asked.get("text") and not blocks:
            return refusal("no_text")
        if len(str(asked.get("text", ""))) > 40_000:
            return refusal("msg_too_long")
        if blocks is not None:
            wrong = faults(blocks)
            if wrong:
                return {**refusal("invalid_blocks"), "response_metadata": {"messages": wrong}}
            if too_long(blocks):
                return refusal("msg_blocks_too_long")
        return None

    def _too_fast(self, channel: str) -> dict[str, Any] | None:
        now = time.monotonic()
        if self.per_channel_s and now - self._last_post.get(channel, -1e9) < self.per_channel_s:
            return refusal("ratelimited")
        self._last_post[channel] = now
        return None

    def _paged(self, name: str, rows: Sequence[Mapping[str, Any]], asked: Mapping[str, Any]) -> dict[str, Any]:
        cursor = str(asked.get("cursor") or "0")
        if not cursor.isdigit():
            return refusal("invalid_cursor")
        start, size = int(cursor), min(int(asked.get("limit") or 100), self.page_size)
        following = start + size
        return {"ok": True, name: list(rows[start:following]),
                "response_metadata": {"next_cursor": str(following) if following < len(rows) else ""}}
