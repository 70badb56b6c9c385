"""Why a playbook did or did not fire for an account: every clause with what it saw, the gates, and what comes next."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from steward.engine.calendars import Calendar
from steward.engine.durations import Duration
from steward.engine.freshness import age_text
from steward.engine.gates import Gates, blocked_by
from steward.engine.language import Mode, Playbook
from steward.engine.lifecycle import arm_of, cooldown_from
from steward.engine.walk import Walked, clause_text, seen_text, walk
from steward.model.enrollments import Clause, Decision, Enrollment, State, Verdict
from steward.model.facts import FactSpec

_LAST = re.compile(r"\.(all|any|not)(?:\[(\d+)\])?$")


@dataclass(frozen=True, slots=True)
class Explanation:
    """The answer; `clauses` are those of the condition that decides now (`when`, or `until` once it is active)."""

    account_id: str
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
    gates: str
    next: str
    shown: tuple[str, ...]                  # the clauses as lines

    def text(self) -> str:
        """The whole of it, as people read it."""
        progress = f" ({self.progress})" if self.progress else ""
        head = (f"{self.name or self.account_id} · {self.playbook_id}@{self.version} · {self.at:%Y-%m-%d %H:%M}Z · "
                f"{self.state.upper()}{progress}")
        fired = [f"  fired    {self.fired}"] if self.fired else []
        return "\n".join([head, *fired, *self.shown, f"  gates    {self.gates}", f"  next     {self.next}"])


def explain(
    playbook: Playbook, row: Mapping[str, Any], catalog: Mapping[str, FactSpec], now: datetime, *,
    enrollment: Enrollment | None = None, last_closed: Enrollment | None = None, calendar: Calendar,
    gates: Gates | None = None, entry: Decision | None = None,
) -> Explanation:
    """Why the account of `row` stands where it stands: its open `enrollment`, the `last_closed` one before.

    `entry` is the decision by which the open one became active.
    """
    entered = enrollment is not None and enrollment.state in (State.ACTIVE, State.RECOVERING)
    walked = walk(playbook.clears if entered else playbook.when, row, catalog, now)
    scope = walk(playbook.scope, row, catalog, now) if playbook.scope is not None else None
    state, progress = _state(playbook, enrollment, last_closed, now, calendar)
    lines = [("scope ", clause) for clause in scope.clauses] if scope and not entered else []
    if entered:
        lines += [("when  ", clause) for clause in walk(playbook.when, row, catalog, now).clauses]
    if not entered or playbook.until is not None:
        lines += [("until " if entered else "", clause) for clause in walked.clauses]
    scope_verdict = scope.verdict if scope else Verdict.TRUE
    known_by = enrollment or last_closed
    since = cooldown_from(known_by) if known_by else None
    no = blocked_by(gates or Gates(), playbook, scope_verdict, cooldown_from=since, now=now, calendar=calendar)
    arm = enrollment.arm if enrollment and entered else arm_of(playbook, str(row.get("account_id")))
    named = row.get("account.name")
    return Explanation(
        account_id=str(row.get("account_id")), name=" ".join(str(named).split()) if named else "",
        playbook_id=playbook.id, version=playbook.version, at=now, state=state, progress=progress,
        scope=scope.clauses if scope else (), clauses=walked.clauses, verdict=walked.verdict,
        gates=f"{'passed' if entered else no or 'all pass'}; arm: {arm.value}",
        next=_next(playbook, enrollment, walked, scope, calendar), fired=_fired(entry, catalog),
        shown=tuple(clause_lines(lines, catalog, now)))


def _fired(entry: Decision | None, catalog: Mapping[str, FactSpec]) -> str:
    if entry is None:
        return ""
    seen = [
        clause for clause in entry.clauses if clause.verdict is Verdict.TRUE and not clause.path.startswith("scope")]
    return f"{entry.decided_at:%Y-%m-%d %H:%M}Z by {'; '.join(clause_text(clause, catalog) for clause in seen)}"


def clause_lines(
    prefixed: Sequence[tuple[str, Clause]], catalog: Mapping[str, FactSpec], now: datetime,
) -> list[str]:
    """Each clause on a line: verdict, condition after its prefix, value, source and age."""
    clauses = [clause for _, clause in prefixed]
    conditions = [f"{prefix}{_lead(clause)}{clause.text}" for prefix, clause in prefixed]
    values = [
        seen_text(clause, catalog.get(clause.text.split(" ", 1)[0])) for clause in clauses]
    width, wide = max(map(len, conditions), default=0), max((len(value[:30]) for value in values), default=0)
    return [
        f"  {clause.verdict.value:<8} {condition:<{width}}  {value[:30]:<{wide}}  {_data(clause, now)}".rstrip()
        for clause, condition, value in zip(clauses, conditions, values, strict=True)]


def _lead(clause: Clause) -> str:
    """ "any: " before the first of several, as many spaces before the others."""
    found = _LAST.search(clause.path)
    if not found or found[1] == "all":
        return "     " * clause.depth if clause.depth else ""
    word = f"{found[1]}: "
    first = found[1] == "not" or found[2] == "0"
    return "     " * (clause.depth - 1) + (word if first else " " * len(word))


def _data(clause: Clause, now: datetime) -> str:
    if clause.why:
        return f"{clause.source}: {clause.why}"
    return f"{clause.source}, {age_text(now - clause.as_of)} old" if clause.as_of else clause.source


def _state(
    playbook: Playbook, enrollment: Enrollment | None, last_closed: Enrollment | None, now: datetime,
    calendar: Calendar,
) -> tuple[str, str]:
    if enrollment is None:
        since = cooldown_from(last_closed) if last_closed else None
        cooling = since is not None and playbook.again_after.after(since, calendar) > now
        return ("cooldown" if cooling else "idle"), ""
    lengths = {State.PENDING: playbook.for_, State.RECOVERING: playbook.keep_for}
    length = lengths.get(enrollment.state)
    run = (enrollment.looked_at if enrollment.body.get("held") else now) - enrollment.since
    if length is None:
        return enrollment.state.value, enrollment.reason
    held = ", held: data is missing" if enrollment.body.get("held") else ""
    return enrollment.state.value, f"{age_text(run)} of {length}{held}"


def _next(
    playbook: Playbook, enrollment: Enrollment | None, walked: Walked, scope: Walked | None, calendar: Calendar,
) -> str:
    if playbook.mode is Mode.PAUSED:
        return "nothing: the playbook is paused"
    entered = enrollment is not None and enrollment.state in (State.ACTIVE, State.RECOVERING)
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
        after = f" once it was true for {playbook.for_}" if playbook.for_.amount else " at the next look"
        return f"ACTIVE{after}{_nearest(walked, way)}"
    return f"waits at the gate{_nearest(walked, way)}"


def _at(state: str, length: Duration, enrollment: Enrollment, calendar: Calendar) -> str:
    return f"{state} at {length.after(enrollment.since, calendar):%Y-%m-%d %H:%M}Z if nothing changes"


def _nearest(walked: Walked, way: str) -> str:
    clause = walked.nearest()
    if clause is None:
        return ". No single change would do" if walked.verdict is Verdict.FALSE else ""
    return f". Nearest way {way}: {clause.text.split(' ', 1)[0]} {clause.nearest}"
