"""Rows for what Steward makes in an org: a Task, an Event, an Opportunity. Every text in them is cut and cleaned."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.salesforce.settings import SalesforceSettings
from steward.model.actions import IdempotencyKey, LogTouchpoint, OpenCta, OpenOpportunity

Made = OpenCta | LogTouchpoint | OpenOpportunity
_PRIORITIES = {"low": "Low", "normal": "Normal", "high": "High"}
_EVENT_TYPES = {"call": "Call", "meeting": "Meeting", "email": "Email", "qbr": "QBR"}
_SUBTYPES = {"call": "Call", "email": "Email"}
_SUBJECT_CHARACTERS, _NAME_CHARACTERS, _DESCRIPTION_CHARACTERS = 255, 120, 32_000
_LASTS = timedelta(minutes=30)              # of a touchpoint whose end nobody told


def table_of(action: Made, settings: SalesforceSettings) -> tuple[str, str]:
    """The object that the action becomes, and its field that carries the key."""
    if isinstance(action, OpenOpportunity):
        return "Opportunity", settings.opportunity_key_field
    return (settings.touchpoints_as if isinstance(action, LogTouchpoint) else "Task"), settings.task_key_field


def owner_of(action: Made) -> str | None:
    """The address of who shall own it."""
    return action.assignee_email if isinstance(action, OpenCta) else action.owner_email


def row_of(
    action: Made, key: IdempotencyKey, owner: str | None, fields: Mapping[str, Any], settings: SalesforceSettings,
) -> dict[str, Any]:
    """The row without its key. `owner`: the user's id, None where there is none; `fields`: what `describe` tells."""
    if isinstance(action, OpenCta):
        row = _task(action, key, owner)
    elif isinstance(action, LogTouchpoint):
        row = _touchpoint(action, key, owner, settings)
    else:
        row = _opportunity(action, key, owner, fields, settings)
    return {**row, "OwnerId": owner} if owner else row


def _task(action: OpenCta, key: IdempotencyKey, owner: str | None) -> dict[str, Any]:
    # No Status: were this sent twice, it would reopen what a person has completed.
    return {
        "Subject": _line(action.subject, _SUBJECT_CHARACTERS),
        "Description": _description(action.body, action.assignee_email, owner, f"Steward: {action.type}, {key}"),
        "WhatId": action.account_external_id, "ActivityDate": action.due_on.isoformat(),
        "Priority": _PRIORITIES[action.priority],
    }


def _touchpoint(
    action: LogTouchpoint, key: IdempotencyKey, owner: str | None, settings: SalesforceSettings,
) -> dict[str, Any]:
    row: dict[str, Any] = {
        "Subject": _line(action.subject, _SUBJECT_CHARACTERS),
        "Description": _description(action.body, action.owner_email, owner, f"Steward: {action.type}, {key}"),
        "WhatId": action.account_external_id,
    }
    if action.contact_external_id:
        row["WhoId"] = action.contact_external_id
    if settings.touchpoints_as == "Task":
        row |= {"Status": "Completed", "ActivityDate": action.happened_at.astimezone(UTC).date().isoformat()}
        return row | ({"TaskSubtype": _SUBTYPES[action.type]} if action.type in _SUBTYPES else {})
    begins = action.happened_at.astimezone(UTC)
    return row | {"StartDateTime": _instant(begins), "EndDateTime": _instant(begins + _LASTS),
                  "Type": _EVENT_TYPES.get(action.type, "Other")}


def _opportunity(
    action: OpenOpportunity, key: IdempotencyKey, owner: str | None, fields: Mapping[str, Any],
    settings: SalesforceSettings,
) -> dict[str, Any]:
    notes = [f"Steward: {action.type}, {key}"]
    row: dict[str, Any] = {
        "Name": _line(action.title, _NAME_CHARACTERS), "AccountId": action.account_external_id,
        "StageName": settings.opportunity_stage, "CloseDate": action.closes_on.isoformat(),
        "Type": settings.opportunity_types.get(action.type, action.type.capitalize()),
    }
    if action.amount is not None:
        several = "CurrencyIsoCode" in fields
        if several or action.currency in ("", settings.currency):
            row["Amount"] = float(action.amount)
            if several and action.currency:
                row["CurrencyIsoCode"] = action.currency
        else:
            notes.insert(0, f"Worth: {action.amount} {action.currency}, which is not the currency of this org.")
    row["Description"] = _description(action.body, action.owner_email, owner, *notes)
    return row


def _description(body: str, wanted: str | None, owner: str | None, *notes: str) -> str:
    cut = _cut(clean(body), _DESCRIPTION_CHARACTERS - 900)
    lines = [cut] if cut else []
    if wanted and owner is None:
        lines.append(f"For {clean(wanted)[:120]}, who has no active Salesforce user.")
    return "\n\n".join([*lines, *(note[:400] for note in notes)])


def _instant(value: datetime) -> str:
    return f"{value:%Y-%m-%dT%H:%M:%S}.000Z"


def clean(text: str) -> str:
    """`text` without control characters but line ends and tabs, and without halves of surrogate pairs."""
    kept = "".join(char for char in text if char in "\n\t" or (char >= " " and char != "\x7f"))
    return kept.encode("utf-8", "ignore").decode().strip()


def _line(text: str, most: int) -> str:
    return _cut(" ".join(clean(text).split()), most)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most - 1] + "…"
