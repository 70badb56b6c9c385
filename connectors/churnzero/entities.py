"""ChurnZero's entities by our streams: which fields they have, and which of ours those become.

Source: the REST API's own pages, https://app.churnzero.net/developers (stored copies, read 2026-11); names of fields as
programs of others use them against live instances. `fields` of the settings overrules each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from steward.model.records import Noun

MODIFIED = "ObjectLastModifiedDate"


@dataclass(frozen=True, slots=True)
class Entity:
    """`fields`: ours -> theirs, "Cf.X" for a custom field; of several the first with a value counts. `parts`: fields
    whose presence makes the record; where they are all empty, there is nothing of it to tell."""

    name: str
    noun: Noun
    meaning: str
    fields: Mapping[str, tuple[str, ...]]
    parts: tuple[str, ...] = ()
    modified: str = MODIFIED


ENTITIES: Mapping[str, Entity] = {
    "persons": Entity("UserAccount", Noun.PERSON, "Users: who owns accounts.", {
        "name": ("FullName", "Name"), "email": ("Email",), "title": ("Title",), "active": ("IsActive",),
    }),
    "accounts": Entity("Account", Noun.ACCOUNT, "Accounts, with the churn score as `custom.churn_score`.", {
        "name": ("Name",), "domain": ("Cf.Website", "Cf.Domain"), "segment": ("Cf.Segment",),
        "lifecycle": ("Cf.Lifecycle",), "industry": ("Cf.Industry",), "country": ("BillingAddressCountry",),
        "employees": ("Cf.Employees",), "arr": ("TotalContractAmount",),
        "created_at": ("StartDate", "ObjectCreatedDate"),
        "csm_external_id": ("OwnerUserAccountId", "UserAccountId"), "parent_external_id": ("ParentAccountId",),
        "custom.churn_score": ("PrimaryChurnScoreValue",), "custom.usage_frequency": ("UsageFrequency",),
    }),
    "contacts": Entity("Contact", Noun.CONTACT, "People at the accounts.", {
        "account_external_id": ("AccountId",), "name": ("FullName", "Name"), "email": ("Email",),
        "title": ("Title", "Cf.Title"),
        "role": ("Cf.Role",), "active": ("IsActive",), "last_seen_at": ("LastActivityDate",),
    }),
    "subscriptions": Entity("Account", Noun.SUBSCRIPTION, "The contract that stands on each account.", {
        "account_external_id": ("Id",), "starts_on": ("StartDate",), "ends_on": ("NextRenewalDate", "EndDate"),
        "arr": ("TotalContractAmount",), "seats": ("LicenseCount",), "plan": ("Cf.Plan",), "product": ("Cf.Product",),
    }, parts=("starts_on", "ends_on", "arr", "seats")),
    "tasks": Entity("Task", Noun.TASK, "Tasks, with those that Plays made of Steward's events.", {
        "account_external_id": ("AccountId",), "subject": ("Name",), "status": ("StatusName",), "due_on": ("DueDate",),
        "owner_external_id": ("OwnerUserAccountId", "UserAccountId"),
    }),
    "usage_events": Entity("Event", Noun.USAGE_EVENT, "Events: each counts towards the metric of its name.", {
        "account_external_id": ("AccountId",), "name": ("EventTypeName",), "happened_at": ("EventDate",),
        "quantity": ("Quantity",), "user_external_id": ("ContactId",),
    }),
}
