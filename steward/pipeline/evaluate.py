"""Evaluate: the latest facts and the open enrollments in; their next states, the decisions and the outbox rows out.

All of it is one transaction, so a decision without its action, or an action without its decision, does not exist.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from steward.contracts import Connector
from steward.engine.calendars import Calendar
from steward.engine.expression import facts_of
from steward.engine.freshness import age_text, freshen, freshen_row
from steward.engine.gates import Gates
from steward.engine.language import Mode, Playbook, in_order
from steward.engine.lifecycle import Advance, Look, Verdicts, advance, cancel
from steward.engine.load import canonical_form
from steward.engine.sweep import opened_frame, sweep, sweep_rows
from steward.engine.walk import clauses_of
from steward.model.enrollments import Arm, Clause, Decision, Enrollment, State
from steward.model.facts import FactSpec
from steward.pipeline.actions import Cause, desk, outbox_row
from steward.settings import Settings
from steward.store import enrollments, facts, identity, incidents, outbox, versions
from steward.store.database import Database, alone
from steward.store.outbox import OutboxRow

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

DO_NOT_CONTACT = "account.do_not_contact"
FEW = 16                                    # up to so many accounts, closures are faster than a frame
LIMIT_WINDOW = timedelta(days=1)
STALE_SHARE = 0.1                           # a source is stale once this share of its accounts is


@dataclass(frozen=True, slots=True)
class PlaybookReport:
    """One playbook: `enrolled`, `closed`, `actions` are of this run; the others say how many stand where after it."""

    playbook_id: str
    version: str
    mode: str
    enrolled: int = 0
    pending: int = 0
    blocked: int = 0
    awaiting_approval: int = 0
    active: int = 0
    recovering: int = 0
    closed: int = 0
    waiting: int = 0                        # accounts of which nobody can say whether they belong in: data is missing
    actions: int = 0
    trouble: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EvaluateReport:
    """What one evaluation did; `incidents` are the sources that are stale now."""

    accounts: int
    playbooks: tuple[PlaybookReport, ...]
    incidents: tuple[str, ...] = ()

    @property
    def actions(self) -> int:
        """How many actions were put into the outbox."""
        return sum(each.actions for each in self.playbooks)


def evaluate(  # noqa: PLR0917  # a verb takes plain parts, not the hub
    db: Database, playbooks: Sequence[Playbook], catalog: Mapping[str, FactSpec], settings: Settings,
    connectors: Mapping[str, Connector], now: datetime, account_ids: Sequence[str] | None = None,
) -> EvaluateReport:
    """Look at all accounts, or at those named, and decide. A second look at the same `now` changes nothing."""
    with db.write() as tx:
        alone(tx, "evaluate")
        snapshot = facts.latest(tx, account_ids)
        if snapshot is None or snapshot.frame.is_empty():
            nothing = (PlaybookReport(each.id, each.version, each.mode.value) for each in playbooks)
            return EvaluateReport(0, tuple(nothing))
        run = _Run(tx, snapshot.frame, catalog, settings, connectors, now, whole=account_ids is None)
        run.load(playbooks, account_ids)
        reports = {playbook.id: run.one(playbook) for playbook in in_order(tuple(playbooks))}
        stale = run.look_for_stale_sources(playbooks) if account_ids is None else ()
        return EvaluateReport(snapshot.frame.height, tuple(reports[each.id] for each in playbooks), stale)


@dataclass
class _Run:
    tx: Transaction
    frame: pl.DataFrame
    catalog: Mapping[str, FactSpec]
    settings: Settings
    connectors: Mapping[str, Connector]
    now: datetime
    whole: bool
    opened: dict[str, dict[str, Enrollment]] = field(default_factory=dict)
    few: dict[str, dict[str, Any]] = field(default_factory=dict)      # the rows, where there are few
    known: dict[str, dict[str, Any]] = field(default_factory=dict)    # the same with what is stale as None
    silent: set[str] = field(default_factory=set)                     # asked not to be contacted

    def load(self, playbooks: Sequence[Playbook], account_ids: Sequence[str] | None) -> None:
        """Read what the gates and the sweep need."""
        self.calendar = Calendar(ZoneInfo(self.settings.company.timezone))
        self.account_ids = set(self.frame["account_id"].to_list())
        self.opened = {each.id: enrollments.open_of(self.tx, each.id, account_ids) for each in playbooks}
        needed = facts_of(*(condition for each in playbooks for condition in each.conditions().values()))
        if self.frame.height <= FEW:
            self.few = {row["account_id"]: row for row in self.frame.iter_rows(named=True)}
            self.known = {each: freshen_row(row, self.catalog, self.now) for each, row in self.few.items()}
            self.silent = {each for each, row in self.known.items() if row.get(DO_NOT_CONTACT) is True}
            return
        self.fresh = freshen(self.frame, {*needed, DO_NOT_CONTACT}, self.catalog, self.now)
        if DO_NOT_CONTACT in self.fresh.columns:
            self.silent = set(self.fresh.filter(pl.col(DO_NOT_CONTACT))["account_id"].to_list())

    def one(self, playbook: Playbook) -> PlaybookReport:
        """Evaluate one playbook and store what comes of it."""
        opened = self.opened[playbook.id]
        swept = (sweep_rows(playbook, self.known.values(), opened) if self.few
                 else sweep(playbook, self.fresh, opened_frame(opened.values()), self.now))
        closed = enrollments.last_closed(self.tx, playbook.id, [each for each in swept.looks if each not in opened])
        steps = {
            each: self._step(playbook, each, seen, opened=opened, closed=closed) for each, seen in swept.looks.items()}
        self._limit(playbook, steps, swept.looks, opened, closed)
        if self.whole:
            for account_id, enrollment in opened.items():
                if account_id not in self.account_ids:
                    look = Look(playbook, account_id, Verdicts({}), self.now, self.calendar)
                    steps[account_id] = cancel(look, enrollment, "the account is gone")
        changed = {account_id: step for account_id, step in steps.items() if step.changed}
        rows, trouble = self._store(playbook, changed, opened)
        states = [each.state for each in self.opened[playbook.id].values()]
        return PlaybookReport(
            playbook.id, playbook.version, playbook.mode.value,
            enrolled=sum(step.enters for step in changed.values()),
            closed=sum(_state(step) is State.CLOSED for step in changed.values()),
            waiting=swept.waiting, actions=rows, trouble=trouble,
            **{state.value: states.count(state) for state in State if state is not State.CLOSED})

    def _step(
        self, playbook: Playbook, account_id: str, seen: Verdicts, *, opened: Mapping[str, Enrollment],
        closed: Mapping[str, Enrollment], over_limit: int | None = None,
    ) -> Advance:
        gates = Gates(account_id in self.silent, self._inhibitor(playbook, account_id), over_limit)
        look = Look(playbook, account_id, seen, self.now, self.calendar, gates)
        return advance(look, opened.get(account_id), closed.get(account_id))

    def _inhibitor(self, playbook: Playbook, account_id: str) -> str:
        for name in playbook.inhibited_by:
            found = self.opened.get(name, {}).get(account_id)
            if found is not None and found.state is not State.BLOCKED:
                return name
        return ""

    def _limit(
        self, playbook: Playbook, steps: dict[str, Advance], looks: Mapping[str, Verdicts],
        opened: Mapping[str, Enrollment], closed: Mapping[str, Enrollment],
    ) -> None:
        """More would enter than the limit allows: none of them does, all wait for approval.

        A look at a few accounts is no run of its own: a burst of calls is many of those, so what entered within
        a day counts too.
        """
        entering = [
            each for each, step in steps.items()
            if step.enters and step.enrollment is not None and not step.enrollment.body.get("approved_by")]
        if not entering:
            return
        before, accounts = 0, self.frame.height
        if not self.whole:
            before = enrollments.entered_since(self.tx, playbook.id, self.now - LIMIT_WINDOW)
            accounts = identity.count(self.tx)
        most = playbook.limit.of(accounts)
        if before + len(entering) > most:
            for each in entering:
                steps[each] = self._step(
                    playbook, each, looks[each], opened=opened, closed=closed, over_limit=most)

    def _store(
        self, playbook: Playbook, changed: Mapping[str, Advance], opened: dict[str, Enrollment],
    ) -> tuple[int, tuple[str, ...]]:
        if not changed:
            return 0, ()
        acting = [
            each for each, step in changed.items()
            if step.planned and step.enrollment is not None and step.enrollment.arm is Arm.TREATMENT]
        rows, known = self._as_stored(playbook, changed), self._as_known(acting)
        decisions, causes = [], []
        for account_id, step in changed.items():
            clauses = self._clauses(playbook, step, rows.get(account_id, {"account_id": account_id}))
            if step.decision is not None:
                decisions.append(replace(step.decision, clauses=clauses))
            if account_id in known and step.enrollment is not None:
                causes.append((Cause(playbook, step.enrollment, known[account_id], clauses), step))
        out, trouble = self._actions(causes)
        self._save(playbook, changed, opened, decisions, trouble)
        return outbox.add(self.tx, out), tuple(text for texts in trouble.values() for text in texts)

    def _as_stored(self, playbook: Playbook, wanted: Collection[str]) -> Mapping[str, dict[str, Any]]:
        """What the playbook asks about these accounts, stale or not: clauses say which."""
        if self.few:
            return self.few
        asked = facts_of(*playbook.conditions().values())
        chosen = self.frame.filter(pl.col("account_id").is_in(list(wanted))).select(
            name for name in self.frame.columns
            if name == "account_id" or name in asked or name.startswith("as_of."))
        return {row["account_id"]: row for row in chosen.iter_rows(named=True)}

    def _as_known(self, wanted: Collection[str]) -> Mapping[str, dict[str, Any]]:
        """All that is known of these accounts; what is stale is None."""
        if self.few:
            return {each: self.known[each] for each in wanted if each in self.known}
        chosen = self.frame.filter(pl.col("account_id").is_in(list(wanted)))
        fresh = freshen(chosen, self.catalog, self.catalog, self.now)
        return {row["account_id"]: row for row in fresh.iter_rows(named=True)}

    def _actions(self, causes: Sequence[tuple[Cause, Advance]]) -> tuple[list[OutboxRow], dict[str, list[str]]]:
        out: list[OutboxRow] = []
        trouble: dict[str, list[str]] = {}
        if not causes:
            return out, trouble
        accounts = [cause.enrollment.account_id for cause, _ in causes]
        at = desk(self.tx, self.settings, self.connectors, self.catalog, accounts, now=self.now)
        for cause, step in causes:
            for planned in step.planned:
                row = outbox_row(at, cause, planned)
                if isinstance(row, OutboxRow):
                    out.append(row)
                else:
                    trouble.setdefault(cause.enrollment.account_id, []).append(row)
        return out, trouble

    def _save(
        self, playbook: Playbook, changed: Mapping[str, Advance], opened: dict[str, Enrollment],
        decisions: Sequence[Decision], trouble: Mapping[str, list[str]],
    ) -> None:
        saved = []
        for account_id, step in changed.items():
            enrollment = step.enrollment
            if enrollment is None:
                continue
            if account_id in trouble:
                body = {**enrollment.body, "needs_attention": trouble[account_id]}
                enrollment = replace(enrollment, body=body)
            saved.append(enrollment)
            if enrollment.state is State.CLOSED:
                opened.pop(account_id, None)
            else:
                opened[account_id] = enrollment
        versions.keep(self.tx, playbook.id, playbook.version, body=canonical_form(playbook),
                      mode=playbook.mode.value, now=self.now)
        enrollments.save(self.tx, saved)
        enrollments.record(self.tx, decisions)

    def _clauses(self, playbook: Playbook, step: Advance, row: Mapping[str, Any]) -> tuple[Clause, ...]:
        """What decided: of entering `scope` and `when`, of leaving what was true."""
        reason = step.enrollment.reason if step.enrollment is not None else ""
        exits = dict(playbook.exits)
        state = _state(step)
        chosen = [playbook.scope, playbook.when]
        if reason.startswith("exit:"):
            chosen = [exits[reason.removeprefix("exit:")]]
        elif reason == "goal_met" and playbook.goal:
            chosen = [playbook.goal.when]
        elif state is State.RECOVERING or reason in ("cleared", "expired"):
            chosen = [playbook.clears]
        elif reason in ("lapsed", "cancelled"):
            chosen = [playbook.when]
        return tuple(clause for condition in chosen if condition is not None
                     for clause in clauses_of(condition, row, self.catalog, self.now))

    def look_for_stale_sources(self, playbooks: Sequence[Playbook]) -> tuple[str, ...]:
        """One incident for each source that is stale, naming the playbooks on hold; closed once it is fresh again."""
        waiting: dict[str, set[str]] = {}
        bounds: dict[str, Any] = {}
        for playbook in (each for each in playbooks if each.mode is not Mode.PAUSED):
            for name in facts_of(*playbook.conditions().values()):
                spec = self.catalog[name]
                if spec.fresh_within is not None:
                    waiting.setdefault(spec.group, set()).add(playbook.id)
                    bounds[spec.group] = min(spec.fresh_within, bounds.get(spec.group, spec.fresh_within))
        open_now = {incident.group for incident in incidents.list_(self.tx, open_only=True)}
        stale = []
        for group, bound in sorted(bounds.items()):
            reason = self._stale(group, bound)
            if reason:
                incidents.raise_(self.tx, group, reason, sorted(waiting[group]), self.now)
                stale.append(f"{group}: {reason}; on hold: {', '.join(sorted(waiting[group]))}")
            elif group in open_now:
                incidents.close(self.tx, group, self.now)
        return tuple(stale)

    def _stale(self, group: str, bound: Any) -> str:
        column = f"as_of.{group}"
        dated = self.frame[column].drop_nulls() if column in self.frame.columns else pl.Series(dtype=pl.Datetime)
        if dated.is_empty():
            return ""                       # never any data: nothing fell behind
        old = dated.filter(dated < self.now - bound)
        if old.len() <= STALE_SHARE * dated.len():
            return ""
        newest = dated.max()
        assert isinstance(newest, datetime)
        return (f"{old.len()} of {dated.len()} accounts have data older than {age_text(bound)}; "
                f"the newest is {age_text(self.now - newest)} old")


def _state(step: Advance) -> State | None:
    return step.enrollment.state if step.enrollment is not None else None
