"""What an action becomes in HubSpot: the object, its properties, and what it is tied to."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from connectors.hubspot.settings import HubSpotSettings
from steward.model.actions import Action, LogTouchpoint, OpenCta, OpenOpportunity
from steward.model.errors import RecordRejected

_PRIORITY = {"low": "LOW", "normal": "MEDIUM", "high": "HIGH"}
_MOST_SUBJECT, _MOST_BODY = 1_000, 60_000   # HubSpot keeps 65,536 characters


@dataclass(frozen=True, slots=True)
class Made:
    """A row of `kind` to make for a company; `owner_email` is of a person whom HubSpot may not know."""

    kind: str
    company: str
    properties: Mapping[str, str]
    owner_email: str = ""
    contact: str = ""


def made_of(action: Action, settings: HubSpotSettings) -> Made:
    """Raises RecordRejected where HubSpot has nothing like it."""
    if isinstance(action, OpenCta):
        return Made("tasks", action.account_external_id, _task(action), action.assignee_email or "")
    if isinstance(action, LogTouchpoint):
        kind, properties = _touchpoint(action, settings)
        return Made(kind, action.account_external_id, properties, action.owner_email or "",
                    action.contact_external_id or "")
    if isinstance(action, OpenOpportunity):
        return Made("deals", action.account_external_id, _deal(action, settings), action.owner_email or "")
    raise RecordRejected(f'hubspot: can do nothing like "{action.kind}"', "kind")


def _task(cta: OpenCta) -> dict[str, str]:
    return {
        "hs_task_subject": _line(cta.subject), "hs_task_body": _as_html(cta.body), "hs_timestamp": _noon(cta.due_on),
        "hs_task_status": "NOT_STARTED", "hs_task_priority": _PRIORITY[cta.priority], "hs_task_type": "TODO",
    }


def _touchpoint(told: LogTouchpoint, settings: HubSpotSettings) -> tuple[str, dict[str, str]]:
    at, subject, body = _instant(told.happened_at), _line(told.subject), _as_html(told.body)
    if told.type == "call":
        return "calls", {"hs_timestamp": at, "hs_call_title": subject, "hs_call_body": body,
                         "hs_call_status": "COMPLETED", "hs_call_direction": "OUTBOUND"}
    if told.type == "email":
        return "emails", {"hs_timestamp": at, "hs_email_subject": subject, "hs_email_text": told.body[:_MOST_BODY],
                          "hs_email_direction": "EMAIL", "hs_email_status": "SENT"}
    if told.type in ("meeting", "qbr"):
        kind = settings.meeting_types.get(told.type)
        return "meetings", {"hs_timestamp": at, "hs_meeting_title": subject, "hs_meeting_body": body,
                            "hs_meeting_start_time": at, "hs_meeting_outcome": "COMPLETED",
                            **({"hs_activity_type": kind} if kind else {})}
    words = f"<b>{html.escape(subject)}</b><br>" if subject else ""
    return "notes", {"hs_timestamp": at, "hs_note_body": words + body}


def _deal(told: OpenOpportunity, settings: HubSpotSettings) -> dict[str, str]:
    properties = {
        "dealname": _line(told.title), "description": told.body[:_MOST_BODY], "closedate": _noon(told.closes_on),
        "pipeline": settings.deal_pipeline, "dealstage": settings.deal_stage,
        "dealtype": settings.deal_types.get(told.type, ""),
    }
    if told.amount is not None:
        properties |= {"amount": f"{told.amount:f}", "deal_currency_code": told.currency}
    return {name: value for name, value in properties.items() if value}


def _line(given: str) -> str:
    return " ".join(given.split())[:_MOST_SUBJECT]


def _as_html(body: str) -> str:
    """A body is HTML to HubSpot; ours is plain text that may hold a customer's name."""
    return html.escape(body[:_MOST_BODY // 6]).replace("\n", "<br>")


def _noon(on: date) -> str:
    """Noon in UTC: the same calendar day from San Francisco to Auckland, near enough."""
    return _instant(datetime.combine(on, time(12), UTC))


def _instant(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{at.microsecond // 1000:03d}Z"
