"""Opens CTAs as Tasks, once for each idempotency key: upserted by the field that carries the key."""

from __future__ import annotations

from typing import Any

from simple_salesforce.format import quote_soql_value

from connectors.salesforce.client import Client
from connectors.salesforce.key import to_field
from connectors.salesforce.settings import SalesforceSettings
from steward.contracts import Tools
from steward.model.actions import Action, IdempotencyKey, OpenCta, Receipt
from steward.model.errors import RecordRejected, Unavailable

TASK = "Task"
_PRIORITIES = {"low": "Low", "normal": "Normal", "high": "High"}
_SUBJECT_CHARACTERS, _DESCRIPTION_CHARACTERS = 255, 32_000


class SalesforceSink:
    """The Tasks of one org."""

    def __init__(self, client: Client, settings: SalesforceSettings, tools: Tools) -> None:
        self._client, self._field, self._tools = client, settings.task_key_field, tools

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Open the task, or return the receipt of the one that `key` already opened.

        Raises:
            RecordRejected: Salesforce refused `field`, or the key field is not there: a person must act.
            OutcomeUnknown: the line broke after sending; call `find` first.
        """
        if not isinstance(action, OpenCta):
            raise RecordRejected(f'salesforce: cannot perform "{action.kind}"; it opens CTAs only')
        enforced = self._key_is_enforced()
        row = self._row(action, key)
        if enforced:
            external_id, created = self._client.upsert(TASK, self._field, to_field(key), row)
            return self._receipt(external_id, found=not created)
        found = self.find(action, key)
        return found or self._receipt(self._client.create(TASK, {**row, self._field: to_field(key)}), found=False)

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """The receipt of the task that `key` opened, deleted by a person or not; None where there is none."""
        wanted = quote_soql_value(to_field(key))
        asked = f"SELECT Id FROM {TASK} WHERE {self._field} = {wanted} ORDER BY Id LIMIT 1"  # noqa: S608  quoted above
        found = self._client.query(asked, deleted=True)
        records = found.get("records")
        if not isinstance(records, list) or "totalSize" not in found:
            raise Unavailable("salesforce: the search for the task was answered without a result. Steward tries again.")
        external_id = records[0].get("Id") if records and isinstance(records[0], dict) else None
        return self._receipt(str(external_id), found=True) if external_id else None

    def _key_is_enforced(self) -> bool:
        """Whether Salesforce itself keeps the key unique (class A); where not, Steward looks first (class B)."""
        fields = self._client.describe(TASK).get("fields")
        known = [each for each in fields or () if isinstance(each, dict)]
        field = next((each for each in known if each.get("name") == self._field), None)
        if field is None:
            raise RecordRejected(
                f'salesforce: Task has no field "{self._field}", or the user may not see it. Create the Activity field '
                f'"{self._field}", Text(255), External ID, Unique; then run: steward connector check salesforce',
                self._field,
            )
        return bool(field.get("externalId")) and bool(field.get("unique"))

    def _row(self, action: OpenCta, key: IdempotencyKey) -> dict[str, Any]:
        owner = self._user(action.assignee_email) if action.assignee_email else None
        body = _cut(_clean(action.body), _DESCRIPTION_CHARACTERS - 600)
        lines = [body] if body else []
        if action.assignee_email and owner is None:
            lines.append(f"For {_clean(action.assignee_email)[:120]}, who has no active Salesforce user.")
        lines.append(f"Steward: {action.type}, {key}"[:400])
        row = {
            "Subject": _cut(" ".join(_clean(action.subject).split()), _SUBJECT_CHARACTERS),
            "Description": "\n\n".join(lines), "WhatId": action.account_external_id,
            "ActivityDate": action.due_on.isoformat(), "Priority": _PRIORITIES[action.priority],
        }
        # No Status: were this sent twice, it would reopen what a person has completed.
        return {**row, "OwnerId": owner} if owner else row

    def _user(self, email: str) -> str | None:
        """The id of the active user with that address; of several, a standard user first."""
        asked = ("SELECT Id, UserType FROM User "  # noqa: S608  the one value is quoted, the rest is ours
                 f"WHERE Email = {quote_soql_value(email)} AND IsActive = true ORDER BY Id LIMIT 20")
        found = self._client.query(asked).get("records")
        rows = [row for row in found or () if isinstance(row, dict) and row.get("Id")]
        rows.sort(key=lambda row: row.get("UserType") != "Standard")
        return str(rows[0]["Id"]) if rows else None

    def _receipt(self, external_id: str, *, found: bool) -> Receipt:
        return Receipt(
            external_id=external_id, url=self._client.link(external_id), delivered_at=self._tools.now(), found=found,
        )


def _clean(text: str) -> str:
    """`text` without control characters but line ends and tabs, and without halves of surrogate pairs."""
    kept = "".join(char for char in text if char in "\n\t" or (char >= " " and char != "\x7f"))
    return kept.encode("utf-8", "ignore").decode().strip()


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most - 1] + "…"
