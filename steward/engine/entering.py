"""From idle to active: `when` opens the door, `for` must pass, and each gate must say yes."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from steward.engine.clocks import after, held, waiting_wake, when_mark, without
from steward.engine.gates import MOST_REASON, blocked_by, gate_of
from steward.engine.holdout import arm_of
from steward.engine.in_flight import entered
from steward.engine.language import Backlog, Mode
from steward.engine.look import FALSE, TRUE, UNKNOWN, Advance, Look
from steward.engine.moves import closed, cooldown_from, decided, exit_of, is_revoked
from steward.model.enrollments import Decision, Enrollment, State, but

_BACKLOG = "backlog: it was so already when the playbook was switched on"


def enrollment_id(playbook_id: str, subject_id: str, number: int) -> str:
    """ "health_drop/acct_17/1"."""
    return f"{playbook_id}/{subject_id}/{number}"


def idle(look: Look, last_closed: Enrollment | None) -> Advance:
    """One that is not enrolled: a new enrollment where `when` is true and something asks for it."""
    playbook, verdicts = look.playbook, look.verdicts
    if playbook.mode is Mode.PAUSED or not (playbook.comes_by_itself or look.cause):
        return Advance(None)
    if verdicts.of("when") is not TRUE or verdicts.of("scope") is not TRUE or exit_of(look):
        return Advance(None)
    if last_closed is not None and look.now <= (last_closed.closed_at or last_closed.looked_at):
        return Advance(None)                # the look that closed it, or one from before it
    number = look.number or (last_closed.number + 1 if last_closed else 1)
    body: dict[str, Any] = {"when": when_mark(playbook)}
    if last_closed and (cooldown := cooldown_from(last_closed)):
        body["cooldown_from"] = cooldown.isoformat()
    subject_id = look.subject_id or look.account_id
    fresh = Enrollment(
        enrollment_id(playbook.id, subject_id, number), playbook.id, playbook.version, look.account_id, number,
        State.PENDING, since=_began(look), looked_at=look.now, body=body, subject_id=subject_id, cause=look.cause)
    if look.switched_on and playbook.backlog is Backlog.IGNORE and playbook.comes_by_itself:
        return _blocked(look, but(fresh, body={**body, "backlog": True}), "idle", _BACKLOG)
    if after(playbook.for_, fresh.since, look.calendar) <= look.now:
        return _through_gates(look, fresh, "idle")
    why = f"when is true; it must stay so for {playbook.for_}"
    return _awake(look, fresh, decided(look, fresh, "idle", State.PENDING, why), True)


def waiting(look: Look, enrollment: Enrollment) -> Advance:
    """Pending, blocked or awaiting approval: `when` decides."""
    verdict = look.verdicts.of("when")
    if verdict is FALSE:
        return closed(look, enrollment, "lapsed", "when is no longer true")
    if name := exit_of(look):
        return closed(look, enrollment, "lapsed", f"exit {name} is true")
    if is_revoked(look):
        return closed(look, enrollment, "revoked", "what began it was undone")
    following, decision = _on_live_version(look, enrollment)
    running = held(look, following, verdict is UNKNOWN)
    onward = Advance(running, decision, (), running is not enrollment)
    playbook, was = look.playbook, running.state
    if verdict is UNKNOWN or running.body.get("backlog"):
        return _awake(look, running, decision, onward.changed)
    if was is State.PENDING and after(playbook.for_, running.since, look.calendar) > look.now:
        return _awake(look, running, decision, onward.changed)
    waited = running.cause and was is not State.PENDING
    if waited and after(playbook.timeout, running.since, look.calendar) <= look.now:
        return closed(look, running, "lapsed", f"nothing let it in within {playbook.timeout}")
    if was is State.AWAITING_APPROVAL and not running.body.get("approved_by"):
        return _awake(look, running, decision, onward.changed)
    moved = _through_gates(look, running, enrollment.state.value)
    return Advance(moved.enrollment, moved.decision or decision, moved.planned, moved.changed or onward.changed)


def _began(look: Look) -> datetime:
    """Since when `when` is true: as the stored snapshots say where the playbook asks them."""
    told = look.true_since if look.playbook.backlog is Backlog.USE_HISTORY else None
    return min(told, look.now) if told else look.now


def _on_live_version(look: Look, enrollment: Enrollment) -> tuple[Enrollment, Decision | None]:
    """Who waits follows the live version; where its `when` is another one, the clock starts anew."""
    playbook, mark = look.playbook, when_mark(look.playbook)
    if enrollment.version == playbook.version:
        return enrollment, None
    body = {**enrollment.body, "when": mark}
    if enrollment.body.get("when") == mark or body.get("backlog"):
        return but(enrollment, version=playbook.version, body=body), None
    anew = but(
        enrollment, version=playbook.version, state=State.PENDING, reason="", since=look.now, looked_at=look.now,
        body=without(body, "held", "approved_by"))
    why = f"{playbook.label} asks something else: what was waited for counts no more"
    return anew, decided(look, enrollment, enrollment.state.value, State.PENDING, why)


def _through_gates(look: Look, enrollment: Enrollment, was: str) -> Advance:
    gates, playbook = look.gates, look.playbook
    reason = blocked_by(gates, playbook, look.verdicts.of("scope"), cooldown_from=cooldown_from(enrollment),
                        now=look.now, calendar=look.calendar)
    if reason:
        return _blocked(look, enrollment, was, reason)
    if gates.over_limit is not None and not enrollment.body.get("approved_by"):
        text = f"more than {gates.over_limit} accounts would enter at once; all of them wait for approval"
        waits = but(enrollment, state=State.AWAITING_APPROVAL, reason="limit", since=look.now, looked_at=look.now)
        return _awake(look, waits, decided(look, waits, was, State.AWAITING_APPROVAL, text), True)
    why = f"when held for {playbook.for_}" if playbook.for_.amount else "when is true"
    if look.cause or enrollment.cause:
        why = f"{enrollment.cause or look.cause}; {why}"
    return entered(look, enrollment, arm_of(playbook, look.account_id, gates.control), was, why)


def _blocked(look: Look, enrollment: Enrollment, was: str, reason: str) -> Advance:
    """Stopped at a gate. Other words of the same gate ("2nd in line") are noted, and are no new decision."""
    short = reason[:MOST_REASON]
    if enrollment.state is State.BLOCKED and gate_of(enrollment.reason) == gate_of(reason):
        same = enrollment.reason == short
        return _awake(look, enrollment if same else but(enrollment, reason=short), None, not same)
    stopped = but(enrollment, state=State.BLOCKED, reason=short, since=look.now, looked_at=look.now)
    return _awake(look, stopped, decided(look, stopped, was, State.BLOCKED, reason), True)


def _awake(look: Look, enrollment: Enrollment, decision: Decision | None, changed: bool) -> Advance:
    wake_at = waiting_wake(look, enrollment)
    if wake_at == enrollment.wake_at:
        return Advance(enrollment, decision, (), changed)
    return Advance(but(enrollment, wake_at=wake_at), decision, (), True)
