"""What goes into one look at one subject, and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from steward.engine.calendars import Calendar
from steward.engine.gates import Gates
from steward.engine.language import Playbook
from steward.model.actions import IdempotencyKey
from steward.model.enrollments import Decision, Enrollment, State, Verdict

TRUE, FALSE, UNKNOWN = Verdict.TRUE, Verdict.FALSE, Verdict.UNKNOWN


@dataclass(frozen=True, slots=True)
class Verdicts:
    """The verdicts of a playbook's conditions for one subject, by path as in `Playbook.conditions`."""

    by_path: Mapping[str, bool | None]

    def of(self, path: str, absent: Verdict = TRUE) -> Verdict:
        """That of the condition at `path`; `absent` where the playbook has none."""
        if path not in self.by_path:
            return absent
        value = self.by_path[path]
        return UNKNOWN if value is None else TRUE if value else FALSE


@dataclass(frozen=True, slots=True)
class Planned:
    """One step to perform, by its path: of `do`, of `escalate` or of `compensate`."""

    part: Literal["do", "escalate", "compensate"]
    path: str
    key: IdempotencyKey


@dataclass(frozen=True, slots=True)
class Advance:
    """What one look does. `enrollment` is None where the subject is and stays idle."""

    enrollment: Enrollment | None
    decision: Decision | None = None
    planned: tuple[Planned, ...] = ()
    changed: bool = False                   # `enrollment` must be saved

    @property
    def enters(self) -> bool:
        """Whether the subject becomes active by this look; `limit` and `caps` count those."""
        decision = self.decision
        return decision is not None and decision.to_state == State.ACTIVE and decision.from_state != State.RECOVERING


@dataclass(frozen=True, slots=True)
class Look:
    """What does not change while one subject is looked at.

    `delivered` and `failed` are whole idempotency keys of this enrollment's steps, as receipts and the outbox have
    them; the key of the step alone ("do.0") is understood too while the enrollment has never been migrated.
    """

    playbook: Playbook
    account_id: str
    verdicts: Verdicts
    now: datetime
    calendar: Calendar
    gates: Gates = field(default_factory=Gates)
    subject_id: str = ""                    # "" is the account itself
    cause: str | None = None                # the event or the person that asks for entry
    revoked: bool = False                   # the event of `revoke_on` has happened to what began the enrollment
    delivered: frozenset[str] = frozenset()  # steps that have a receipt
    failed: frozenset[str] = frozenset()    # steps that were given up
    switched_on: bool = False               # the first look at everybody since the playbook was switched on
    true_since: datetime | None = None      # since when `when` is true, as stored snapshots say (`use_history`)
    number: int | None = None               # of a new enrollment, where it is not the one after the last closed
