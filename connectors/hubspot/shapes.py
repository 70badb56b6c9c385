"""How each stream looks in HubSpot: its object, the property behind each of our fields, and its words for ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from steward.model.records import Noun


@dataclass(frozen=True, slots=True)
class Shape:
    """One stream. `fields` names the property behind each of our fields; `to` the objects it is associated with,
    the first of which gives the account; `words` translates HubSpot's values, which are compared in lower case.

    Of touchpoints: `usual` is what it is where no word says more, `outcome` the property that says whether it took
    place, `void` its values by which it did not. `prefix` stands before the ids of objects that share a noun."""

    noun: Noun
    object_type: str                        # "" where settings name it
    fields: Mapping[str, str]
    modified: str = "hs_lastmodifieddate"
    created: str = "hs_createdate"
    to: tuple[str, ...] = ("companies",)
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    usual: str = ""
    outcome: str = ""
    void: frozenset[str] = frozenset()
    prefix: str = ""


_LIFECYCLE = {
    "subscriber": "prospect", "lead": "prospect", "marketingqualifiedlead": "prospect", "prospect": "prospect",
    "salesqualifiedlead": "prospect", "opportunity": "prospect", "onboarding": "onboarding", "customer": "customer",
    "evangelist": "customer", "churned": "churned", "former customer": "churned", "formercustomer": "churned",
}
_SEGMENT = {
    "enterprise": "enterprise", "ent": "enterprise", "mid_market": "mid_market", "mid-market": "mid_market",
    "mid market": "mid_market", "midmarket": "mid_market", "smb": "smb", "small business": "smb",
}
_ROLE = {
    "champion": "champion", "executive_sponsor": "sponsor", "sponsor": "sponsor", "budget_holder": "sponsor",
    "decision_maker": "sponsor", "admin": "admin", "administrator": "admin", "end_user": "user", "user": "user",
    "influencer": "user", "billing": "billing",
}
_STATUS = {
    "active": "active", "pending": "pending", "future": "pending", "cancelled": "cancelled", "canceled": "cancelled",
    "expired": "expired",
}
_KIND = {
    "newbusiness": "new", "new": "new", "existingbusiness": "expansion", "expansion": "expansion",
    "renewal": "renewal",
}
_PRIORITY = {"low": "low", "medium": "normal", "normal": "normal", "high": "high", "urgent": "urgent"}
_TOUCH = {
    "call": "call", "phone call": "call", "email": "email", "qbr": "qbr", "quarterly business review": "qbr",
    "business review": "qbr", "meeting": "meeting",
}

SHAPES: Mapping[str, Shape] = {
    "accounts": Shape(
        Noun.ACCOUNT, "companies",
        {
            "name": "name", "domain": "domain", "segment": "segment", "lifecycle": "lifecyclestage",
            "industry": "industry", "country": "country", "timezone": "timezone", "employees": "numberofemployees",
            "arr": "arr", "created_at": "createdate", "csm_external_id": "csm_owner_id",
            "account_manager_external_id": "hubspot_owner_id", "parent_external_id": "hs_parent_company_id",
            "do_not_contact": "do_not_contact",
        },
        created="createdate", to=(), words={"lifecycle": _LIFECYCLE, "segment": _SEGMENT},
    ),
    "contacts": Shape(
        Noun.CONTACT, "contacts",
        {
            "name": "firstname", "email": "email", "title": "jobtitle", "role": "hs_buying_role",
            "active": "still_at_company", "left_on": "left_company_on", "last_seen_at": "hs_analytics_last_timestamp",
        },
        modified="lastmodifieddate", created="createdate", words={"role": _ROLE},
    ),
    "subscriptions": Shape(
        Noun.SUBSCRIPTION, "",
        {
            "product": "product", "plan": "plan", "status": "status", "starts_on": "starts_on", "ends_on": "ends_on",
            "arr": "arr", "seats": "seats", "auto_renew": "auto_renew", "payment_overdue_days": "payment_overdue_days",
        },
        words={"status": _STATUS},
    ),
    "opportunities": Shape(
        Noun.OPPORTUNITY, "deals",
        {
            "name": "dealname", "kind": "dealtype", "stage": "dealstage", "amount": "amount", "close_on": "closedate",
            "is_closed": "hs_is_closed", "is_won": "hs_is_closed_won", "owner_external_id": "hubspot_owner_id",
            "handoff_complete": "handoff_complete", "created_at": "createdate",
        },
        created="createdate", words={"kind": _KIND},
    ),
    "tickets": Shape(
        Noun.TICKET, "tickets",
        {
            "subject": "subject", "priority": "hs_ticket_priority", "status": "hs_pipeline_stage",
            "opened_at": "createdate", "closed_at": "closed_date", "first_response_at": "first_agent_reply_date",
            "csat": "csat",
        },
        created="createdate", words={"priority": _PRIORITY},
    ),
    "survey_responses": Shape(
        Noun.SURVEY_RESPONSE, "",
        {
            "kind": "hs_survey_type", "score": "hs_value", "comment": "hs_content",
            "answered_at": "hs_submission_timestamp",
        },
        to=("companies", "contacts"), words={"kind": {"nps": "nps", "csat": "csat", "ces": "ces"}},
    ),
    "milestones": Shape(
        Noun.MILESTONE, "",
        {
            "plan": "plan", "name": "name", "position": "position", "due_on": "due_on", "started_on": "started_on",
            "reached_on": "reached_on",
        },
    ),
    "touchpoints": Shape(
        Noun.TOUCHPOINT, "meetings",
        {
            "kind": "hs_activity_type", "subject": "hs_meeting_title", "held_at": "hs_meeting_start_time",
            "person_external_id": "hubspot_owner_id",
        },
        words={"kind": _TOUCH}, usual="meeting", outcome="hs_meeting_outcome",
        void=frozenset({"canceled", "cancelled", "no_show", "rescheduled"}),
    ),
    "calls": Shape(
        Noun.TOUCHPOINT, "calls",
        {
            "kind": "hs_activity_type", "subject": "hs_call_title", "held_at": "hs_timestamp",
            "person_external_id": "hubspot_owner_id",
        },
        words={"kind": _TOUCH}, usual="call", outcome="hs_call_status", prefix="call-",
        void=frozenset({
            "busy", "calling_crm_user", "canceled", "connecting", "failed", "no_answer", "queued", "ringing"}),
    ),
    "emails": Shape(
        Noun.TOUCHPOINT, "emails",
        {
            "kind": "hs_activity_type", "subject": "hs_email_subject", "held_at": "hs_timestamp",
            "person_external_id": "hubspot_owner_id",
        },
        words={"kind": _TOUCH}, usual="email", outcome="hs_email_status", prefix="email-",
        void=frozenset({"bounced", "failed", "scheduled", "sending"}),
    ),
    "tasks": Shape(
        Noun.TASK, "tasks",
        {
            "subject": "hs_task_subject", "status": "hs_task_status", "due_on": "hs_timestamp",
            "owner_external_id": "hubspot_owner_id", "idempotency_key": "steward_key",
        },
        words={"status": {"not_started": "open", "in_progress": "open", "waiting": "open", "deferred": "open",
                          "completed": "done"}},
    ),
}

# What a field needs beside its own property: the second half of a name, the currency, what the stage means.
BESIDE: Mapping[tuple[Noun, str], str] = {
    (Noun.CONTACT, "name"): "lastname",
    (Noun.SUBSCRIPTION, "arr"): "currency",
    (Noun.OPPORTUNITY, "amount"): "deal_currency_code",
    (Noun.OPPORTUNITY, "stage"): "pipeline",
    (Noun.TICKET, "status"): "hs_pipeline",
}
MERGED = "hs_merged_object_ids"             # on a survivor: the ids that were merged into it, "111;222"
CURRENCY = {"accounts": "", "subscriptions": "currency", "opportunities": "deal_currency_code"}
