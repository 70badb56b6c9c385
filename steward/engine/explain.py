"""Why a playbook did or did not fire for an account: every clause with what it saw, the gates, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from steward.engine.calendars import Calendar
from steward.engine.clause_lines import clause_lines
from steward.engine.durations import Duration
from steward.engine.expression import ALWAYS
from steward.engine.freshness import age_text
from steward.engine.gates import Gates, blocked_by
from steward.engine.holdout import arm_of
from steward.engine.language import Mode, Playbook, TriggerKind
from steward.engine.moves import cooldown_from
from steward.engine.walk import Walked, clause_text, walk
from steward.model.enrollments import Clause, Decision, Enrollment, State, Verdict
from steward.model.facts import FactSpec
from steward.model.versions import short

_RUNS = (State.ACTIVE, State.RECOVERING)


@dataclass(frozen=True, slots=True)
class Standing:
    """Where the subject stands, besides its facts.

    `entry`: the decision by which the open enrollment became active. `live`: the version that is live ("": this one).
    `versions`: those of the playbook that are stored, beside which one is shown by its first digits.
    `room`: what the owner has in hand, "owner has 11 of 15 open". `asked`: the events that ask for entry now.
    """

    calendar: Calendar
    enrollment: Enrollment | None = None
    last_closed: Enrollment | None = None
    gates: Gates = field(default_factory=Gates)
    entry: Decision | None = None
    live: str = ""
    versions: tuple[str, ...] = ()
    room: str = ""
    asked: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer; `clauses` are those of the condition that decides now (`when`, or `until` once it is active)."""

    account_id: str
    subject_id: str
    name: str
    playbook_id: str
    version: str
    at: datetime
    state: str                              # a State, "idle" or "cooldown"
    progress: str                           # "2d of 3d"; "" where nothing runs
    scope: tuple[Clause, ...]
    clauses: tuple[Clause, ...]
    verdict: Verdict
    fired: str                              # what was seen when it became active; "" before that
    label: str                              # "health_drop@7c1e"
    pinned: str                             # "live is 9a2b": the version that others enter with; "" where it is this
    trigger: str                            # what must happen besides the conditions; "" for a condition
    gates: str
    steps: tuple[str, ...]                  # what was done, what comes next, what it waits for
    next: str
    shown: tuple[str, ...]                  # the clauses as lines

    def text(self) -> str:
        """The whole of it, as people read it."""
        progress = f" ({self.progress})" if self.progress else ""
        head = (f"{self.name or self.account_id} · {self.label} · {self.at:%Y-%m-%d %H:%M}Z · "
                f"{self.state.upper()}{progress}")
        said = [("version ", self.pinned), ("fired   ", self.fired), ("trigger ", self.trigger)]
        before = [f"  {what} {text}" for what, text in said if text]
        steps = [f"  {'steps   ' if not at else '        '} {text}" for at, text in enumerate(self.steps)]
        return "\n".join([head, *before, *self.shown, f"  gates    {self.gates}", *steps, f"  next     {self.next}"])


def explain(
    playbook: Playbook, row: Mapping[str, Any], catalog: Mapping[str, FactSpec], now: datetime, standing: Standing,
    *, sources: Mapping[str, str] | None = None,
) -> Explanation:
    """Why the subject of `row` stands where it does; `sources` names what brings each group of facts."""
    enrollment = standing.enrollment
    entered = enrollment is not None and enrollment.state in _RUNS
    walked = walk(playbook.clears if entered else playbook.when, row, catalog, now)
    scope = walk(playbook.scope, row, catalog, now) if playbook.scope is not None else None
    state, progress = _state(playbook, standing, now)
    account_id = str(row.get("account_id"))
    named = row.get("contact.name") or row.get("opportunity.name") or row.get("account.name")
    return Explanation(
        account_id=account_id, subject_id=str(row.get("subject_id") or account_id),
        name=" ".join(str(named).split()) if named else "",
        playbook_id=playbook.id, version=playbook.version, at=now, state=state, progress=progress,
        scope=scope.clauses if scope else (), clauses=walked.clauses, verdict=walked.verdict,
        fired=_fired(standing.entry, catalog),
        label=f"{playbook.id}@{short(playbook.version, standing.versions)}", pinned=_pinned(playbook, standing),
        trigger="" if entered else _trigger(playbook, standing),
        gates=_gates(playbook, standing, scope, row, now), steps=standing.steps,
        next=_next(playbook, standing, walked, scope),
        shown=tuple(clause_lines(_parts(playbook, row, catalog, now, entered=entered), catalog, now, sources)))


def _parts(
    playbook: Playbook, row: Mapping[str, Any], catalog: Mapping[str, FactSpec], now: datetime, *, entered: bool,
) -> list[tuple[str, Sequence[Clause]]]:
    """The conditions that matter now, under the names that they have in the YAML."""
    asked = {"scope": None if entered else playbook.scope, "when": None if playbook.when == ALWAYS else playbook.when,
             "until": playbook.until if entered else None}
    return [(name, walk(each, row, catalog, now).clauses) for name, each in asked.items() if each is not None]


def _fired(entry: Decision | None, catalog: Mapping[str, FactSpec]) -> str:
    if entry is None:
        return ""
    seen = [
        clause for clause in entry.clauses if clause.verdict is Verdict.TRUE and not clause.path.startswith("scope")]
    why = "; ".join(clause_text(clause, catalog) for clause in seen) or entry.reason
    return f"{entry.decided_at:%Y-%m-%d %H:%M}Z by {why}"


def _pinned(playbook: Playbook, standing: Standing) -> str:
    if standing.enrollment is None or standing.live in ("", playbook.version):
        return ""
    was, live = (short(each, standing.versions) for each in (playbook.version, standing.live))
    return f"{was}, with which it entered; live is {live}"


def _trigger(playbook: Playbook, standing: Standing) -> str:
    trigger = playbook.trigger
    match trigger.kind:
        case TriggerKind.EVENT:
            asks = ", ".join(standing.asked)
            return f"event {trigger.event}: {f'asks for entry ({asks})' if asks else 'none that asks for entry'}"
        case TriggerKind.MANUAL:
            if standing.enrollment is not None and standing.enrollment.cause:
                return f"enrolled {standing.enrollment.cause.removeprefix('manual:')}"
            return f"by hand only: steward playbook enroll {playbook.id} ACCOUNT"
        case TriggerKind.DEADLINE:
            return f"deadline: {trigger.expect} within {trigger.within} of {trigger.of}"
        case TriggerKind.DATE:
            return f"date: {trigger.by} before {trigger.before}"
        case _:
            return ""


def _gates(
    playbook: Playbook, standing: Standing, scope: Walked | None, row: Mapping[str, Any], now: datetime,
) -> str:
    enrollment = standing.enrollment
    entered = enrollment is not None and enrollment.state in _RUNS
    known_by = enrollment or standing.last_closed
    since = cooldown_from(known_by) if known_by else None
    no = blocked_by(standing.gates, playbook, scope.verdict if scope else Verdict.TRUE, cooldown_from=since, now=now,
                    calendar=standing.calendar)
    if enrollment is not None and enrollment.state is State.AWAITING_APPROVAL:
        no = no or f"limit: waits for approval; steward playbook approve {playbook.id}"
    arm = enrollment.arm if enrollment is not None and entered else arm_of(playbook, str(row.get("account_id")))
    room = f" ({standing.room})" if standing.room and not no else ""
    return f"{'passed' if entered else no or 'all pass'}{room}; arm: {arm.value}"


def _state(playbook: Playbook, standing: Standing, now: datetime) -> tuple[str, str]:
    enrollment = standing.enrollment
    if enrollment is None:
        closed = standing.last_closed
        since = cooldown_from(closed) if closed else None
        cooling = since is not None and playbook.again_after.after(since, standing.calendar) > now
        return ("cooldown" if cooling else "idle"), ""
    length = {State.PENDING: playbook.for_, State.RECOVERING: playbook.keep_for}.get(enrollment.state)
    if length is None or not length.amount:
        return enrollment.state.value, enrollment.reason
    held = enrollment.body.get("held")
    run = (enrollment.looked_at if held else now) - enrollment.since
    return enrollment.state.value, f"{_run_text(run, length)} of {length}{', held: data is missing' if held else ''}"


def _run_text(run: timedelta, length: Duration) -> str:
    """How far it has come, in the unit of the whole where that says something: "2d" of "3d"."""
    if length.unit == "d" and run >= timedelta(days=1):
        return f"{run.days}d"
    return age_text(run)


def _next(playbook: Playbook, standing: Standing, walked: Walked, scope: Walked | None) -> str:
    enrollment, calendar = standing.enrollment, standing.calendar
    if playbook.mode is Mode.PAUSED:
        return f"nothing: the playbook is paused; steward playbook resume {playbook.id}"
    entered = enrollment is not None and enrollment.state in _RUNS
    if scope is not None and scope.verdict is not Verdict.TRUE and not entered:
        return f"nothing: scope is {scope.verdict.value}{_nearest(scope, 'into scope')}"
    if enrollment is not None and enrollment.state is State.PENDING and walked.verdict is Verdict.TRUE:
        return f"{_at('ACTIVE', playbook.for_, enrollment, calendar)}{_nearest(walked, 'out')}"
    if enrollment is not None and enrollment.state is State.RECOVERING and walked.verdict is Verdict.TRUE:
        return f"{_at('CLOSED', playbook.keep_for, enrollment, calendar)}{_nearest(walked, 'back')}"
    if walked.verdict is Verdict.UNKNOWN:
        missing = {clause.text.split(" ", 1)[0] for clause in walked.clauses if clause.verdict is Verdict.UNKNOWN}
        return f"nothing before this is known: {', '.join(sorted(missing))}"
    way = "out" if entered or walked.verdict is Verdict.TRUE else "in"
    if entered:
        return "closed at the next look" if walked.verdict is Verdict.TRUE else f"stays open{_nearest(walked, way)}"
    if walked.verdict is Verdict.FALSE:
        return f"nothing{_nearest(walked, way)}"
    if enrollment is None:
        return _entry_next(playbook, standing, walked)
    return f"waits at the gate{_nearest(walked, way)}"


def _entry_next(playbook: Playbook, standing: Standing, walked: Walked) -> str:
    """What comes of an idle one whose conditions are true."""
    if not playbook.comes_by_itself and not standing.asked:
        what = "an event" if playbook.trigger.kind is TriggerKind.EVENT else "a person"
        return f"nothing before {what} asks for entry{_nearest(walked, 'out')}"
    after = f" once it was true for {playbook.for_}" if playbook.for_.amount else " at the next look"
    return f"ACTIVE{after}{_nearest(walked, 'out')}"


def _at(state: str, length: Duration, enrollment: Enrollment, calendar: Calendar) -> str:
    return f"{state} at {length.after(enrollment.since, calendar):%Y-%m-%d %H:%M}Z if nothing changes"


def _nearest(walked: Walked, way: str) -> str:
    clause = walked.nearest()
    if clause is None:
        return ". No single change would do" if walked.verdict is Verdict.FALSE and walked.clauses else ""
    return f". Nearest way {way}: {clause.text.split(' ', 1)[0]} {clause.nearest}"
