"""What every change of state has in common: the enrollment after it and the decision that records why."""

from __future__ import annotations

from datetime import datetime

from steward.engine.clocks import without
from steward.engine.look import TRUE, Advance, Look, Planned
from steward.model.enrollments import SHADOW_ENDED, Decision, Enrollment, State, but


def decided(look: Look, enrollment: Enrollment, was: str, to: State, why: str) -> Decision:
    """The record of it."""
    return Decision(enrollment.id, look.playbook.id, look.account_id, look.now, was, str(to), why,
                    version=look.playbook.version)


def closed(
    look: Look, enrollment: Enrollment, reason: str, why: str, planned: tuple[Planned, ...] = (),
) -> Advance:
    """Closed now, for good."""
    done = but(
        enrollment, state=State.CLOSED, reason=reason, since=look.now, looked_at=look.now, closed_at=look.now,
        wake_at=None, body=without(enrollment.body, "held"))
    return Advance(done, decided(look, enrollment, enrollment.state.value, State.CLOSED, f"{reason}: {why}"),
                   planned, True)


def exit_of(look: Look) -> str:
    """The first exit that is true, "" where none is."""
    return next((name for name, _ in look.playbook.exits if look.verdicts.of(f"exit.{name}") is TRUE), "")


def is_revoked(look: Look) -> bool:
    """Whether what began it was undone: by the event of `revoke_on`, or because its condition is true."""
    asks = look.playbook.revoke_on is not None and not isinstance(look.playbook.revoke_on, str)
    return look.revoked or (asks and look.verdicts.of("revoke_on") is TRUE)


def cooldown_from(enrollment: Enrollment) -> datetime | None:
    """When the last enrollment that had become active was closed, as known to `enrollment` (its own, once closed)."""
    if enrollment.closed_at is not None and enrollment.entered_at is not None and enrollment.reason != SHADOW_ENDED:
        return enrollment.closed_at
    kept = enrollment.body.get("cooldown_from")
    return datetime.fromisoformat(kept) if kept else None
