"""Pressed buttons: verifies Slack's signature and turns an interaction into responses."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

from slack_sdk.signature import Clock, SignatureVerifier

from connectors.slack.settings import SlackSettings
from steward.contracts import Tools
from steward.model.errors import RecordRejected, SignatureRejected
from steward.model.records import Noun, Record

ANSWERS = {"acknowledge"}                           # the action ids of our buttons that say something


class SlackInbox:
    """Takes `block_actions`. Other interactions are verified and mean nothing to us."""

    def __init__(self, settings: SlackSettings, tools: Tools) -> None:
        secrets = (settings.signing_secret, settings.previous_signing_secret)
        clock = _Clock(tools)
        self._verifiers = [SignatureVerifier(secret.get_secret_value(), clock) for secret in secrets if secret]
        self._team_id = settings.team_id

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise SignatureRejected unless Slack signed `body` within the last 5 minutes."""
        stamp = headers.get("x-slack-request-timestamp", "")
        if stamp.isascii() and stamp.isdigit() and len(stamp) <= 12 and any(
            _signed(verifier, headers, body) for verifier in self._verifiers
        ):
            return
        raise SignatureRejected("slack: a call was not signed with the signing secret, or is over 5 minutes old. "
                                "Check signing_secret of the connection, and the clock of this machine.")

    def delivery_id(self, headers: Mapping[str, str], body: bytes) -> str:
        """The interaction's trigger, of which Slack makes one for each press; else the body's hash."""
        try:
            trigger = str(_payload(body).get("trigger_id") or "")
        except RecordRejected:
            trigger = ""
        return trigger or hashlib.sha256(body).hexdigest()

    def parse(self, body: bytes) -> Sequence[Record]:
        """One response for each of our buttons that was pressed."""
        payload = _payload(body)
        if payload.get("type") != "block_actions":
            return ()
        team = _part(payload, "team").get("id")
        if self._team_id and team != self._team_id:
            raise RecordRejected(f'slack: a button was pressed in the workspace "{team}", which is not ours', "team")
        pressed = payload.get("actions")
        presses = [press for press in pressed if isinstance(press, dict)] if isinstance(pressed, list) else []
        return tuple(_response(payload, press) for press in presses if press.get("action_id") in ANSWERS)


def _response(payload: Mapping[str, Any], press: Mapping[str, Any]) -> Record:
    place, by, at = _part(payload, "container"), _part(payload, "user").get("id"), str(press.get("action_ts", ""))
    try:
        value = json.loads(press.get("value") or "")
        enrollment_id = value["a"]
        pressed_at = datetime.fromtimestamp(float(at), UTC)
    except (ValueError, TypeError, KeyError, OverflowError, OSError, RecursionError):
        raise RecordRejected("slack: a pressed button carries no value of ours", "value") from None
    if not isinstance(enrollment_id, str) or not enrollment_id or not isinstance(by, str) or not by:
        raise RecordRejected("slack: a pressed button names no enrollment, or nobody pressed it", "value")
    return Record(
        Noun.RESPONSE, f'{place.get("channel_id", "")}:{place.get("message_ts", "")}:{at}',
        {"enrollment_id": enrollment_id, "answer": str(press["action_id"]), "by": by, "responded_at": pressed_at},
        modified_at=pressed_at,
    )


def _payload(body: bytes) -> dict[str, Any]:
    """The interaction in the form field `payload`; empty where Slack only checks our certificate."""
    try:
        form = parse_qs(body.decode("utf-8"), strict_parsing=True, max_num_fields=20)
        if "ssl_check" in form:
            return {}
        payload = json.loads(form["payload"][0])
    except (ValueError, KeyError, RecursionError):
        raise RecordRejected('slack: a call holds no form field "payload" with JSON in it', "payload") from None
    if not isinstance(payload, dict):
        raise RecordRejected('slack: the form field "payload" is no JSON object', "payload")
    return payload


def _part(payload: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = payload.get(name)
    return part if isinstance(part, dict) else {}


def _signed(verifier: SignatureVerifier, headers: Mapping[str, str], body: bytes) -> bool:
    try:
        return verifier.is_valid_request(body, dict(headers))
    except Exception:  # noqa: BLE001  slack_sdk raises ValueError, TypeError and more on hostile input (reliability.md 9)
        return False


class _Clock(Clock):
    def __init__(self, tools: Tools) -> None:
        self._tools = tools

    def now(self) -> float:
        return self._tools.now().timestamp()
