"""What a fact is: one derived, dated value about an account."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from steward.model.missing import Missing
from steward.model.records import Value


class FactType(StrEnum):
    """How the values of a fact are compared and written."""

    NUMBER = "number"
    INTEGER = "integer"
    RATIO = "ratio"                         # 0.25 is shown and written as 25%
    MONEY = "money"                         # in the company's currency
    DAYS = "days"                           # a count of days; literals may say "14 days"
    TEXT = "text"
    BOOLEAN = "boolean"
    DATE = "date"


@dataclass(frozen=True, slots=True)
class FactSpec:
    """One line of the catalog.

    `group` names the feed that the fact comes from; its as-of instant stands in the snapshot's
    column `as_of.<group>`, and the fact is unknown once that is older than `fresh_within`.
    """

    name: str                               # "usage.active_users.change_28d"
    type: FactType
    meaning: str
    source: str                             # "Salesforce Contract.EndDate; HubSpot contract_end_date"
    group: str                              # usage | crm | support | survey | onboarding | health | feed; "a+b": both
    unit: str = ""                          # "users", "tickets", "USD"
    low: float | None = None                # smallest and largest possible value
    high: float | None = None
    one_of: tuple[str, ...] = ()            # the values of a TEXT fact, where they are few
    fresh_within: timedelta | None = None
    subject: str = "account"                # or "contact", "opportunity": whose fact it is; see engine/language.py


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of one account as known at `as_of`."""

    name: str
    value: Value | Missing
    as_of: datetime | None
