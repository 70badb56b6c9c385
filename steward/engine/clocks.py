"""The clocks of an enrollment: what is unknown stops them, and `wake_at` says when time alone may do something next.

While clocks stand, `body["held"]` is true and `looked_at` is the instant at which they stopped; once they go on,
whatever they count from is moved on by the time that they stood. So nothing is written while nothing changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from typing import Any as Anything

from steward.engine.calendars import Calendar
from steward.engine.durations import Duration
from steward.engine.expression import All, Any, Expression, Leaf, Not
from steward.engine.language import Playbook
from steward.engine.look import Look
from steward.model.enrollments import Enrollment, State, but

_COUNTED_FROM = ("active_since", "step_since")      # instants in the body, besides `since`


def after(length: Duration, start: datetime, calendar: Calendar) -> datetime:
    """The instant so long after `start`. Business time is kept: in one run the same few are asked for many."""
    return length.after(start, calendar) if length.unit in ("d", "h") else _by_calendar(length, start, calendar)


@lru_cache(maxsize=4096)
def _by_calendar(length: Duration, start: datetime, calendar: Calendar) -> datetime:
    return length.after(start, calendar)


def clock_of(look: Look, enrollment: Enrollment) -> datetime:
    """Now, or the instant at which the enrollment's clocks were stopped."""
    return enrollment.looked_at if enrollment.body.get("held") else look.now


def held(look: Look, enrollment: Enrollment, unknown: bool) -> Enrollment:
    """The enrollment with its clocks stopped while `unknown`; the very same one where nothing changes."""
    was_held = bool(enrollment.body.get("held"))
    if unknown == was_held:
        return enrollment
    if unknown:
        return stopped(enrollment, look.now)
    stood, body = look.now - enrollment.looked_at, without(enrollment.body, "held")
    for name in _COUNTED_FROM:
        if name in body:
            body[name] = (datetime.fromisoformat(body[name]) + stood).isoformat()
    return but(enrollment, since=enrollment.since + stood, looked_at=look.now, body=body)


def stopped(enrollment: Enrollment, now: datetime) -> Enrollment:
    """The enrollment with its clocks stopped; those that stand already stay as they are."""
    if enrollment.body.get("held"):
        return enrollment
    return but(enrollment, looked_at=now, body={**enrollment.body, "held": True})


def waiting_wake(look: Look, enrollment: Enrollment) -> datetime | None:
    """`wake_at` of one that has not entered. At a gate it is looked at in each run, for gates open by themselves."""
    body = enrollment.body
    if body.get("held"):
        return None
    if enrollment.state is State.PENDING:
        return after(look.playbook.for_, enrollment.since, look.calendar)
    if enrollment.state is State.BLOCKED:
        return None if body.get("backlog") else each_run(enrollment)
    return after(look.playbook.timeout, enrollment.since, look.calendar) if enrollment.cause else None


def each_run(enrollment: Enrollment) -> datetime:
    """A `wake_at` that has always come."""
    return enrollment.since


@lru_cache(maxsize=512)
def when_mark(playbook: Playbook) -> str:
    """A short hash of `when`: the clock of who waits starts anew where it changed."""
    return sha256(_text(playbook.when).encode()).hexdigest()[:8]


def without(body: Mapping[str, Anything], *names: str) -> dict[str, Anything]:
    """A copy of `body` that lacks `names`."""
    return {key: value for key, value in body.items() if key not in names}


def _text(expression: Expression) -> str:
    match expression:
        case Leaf(fact, op, values):
            return f"{fact} {op} {values!r}"
        case Not(child):
            return f"not({_text(child)})"
        case All(children):
            return f"all({', '.join(map(_text, children))})"
        case Any(children):
            return f"any({', '.join(map(_text, children))})"
