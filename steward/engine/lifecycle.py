"""One account's way through one playbook: where it stands, what is true, and `now` in; the next step out. Pure.

Unknown holds clocks: from the first look at which a verdict is unknown until the first at which it is known again,
no time passes for the enrollment (`body["held"]`, with `looked_at` as the instant at which the clock was stopped).
So nothing is written while nothing changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from steward.engine.gates import blocked_by
from steward.engine.language import Mode, Playbook, Rung
from steward.engine.look import FALSE, TRUE, UNKNOWN, Advance, Look, Planned, Verdicts
from steward.model.actions import IdempotencyKey
from steward.model.enrollments import Arm, Decision, Enrollment, State

__all__ = ["Advance", "Look", "Planned", "Verdicts", "advance", "arm_of", "cancel", "cooldown_from", "enrollment_id"]


def advance(look: Look, enrollment: Enrollment | None, last_closed: Enrollment | None) -> Advance:
    """The next step of the account in `look`, whose open enrollment is `enrollment`.

    The same look at the same instant changes nothing; a look older than the last one changes nothing.
    """
    if enrollment is None:
        return _enter(look, last_closed)
    if look.now < enrollment.looked_at:
        return Advance(enrollment)
    if look.playbook.mode is Mode.PAUSED:
        return _held(look, enrollment, True)
    match enrollment.state:
        case State.PENDING | State.BLOCKED | State.AWAITING_APPROVAL:
            return _waiting(look, enrollment)
        case State.ACTIVE:
            return _active(look, enrollment)
        case State.RECOVERING:
            return _recovering(look, enrollment)
        case _:
            return Advance(enrollment)


def enrollment_id(playbook_id: str, account_id: str, number: int) -> str:
    """ "health_drop/acct_17/1"."""
    return f"{playbook_id}/{account_id}/{number}"


def _enter(look: Look, last_closed: Enrollment | None) -> Advance:
    playbook, verdicts = look.playbook, look.verdicts
    if playbook.mode is Mode.PAUSED or verdicts.of("when") is not TRUE or verdicts.of("scope") is not TRUE:
        return Advance(None)
    if _exit_of(look):
        return Advance(None)
    number = last_closed.number + 1 if last_closed else 1
    body: dict[str, Any] = {}
    if last_closed and (cooldown := cooldown_from(last_closed)):
        body["cooldown_from"] = cooldown.isoformat()
    fresh = Enrollment(
        enrollment_id(playbook.id, look.account_id, number), playbook.id, playbook.version, look.account_id, number,
        State.PENDING, since=look.now, looked_at=look.now, body=body)
    if playbook.for_.after(look.now, look.calendar) <= look.now:
        return _through_gates(look, fresh, "idle")
    return _move(look, fresh, State.PENDING, f"when is true; it must stay so for {playbook.for_}", "idle")


def _waiting(look: Look, enrollment: Enrollment) -> Advance:
    """Pending, blocked or awaiting approval: `when` decides."""
    verdict = look.verdicts.of("when")
    if verdict is FALSE:
        return _close(look, enrollment, "lapsed", "when is no longer true")
    if name := _exit_of(look):
        return _close(look, enrollment, "lapsed", f"exit {name} is true")
    held = _held(look, enrollment, verdict is UNKNOWN)
    if verdict is UNKNOWN or held.enrollment is None:
        return held
    running = held.enrollment
    if running.state is State.PENDING and look.playbook.for_.after(running.since, look.calendar) > look.now:
        return held
    if running.state is State.AWAITING_APPROVAL and not running.body.get("approved_by"):
        return held
    moved = _through_gates(look, running, running.state.value)
    return moved if moved.changed else replace(moved, changed=held.changed)


def _through_gates(look: Look, enrollment: Enrollment, was: str) -> Advance:
    reason = blocked_by(look.gates, look.playbook, look.verdicts.of("scope"),
                        cooldown_from=cooldown_from(enrollment), now=look.now, calendar=look.calendar)
    if reason:
        if enrollment.state is State.BLOCKED and enrollment.reason == reason:
            return Advance(enrollment)
        return _move(look, enrollment, State.BLOCKED, reason, was, reason=reason)
    if look.gates.over_limit is not None and not enrollment.body.get("approved_by"):
        text = f"more than {look.gates.over_limit} accounts would enter at once; all of them wait for approval"
        return _move(look, enrollment, State.AWAITING_APPROVAL, text, was, reason="limit")
    arm = arm_of(look.playbook, look.account_id)
    entered = replace(
        enrollment, state=State.ACTIVE, entered_at=look.now, since=look.now, looked_at=look.now, reason="", arm=arm,
        version=look.playbook.version, step=len(look.playbook.do), body=_without(enrollment.body, "held"))
    steps = tuple(Planned("do", each.path, _key(entered, each.key)) for each in look.playbook.do)
    decision = _decision(look, entered, was, State.ACTIVE.value, f"when held for {look.playbook.for_}"
                         if look.playbook.for_.amount else "when is true")
    running = _held(look, entered, _active_unknown(look, entered)).enrollment or entered
    rungs = _rungs_due(look, running)
    return Advance(_with_rungs(running, rungs), decision, (*steps, *rungs), True)


def _active(look: Look, enrollment: Enrollment) -> Advance:
    if enrollment.entered_at == look.now:
        return Advance(enrollment)          # the look that let it in has done all there is to do
    if ended := _ended(look, enrollment):
        return ended
    until = look.verdicts.of("until")
    if until is TRUE:
        if look.playbook.keep_for.after(look.now, look.calendar) <= look.now:
            return _close(look, enrollment, "cleared", "until is true")
        running = _held(look, enrollment, False).enrollment or enrollment
        waiting = replace(running, body={**running.body, "active_since": running.since.isoformat()})
        return _move(look, waiting, State.RECOVERING, f"until is true; it must stay so for {look.playbook.keep_for}")
    held = _held(look, enrollment, _active_unknown(look, enrollment))
    running = held.enrollment or enrollment
    if not running.body.get("held") and look.playbook.timeout.after(running.since, look.calendar) <= look.now:
        return _close(look, running, "expired", f"nothing cleared it within {look.playbook.timeout}")
    rungs = _rungs_due(look, running)
    return Advance(_with_rungs(running, rungs), None, rungs, held.changed or bool(rungs))


def _recovering(look: Look, enrollment: Enrollment) -> Advance:
    if ended := _ended(look, enrollment):
        return ended
    until = look.verdicts.of("until")
    if until is FALSE:
        running = _held(look, enrollment, False).enrollment or enrollment
        since = datetime.fromisoformat(running.body["active_since"])
        back = replace(running, body=_without(running.body, "active_since"))
        moved = _move(look, back, State.ACTIVE, "until is no longer true", since=since)
        onward = _active(look, moved.enrollment or back)
        return replace(onward, decision=onward.decision or moved.decision, changed=True)
    held = _held(look, enrollment, until is UNKNOWN)
    running = held.enrollment or enrollment
    if until is TRUE and look.playbook.keep_for.after(running.since, look.calendar) <= look.now:
        return _close(look, running, "cleared", f"until held for {look.playbook.keep_for}")
    return held


def _exit_of(look: Look) -> str:
    """The first exit that is true, "" where none is."""
    return next((name for name, _ in look.playbook.exits if look.verdicts.of(f"exit.{name}") is TRUE), "")


def _ended(look: Look, enrollment: Enrollment) -> Advance | None:
    if name := _exit_of(look):
        return _close(look, enrollment, f"exit:{name}", f"exit {name} is true")
    goal = look.playbook.goal
    if goal and enrollment.entered_at and look.verdicts.of("goal.when") is TRUE:
        in_time = look.now <= goal.within.after(enrollment.entered_at, look.calendar)
        return _close(look, enrollment, "goal_met", "the goal is met") if in_time else None
    return None


# ---- escalation ----

def _rungs_due(look: Look, enrollment: Enrollment) -> tuple[Planned, ...]:
    """The rungs whose time has come, each once; time that was held counts as none."""
    done = enrollment.body.get("rungs", [])
    return tuple(
        Planned("escalate", f"escalate[{at}]", _key(enrollment, f"escalate.{at}"))
        for at, rung in enumerate(look.playbook.escalate)
        if at not in done and _rung_is_due(look, enrollment, at, rung)
    )


def _rung_is_due(look: Look, enrollment: Enrollment, at: int, rung: Rung) -> bool:
    if rung.unless == "acknowledged" and enrollment.acknowledged_at is not None:
        return False
    if rung.only_if is not None and look.verdicts.of(f"escalate[{at}].only_if") is not TRUE:
        return False
    asks = rung.unless is not None and not isinstance(rung.unless, str)
    if asks and look.verdicts.of(f"escalate[{at}].unless") is not FALSE:
        return False
    # While active, `since` is the entry moved on by what was held; the clock of what is held now stands.
    clock = enrollment.looked_at if enrollment.body.get("held") else look.now
    return rung.after.after(enrollment.since, look.calendar) <= clock


def _active_unknown(look: Look, enrollment: Enrollment) -> bool:
    """Whether what an active enrollment waits for is unknown: `until`, or the condition of a rung to come."""
    done = enrollment.body.get("rungs", [])
    return look.verdicts.of("until") is UNKNOWN or any(
        look.verdicts.of(f"escalate[{at}].unless", FALSE) is UNKNOWN
        for at in range(len(look.playbook.escalate)) if at not in done)


def _with_rungs(enrollment: Enrollment, rungs: tuple[Planned, ...]) -> Enrollment:
    if not rungs:
        return enrollment
    done = sorted({*enrollment.body.get("rungs", []), *(int(planned.path[9:-1]) for planned in rungs)})
    return replace(enrollment, rung=len(done), body={**enrollment.body, "rungs": done})


# ---- moving ----

def _held(look: Look, enrollment: Enrollment, unknown: bool) -> Advance:
    """The enrollment with its clock stopped while `unknown`, and moved on by the time that it stood."""
    was_held = bool(enrollment.body.get("held"))
    if unknown and not was_held:
        stopped = replace(enrollment, looked_at=look.now, body={**enrollment.body, "held": True})
        return Advance(stopped, changed=True)
    if was_held and not unknown:
        stood, body = look.now - enrollment.looked_at, _without(enrollment.body, "held")
        if "active_since" in body:
            body["active_since"] = (datetime.fromisoformat(body["active_since"]) + stood).isoformat()
        started = replace(enrollment, since=enrollment.since + stood, looked_at=look.now, body=body)
        return Advance(started, changed=True)
    return Advance(enrollment)


def _move(
    look: Look, enrollment: Enrollment, to: State, why: str, was: str | None = None, *,
    reason: str = "", since: datetime | None = None,
) -> Advance:
    moved = replace(enrollment, state=to, reason=reason, since=since or look.now, looked_at=look.now,
                    body=_without(enrollment.body, "held"))
    return Advance(moved, _decision(look, moved, was or enrollment.state.value, to.value, why), (), True)


def _close(look: Look, enrollment: Enrollment, reason: str, why: str) -> Advance:
    moved = _move(look, enrollment, State.CLOSED, f"{reason}: {why}", reason=reason)
    assert moved.enrollment is not None
    return replace(moved, enrollment=replace(moved.enrollment, closed_at=look.now))


def cancel(look: Look, enrollment: Enrollment, why: str) -> Advance:
    """Closed by what is outside of the playbook, as when the account is gone."""
    return _close(look, enrollment, "cancelled", why)


def _decision(look: Look, enrollment: Enrollment, was: str, to: str, reason: str) -> Decision:
    return Decision(enrollment.id, look.playbook.id, look.account_id, look.now, was, to, reason)


def _key(enrollment: Enrollment, step: str) -> IdempotencyKey:
    return IdempotencyKey(f"{enrollment.id}/{step}/1")


def cooldown_from(enrollment: Enrollment) -> datetime | None:
    """When the last enrollment that had become active was closed, as known to `enrollment` (its own, once closed)."""
    if enrollment.closed_at is not None and enrollment.entered_at is not None:
        return enrollment.closed_at
    kept = enrollment.body.get("cooldown_from")
    return datetime.fromisoformat(kept) if kept else None


def arm_of(playbook: Playbook, account_id: str) -> Arm:
    """What the playbook's mode lets this account's enrollment do; the same account gets the same answer for ever."""
    if playbook.mode is Mode.LIVE:
        return Arm.TREATMENT
    if playbook.mode is Mode.RAMP:
        drawn = int.from_bytes(hashlib.sha256(f"{playbook.id}/{account_id}".encode()).digest()[:8], "big") / 2**64
        return Arm.TREATMENT if drawn < playbook.ramp else Arm.SHADOW
    return Arm.SHADOW


def _without(body: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in body.items() if key != name}
