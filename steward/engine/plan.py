"""What a playbook would do now, without doing it: who enters, leaves and stays, and the clause that decides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

import polars as pl

from steward.engine.calendars import Calendar
from steward.engine.expression import Expression, leaves
from steward.engine.freshness import freshen
from steward.engine.gates import Gates, blocked_by
from steward.engine.language import Playbook
from steward.engine.lifecycle import Look, advance, cooldown_from
from steward.engine.sweep import Swept, sweep
from steward.engine.walk import clause_text, walk
from steward.model.enrollments import Enrollment, State, Verdict
from steward.model.facts import FactSpec


@dataclass(frozen=True, slots=True)
class Move:
    """One account that would enter or leave, with the clause that decides and the value that it saw."""

    account_id: str
    name: str
    owner: str
    arr: float | None
    clause: str                             # "health.score < 60 (58)"


@dataclass(frozen=True, slots=True)
class Plan:
    """Against the stored enrollments, or against the playbook as it was: `stays` and `unknown` are counts.

    `held`: the conditions are true, and a gate says no; its `clause` is the gate's reason.
    """

    playbook_id: str
    version: str
    enters: tuple[Move, ...]
    leaves: tuple[Move, ...]
    stays: int
    unknown: int
    held: tuple[Move, ...] = ()


@dataclass(frozen=True, slots=True)
class Today:
    """The facts as known now (not freshened), and the enrollments of the playbook, by account."""

    frame: pl.DataFrame
    catalog: Mapping[str, FactSpec]
    now: datetime
    calendar: Calendar
    opened: Mapping[str, Enrollment]
    closed: Mapping[str, Enrollment]
    gates: Mapping[str, Gates] = field(default_factory=dict)   # of those accounts whom one may stop


def plan(playbook: Playbook, today: Today, before: Playbook | None = None) -> Plan:
    """Who would be in `playbook` after a look now and is not in it, and the reverse.

    In it, that is: has an open enrollment. With `before`, the playbook as it is live: has `scope` and `when` true, so
    that the plan shows what the change itself does, whoever is enrolled by now.
    """
    fresh = freshen(today.frame, today.catalog, today.catalog, today.now)
    swept = sweep(playbook, fresh, today.opened if before is None else ())
    inside, was = _inside(playbook, today, swept), set(today.opened)
    if before is not None:
        inside, was = set(swept.looks), set(sweep(before, fresh, ()).looks)
    changed = [*(inside - was), *(was - inside)]
    rows = {row["account_id"]: row for row in today.frame.filter(
        pl.col("account_id").is_in(changed)).iter_rows(named=True)}
    reasons = {each: no for each in inside - was if (no := _gate(playbook, today, each))}
    enters = [_move(playbook, today, rows.get(each, {"account_id": each}), True, before)
              for each in inside - was - reasons.keys()]
    held = [replace(_move(playbook, today, rows.get(each, {"account_id": each}), True, before), clause=no)
            for each, no in reasons.items()]
    gone = [_move(playbook, today, rows.get(each, {"account_id": each}), False, before) for each in was - inside]
    return Plan(playbook.id, playbook.version, _sorted(enters), _sorted(gone), len(inside & was), swept.waiting,
                _sorted(held))


def _gate(playbook: Playbook, today: Today, account_id: str) -> str:
    """Why a gate would stop this account; "" where all let it pass."""
    closed = today.closed.get(account_id)
    return blocked_by(
        today.gates.get(account_id, Gates()), playbook, Verdict.TRUE, now=today.now, calendar=today.calendar,
        cooldown_from=cooldown_from(closed) if closed else None)


def _inside(playbook: Playbook, today: Today, swept: Swept) -> set[str]:
    """The accounts with an open enrollment after a look now."""
    found = set()
    for account_id, seen in swept.looks.items():
        step = advance(Look(playbook, account_id, seen, today.now, today.calendar),
                       today.opened.get(account_id), today.closed.get(account_id))
        if step.enrollment is not None and step.enrollment.state is not State.CLOSED:
            found.add(account_id)
    return found


def _move(
    playbook: Playbook, today: Today, row: Mapping[str, Any], enters: bool, before: Playbook | None,
) -> Move:
    opened = today.opened.get(str(row["account_id"]))
    running = before is None and opened is not None and opened.state in (State.ACTIVE, State.RECOVERING)
    name = row.get("account.name")
    return Move(
        str(row["account_id"]), " ".join(str(name).split()) if name else "", str(row.get("account.csm") or ""),
        row.get("account.arr"), _deciding(playbook, today, row, before, running and not enters))


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


def _sorted(moves: list[Move]) -> tuple[Move, ...]:
    """The largest accounts first."""
    return tuple(sorted(moves, key=lambda move: (-(move.arr or 0.0), move.account_id)))
