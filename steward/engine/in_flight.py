"""Active and recovering: the program runs, rungs are climbed, and what ends it is looked for at every look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from steward.engine.clocks import after, clock_of, each_run, held, without
from steward.engine.escalation import rungs_ahead, rungs_due, unknown_ahead
from steward.engine.look import FALSE, TRUE, UNKNOWN, Advance, Look, Planned
from steward.engine.moves import closed, decided, exit_of, is_revoked
from steward.engine.program import Run, compensation, full_key, key_told, run
from steward.model.actions import IdempotencyKey
from steward.model.enrollments import Arm, Decision, Enrollment, State, but

_GIVEN_UP = "could not be delivered"


def entered(look: Look, enrollment: Enrollment, arm: Arm, was: str, why: str) -> Advance:
    """Active from now on: the program runs as far as it comes, and rungs without a delay are climbed."""
    unknown = look.verdicts.of("until") is UNKNOWN or unknown_ahead(look, enrollment)
    body = without(enrollment.body, "held")
    begun = but(
        enrollment, state=State.ACTIVE, entered_at=look.now, since=look.now, looked_at=look.now, reason="", arm=arm,
        version=look.playbook.version, step=0, body={**body, "held": True} if unknown else body)
    return _onward(look, begun, decided(look, begun, was, State.ACTIVE, why), True)


def active(look: Look, enrollment: Enrollment) -> Advance:
    """One look at an active enrollment."""
    if enrollment.entered_at == look.now:
        return Advance(enrollment)          # the look that let it in has done all there is to do
    if ended := _ended(look, enrollment):
        return ended
    until, playbook = look.verdicts.of("until"), look.playbook
    running = held(look, enrollment, until is not TRUE and (until is UNKNOWN or unknown_ahead(look, enrollment)))
    if until is TRUE:
        return _recovers(look, running)
    over = not running.body.get("held") and after(playbook.timeout, running.since, look.calendar) <= look.now
    if over:
        return closed(look, running, "expired", f"nothing cleared it within {playbook.timeout}")
    return _onward(look, running, None, running is not enrollment)


def recovering(look: Look, enrollment: Enrollment) -> Advance:
    """One look at an enrollment whose `until` became true. No step and no rung while it lasts."""
    if ended := _ended(look, enrollment):
        return ended
    until, keep_for = look.verdicts.of("until"), look.playbook.keep_for
    running = held(look, enrollment, until is UNKNOWN)
    if until is FALSE:
        since = datetime.fromisoformat(running.body["active_since"])
        back = but(running, state=State.ACTIVE, since=since, looked_at=look.now,
                       body=without(running.body, "active_since"))
        onward = active(look, back)
        decision = onward.decision or decided(look, running, "", State.ACTIVE, "until is no longer true")
        return replace(onward, decision=replace(decision, from_state=State.RECOVERING.value), changed=True)
    wake_at = None if until is UNKNOWN else after(keep_for, running.since, look.calendar)
    if wake_at is not None and wake_at <= look.now:
        return closed(look, running, "cleared", f"until held for {keep_for}")
    if wake_at != running.wake_at:
        return Advance(but(running, wake_at=wake_at), changed=True)
    return Advance(running, changed=running is not enrollment)


def _recovers(look: Look, enrollment: Enrollment) -> Advance:
    keep_for = look.playbook.keep_for
    wake_at = after(keep_for, look.now, look.calendar)
    if wake_at <= look.now:
        return closed(look, enrollment, "cleared", "until is true")
    body = {**enrollment.body, "active_since": enrollment.since.isoformat()}
    moved = but(enrollment, state=State.RECOVERING, reason="", since=look.now, looked_at=look.now, body=body,
                    wake_at=wake_at)
    why = f"until is true; it must stay so for {keep_for}"
    return Advance(moved, decided(look, enrollment, State.ACTIVE.value, State.RECOVERING, why), (), True)


def _ended(look: Look, enrollment: Enrollment) -> Advance | None:
    """What closes it whatever `until` says."""
    if is_revoked(look):
        return _revoked(look, enrollment)
    if name := exit_of(look):
        return closed(look, enrollment, f"exit:{name}", f"exit {name} is true")
    goal = look.playbook.goal
    if goal and enrollment.entered_at and look.verdicts.of("goal.when") is TRUE:
        in_time = look.now <= after(goal.within, enrollment.entered_at, look.calendar)
        return closed(look, enrollment, "goal_met", "the goal is met") if in_time else None
    return None


def _revoked(look: Look, enrollment: Enrollment) -> Advance:
    """Closed, with the reverse steps where something was done; in a silence they wait, and the close with them."""
    did = enrollment.body.get("planned") or enrollment.body.get("did")
    back = tuple(compensation(look)) if did else ()
    if back and look.gates.silenced:
        if enrollment.wake_at == each_run(enrollment):
            return Advance(enrollment)
        return Advance(but(enrollment, wake_at=each_run(enrollment)), changed=True)
    planned = tuple(Planned("compensate", path, _key(enrollment, key)) for key, path in back)
    return closed(look, enrollment, "revoked", "what began it was undone", planned)


def _onward(look: Look, enrollment: Enrollment, decision: Decision | None, changed: bool) -> Advance:
    """The program and the ladder, as far as they come now."""
    ran = run(look, enrollment, clock_of(look, enrollment))
    ahead = rungs_ahead(look, enrollment)
    stands = bool(enrollment.body.get("held"))
    climbed = () if stands else tuple(rungs_due(look, ahead))
    body = _body(look, enrollment, ran, climbed)
    wake_at = _wake(look, enrollment, ran, [due for at, due in ahead if at not in climbed])
    if body is enrollment.body and ran.at == enrollment.step and wake_at == enrollment.wake_at:
        return Advance(enrollment, decision, (), changed)
    steps = [Planned("do", path, _key(enrollment, key)) for key, path in ran.acts]
    rungs = [Planned("escalate", f"escalate[{at}]", _key(enrollment, f"escalate.{at}")) for at in climbed]
    moved = but(enrollment, step=ran.at, rung=len(body.get("rungs", ())), wake_at=wake_at, body=body)
    return Advance(moved, decision, (*steps, *rungs), True)


def _body(look: Look, enrollment: Enrollment, ran: Run, climbed: Sequence[int]) -> dict[str, Any]:
    """The body after it; the very same one where nothing in it changes."""
    body, new = enrollment.body, dict[str, Any]()
    if ran.acts:
        new["planned"] = [*body.get("planned", ()), *(key for key, _ in ran.acts)]
    if climbed:
        new["rungs"] = sorted({*body.get("rungs", ()), *climbed})
    if ran.reached and body.get("step_since") != ran.reached:
        new["step_since"] = ran.reached
    attention = _attention(look, enrollment)
    if attention != body.get("needs_attention", []):
        new["needs_attention"] = attention
    gone = [name for name, empty in (("step_since", not ran.reached), ("needs_attention", not attention))
            if empty and name in body]
    if not new and not gone:
        return body
    return {**without(body, *gone), **{name: value for name, value in new.items() if name not in gone}}


def _attention(look: Look, enrollment: Enrollment) -> list[str]:
    """What a person has to look at: those told before, and the steps that were given up and are not delivered yet."""
    told: list[str] = enrollment.body.get("needs_attention", [])
    if not told and not look.failed:
        return told
    names = {key_told(enrollment, step): step for step in enrollment.body.get("planned", ())}
    failed = {names.get(key, key.removeprefix(f"{enrollment.id}/")) for key in look.failed - look.delivered}
    delivered = {f"{names.get(key, key)}: {_GIVEN_UP}" for key in look.delivered}
    lines = (f"{name}: {_GIVEN_UP}" for name in sorted(failed))
    return list(dict.fromkeys([*(each for each in told if each not in delivered), *lines]))


def _wake(look: Look, enrollment: Enrollment, ran: Run, rungs: Sequence[datetime]) -> datetime | None:
    if ran.stuck:
        return each_run(enrollment)
    if enrollment.body.get("held"):
        return None
    timeout = after(look.playbook.timeout, enrollment.since, look.calendar)
    return min([timeout, *rungs, *([ran.due] if ran.due else [])])


def _key(enrollment: Enrollment, step: str) -> IdempotencyKey:
    return IdempotencyKey(full_key(enrollment, step))
