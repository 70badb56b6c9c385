"""Takes Segment-style events: who signed them, and what they say about an account.

Source: Segment "Webhooks destination" (read 2026-11): `X-Signature` is the hexadecimal HMAC-SHA1 of the body; and "HTTP
Tracking API": SDKs post `{"batch": […]}` with the write key as the user of Basic authentication.
"""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from pydantic import SecretStr

from connectors.usage.settings import UsageSettings
from steward.contracts import Tools
from steward.kit import signature
from steward.kit.untrusted import plain
from steward.model.errors import RecordRejected, SignatureRejected
from steward.model.records import Noun, Record, Value

_MOST_EVENTS = 4_000
_INSTANTS = ("timestamp", "originalTimestamp", "receivedAt", "sentAt")
_ACCOUNT_NAMES = ("groupId", "group_id", "accountId", "account_id")


class UsageInbox:
    """Events by webhook."""

    def __init__(self, settings: UsageSettings, tools: Tools) -> None:
        self._settings, self._tools = settings, tools

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise SignatureRejected unless the write key is sent, or the whole body is signed, or (where allowed) a
        batch's first event."""
        given = headers.get("x-signature")
        if self._settings.write_key and given is None:
            signature.require("usage", _basic(self._settings.write_key), headers.get("authorization"))
            return
        if self._settings.signing_secret is None:
            raise SignatureRejected("usage: signed calls are not taken here. Set signing_secret, or send write_key.")
        secret = self._settings.signing_secret.get_secret_value()
        first = _first_event(body)
        if first is not None and given == signature.hex_hmac(secret, first, "sha1"):
            if self._settings.batches:
                return
            raise SignatureRejected(
                "usage: only the first event of the batch is signed, so the others could be anyone's. Turn batching "
                "off at the sender, or set batches: true to trust them."
            )
        signature.require("usage", signature.hex_hmac(secret, body, "sha1"), given)

    def delivery_id(self, headers: Mapping[str, str], body: bytes) -> str:
        """The event's own `messageId`; a hash of the body where it has none, or is a batch."""
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            told = None
        given = told.get("messageId") if isinstance(told, dict) else None
        return given if isinstance(given, str) and 0 < len(given) <= 100 else hashlib.sha256(body).hexdigest()

    def parse(self, body: bytes) -> Sequence[Record]:
        """One usage event for each `track` that names an account and counts towards a metric."""
        try:
            told = json.loads(body)
        except (ValueError, RecursionError):
            raise RecordRejected("usage: the body is not JSON") from None
        if isinstance(told, dict) and isinstance(told.get("batch"), list):
            told = told["batch"]
        events = told if isinstance(told, list) else [told]
        if len(events) > _MOST_EVENTS:
            raise RecordRejected(f"usage: {len(events):,} events in one call; at most {_MOST_EVENTS:,} are taken")
        return [record for event in events if (record := self._record(event)) is not None]

    def _record(self, event: Any) -> Record | None:
        if not isinstance(event, dict):
            raise RecordRejected("usage: an event is not an object")
        metric, account = self._metric(event), _account(event)
        if event.get("type") != "track" or metric is None or account is None:
            return None
        happened_at = _happened_at(event)
        values: dict[str, Value] = {
            "account_external_id": account, "name": metric, "happened_at": happened_at, "quantity": _quantity(event),
        }
        user = _id(event.get("userId")) or _id(event.get("anonymousId"))
        if user:
            values["user_external_id"] = user
        message = _id(event.get("messageId"))
        name = message or hashlib.sha256(json.dumps(event, sort_keys=True).encode()).hexdigest()
        return Record(Noun.USAGE_EVENT, name, values, modified_at=happened_at)

    def _metric(self, event: Mapping[str, Any]) -> str | None:
        name = event.get("event")
        if not isinstance(name, str):
            return None
        if self._settings.events:
            return self._settings.events.get(name)
        slug = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")[:60]
        return slug if slug[:1].isalpha() else None


def _basic(write_key: SecretStr) -> str:
    return f"Basic {base64.b64encode(f'{write_key.get_secret_value()}:'.encode()).decode()}"


def _first_event(body: bytes) -> bytes | None:
    """The bytes of the first event of a batch, as they were sent; None where the body is no batch."""
    try:
        text = body.decode()
        if not text.lstrip().startswith("["):
            return None
        start = text.index("[") + 1
        start += len(text[start:]) - len(text[start:].lstrip())
        _, end = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError):
        return None
    return text[start:end].encode()


def _account(event: Mapping[str, Any]) -> str | None:
    """Who the event is about: Segment's `context.groupId`, else what senders use in its place."""
    context = _object(event.get("context"))
    traits = {**_object(context.get("traits")), **_object(event.get("traits"))}
    for place in (context, event, _object(event.get("properties")), traits):
        for name in _ACCOUNT_NAMES:
            if found := _id(place.get(name)):
                return found
    return _id(_object(traits.get("company")).get("id"))


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _id(value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    return plain(str(value)).strip()[:255] or None


def _quantity(event: Mapping[str, Any]) -> float:
    given = _object(event.get("properties")).get("quantity", 1)
    if isinstance(given, bool) or not isinstance(given, int | float):
        return 1.0
    if not 0 <= given <= 1e15 or not math.isfinite(given):
        raise RecordRejected("usage: the quantity of an event is below zero or beyond all measure", "quantity")
    return float(given)


def _happened_at(event: Mapping[str, Any]) -> datetime:
    given = next((event[name] for name in _INSTANTS if isinstance(event.get(name), str)), "")
    try:
        instant = datetime.fromisoformat(given)
        return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise RecordRejected("usage: the timestamp of an event is not an ISO 8601 instant", "timestamp") from None
