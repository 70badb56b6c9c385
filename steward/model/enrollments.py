"""An enrollment: one subject's way through one playbook; a decision: why it took a step of that way."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any, TypedDict, Unpack

from steward.model.missing import Missing
from steward.model.records import Value


class Verdict(StrEnum):
    """Kleene's three values."""

    TRUE = "TRUE"
    FALSE = "FALSE"
    UNKNOWN = "UNKNOWN"


class State(StrEnum):
    """Where an enrollment stands. An account without an open enrollment is idle (or in cooldown)."""

    PENDING = "pending"                     # `when` is true, `for` has not elapsed
    BLOCKED = "blocked"                     # a gate said no; `reason` names it
    AWAITING_APPROVAL = "awaiting_approval"
    ACTIVE = "active"
    RECOVERING = "recovering"               # `until` is true, `keep_for` has not elapsed
    CLOSED = "closed"                       # `reason`: cleared | goal_met | exit:<id> | expired | revoked | …


class Arm(StrEnum):
    """What an enrollment may do: control and shadow walk the same states and perform nothing."""

    TREATMENT = "treatment"
    CONTROL = "control"
    SHADOW = "shadow"


SHADOW_ENDED = "shadow_ended"
"""Why an enrollment of the shadow was closed: its playbook acts from now on, and it may begin anew."""


@dataclass(frozen=True, slots=True)
class Enrollment:
    """One row of the store. `id` is "playbook/subject/number".

    `since`: when this state's clock began. What is unknown holds the clock: an evaluation moves `since` on
    by the time that passed since `looked_at`. `wake_at`: the next instant at which time alone may change something;
    before it, only a verdict, a person or a receipt can.
    """

    id: str
    playbook_id: str
    version: str
    account_id: str
    number: int
    state: State
    since: datetime
    looked_at: datetime
    entered_at: datetime | None = None
    closed_at: datetime | None = None
    reason: str = ""
    arm: Arm = Arm.TREATMENT
    step: int = 0                           # the instruction of the program that comes next
    rung: int = 0                           # how many rungs of `escalate` are planned
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    body: dict[str, Any] = field(default_factory=dict)
    subject_id: str = ""                    # the account's own id, or that of its contact or opportunity
    cause: str | None = None                # what began it, once for ever: "event:<event id>", "manual:<who and when>"
    wake_at: datetime | None = None

    def __post_init__(self) -> None:
        if not self.subject_id:
            object.__setattr__(self, "subject_id", self.account_id)


class Changes(TypedDict, total=False):
    """What of an enrollment changes on its way."""

    id: str
    version: str
    account_id: str
    subject_id: str
    number: int
    state: State
    since: datetime
    looked_at: datetime
    entered_at: datetime | None
    closed_at: datetime | None
    reason: str
    arm: Arm
    step: int
    rung: int
    body: dict[str, Any]
    wake_at: datetime | None


_NAMES = tuple(each.name for each in fields(Enrollment))
_PLACES = {name: at for at, name in enumerate(_NAMES)}
_CELLS = attrgetter(*_NAMES)


def but(enrollment: Enrollment, **changes: Unpack[Changes]) -> Enrollment:
    """The enrollment with these fields changed: `dataclasses.replace` in a third of its time, as each step needs it."""
    values = list(_CELLS(enrollment))
    for name, value in changes.items():
        values[_PLACES[name]] = value
    return Enrollment(*values)


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition with its observed value and verdict; `path` addresses it in the YAML ("when.all[1]")."""

    path: str
    text: str                               # "health.score < 60"
    verdict: Verdict
    observed: Value | Missing
    as_of: datetime | None = None
    source: str = ""
    why: str = ""                           # for UNKNOWN: "no value", "41h old, fresh within 26h"
    depth: int = 0
    nearest: str = ""                       # the change that would flip it: ">= 60 (+2)"


@dataclass(frozen=True, slots=True)
class Decision:
    """One change of state and its reason."""

    enrollment_id: str
    playbook_id: str
    account_id: str
    decided_at: datetime
    from_state: str                         # a State, or "idle"
    to_state: str
    reason: str
    clauses: tuple[Clause, ...] = ()
    version: str = ""                       # the playbook's, as it decided
