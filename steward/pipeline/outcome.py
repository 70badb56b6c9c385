"""What was decided in, all of it stored: enrollments, decisions with their clauses, actions, and what is called off.

What is queued and not begun is called off as its enrollment closes: the risk is over, the deal is lost, the account is
gone, so nobody wants the task any more. Only what expired goes on: nothing has said that it is pointless. Reverse
steps are performed where something was sent that they reverse.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from steward.contracts import Connector
from steward.engine.canonical import canonical
from steward.engine.expression import Expression
from steward.engine.language import Playbook, Subject
from steward.engine.look import Advance
from steward.engine.walk import Asked, asked_by, clauses_seen
from steward.model.enrollments import Arm, Clause, Decision, Enrollment, State, but
from steward.model.facts import FactSpec
from steward.pipeline import digests as told_together
from steward.pipeline.actions import actions_of
from steward.pipeline.calendars import CalendarOf
from steward.pipeline.cards import Cause
from steward.pipeline.desk import Decided, desk
from steward.pipeline.frames import Seen
from steward.settings import Settings
from steward.store import digests, enrollments, outbox, versions

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

_BEGUN = ("sending", "delivered", "unknown", "failed")


@dataclass(frozen=True, slots=True)
class Stepped:
    """One subject's step: `playbook` is the version that decided, `before` the enrollment as it was."""

    playbook: Playbook
    seen: Seen
    before: Enrollment | None
    step: Advance


@dataclass
class Outcome:
    """Of one run: how many actions by playbook, and what could not be done, in words."""

    actions: Counter[str] = field(default_factory=Counter)
    trouble: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class Means:
    """With what actions are made."""

    settings: Settings
    connectors: Mapping[str, Connector]
    catalog: Mapping[str, FactSpec]
    calendar_of: CalendarOf
    busy: Callable[[], Mapping[str, int]]
    now: datetime


def store(tx: Transaction, means: Means, changed: Sequence[Stepped], closed: Sequence[str] = ()) -> Outcome:
    """Store everything; `closed` are enrollments that were ended before by what is outside of their playbook."""
    outcome = Outcome()
    begun = _begun(tx, changed)
    _call_off(tx, changed, closed, means.now)
    rows = _rows(changed)
    causes: list[tuple[Cause, Advance]] = []
    decided: list[Decision] = []
    acting = {id(each) for each in changed if _acts(each, begun)}
    known = _known([each for each in changed if id(each) in acting])
    asked = _asking(means.catalog)
    for each in changed:
        enrollment = each.step.enrollment
        if enrollment is None or (each.step.decision is None and id(each) not in acting):
            continue
        row = rows.get((id(each.seen), enrollment.subject_id), {})
        clauses = clauses_seen(asked(each.playbook, enrollment), row, means.now)
        if each.step.decision is not None:
            decided.append(_with(each.step.decision, clauses, each.playbook))
        facts = known.get((id(each.seen), enrollment.subject_id)) if id(each) in acting else None
        if facts is not None:
            causes.append((_cause(each, enrollment, facts, clauses), each.step))
    bodies = _act(tx, means, causes, outcome)
    _keep_versions(tx, changed, means.now)
    _save(tx, changed, bodies)
    enrollments.record(tx, decided)
    return outcome


def _with(decision: Decision, clauses: tuple[Clause, ...], playbook: Playbook) -> Decision:
    return Decision(
        decision.enrollment_id, decision.playbook_id, decision.account_id, decision.decided_at, decision.from_state,
        decision.to_state, decision.reason, clauses, decision.version or playbook.version)


def _save(tx: Transaction, changed: Sequence[Stepped], bodies: Mapping[str, dict[str, Any]]) -> None:
    new: list[Enrollment] = []
    going_on: list[Enrollment] = []
    for each in changed:
        if (found := each.step.enrollment) is not None:
            saved = but(found, body={**found.body, **bodies[found.id]}) if found.id in bodies else found
            (new if each.before is None else going_on).append(saved)
    enrollments.save(tx, new)
    enrollments.go_on(tx, going_on)


def _act(
    tx: Transaction, means: Means, causes: Sequence[tuple[Cause, Advance]], outcome: Outcome,
) -> dict[str, dict[str, Any]]:
    """Puts the actions into the outbox; what the bodies of their enrollments have to keep."""
    bodies: dict[str, dict[str, Any]] = {}
    due = told_together.fall_due(tx, means.connectors, means.settings.web.public_url, means.now)
    made: list[Decided] = []
    if causes:
        accounts = sorted({cause.enrollment.account_id for cause, _ in causes})
        at = desk(tx, means.settings, means.connectors, means.catalog, accounts, now=means.now,
                  calendar_of=means.calendar_of, busy=means.busy,
                  deals=any(cause.playbook.subject is Subject.OPPORTUNITY for cause, _ in causes))
        for cause, step in causes:
            troubles = []
            for planned in step.planned:
                found = actions_of(at, cause, planned)
                if isinstance(found, str):
                    troubles.append(found)
                else:
                    made += found
                    outcome.actions[cause.playbook.id] += len(found)
            body = _body(cause, troubles)
            if body:
                bodies[cause.enrollment.id] = body
            outcome.trouble[cause.playbook.id] += troubles
        settled = told_together.settle(at, made)
        digests.add(tx, settled.lines)
        due += settled.rows
    outbox.add(tx, due)
    return bodies


def _body(cause: Cause, troubles: Iterable[str]) -> dict[str, Any]:
    before = cause.enrollment.body
    body: dict[str, Any] = {}
    told = list(dict.fromkeys([*before.get("needs_attention", ()), *troubles]))
    if told:
        body["needs_attention"] = told
    if cause.queued != before.get("queued", {}):
        body["queued"] = cause.queued
    return body


def _cause(each: Stepped, enrollment: Enrollment, facts: Mapping[str, Any], clauses: Sequence[Clause]) -> Cause:
    record = (facts["connection"], facts["external_id"]) if "external_id" in facts else None
    return Cause(each.playbook, enrollment, facts, clauses, record, dict(enrollment.body.get("queued", {})))


# ---- what closing calls off ----

def _call_off(tx: Transaction, changed: Iterable[Stepped], closed: Sequence[str], now: datetime) -> None:
    """Cancel what these had waiting."""
    reasons: dict[str, list[str]] = defaultdict(list)
    reasons["cancelled"] += closed
    for each in changed:
        enrollment = each.step.enrollment
        if enrollment is not None and enrollment.state is State.CLOSED and enrollment.entered_at is not None:
            reasons[enrollment.reason].append(enrollment.id)
    for reason, ids in reasons.items():
        if reason != "expired":
            outbox.cancel(tx, ids, now, f"its enrollment was closed before it was sent: {reason}")
            digests.cancel(tx, ids)


def _begun(tx: Transaction, changed: Iterable[Stepped]) -> set[str]:
    """Of the enrollments that have reverse steps planned, those of which anything was sent, or may have been."""
    asked = [each.step.enrollment.id for each in changed if each.step.enrollment is not None
             and any(planned.part == "compensate" for planned in each.step.planned)]
    return {name for name, states in outbox.steps(tx, asked).items()
            if any(state in _BEGUN for state in states.values())}


def _acts(each: Stepped, begun: set[str]) -> bool:
    enrollment = each.step.enrollment
    if not each.step.planned or enrollment is None or enrollment.arm is not Arm.TREATMENT:
        return False
    return each.step.planned[0].part != "compensate" or enrollment.id in begun


# ---- why ----

def _asking(catalog: Mapping[str, FactSpec]) -> Callable[[Playbook, Enrollment], tuple[Asked, ...]]:
    """What decided, by leaf: of entering `scope` and `when`, of leaving what was true. Looked up once for all alike."""
    found: dict[tuple[int, str, bool], tuple[Asked, ...]] = {}

    def asked(playbook: Playbook, enrollment: Enrollment) -> tuple[Asked, ...]:
        reason = enrollment.reason if enrollment.state is State.CLOSED else ""
        alike = id(playbook), reason, enrollment.state is State.RECOVERING
        if alike not in found:
            found[alike] = tuple(each for condition in _deciding(playbook, enrollment) if condition is not None
                                 for each in asked_by(condition, catalog))
        return found[alike]

    return asked


def _deciding(playbook: Playbook, enrollment: Enrollment) -> Sequence[Expression | None]:
    reason = enrollment.reason if enrollment.state is State.CLOSED else ""
    if reason.startswith("exit:"):
        return [dict(playbook.exits)[reason.removeprefix("exit:")]]
    if reason == "goal_met" and playbook.goal:
        return [playbook.goal.when]
    if reason == "revoked" and isinstance(playbook.revoke_on, Expression):
        return [playbook.revoke_on]
    if enrollment.state is State.RECOVERING or reason in ("cleared", "expired"):
        return [playbook.clears]
    return [playbook.when] if reason else [playbook.scope, playbook.when]


def _rows(changed: Iterable[Stepped]) -> dict[tuple[int, str], Mapping[str, Any]]:
    """The subjects' facts as they are stored."""
    wanted, seens = _by_kind(each for each in changed if each.step.decision is not None or each.step.planned)
    found: dict[tuple[int, str], Mapping[str, Any]] = {}
    for kind, mine in wanted.items():
        rows = seens[kind].stored(_subjects(mine))
        found.update({(kind, subject_id): rows[subject_id] for subject_id in _subjects(mine) if subject_id in rows})
    return found


def _known(acting: Iterable[Stepped]) -> dict[tuple[int, str], Mapping[str, Any]]:
    """All that is known of those who are acted on."""
    wanted, seens = _by_kind(acting)
    found: dict[tuple[int, str], Mapping[str, Any]] = {}
    for kind, mine in wanted.items():
        rows = seens[kind].known(_subjects(mine))
        found.update({(kind, subject_id): rows[subject_id] for subject_id in _subjects(mine) if subject_id in rows})
    return found


def _by_kind(steps: Iterable[Stepped]) -> tuple[dict[int, list[Stepped]], dict[int, Seen]]:
    wanted: dict[int, list[Stepped]] = defaultdict(list)
    seens: dict[int, Seen] = {}
    for each in steps:
        wanted[id(each.seen)].append(each)
        seens[id(each.seen)] = each.seen
    return wanted, seens


def _subjects(steps: Iterable[Stepped]) -> set[str]:
    return {each.step.enrollment.subject_id for each in steps if each.step.enrollment is not None}


def _keep_versions(tx: Transaction, changed: Iterable[Stepped], now: datetime) -> None:
    """Store the versions that decided and are not stored, as when a playbook is evaluated that was never applied."""
    used = {(each.playbook.id, each.playbook.version): each.playbook for each in changed}
    for pair in used.keys() - (versions.known(tx) if used else set()):
        playbook = used[pair]
        versions.keep(tx, *pair, body=canonical(playbook), mode=playbook.mode.value, now=now)
