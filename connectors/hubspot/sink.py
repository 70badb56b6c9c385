"""Opens CTAs as HubSpot tasks, each once for its key: upserted by a task property whose values are unique."""

from __future__ import annotations

import html
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from typing import Any

from connectors.hubspot.client import Client
from connectors.hubspot.settings import HubSpotSettings
from steward.contracts import Tools
from steward.model.actions import Action, IdempotencyKey, OpenCta, Receipt
from steward.model.errors import RecordRejected

_PRIORITY = {"low": "LOW", "normal": "MEDIUM", "high": "HIGH"}
_TASK_OBJECT = "0-27"                       # in the address of a task's page
_MOST_SUBJECT, _MOST_BODY = 1_000, 60_000   # HubSpot keeps 65,536 characters


class HubSpotSink:
    """Writes to one portal."""

    def __init__(self, client: Client, settings: HubSpotSettings, tools: Tools) -> None:
        self._client, self._settings, self._tools = client, settings, tools

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Open the task, or return the receipt of the one that `key` already opened, as people have left it.

        The upsert takes no association, so the task is tied to its company in a second call; where that was not
        reached, delivering again does it.

        Raises:
            RecordRejected: there is no such company, or HubSpot refused a value of the task.
            OutcomeUnknown: the line broke after sending; the same call again is safe.
        """
        cta = _cta(action)
        task, tied = self._task(key)
        if task and cta.account_external_id in tied:
            return self._receipt(str(task["id"]), found=True)
        if not task:
            self._company_exists(cta.account_external_id)
            task = self._client.upsert("tasks", self._settings.task_key_property, key, self._properties(cta, key))
        self._client.associate("tasks", str(task["id"]), "companies", cta.account_external_id)
        return self._receipt(str(task["id"]))

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """The task that `key` opened; None as well where it is not tied to its company yet, which delivering mends."""
        task, tied = self._task(key)
        done = task is not None and _cta(action).account_external_id in tied
        return self._receipt(str(task["id"]), found=True) if task and done else None

    def _task(self, key: IdempotencyKey) -> tuple[Mapping[str, Any] | None, set[str]]:
        """The task with `key` and the companies it is tied to."""
        rows = self._client.read_batch("tasks", [key], ["hs_task_subject"], self._settings.task_key_property)
        if not rows or not rows[0].get("id"):
            return None, set()
        return rows[0], self._client.all_linked("tasks", str(rows[0]["id"]), "companies")

    def _company_exists(self, company: str) -> None:
        if not company.isdecimal() or not self._client.read_batch("companies", [company], ["name"]):
            raise RecordRejected(
                f'hubspot: there is no company "{company[:40]}" to open a task for; it may be deleted or merged away. '
                "Sync the connection and try again.", "account_external_id")

    def _properties(self, cta: OpenCta, key: IdempotencyKey) -> dict[str, str]:
        owner = self._owner(cta.assignee_email) if cta.assignee_email else ""
        return {
            self._settings.task_key_property: key,
            "hs_task_subject": " ".join(cta.subject.split())[:_MOST_SUBJECT],
            "hs_task_body": _as_html(cta.body),
            "hs_timestamp": _noon(cta.due_on),
            "hs_task_status": "NOT_STARTED",
            "hs_task_priority": _PRIORITY[cta.priority],
            "hs_task_type": "TODO",
            **({"hubspot_owner_id": owner} if owner else {}),
        }

    def _owner(self, email: str) -> str:
        """The owner with that address; "" where HubSpot has none."""
        rows, _ = self._client.owners(None, email=email)
        wanted = [row for row in rows if str(row.get("email")).lower() == email.lower() and not row.get("archived")]
        return str(wanted[0].get("id") or "") if wanted else ""

    def _receipt(self, task: str, *, found: bool = False) -> Receipt:
        portal, url = self._settings.portal_id, None
        if portal:
            url = f"{self._settings.app_url}/contacts/{portal}/record/{_TASK_OBJECT}/{task}"
        return Receipt(external_id=task, url=url, delivered_at=self._tools.now(), found=found)


def _cta(action: Action) -> OpenCta:
    if not isinstance(action, OpenCta):
        raise RecordRejected(f'hubspot: can open a CTA and nothing else, not "{action.kind}"', "kind")
    return action


def _as_html(body: str) -> str:
    """A task's body is HTML to HubSpot; ours is plain text that may hold a customer's name."""
    return html.escape(body[:_MOST_BODY // 6]).replace("\n", "<br>")


def _noon(due_on: date) -> str:
    """Noon in UTC: the same calendar day from San Francisco to Auckland, near enough."""
    return datetime.combine(due_on, time(12), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
