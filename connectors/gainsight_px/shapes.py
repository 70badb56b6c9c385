"""How each stream looks in PX: its listing, the fields behind ours, its words for ours, what can be written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from steward.model.records import Noun


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that PX scrolls through: where it is, and under which name its rows stand."""

    path: str
    rows: str
    what: str


@dataclass(frozen=True, slots=True)
class Shape:
    """A stream of records. `fields`: our field -> PX's, where a dot goes into an object."""

    noun: Noun
    listing: Listing
    key: tuple[str, ...]
    fields: Mapping[str, str]
    words: Mapping[str, Mapping[str, str]] = field(default_factory=dict)


ACCOUNTS = Listing("/v1/accounts", "accounts", "list accounts")
USERS = Listing("/v1/users", "users", "list users")
SESSIONS = Listing("/v1/events/session", "sessionInitializedEvents", "list sessions")
CUSTOM_EVENTS = Listing("/v1/events/custom", "customEvents", "list custom events")
FEATURE_EVENTS = Listing("/v1/events/feature_match", "featureMatchEvents", "list feature events")

SHAPES: Mapping[str, Shape] = {
    "accounts": Shape(
        Noun.ACCOUNT, ACCOUNTS, ("id",),
        {
            "name": "name", "domain": "website", "industry": "industry", "country": "location.countryCode",
            "timezone": "location.timeZone", "employees": "numberOfEmployees", "created_at": "createDate",
            "parent_external_id": "parentGroupId",
        },
    ),
    "contacts": Shape(
        Noun.CONTACT, USERS, ("identifyId", "id"),
        {
            "account_external_id": "accountId", "email": "email", "title": "title", "role": "role",
            "last_seen_at": "lastSeenDate",
        },
        words={"role": {"champion": "champion", "sponsor": "sponsor", "admin": "admin", "administrator": "admin",
                        "user": "user", "billing": "billing"}},
    ),
}
PERSON = "USER"                             # of a user's types, that of one who has logged in

TEXT, NUMBER, WHOLE, TIME, TRUTH = "STRING", "NUMBER", "WHOLE", "DATE_TIME", "BOOLEAN"
WRITABLE: Mapping[str, str] = {
    "name": TEXT, "sfdcId": TEXT, "dunsNumber": TEXT, "industry": TEXT, "sicCode": TEXT, "website": TEXT,
    "naicsCode": TEXT, "plan": TEXT, "parentGroupId": TEXT, "gsId": TEXT, "csm": TEXT, "numberOfEmployees": WHOLE,
    "healthScore": WHOLE, "nps": NUMBER, "renewalDate": TIME,
}
"""Fields of an account that can be written, and their types; beside its custom attributes."""
READ_ONLY = ("lastSeenDate", "createDate", "lastModifiedDate", "numberOfUsers", "trackedSubscriptionId")
CUSTOM = "customAttributes"
