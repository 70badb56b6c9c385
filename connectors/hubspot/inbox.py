"""Takes HubSpot's webhooks: signed by v3, up to 100 events each, as records that speak of what changed only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from connectors.hubspot import reading
from connectors.hubspot.mapping import Reader, stages
from connectors.hubspot.settings import HubSpotSettings
from steward.contracts import BY_CONTENT, Tools
from steward.model.errors import RecordRejected, SignatureRejected
from steward.model.records import Record, Value

MOST_AGE = timedelta(minutes=5)
# An erasure outlives whatever HubSpot stamped on the contact while it was erased, and a page that was read just before.
_ERASES = timedelta(minutes=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_STREAM_OF = {
    "company": "accounts", "contact": "contacts", "deal": "opportunities", "ticket": "tickets",
    "0-2": "accounts", "0-1": "contacts", "0-3": "opportunities", "0-5": "tickets",
}
# What HubSpot decodes in the URI before it signs: https://developers.hubspot.com/docs/guides/apps/authentication/validating-requests
_DECODED = {
    "%3A": ":", "%2F": "/", "%3F": "?", "%40": "@", "%21": "!", "%24": "$", "%27": "'", "%28": "(", "%29": ")",
    "%2A": "*", "%2C": ",", "%3B": ";",
}
_ESCAPE = re.compile("|".join(_DECODED), re.IGNORECASE)


def signature(secret: str, method: str, url: str, body: bytes, timestamp: str) -> str:
    """HubSpot's `X-HubSpot-Signature-v3`; its own library forgets to decode the URI and to look for the future."""
    uri = _ESCAPE.sub(lambda found: _DECODED[found.group().upper()], url)
    told = method.upper().encode() + uri.encode() + body + timestamp.encode()
    return base64.b64encode(hmac.new(secret.encode(), told, hashlib.sha256).digest()).decode()


@dataclass(slots=True)
class _Told:
    """What a delivery says about one object."""

    at: datetime
    values: dict[str, Value] = field(default_factory=dict)
    only: set[str] = field(default_factory=set)
    deleted: bool = False


class HubSpotInbox:
    """Takes the calls of one app."""

    def __init__(self, settings: HubSpotSettings, tools: Tools) -> None:
        assert settings.client_secret, "an inbox needs the secret"
        self._secret, self._tools = settings.client_secret, tools
        told = stages(settings, ())
        self._readers = {
            stream: Reader(settings, stream, stream, stages=told) for stream in sorted(set(_STREAM_OF.values()))
        }

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise SignatureRejected unless HubSpot made this call within five minutes of now."""
        given, stamp = headers.get("x-hubspot-signature-v3", ""), headers.get("x-hubspot-request-timestamp", "")
        if not given or not re.fullmatch(r"[0-9]{1,15}", stamp):
            raise SignatureRejected("hubspot: the call carries no v3 signature and time; HubSpot's own calls do")
        if abs(self._tools.now() - (_EPOCH + timedelta(milliseconds=int(stamp)))) > MOST_AGE:
            raise SignatureRejected("hubspot: the call was signed more than 5 minutes from now. Check the clock here")
        try:
            expected = signature(
                self._secret.get_secret_value(), headers.get(":method", "POST"), headers.get(":url", ""), body, stamp)
            same = hmac.compare_digest(expected.encode(), given.encode())
        except ValueError:                  # half a surrogate pair in a header
            same = False
        if not same:
            raise SignatureRejected(
                "hubspot: the signature does not fit the call. Check client_secret, and that web.public_url is the "
                "address HubSpot calls")

    def delivery_id(self, headers: Mapping[str, str], body: bytes) -> str:
        """Made of all that the events say but their attempt number, in which alone a repeated delivery differs.

        HubSpot does not promise that an `eventId` is used once only, so it is not enough.
        """
        try:
            told = b"\n".join(sorted(
                orjson.dumps({name: value for name, value in event.items() if name != "attemptNumber"},
                             option=orjson.OPT_SORT_KEYS)
                for event in _events(body)))
        except RecordRejected:
            told = body
        return BY_CONTENT + hashlib.sha256(told).hexdigest()

    def parse(self, body: bytes) -> Sequence[Record]:
        """One record for each object that the events speak of; events about anything else are passed over."""
        told: dict[tuple[str, str], _Told] = {}
        merged: list[Record] = []
        for event in sorted(_events(body), key=_occurred):
            kind, _, what = str(event.get("subscriptionType") or "").partition(".")
            stream = _STREAM_OF.get(kind if kind != "object" else str(event.get("objectTypeId")))
            if stream is None:
                continue
            if what == "merge":
                merged += self._merged(stream, event)
            else:
                self._note(told, stream, what, event)
        return [self._record(*name, known) for name, known in told.items()] + merged

    def _note(self, told: dict[tuple[str, str], _Told], stream: str, what: str, event: Mapping[str, Any]) -> None:
        """Add what `event` says, where it says anything: a creation, for one, does not."""
        reader = self._readers[stream]
        object_id = _id(event.get("fromObjectId" if what == "associationChange" else "objectId"))
        values: dict[str, Value] = {}
        only: frozenset[str] = frozenset()
        if what == "propertyChange":
            name, given = event.get("propertyName"), event.get("propertyValue")
            if not isinstance(name, str) or not isinstance(given, str | int | float | None):
                raise RecordRejected("hubspot: a change names no property, or its value is no text", "propertyValue")
            try:
                values, only = reader.change(name, reading.text(given), f"{stream} {object_id}")
            except ValueError as error:
                raise RecordRejected(f"hubspot: {stream} {object_id}: {name[:80]}: {error}", name[:80]) from None
        elif what == "associationChange" and event.get("isPrimaryAssociation") is True and stream != "accounts":
            if not str(event.get("associationType")).endswith("_TO_COMPANY"):
                return
            only = frozenset({"account_external_id"})
            gone = event.get("associationRemoved") is True
            values = {} if gone else {"account_external_id": _id(event.get("toObjectId"))}
        deleted = what in ("deletion", "privacyDeletion")
        if only or deleted:
            at = _occurred(event) + (_ERASES if what == "privacyDeletion" else timedelta(0))
            known = told.setdefault((stream, object_id), _Told(at))
            known.at, known.deleted = max(at, known.at), known.deleted or deleted
            known.values = {ours: value for ours, value in known.values.items() if ours not in only} | values
            known.only |= only

    def _record(self, stream: str, object_id: str, known: _Told) -> Record:
        noun = self._readers[stream].noun
        if known.deleted:
            return Record(noun, object_id, {}, known.at, deleted=True)
        return Record(noun, object_id, known.values, known.at, only=frozenset(known.only))

    def _merged(self, stream: str, event: Mapping[str, Any]) -> list[Record]:
        survivor = _id(event.get("newObjectId") or event.get("primaryObjectId") or event.get("objectId"))
        losers = event.get("mergedObjectIds")
        if not isinstance(losers, list):
            raise RecordRejected("hubspot: a merge names no merged objects", "mergedObjectIds")
        noun = self._readers[stream].noun
        ids = sorted({_id(each) for each in [*losers, event.get("primaryObjectId") or survivor]} - {survivor})
        return [Record(noun, each, {}, _occurred(event), merged_into=survivor) for each in ids]


def _events(body: bytes) -> list[Mapping[str, Any]]:
    try:
        told = orjson.loads(body)
    except ValueError:
        raise RecordRejected("hubspot: the body is not JSON") from None
    if not isinstance(told, list) or not all(isinstance(event, dict) for event in told):
        raise RecordRejected("hubspot: the body is no list of events")
    return told


def _id(given: object) -> str:
    """The id as text; HubSpot sends numbers."""
    if (isinstance(given, int) and not isinstance(given, bool) and given > 0) or (
        isinstance(given, str) and given.isdecimal() and len(given) < 30
    ):
        return str(given)
    raise RecordRejected("hubspot: an event names no object", "objectId")


def _occurred(event: Mapping[str, Any]) -> datetime:
    given = event.get("occurredAt")
    if not isinstance(given, int) or isinstance(given, bool) or not 0 < given < 10**14:
        raise RecordRejected("hubspot: an event does not say when it occurred", "occurredAt")
    return _EPOCH + timedelta(milliseconds=given)
