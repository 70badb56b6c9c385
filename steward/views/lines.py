"""The answers: what a list shows of one account, enrollment, action, and all about one account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from steward.engine.walk import clause_text
from steward.model.enrollments import Clause, Decision


@dataclass(frozen=True, slots=True)
class Summary:
    """The whole company in numbers; `facts` are those that are known."""

    accounts: int
    records: Mapping[str, Mapping[str, int]]
    facts: int
    enrollments: Mapping[str, Mapping[str, int]]
    actions: Mapping[str, Mapping[str, int]]
    known_at: datetime | None
    incidents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One account of a list; what is not known is None."""

    id: str
    name: str
    segment: str | None
    health: float | None
    renewal_days_left: int | None
    arr: float | None
    csm: str | None


@dataclass(frozen=True, slots=True)
class FactLine:
    """One fact of an account; `why` says why it counts as unknown, "" where it does not."""

    name: str
    value: object
    text: str
    as_of: datetime | None
    group: str
    why: str


@dataclass(frozen=True, slots=True)
class ContributionLine:
    """One measure of the health score: what it gave to it (`points`; they sum to it), of how many (`weight`)."""

    measure: str
    fact: str
    points: float | None
    weight: float


@dataclass(frozen=True, slots=True)
class EnrollmentLine:
    """One enrollment of a list; `account` is the name."""

    id: str
    playbook_id: str
    account_id: str
    account: str
    version: str
    state: str
    since: datetime
    entered_at: datetime | None
    closed_at: datetime | None
    reason: str
    arm: str
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    needs_attention: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ActionLine:
    """One row of the outbox; `account` is the name, `about` the title of the card or the subject of the CTA."""

    key: str
    enrollment_id: str
    account_id: str
    account: str
    playbook_id: str
    kind: str
    about: str
    to: str
    connection: str
    connector: str
    delivery_class: str
    state: str
    attempts: int
    due_at: datetime
    done_at: datetime | None
    trouble: str | None
    external_id: str | None
    url: str | None
    to_name: str = ""


@dataclass(frozen=True, slots=True)
class AccountView:
    """All about one account."""

    id: str
    name: str
    external_ids: Mapping[str, str]
    known_at: datetime
    facts: tuple[FactLine, ...]
    contributions: tuple[ContributionLine, ...]
    enrollments: tuple[EnrollmentLine, ...]
    actions: tuple[ActionLine, ...]
    decisions: tuple[Decision, ...]

    def fact(self, name: str) -> object:
        """The value of the fact called `name`; None where it is not known or too old."""
        return next((line.value for line in self.facts if line.name == name and not line.why), None)


@dataclass(frozen=True, slots=True)
class Touched:
    """An account that something was done for: by which playbook, why (the clauses that were true), and what."""

    account_id: str
    account: str
    playbook: str
    enrollment_id: str
    clauses: tuple[Clause, ...]
    actions: tuple[ActionLine, ...]

    @property
    def why(self) -> str:
        """ "health.score < 60 (41); renewal.days_left <= 120 days (70)"."""
        return "; ".join(clause_text(each, {}) for each in self.clauses[:3])


@dataclass(frozen=True, slots=True)
class ReviewLine:
    """Two accounts that may be one company, with the likeness in percent."""

    left_account_id: str
    right_account_id: str
    score: float
    reason: str
