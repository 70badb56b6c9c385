"""Attributes and events by the HTTP API: ChurnZero ignores an event that it has (date, account, description)."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from connectors.churnzero.client import Client
from connectors.churnzero.settings import ChurnZeroSettings
from steward.contracts import Tools
from steward.model.actions import Action, IdempotencyKey, LogTouchpoint, OpenCta, Receipt, UpdateRecord
from steward.model.errors import OutcomeUnknown, RecordRejected

MOST_DESCRIPTION = 255
_LOOKED_AT = 500                            # events of the account, the newest first


class ChurnZeroSink:
    """Writes to one instance."""

    def __init__(self, client: Client, settings: ChurnZeroSettings, tools: Tools) -> None:
        self._client, self._settings, self._tools = client, settings, tools

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Make the change.

        Raises:
            RecordRejected: the account has no ExternalId in ChurnZero, or a field was refused.
            OutcomeUnknown: the line broke after sending.
        """
        if isinstance(action, UpdateRecord):
            return self._update(action)
        event, at = self._event(action)
        account = self._client.account(_account_of(action))
        self._client.act({
            "action": "trackEvent", "accountExternalId": _external_id(account), "eventName": event,
            "eventDate": at.astimezone(UTC).isoformat().replace("+00:00", "Z"), "description": _described(action, key),
        }, f"track the event {event}")
        return self._receipt(key)

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """The event that carries `key`; None where there is none. To set an attribute again sets the same."""
        if isinstance(action, UpdateRecord):
            return None
        if not self._client.reads:
            raise OutcomeUnknown("churnzero: without the REST API nobody can tell whether the event is there.")
        skip = 0
        while skip < _LOOKED_AT:
            rows, more = self._client.rows("Event", {
                "$filter": f"AccountId eq {_account_of(action)}", "$orderby": "EventDate desc",
                **({"$skip": str(skip)} if skip else {})})
            if any(mark(key) in str(row.get("Description")) for row in rows):
                return self._receipt(key).model_copy(update={"found": True})
            if not more:
                return None
            skip += len(rows)
        return None

    def _event(self, action: Action) -> tuple[str, datetime]:
        """The event's name and its instant: of a touchpoint always the same, as ChurnZero tells doubles by it."""
        if isinstance(action, LogTouchpoint):
            return self._settings.touchpoint_event, action.happened_at
        if isinstance(action, OpenCta):
            return self._settings.cta_event, self._tools.now()
        raise RecordRejected(f'churnzero cannot do "{action.kind}"', "kind")

    def _update(self, action: UpdateRecord) -> Receipt:
        if action.noun != "account":
            raise RecordRejected(f"churnzero: attributes are set of accounts only, not of a {action.noun}", "noun")
        account = self._client.account(action.external_id)
        self._client.act({
            "action": "setAttribute", "entity": "account", "accountExternalId": _external_id(account),
            "name": action.field, "value": action.value,
        }, f"set {action.field}")
        return Receipt(external_id=f"{action.external_id}:{action.field}", delivered_at=self._tools.now())

    def _receipt(self, key: IdempotencyKey) -> Receipt:
        return Receipt(external_id=mark(key), delivered_at=self._tools.now())


def mark(key: IdempotencyKey) -> str:
    """What stands in the description for `key`, which may be longer than the description: "stw:" and 32 digits."""
    return f"stw:{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def _described(action: Action, key: IdempotencyKey) -> str:
    """What is to be done and by when, in what ChurnZero keeps of it; the mark stands at the end, whole."""
    end = f" [{mark(key)}]"
    said = str(getattr(action, "subject", ""))
    if isinstance(action, OpenCta):
        who = f", for {action.assignee_email}" if action.assignee_email else ""
        said = f"{action.priority} {action.type}, due {action.due_on}{who}: {said}"
    return said[:MOST_DESCRIPTION - len(end)] + end


def _account_of(action: Any) -> str:
    return str(action.account_external_id)


def _external_id(account: Any) -> str:
    found = account.get("ExternalId")
    if not isinstance(found, str | int) or isinstance(found, bool) or not str(found).strip():
        raise RecordRejected(
            f'churnzero: account {account["Id"]} has no ExternalId, by which it is written to. Set it in ChurnZero.',
            "ExternalId")
    return str(found)
