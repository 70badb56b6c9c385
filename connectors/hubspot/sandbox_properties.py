"""The properties, object names and pipelines that the sandbox's portal has from the start."""

from __future__ import annotations

from collections.abc import Mapping

KINDS = (
    "companies", "contacts", "deals", "tickets", "tasks", "meetings", "notes", "calls", "emails",
    "feedback_submissions", "p_subscriptions", "p_milestones",
)
CUSTOM = ("p_subscriptions", "p_milestones")
ALIASES: Mapping[str, str] = {
    "company": "companies", "0-2": "companies", "contact": "contacts", "0-1": "contacts", "deal": "deals",
    "0-3": "deals", "ticket": "tickets", "0-5": "tickets", "task": "tasks", "0-27": "tasks", "meeting": "meetings",
    "0-47": "meetings", "note": "notes", "0-46": "notes", "call": "calls", "0-48": "calls", "email": "emails",
    "0-49": "emails", "0-19": "feedback_submissions", **{kind: kind for kind in KINDS},
}
SINGULAR: Mapping[str, str] = {**{kind: kind.rstrip("s") for kind in KINDS}, "companies": "company"}
# Association types to companies: (primary, unlabelled); from `hubspot.crm.association_type`.
TO_COMPANY: Mapping[str, tuple[int, int]] = {
    "contacts": (1, 279), "deals": (5, 341), "tickets": (26, 339), "meetings": (0, 188), "tasks": (0, 192),
    "calls": (0, 182), "emails": (0, 186), "notes": (0, 190),
}
# Beside what is unique by HubSpot's own making: the property that Access says to create.
UNIQUE: Mapping[str, str] = {
    "contacts": "email", **dict.fromkeys(("tasks", "calls", "meetings", "emails", "notes", "deals"), "steward_key"),
}

_T, _N, _B, _D, _AT, _E = "string", "number", "bool", "date", "datetime", "enumeration"
PROPERTIES: Mapping[str, Mapping[str, str]] = {
    "companies": {
        "name": _T, "domain": _T, "segment": _T, "lifecyclestage": _E, "industry": _E, "country": _T, "timezone": _T,
        "numberofemployees": _N, "annualrevenue": _N, "arr": _N, "csm_owner_id": _E, "hubspot_owner_id": _E,
        "hs_parent_company_id": _N, "do_not_contact": _B, "salesforceaccountid": _T, "workspace_id": _T,
        "description": _T, "phone": _T, "city": _T, "state": _T, "website": _T,
    },
    "contacts": {
        "firstname": _T, "lastname": _T, "email": _T, "jobtitle": _T, "company": _T, "phone": _T, "hs_buying_role": _E,
        "still_at_company": _B, "left_company_on": _D, "hs_analytics_last_timestamp": _AT, "hubspot_owner_id": _E,
        "lifecyclestage": _E, "associatedcompanyid": _N,
    },
    "deals": {
        "dealname": _T, "dealtype": _E, "dealstage": _E, "pipeline": _E, "amount": _N, "deal_currency_code": _E,
        "closedate": _AT, "hs_is_closed": _B, "hs_is_closed_won": _B, "hubspot_owner_id": _E, "handoff_complete": _B,
        "description": _T, "steward_key": _T,
    },
    "tickets": {
        "subject": _T, "content": _T, "hs_ticket_priority": _E, "hs_pipeline": _E, "hs_pipeline_stage": _E,
        "closed_date": _AT, "first_agent_reply_date": _AT, "csat": _N, "hubspot_owner_id": _E,
    },
    "tasks": {
        "hs_task_subject": _T, "hs_task_body": _T, "hs_task_status": _E, "hs_timestamp": _AT, "hs_task_priority": _E,
        "hs_task_type": _E, "hubspot_owner_id": _E, "steward_key": _T,
    },
    "meetings": {
        "hs_meeting_title": _T, "hs_meeting_body": _T, "hs_activity_type": _E, "hs_meeting_start_time": _AT,
        "hs_meeting_end_time": _AT, "hs_meeting_outcome": _E, "hs_timestamp": _AT, "hubspot_owner_id": _E,
        "steward_key": _T,
    },
    "notes": {"hs_note_body": _T, "hs_timestamp": _AT, "hubspot_owner_id": _E, "steward_key": _T},
    "calls": {
        "hs_call_title": _T, "hs_call_body": _T, "hs_call_status": _E, "hs_call_direction": _E, "hs_timestamp": _AT,
        "hubspot_owner_id": _E, "steward_key": _T,
    },
    "emails": {
        "hs_email_subject": _T, "hs_email_text": _T, "hs_email_status": _E, "hs_email_direction": _E,
        "hs_timestamp": _AT, "hubspot_owner_id": _E, "steward_key": _T,
    },
    "feedback_submissions": {
        "hs_survey_type": _E, "hs_survey_name": _T, "hs_value": _N, "hs_content": _T, "hs_submission_timestamp": _AT,
    },
    "p_subscriptions": {
        "product": _T, "plan": _T, "status": _E, "starts_on": _D, "ends_on": _D, "arr": _N, "currency": _T,
        "seats": _N, "auto_renew": _B, "payment_overdue_days": _N,
    },
    "p_milestones": {
        "plan": _T, "name": _T, "position": _N, "due_on": _D, "started_on": _D, "reached_on": _D,
    },
}
REQUIRED: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("tasks", "calls", "meetings", "emails", "notes"), ("hs_timestamp",)),
    "deals": ("dealname",),
}
OPTIONS: Mapping[str, tuple[str, ...]] = {
    "hs_task_status": ("NOT_STARTED", "IN_PROGRESS", "WAITING", "DEFERRED", "COMPLETED"),
    "hs_task_priority": ("NONE", "LOW", "MEDIUM", "HIGH"),
    "hs_task_type": ("TODO", "CALL", "EMAIL"),
    "hs_call_status": ("COMPLETED", "BUSY", "NO_ANSWER", "QUEUED"), "hs_call_direction": ("INBOUND", "OUTBOUND"),
    "hs_email_direction": ("EMAIL", "INCOMING_EMAIL", "FORWARDED_EMAIL"),
    "hs_email_status": ("BOUNCED", "FAILED", "SCHEDULED", "SENDING", "SENT"),
    "hs_meeting_outcome": ("SCHEDULED", "COMPLETED", "RESCHEDULED", "NO_SHOW", "CANCELED"),
    "dealtype": ("newbusiness", "existingbusiness", "renewal"),
}


def _stage(number: int, stage: str, label: str, **metadata: str) -> dict[str, object]:
    return {"id": stage, "label": label, "displayOrder": number, "metadata": metadata, "archived": False}


PIPELINES: Mapping[str, list[dict[str, object]]] = {
    "deals": [{"id": "default", "label": "Sales Pipeline", "displayOrder": 0, "archived": False, "stages": [
        _stage(0, "appointmentscheduled", "Appointment Scheduled", isClosed="false", probability="0.2"),
        _stage(1, "qualifiedtobuy", "Qualified To Buy", isClosed="false", probability="0.4"),
        _stage(2, "contractsent", "Contract Sent", isClosed="false", probability="0.9"),
        _stage(3, "closedwon", "Closed Won", isClosed="true", probability="1.0"),
        _stage(4, "closedlost", "Closed Lost", isClosed="true", probability="0.0"),
    ]}],
    "tickets": [{"id": "0", "label": "Support Pipeline", "displayOrder": 0, "archived": False, "stages": [
        _stage(0, "1", "New", ticketState="OPEN", isClosed="false"),
        _stage(1, "2", "Waiting on contact", ticketState="OPEN", isClosed="false"),
        _stage(2, "3", "Waiting on us", ticketState="OPEN", isClosed="false"),
        _stage(3, "4", "Closed", ticketState="CLOSED", isClosed="true"),
    ]}],
}
