"""How each stream looks in Gainsight: its object, the fields behind each of ours, and its words for ours."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from steward.model.records import Noun

CTAS = "call_to_action"
LOG = ("record_delete_log", "record_delete_log_high_volume")


@dataclass(frozen=True, slots=True)
class Beside:
    """Another object that a stream's rows show something of: where one of its rows changes, they are read again.

    `theirs` is the field of the other object, `ours` that of the stream's own, which hold the same Gsid.
    """

    object_name: str
    theirs: str
    ours: str


@dataclass(frozen=True, slots=True)
class Shape:
    """One stream. `fields` names the fields behind each of ours, of which the first with a value counts; a path such
    as `Person_ID__gr.Email` goes through a lookup. What a tenant does not have is not asked for.

    `words` translates labels, which are compared in lower case. `gone` says where deletions are told:
    "log", "ctas", "timeline".
    """

    noun: Noun
    object_name: str                        # "" where settings name it
    fields: Mapping[str, tuple[str, ...]]
    modified: str = "ModifiedDate"
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    beside: Beside | None = None
    besides: tuple[str, ...] = ()           # fields needed to understand a row, beside those of `fields`
    gone: tuple[str, ...] = ("log",)


GROUP = "CtaGroupId"                        # the success plan that a CTA is an objective of
_LIFECYCLE = {
    "prospect": "prospect", "onboarding": "onboarding", "kicked off": "onboarding", "new customer": "onboarding",
    "active": "customer", "customer": "customer", "launched": "customer", "adopting": "customer",
    "inactive": "churned", "churn": "churned", "churned": "churned", "former customer": "churned",
}
_SEGMENT = {
    "enterprise": "enterprise", "strategic": "enterprise", "mid-market": "mid_market", "mid market": "mid_market",
    "commercial": "mid_market", "smb": "smb", "small business": "smb",
}
_ROLE = {
    "champion": "champion", "sponsor": "sponsor", "executive sponsor": "sponsor", "decision maker": "sponsor",
    "admin": "admin", "administrator": "admin", "user": "user", "end user": "user", "billing": "billing",
}
_TOUCH = {
    "call": "call", "email": "email", "meeting": "meeting", "in-person meeting": "meeting", "qbr": "qbr",
    "executive business review": "qbr", "ebr": "qbr", "quarterly business review": "qbr", "onboarding call": "call",
    "renewal call": "call", "training call": "call", "escalation call": "call",
}
NO_CONTACT = ("update", "milestone", "internal note", "note", "task")
"""Types of Timeline activities that are no contact with the customer."""

SHAPES: Mapping[str, Shape] = {
    "persons": Shape(
        Noun.PERSON, "gsuser",
        {
            "name": ("Name",), "email": ("Email",), "title": ("Title",), "active": ("IsActiveUser", "IsActive"),
            "manager_external_id": ("Manager",), "timezone": ("Timezone",),
        },
    ),
    "accounts": Shape(
        Noun.ACCOUNT, "Company",
        {
            "name": ("Name",), "domain": ("Domain__gc", "Website__gc", "Website"),
            "segment": ("Segment__gc", "Segment"),
            "lifecycle": ("Lifecycle__gc", "LifecycleStage", "Status"), "industry": ("Industry",),
            "country": ("Country__gc", "BillingCountry"), "timezone": ("Timezone__gc", "Timezone"),
            "employees": ("Employees",), "arr": ("Arr",), "created_at": ("CreatedDate",), "csm_external_id": ("Csm",),
            "account_manager_external_id": ("Account_Manager__gc", "Account_Owner__gc"),
            "parent_external_id": ("ParentCompany",), "do_not_contact": ("Do_Not_Contact__gc",),
        },
        words={"lifecycle": _LIFECYCLE, "segment": _SEGMENT}, beside=Beside("scorecard_fact", "CompanyId", "Gsid"),
        besides=("CurrencyIsoCode", "CurrentScore", "CurrentScore__gr.Score"),
    ),
    "contacts": Shape(
        Noun.CONTACT, "company_person",
        {
            "account_external_id": ("Company_ID",), "name": ("Person_ID__gr.Name",), "email": ("Person_ID__gr.Email",),
            "title": ("Title",), "role": ("Role",), "active": ("Active",), "left_on": ("Left_On__gc",),
            "last_seen_at": ("Last_Seen__gc",),
        },
        words={"role": _ROLE}, beside=Beside("person", "Gsid", "Person_ID"),
        besides=("Person_ID", "Person_ID__gr.FirstName", "Person_ID__gr.LastName"),
    ),
    "tasks": Shape(
        Noun.TASK, CTAS,
        {
            "account_external_id": ("CompanyId",), "subject": ("Name",), "status": ("IsClosed",),
            "due_on": ("DueDate",),
            "owner_external_id": ("OwnerId",),
        },
        besides=(GROUP, "Comments"), gone=("ctas",),
    ),
    "cta_tasks": Shape(
        Noun.TASK, "cs_task",
        {
            "account_external_id": ("CompanyId", "CtaId__gr.CompanyId"), "subject": ("Name", "Subject"),
            "status": ("IsClosed", "StatusId__gr.Name", "Status"), "due_on": ("DueDate",),
            "owner_external_id": ("OwnerId",),
        },
        beside=Beside(CTAS, "Gsid", "CtaId"), besides=("CtaId",), gone=("log", "ctas"),
    ),
    "milestones": Shape(
        Noun.MILESTONE, CTAS,
        {
            "account_external_id": ("CompanyId",), "plan": ("CtaGroupId__gr.Name",), "name": ("Name",),
            "position": ("Position__gc",), "due_on": ("DueDate",), "reached_on": ("ClosedDate",),
            "started_on": ("Started_On__gc", "CtaGroupId__gr.ActiveDate"),
        },
        beside=Beside("cta_group", "Gsid", GROUP), besides=(GROUP, "IsClosed", "StatusId__gr.Name"), gone=("ctas",),
    ),
    "touchpoints": Shape(
        Noun.TOUCHPOINT, "activity_timeline",
        {
            "account_external_id": ("GsCompanyId",), "kind": ("TypeName",), "subject": ("Subject",),
            "held_at": ("ActivityDate",), "person_external_id": ("AuthorId",),
        },
        modified="LastModifiedDate", words={"kind": _TOUCH}, gone=("log", "timeline"),
    ),
    "survey_responses": Shape(
        Noun.SURVEY_RESPONSE, "",
        {
            "account_external_id": ("CompanyId", "Company_ID"), "contact_external_id": ("CompanyPersonId",),
            "kind": ("SurveyType", "Type"), "score": ("NpsScore", "NPS", "Score"), "comment": ("Comment", "Comments"),
            "answered_at": ("RespondedDate", "ResponseDate"),
        },
        words={"kind": {"nps": "nps", "csat": "csat", "ces": "ces"}},
    ),
}
ABANDONED = ("closed lost", "closed - lost", "closed incomplete", "cancelled")
"""Statuses of an objective that was closed without being reached."""
