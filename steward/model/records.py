"""A record: one thing that an outside system told us, in our nouns and fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum

from steward.model.money import Money

Value = str | int | float | bool | Decimal | date | datetime | Money


class Noun(StrEnum):
    """What a record is about."""

    ACCOUNT = "account"
    CONTACT = "contact"
    SUBSCRIPTION = "subscription"
    OPPORTUNITY = "opportunity"
    TICKET = "ticket"
    SURVEY_RESPONSE = "survey_response"
    MILESTONE = "milestone"
    TOUCHPOINT = "touchpoint"
    PERSON = "person"
    TASK = "task"
    USAGE_EVENT = "usage_event"
    RESPONSE = "response"


class FieldType(StrEnum):
    """How a field is written and compared."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    BOOLEAN = "boolean"
    DATE = "date"
    INSTANT = "instant"
    MONEY = "money"


_T, _I, _N, _B = FieldType.TEXT, FieldType.INTEGER, FieldType.NUMBER, FieldType.BOOLEAN
_D, _AT, _M = FieldType.DATE, FieldType.INSTANT, FieldType.MONEY

# Every noun and its fields. `*_external_id` points at a record of the same connection.
# Beside these, any record may carry `custom.<name>` (text, number or boolean as the source has it),
# and an account `id_in.<connection>`: the id that another connection knows the same account by.
FIELDS: Mapping[Noun, Mapping[str, FieldType]] = {
    Noun.ACCOUNT: {
        "name": _T,
        "domain": _T,                       # "acme.com": no scheme, no www, lower case
        "segment": _T,                      # enterprise | mid_market | smb
        "lifecycle": _T,                    # prospect | onboarding | customer | churned
        "industry": _T,
        "country": _T,                      # ISO 3166 alpha-2
        "timezone": _T,                     # IANA, "Europe/Berlin"
        "employees": _I,
        "arr": _M,
        "created_at": _AT,
        "csm_external_id": _T,
        "account_manager_external_id": _T,
        "parent_external_id": _T,
        "do_not_contact": _B,
    },
    Noun.CONTACT: {
        "account_external_id": _T,
        "name": _T,
        "email": _T,
        "title": _T,
        "role": _T,                         # champion | sponsor | admin | user | billing
        "active": _B,                       # False once the person has left
        "left_on": _D,
        "last_seen_at": _AT,
    },
    Noun.SUBSCRIPTION: {
        "account_external_id": _T,
        "product": _T,
        "plan": _T,
        "status": _T,                       # active | pending | cancelled | expired
        "starts_on": _D,
        "ends_on": _D,
        "arr": _M,
        "seats": _I,
        "auto_renew": _B,
        "payment_overdue_days": _I,
    },
    Noun.OPPORTUNITY: {
        "account_external_id": _T,
        "name": _T,
        "kind": _T,                         # new | renewal | expansion
        "stage": _T,
        "amount": _M,
        "close_on": _D,
        "is_closed": _B,
        "is_won": _B,
        "owner_external_id": _T,
        "handoff_complete": _B,             # what sales promised is written down
        "created_at": _AT,
    },
    Noun.TICKET: {
        "account_external_id": _T,
        "subject": _T,
        "priority": _T,                     # low | normal | high | urgent
        "status": _T,                       # open | pending | closed
        "opened_at": _AT,
        "closed_at": _AT,
        "first_response_at": _AT,
        "csat": _N,                         # 1 to 5
    },
    Noun.SURVEY_RESPONSE: {
        "account_external_id": _T,
        "contact_external_id": _T,
        "kind": _T,                         # nps | csat | ces
        "score": _N,
        "comment": _T,
        "answered_at": _AT,
    },
    Noun.MILESTONE: {
        "account_external_id": _T,
        "plan": _T,
        "name": _T,                         # kickoff | integration | training | first_value | go_live | …
        "position": _I,
        "due_on": _D,
        "reached_on": _D,
        "started_on": _D,
    },
    Noun.TOUCHPOINT: {
        "account_external_id": _T,
        "kind": _T,                         # call | meeting | email | qbr
        "subject": _T,
        "held_at": _AT,
        "person_external_id": _T,
    },
    Noun.PERSON: {
        "name": _T,
        "email": _T,
        "title": _T,
        "active": _B,
        "manager_external_id": _T,
        "timezone": _T,
    },
    Noun.TASK: {
        "account_external_id": _T,
        "subject": _T,
        "status": _T,                       # open | done
        "due_on": _D,
        "owner_external_id": _T,
        "idempotency_key": _T,
    },
    Noun.USAGE_EVENT: {
        "account_external_id": _T,
        "name": _T,                         # the usage metric it counts towards
        "happened_at": _AT,
        "quantity": _N,
        "user_external_id": _T,
    },
    Noun.RESPONSE: {
        "enrollment_id": _T,
        "answer": _T,                       # acknowledge
        "by": _T,                           # e-mail or vendor id of who pressed
        "responded_at": _AT,
    },
}


@dataclass(frozen=True, slots=True)
class Record:
    """One thing as its source has it at `modified_at`. A field absent from `values` is Missing.

    `merged_into` is the external id of the survivor where the source says that this one was merged away.
    `only` names the fields that this record speaks of, where a webhook told of some and not of all: the others
    stay as they are stored; one that is in `only` and absent from `values` has become Missing. None: all of them.
    """

    noun: Noun
    external_id: str
    values: Mapping[str, Value]
    modified_at: datetime | None = None
    deleted: bool = False
    merged_into: str | None = None
    only: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """One row that could not become a record, or a field of one: where it stands, which field, and why in words.

    What names a record is its kind and its external id with one space between, and nothing else has two words: such a
    record is asked for again, and the refusal is over once it comes whole. `external_id`: of a row that is named by its
    place, the record that it would have been, where that can be read.
    """

    where: str                              # "accounts.csv row 17", "Account 001…"
    field: str | None
    reason: str
    external_id: str = ""
