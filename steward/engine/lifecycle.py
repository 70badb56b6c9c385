"""One subject's way through one playbook: where it stands, what is true, and `now` in; the next step out. Pure.

    look        what goes in and what comes out      entering    idle and waiting: `when`, `for`, gates, arm
    clocks      what unknown holds, and `wake_at`    in_flight   active and recovering: what ends them, what is done
    program     the steps of `do`                    escalation  the rungs
    alike       one step for all who are alike
"""

from __future__ import annotations

from steward.engine.clocks import each_run, held
from steward.engine.entering import idle, waiting
from steward.engine.in_flight import active, recovering
from steward.engine.language import Mode
from steward.engine.look import Advance, Look
from steward.engine.moves import closed
from steward.model.enrollments import Enrollment, State, but


def advance(look: Look, enrollment: Enrollment | None, last_closed: Enrollment | None) -> Advance:
    """The next step of the subject in `look`, whose open enrollment is `enrollment`.

    The same look at the same instant changes nothing; a look older than the last one changes nothing.
    """
    if enrollment is None:
        return idle(look, last_closed)
    if look.now < enrollment.looked_at:
        return Advance(enrollment)
    if look.playbook.mode is Mode.PAUSED:
        return _paused(look, enrollment)
    match enrollment.state:
        case State.PENDING | State.BLOCKED | State.AWAITING_APPROVAL:
            return waiting(look, enrollment)
        case State.ACTIVE:
            return active(look, enrollment)
        case State.RECOVERING:
            return recovering(look, enrollment)
        case _:
            return Advance(enrollment)


def cancel(look: Look, enrollment: Enrollment, why: str) -> Advance:
    """Closed by what is outside of the playbook, as when the account is gone."""
    return closed(look, enrollment, "cancelled", why)


def _paused(look: Look, enrollment: Enrollment) -> Advance:
    """All clocks stand, as if nothing were known; the first run after the pause looks at everybody."""
    stopped, wake_at = held(look, enrollment, True), each_run(enrollment)
    if stopped is enrollment and enrollment.wake_at == wake_at:
        return Advance(enrollment)
    return Advance(but(stopped, wake_at=wake_at), changed=True)
