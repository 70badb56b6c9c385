"""The fields of a usual org: what each stream asks for, and which of our words its picklists mean."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.salesforce.settings import FieldNames
from steward.model.records import Noun

# Stream -> its object, and our field -> the Salesforce field, or fields of which the first with a value counts.
DEFAULTS: Mapping[str, tuple[str, Mapping[str, FieldNames]]] = {
    "persons": ("User", {
        "name": "Name", "email": "Email", "title": "Title", "active": "IsActive", "manager_external_id": "ManagerId",
        "timezone": "TimeZoneSidKey",
    }),
    "accounts": ("Account", {
        "name": "Name", "domain": "Website", "segment": "Segment__c", "lifecycle": ("Lifecycle__c", "Type"),
        "industry": "Industry", "country": ("BillingCountryCode", "BillingCountry"), "timezone": "Time_Zone__c",
        "employees": "NumberOfEmployees", "arr": "ARR__c", "created_at": "CreatedDate",
        "csm_external_id": ("CSM__c", "OwnerId"), "account_manager_external_id": "OwnerId",
        "parent_external_id": "ParentId", "do_not_contact": "Do_Not_Contact__c",
    }),
    "contacts": ("Contact", {
        "account_external_id": "AccountId", "name": "Name", "email": "Email", "title": "Title", "role": "Role__c",
        "active": "!No_Longer_At_Company__c", "left_on": "Left_On__c", "last_seen_at": "Last_Login__c",
    }),
    "subscriptions": ("Contract", {
        "account_external_id": "AccountId", "product": "Product__c", "plan": "Plan__c", "status": "Status",
        "starts_on": "StartDate", "ends_on": "EndDate", "arr": "ARR__c", "seats": "Seats__c",
        "auto_renew": "Auto_Renew__c", "payment_overdue_days": "Payment_Overdue_Days__c",
    }),
    "opportunities": ("Opportunity", {
        "account_external_id": "AccountId", "name": "Name", "kind": "Type", "stage": "StageName", "amount": "Amount",
        "close_on": "CloseDate", "is_closed": "IsClosed", "is_won": "IsWon", "owner_external_id": "OwnerId",
        "handoff_complete": "Handoff_Complete__c", "created_at": "CreatedDate",
    }),
    "tickets": ("Case", {
        "account_external_id": "AccountId", "subject": "Subject", "priority": "Priority",
        "status": ("Status", "IsClosed"), "opened_at": "CreatedDate", "closed_at": "ClosedDate",
        "first_response_at": "First_Response_At__c", "csat": "CSAT__c",
    }),
    "milestones": ("Onboarding_Milestone__c", {
        "account_external_id": "Account__c", "plan": "Plan__c", "name": "Name", "position": "Position__c",
        "due_on": "Due_On__c", "started_on": "Started_On__c", "reached_on": "Reached_On__c",
    }),
    "touchpoints": ("Event", {
        "account_external_id": "AccountId", "kind": ("Type", "EventSubtype"), "subject": "Subject",
        "held_at": ("StartDateTime", "ActivityDateTime"), "person_external_id": "OwnerId",
    }),
    # Of these no org has a standard object: they are read where `tables` names one.
    "surveys": ("", {
        "account_external_id": "Account__c", "contact_external_id": "Contact__c", "kind": "Kind__c",
        "score": "Score__c", "comment": "Comment__c", "answered_at": "Answered_At__c",
    }),
    "usage_events": ("", {
        "account_external_id": "Account__c", "name": "Metric__c", "happened_at": "Happened_At__c",
        "quantity": "Quantity__c", "user_external_id": "User__c",
    }),
    "tasks": ("Task", {
        "account_external_id": "AccountId", "subject": "Subject", "status": "IsClosed", "due_on": "ActivityDate",
        "owner_external_id": "OwnerId",
    }),
}

# Our words, and those of Salesforce's standard picklists that mean them.
WORDS: Mapping[tuple[Noun, str], Mapping[str, str]] = {
    (Noun.ACCOUNT, "segment"): {
        "enterprise": "enterprise", "mid_market": "mid_market", "midmarket": "mid_market", "smb": "smb",
        "small_business": "smb",
    },
    (Noun.ACCOUNT, "lifecycle"): {
        "prospect": "prospect", "onboarding": "onboarding", "customer": "customer", "customer_direct": "customer",
        "customer_channel": "customer", "churned": "churned", "former_customer": "churned",
    },
    (Noun.CONTACT, "role"): {
        "champion": "champion", "sponsor": "sponsor", "executive_sponsor": "sponsor", "economic_buyer": "sponsor",
        "decision_maker": "sponsor", "admin": "admin", "administrator": "admin", "user": "user", "end_user": "user",
        "billing": "billing",
    },
    (Noun.SUBSCRIPTION, "status"): {
        "active": "active", "activated": "active", "pending": "pending", "draft": "pending",
        "in_approval_process": "pending", "cancelled": "cancelled", "canceled": "cancelled",
        "terminated": "cancelled", "expired": "expired",
    },
    (Noun.OPPORTUNITY, "kind"): {
        "new": "new", "new_business": "new", "new_customer": "new", "renewal": "renewal",
        "existing_customer_replacement": "renewal", "expansion": "expansion", "upsell": "expansion",
        "add_on": "expansion", "existing_business": "expansion", "existing_customer_upgrade": "expansion",
    },
    (Noun.SURVEY_RESPONSE, "kind"): {
        "nps": "nps", "net_promoter_score": "nps", "csat": "csat", "customer_satisfaction": "csat", "ces": "ces",
        "customer_effort_score": "ces",
    },
    (Noun.TICKET, "priority"): {
        "low": "low", "normal": "normal", "medium": "normal", "high": "high", "urgent": "urgent", "critical": "urgent",
    },
}
