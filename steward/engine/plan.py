"""What a playbook would do now, without doing it: who enters, leaves and stays, and the clause that decides."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl

from steward.engine.batch import expr
from steward.engine.calendars import Calendar
from steward.engine.expression import ALWAYS, Expression, leaves
from steward.engine.freshness import freshen
from steward.engine.gates import Gates, blocked_by
from steward.engine.language import Mode, Playbook
from steward.engine.lifecycle import advance
from steward.engine.look import Look
from steward.engine.migrate import step_images
from steward.engine.moves import cooldown_from
from steward.engine.sweep import Swept, opened_frame, sweep
from steward.engine.walk import clause_text, walk
from steward.model.enrollments import Enrollment, State, Verdict
from steward.model.facts import FactSpec

_RUNS = (State.ACTIVE, State.RECOVERING)


@dataclass(frozen=True, slots=True)
class Move:
    """One subject that would enter or leave, with the clause that decides and the value that it saw."""

    account_id: str
    name: str
    owner: str
    arr: float | None
    clause: str                             # "health.score < 60 (58)"
    subject_id: str = ""


@dataclass(frozen=True, slots=True)
class OwnerLine:
    """What the plan means for one owner ("" is nobody); ARR of the accounts that enter, where it is known."""

    owner: str
    enters: int
    leaves: int
    held: int
    arr: float


@dataclass(frozen=True, slots=True)
class InFlight:
    """How many that entered with `version` are active or recovering, and what becomes of them: pin or migrate."""

    version: str
    count: int
    becomes: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Against the stored enrollments (`before` ""), or against another version: `stays` and `unknown` are counts.

    `held`: the conditions are true, and a gate says no; its `clause` is the gate's reason. `over_limit`: the limit,
    where more would enter than it allows, so that all of them wait for approval.
    """

    playbook_id: str
    version: str
    enters: tuple[Move, ...]
    leaves: tuple[Move, ...]
    stays: int
    unknown: int
    held: tuple[Move, ...] = ()
    before: str = ""
    mode: str = ""
    over_limit: int | None = None
    owners: tuple[OwnerLine, ...] = ()
    in_flight: tuple[InFlight, ...] = ()
    step_map: tuple[tuple[str, str | None], ...] = ()  # each step of the version before, and where it goes on
    lacking: tuple[tuple[str, int], ...] = ()   # of those that wait for data: the facts unknown, and of how many
    begins: str = ""                        # what begins it where no condition does: an event's name, "manual"

    @property
    def arr_entering(self) -> float:
        """The ARR of the accounts that enter, as far as it is known."""
        return _arr(self.enters)

    @property
    def arr_leaving(self) -> float:
        """The ARR of the accounts that leave, as far as it is known."""
        return _arr(self.leaves)


@dataclass(frozen=True, slots=True)
class Today:
    """The facts as known now (not freshened), and the enrollments of the playbook, by subject."""

    frame: pl.DataFrame
    catalog: Mapping[str, FactSpec]
    now: datetime
    calendar: Calendar
    opened: Mapping[str, Enrollment]
    closed: Mapping[str, Enrollment]
    gates: Mapping[str, Gates] = field(default_factory=dict)   # of those subjects whom one may stop
    asked: Mapping[str, str] = field(default_factory=dict)  # what asks for the entry of a subject, "event:<id>"

    @property
    def key(self) -> str:
        """The column that says which subject a row is."""
        return "subject_id" if "subject_id" in self.frame.columns else "account_id"


def plan(playbook: Playbook, today: Today, before: Playbook | None = None) -> Plan:
    """Who would be in `playbook` after a look now and is not in it, and the reverse.

    In it, that is: has an open enrollment. With `before`, the playbook as it is live: has `scope` and `when` true, so
    that the plan shows what the change itself does, whoever is enrolled by now.
    """
    fresh = freshen(today.frame, today.catalog, today.catalog, today.now)
    if before is None:
        swept = sweep(playbook, fresh, opened_frame(today.opened.values()), today.now, today.asked)
        inside, was = _inside(playbook, today, swept), set(today.opened)
    else:                                   # whom the texts let in, whatever the modes
        swept, old = (sweep(replace(each, mode=Mode.LIVE), fresh, opened_frame(()), today.now)
                      for each in (playbook, before))
        inside, was = set(swept.looks), set(old.looks)
    come, go = inside - was, was - inside
    rows = {row[today.key]: row for row in today.frame.filter(
        pl.col(today.key).is_in([*come, *go])).iter_rows(named=True)}

    def move(subject: str, enters: bool) -> Move:
        return _move(playbook, today, rows.get(subject, {today.key: subject}), enters, before)

    reasons = {each: no for each in come if (no := _gate(playbook, today, each))}
    enters = _sorted(move(each, True) for each in come - reasons.keys())
    held = _sorted(replace(move(each, True), clause=no) for each, no in reasons.items())
    gone = _sorted(move(each, False) for each in go)
    most = playbook.limit.of(today.frame.height)
    return Plan(
        playbook.id, playbook.version, enters, gone, len(inside & was), swept.waiting, held,
        before.version if before else "", playbook.mode.value, most if len(enters) > most else None,
        _owners(enters, gone, held), _in_flight(playbook, today.opened),
        tuple(step_images(before, playbook)) if before else (),
        _lacking(playbook, fresh, today.key, () if before else today.opened) if swept.waiting else (),
        "" if playbook.comes_by_itself else playbook.trigger.event or playbook.trigger.kind.value)


def _lacking(
    playbook: Playbook, fresh: pl.DataFrame, key: str, opened: Collection[str],
) -> tuple[tuple[str, int], ...]:
    """The facts that are not known of those who wait for data, and of how many; the most frequent first."""
    columns, idle = frozenset(fresh.columns), ~pl.col(key).is_in(list(opened))
    when, scope = (expr(each, columns) for each in (playbook.when, playbook.scope or ALWAYS))
    waiting = fresh.filter((when.is_null() | (when & scope.is_null())) & scope.fill_null(True) & idle)
    asked = {leaf.fact for condition in (playbook.when, playbook.scope) if condition is not None
             for leaf in leaves(condition) if leaf.op not in ("is known", "is unknown")}
    missing = [(name, waiting[name].null_count() if name in columns else waiting.height) for name in asked]
    return tuple(sorted(((name, count) for name, count in missing if count), key=lambda each: (-each[1], each[0])))


def _gate(playbook: Playbook, today: Today, subject: str) -> str:
    """Why a gate would stop this one; "" where all let it pass."""
    closed = today.closed.get(subject)
    return blocked_by(
        today.gates.get(subject, Gates()), playbook, Verdict.TRUE, now=today.now, calendar=today.calendar,
        cooldown_from=cooldown_from(closed) if closed else None)


def _inside(playbook: Playbook, today: Today, swept: Swept) -> set[str]:
    """The subjects with an open enrollment after a look now."""
    found = set(today.opened) - set(swept.gone)
    for subject, seen in swept.looks.items():
        opened = today.opened.get(subject)
        account_id = opened.account_id if opened else subject
        step = advance(Look(playbook, account_id, seen, today.now, today.calendar, subject_id=subject,
                            cause=today.asked.get(subject)),
                       opened, today.closed.get(subject))
        stays = step.enrollment is not None and step.enrollment.state is not State.CLOSED
        (found.add if stays else found.discard)(subject)
    return found


def _move(
    playbook: Playbook, today: Today, row: Mapping[str, Any], enters: bool, before: Playbook | None,
) -> Move:
    subject = str(row[today.key])
    opened = today.opened.get(subject)
    running = before is None and opened is not None and opened.state in _RUNS
    name = row.get("contact.name") or row.get("opportunity.name") or row.get("account.name")
    account_id = row.get("account_id") or (opened.account_id if opened else subject)
    return Move(
        str(account_id), " ".join(str(name).split()) if name else "", str(row.get("account.csm") or ""),
        row.get("account.arr"), _deciding(playbook, today, row, before, running and not enters), subject)


def _deciding(playbook: Playbook, today: Today, row: Mapping[str, Any], before: Playbook | None, until: bool) -> str:
    conditions = [playbook.clears] if until else [each for each in (playbook.scope, playbook.when) if each is not None]
    walks = [walk(condition, row, today.catalog, today.now) for condition in conditions]
    whole = Verdict.TRUE if all(walked.verdict is Verdict.TRUE for walked in walks) else Verdict.FALSE
    known = _texts(before)
    alike = [clause for walked in walks for clause in walked.clauses if clause.verdict is whole]
    changed = [clause for clause in alike if known and clause.text not in known]
    nearest = [found for walked in walks if walked.verdict is whole and (found := walked.nearest())]
    chosen = next(iter((*changed, *nearest, *alike)), None)
    return clause_text(chosen, today.catalog) if chosen else "nothing is known of it"


def _texts(playbook: Playbook | None) -> frozenset[str]:
    if playbook is None:
        return frozenset()
    conditions: tuple[Expression | None, ...] = (playbook.scope, playbook.when, playbook.until)
    return frozenset(leaf.text for condition in conditions if condition for leaf in leaves(condition))


def _owners(enters: tuple[Move, ...], gone: tuple[Move, ...], held: tuple[Move, ...]) -> tuple[OwnerLine, ...]:
    """Those with the most to do first."""
    come, go, stopped = (Counter(move.owner for move in moves) for moves in (enters, gone, held))
    lines = [OwnerLine(owner, come[owner], go[owner], stopped[owner],
                       _arr(move for move in enters if move.owner == owner)) for owner in {*come, *go, *stopped}]
    return tuple(sorted(lines, key=lambda line: (-line.enters, -line.leaves, line.owner)))


def _in_flight(playbook: Playbook, opened: Mapping[str, Enrollment]) -> tuple[InFlight, ...]:
    running = Counter(each.version for each in opened.values() if each.state in _RUNS)
    return tuple(
        InFlight(version, count, "live" if version == playbook.version else playbook.on_update.value)
        for version, count in sorted(running.items()))


def _arr(moves: Iterable[Move]) -> float:
    of_accounts = {move.account_id: move.arr for move in moves}     # many contacts of one account pay once
    return float(sum(arr for arr in of_accounts.values() if arr))


def _sorted(moves: Iterable[Move]) -> tuple[Move, ...]:
    """The most valuable first."""
    return tuple(sorted(moves, key=lambda move: (-(move.arr or 0.0), move.account_id, move.subject_id)))
