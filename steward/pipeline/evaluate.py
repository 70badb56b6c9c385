"""Evaluate: the latest facts and the open enrollments in; their next states, the decisions and the outbox rows out.

All of it is one transaction, so a decision without its action, or an action without its decision, does not exist.

    frames       the facts of all subjects         outcome     what was decided, stored: decisions, actions
    editions     older versions in flight          digests     what is told together
    happenings   events that ask or undo           gone        merged accounts, retired playbooks
    gatekeeping  quiet, caps, limit, arms          staleness   one incident for a source that fell behind
    reading      which facts are read of all       rows         facts of those who are looked at
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from steward.contracts import Connector
from steward.engine.alike import advance_all
from steward.engine.expression import facts_of
from steward.engine.gates import Gates
from steward.engine.language import Backlog, Mode, Playbook, Subject, TriggerKind, in_order
from steward.engine.lifecycle import advance
from steward.engine.look import TRUE, Advance, Look, Verdicts
from steward.engine.sweep import Swept
from steward.model.enrollments import Decision, Enrollment, State
from steward.model.facts import FactSpec
from steward.pipeline import happenings
from steward.pipeline.calendars import CalendarOf, calendars
from steward.pipeline.editions import Editions, Unreadable, editions, no_calendar, stand_still
from steward.pipeline.frames import BRIEF, FEW, NOBODY, Frames, Seen
from steward.pipeline.garbage import looked_for_later
from steward.pipeline.gatekeeping import Gatekeeper
from steward.pipeline.gone import Ended, cancelled, follow_merges, of_retired
from steward.pipeline.happenings import Happenings
from steward.pipeline.history import true_since
from steward.pipeline.outcome import Means, Outcome, Stepped, store
from steward.pipeline.reading import of_everybody
from steward.pipeline.staleness import look_for_stale_sources
from steward.settings import Settings
from steward.store import enrollments, events, facts, numbering, outbox, releases
from steward.store import opened as opened_ones
from steward.store.database import Database, alone
from steward.store.releases import Standing

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

IN_FLIGHT = (State.ACTIVE.value, State.RECOVERING.value)
_GIVEN_UP = ("failed", "expired")
_NONE: frozenset[str] = frozenset()


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
    waiting: int = 0                        # subjects of which nobody can say whether they belong in: data is missing
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
        """How many actions were put into the outbox, or into a digest."""
        return sum(each.actions for each in self.playbooks)


def evaluate(  # noqa: PLR0917  # a verb takes plain parts, not the hub
    db: Database, playbooks: Sequence[Playbook], catalog: Mapping[str, FactSpec], settings: Settings,
    connectors: Mapping[str, Connector], now: datetime, account_ids: Sequence[str] | None = None,
    unreadable: Sequence[Unreadable] = (),
) -> EvaluateReport:
    """Look at all accounts, or at those named, and decide. A second look at the same `now` changes nothing.

    What is open of playbooks that are `unreadable` stands still, and the report says why.
    """
    with looked_for_later(), db.write() as tx:
        alone(tx, "evaluate")
        whole = account_ids is None
        ended = follow_merges(tx, now) if whole else []
        snapshot, rest = (of_everybody(tx, playbooks, catalog, BRIEF, FEW) if whole
                          else (facts.latest(tx, account_ids), None))
        if snapshot is None or snapshot.frame.is_empty():
            nothing = (PlaybookReport(each.id, each.version, each.mode.value) for each in playbooks)
            return EvaluateReport(0, (*nothing, *map(_of_unreadable, unreadable)))
        frames = Frames(tx, snapshot.frame, playbooks, catalog, now, account_ids, rest)
        run = _Run(tx, frames, catalog, now, account_ids, calendars(settings, now), ended)
        run.load(playbooks)
        for broken in unreadable:
            stand_still(tx, run.opened.get(broken.playbook_id, run.empty), now)
        lines = run.all(in_order(tuple(playbooks)))
        means = Means(settings, connectors, catalog, run.calendar_of, run.gatekeeper.busy, now)
        outcome = run.finish(means)
        stale = look_for_stale_sources(tx, snapshot.frame, playbooks, catalog, now) if whole else ()
        reports = tuple(lines[each.id].report(each, outcome) for each in playbooks)
        still = (_of_unreadable(each, run.states.get(each.playbook_id)) for each in unreadable)
        return EvaluateReport(snapshot.frame.height, (*reports, *still), stale)


def _of_unreadable(each: Unreadable, states: Counter[str] | None = None) -> PlaybookReport:
    return PlaybookReport(
        each.playbook_id, each.version, each.mode, trouble=(each.why,), **_standing(states or Counter()))


@dataclass
class _Line:
    """What one playbook's part of the report is made of; `states` are the open ones after this run."""

    states: Counter[str]
    waiting: int = 0
    enrolled: int = 0
    closed: int = 0
    trouble: tuple[str, ...] = ()

    def note(self, before: Enrollment | None, step: Advance) -> None:
        """Count one step."""
        after = step.enrollment
        self.enrolled += step.enters
        if before is not None:
            self.states[before.state] -= 1
        if after is not None and after.state is not State.CLOSED:
            self.states[after.state] += 1
        elif after is not None:
            self.closed += 1

    def report(self, playbook: Playbook, outcome: Outcome) -> PlaybookReport:
        """With what became of the actions."""
        return PlaybookReport(
            playbook.id, playbook.version, playbook.mode.value, enrolled=self.enrolled, closed=self.closed,
            waiting=self.waiting, actions=outcome.actions[playbook.id],
            trouble=(*self.trouble, *outcome.trouble.get(playbook.id, ())),
            **_standing(self.states))


def _standing(states: Counter[str]) -> dict[str, int]:
    """How many stand in each open state, as a report has them."""
    return {state.value: states[state.value] for state in State if state is not State.CLOSED}


@dataclass(frozen=True, slots=True)
class _Part:
    """What one playbook's subjects are looked at with."""

    seen: Seen
    found: Editions
    asked: Happenings
    line: _Line
    swept: Swept


@dataclass
class _Run:
    tx: Transaction
    frames: Frames
    catalog: Mapping[str, FactSpec]
    now: datetime
    account_ids: Sequence[str] | None
    calendar_of: CalendarOf
    ended: list[Ended]
    changed: list[Stepped] = field(default_factory=list)
    standing: Mapping[str, Standing] = field(default_factory=dict)
    looked_at: list[str] = field(default_factory=list)      # the playbooks that could let anybody in
    decisions: list[Decision] = field(default_factory=list)  # besides those of steps

    def load(self, playbooks: Sequence[Playbook]) -> None:
        """Read what gates and sweep need; end what belongs to no playbook any more."""
        self.standing = releases.standing(self.tx)
        opened = enrollments.open_frame(self.tx, self.now, self._with_parents(playbooks))
        if self.whole:
            retired = [each for each, found in self.standing.items() if found.since is None]
            mine = {each.id for each in playbooks}
            self.ended += of_retired(
                self.tx, dict.fromkeys(opened["playbook_id"].unique()), set(retired) - mine, self.now)
        self.given_up = outbox.given_up(self.tx)
        if self.given_up:
            theirs = opened_ones.whose(self.tx, self.given_up).with_columns(given_up=True)
            each = ["playbook_id", "subject_id"]
            opened = opened.join(theirs, on=each, how="left", maintain_order="left").with_columns(
                pl.col("looks_each_run") | pl.col("given_up").is_not_null()).drop("given_up")
        opened = opened.with_columns(self.frames.accounts.places(opened["subject_id"]))
        self.gatekeeper = Gatekeeper(self.tx, self.frames, playbooks, opened, self.now, self.whole)
        if not self.whole:
            opened = opened.filter(pl.col("account_id").is_in(list(self.account_ids or ())))
        self.empty = opened.clear()
        self.opened = {
            str(key[0]): part for key, part in opened.partition_by("playbook_id", as_dict=True).items()}
        self.states: dict[str, Counter[str]] = {}
        for playbook_id, state, count in opened.group_by("playbook_id", "state").len().iter_rows():
            self.states.setdefault(playbook_id, Counter())[state] = count

    def all(self, playbooks: Sequence[Playbook]) -> dict[str, _Line]:
        """Decide for all, in this order; who must be looked at is found before, so that they are read in one go."""
        lines = {each.id: _Line(self.states.get(each.id, Counter())) for each in playbooks}
        parts = [(each, part) for each in playbooks if (part := self._sweep(each, lines[each.id])) is not None]
        self.frames.briefs([each for _, part in parts for each in part.seen.accounts(part.swept.looks).values()])
        for playbook, part in parts:
            self._one(playbook, part)
        return lines

    def _sweep(self, playbook: Playbook, line: _Line) -> _Part | None:
        """Who of one playbook must be looked at; None where nobody can be."""
        seen = self.frames.of(playbook.subject)
        opened = self.opened.get(playbook.id, self.empty)
        if seen is None:
            return None
        if trouble := no_calendar(playbook, self.calendar_of):
            line.trouble = (trouble,)
            stand_still(self.tx, opened, self.now)
            return None
        if playbook.mode is not Mode.PAUSED:
            self.looked_at.append(playbook.id)
        if playbook.subject is not Subject.ACCOUNT:
            opened = opened.with_columns(seen.places(opened["subject_id"]))
        found = editions(self.tx, playbook, opened, self.catalog, self.now, self.calendar_of)
        began = self.standing.get(playbook.id, Standing(None, True))
        asked = happenings.read(
            self.tx, playbook, set(opened["subject_id"]) if playbook.trigger.kind is TriggerKind.EVENT else (),
            since=began.since, now=self.now, account_ids=self.account_ids, older=found.older.values())
        if asked.undoing:
            found.opened = found.opened.with_columns(
                pl.col("looks_each_run") | pl.col("subject_id").is_in(list(asked.undoing)))
        swept = seen.sweep(playbook, found.opened, asked.subjects)
        line.waiting, line.trouble = swept.waiting, tuple(found.trouble)
        return _Part(seen, found, asked, line, swept)

    def _one(self, playbook: Playbook, part: _Part) -> None:
        """Decide for one playbook."""
        seen, found, asked, swept = part.seen, part.found, part.asked, part.swept
        steps = self._look(playbook, swept.looks, part)
        for version, edition in found.older.items():
            flying = found.opened.filter(pl.col("state").is_in(IN_FLIGHT), pl.col("version") == version)
            if flying.height:
                seen.read(facts_of(*edition.conditions().values()))
                steps.update(self._look(edition, seen.sweep_only(edition, flying).looks, part))
        self.decisions += found.decisions
        self._gone(playbook, swept.gone, part.line)
        events.use(self.tx, playbook.id, happenings.outcomes_of(asked, steps, swept.looks, self.now), self.now)

    def finish(self, means: Means) -> Outcome:
        """Store all of it."""
        enrollments.record(self.tx, self.decisions)
        outcome = store(self.tx, means, self.changed, [each.enrollment.id for each in self.ended])
        fresh = [each for each in self.looked_at if (found := self.standing.get(each)) and not found.seen]
        if self.whole and fresh:
            releases.looked(self.tx, fresh, self.now)
        return outcome

    # ---- one playbook ----

    def _look(self, playbook: Playbook, verdicts: Mapping[str, Verdicts], part: _Part) -> dict[str, Advance]:
        """Look at these; `playbook` is the version that they are on."""
        if not verdicts:
            return {}
        before = self._before(playbook, part.found, verdicts)
        closed = enrollments.last_closed_of(
            self.tx, playbook.id, [each for each in verdicts if each not in before])
        nexts = {each: closed[each].number + 1 if each in closed else 1 for each in verdicts if each not in before}
        looks = self._looks(playbook, part, verdicts, before, numbering.free_numbers(self.tx, playbook.id, nexts))

        def again(subject_id: str, gates: Gates) -> Advance:
            return advance(replace(looks[subject_id], gates=gates), before.get(subject_id), closed.get(subject_id))

        steps = advance_all(looks, before, closed)
        self.gatekeeper.choose(playbook, part.seen, steps, {each: look.gates for each, look in looks.items()}, again)
        for subject_id, step in steps.items():
            if step.enrollment is not None and (step.changed or subject_id in part.found.moved):
                self._note(Stepped(playbook, part.seen, before.get(subject_id), step), part.line)
        return steps

    def _before(
        self, playbook: Playbook, found: Editions, verdicts: Mapping[str, Verdicts],
    ) -> dict[str, Enrollment]:
        """The open enrollments of those who are looked at, whole."""
        read = enrollments.open_by_subject(self.tx, playbook.id, verdicts)
        return {**read, **{each: moved for each, moved in found.moved.items() if each in read}}

    def _looks(
        self, playbook: Playbook, part: _Part, verdicts: Mapping[str, Verdicts], before: Mapping[str, Enrollment],
        numbers: Mapping[str, int],
    ) -> dict[str, Look]:
        asked, accounts = part.asked, part.seen.accounts(verdicts)
        briefs = self.frames.briefs(accounts.values())
        gates = self.gatekeeper.first(playbook, part.seen, accounts)
        sent = self._sent(playbook, before)
        began = self.standing.get(playbook.id, Standing(None, True))
        switched_on = began.since is not None and not began.seen
        since: Mapping[str, datetime] = {}
        if switched_on and playbook.backlog is Backlog.USE_HISTORY and playbook.subject is Subject.ACCOUNT:
            entering = [each for each, seen_ in verdicts.items() if each not in before and seen_.of("when") is TRUE]
            since = true_since(self.tx, playbook, entering, self.catalog, self.now)
        looks = {}
        for subject_id, found in verdicts.items():
            account_id = accounts[subject_id]
            brief, states = briefs.get(account_id, NOBODY), sent.get(subject_id)
            looks[subject_id] = Look(
                playbook, account_id, found, self.now,
                self.calendar_of(playbook.calendar, brief.owner_zone, brief.zone), gates[subject_id], subject_id,
                asked.cause(subject_id), subject_id in asked.undoing,
                frozenset(key for key, state in states.items() if state == "delivered") if states else _NONE,
                frozenset(key for key, state in states.items() if state in _GIVEN_UP) if states else _NONE,
                switched_on, since.get(subject_id), numbers.get(subject_id))
        return looks

    def _sent(self, playbook: Playbook, before: Mapping[str, Enrollment]) -> dict[str, dict[str, str]]:
        """By subject, what became of its actions, where a step waits for them or one was given up."""
        waits = any(step.needs for step in playbook.steps())
        asked = {each.id: subject_id for subject_id, each in before.items() if each.entered_at is not None and (
            waits or each.id in self.given_up or "needs_attention" in each.body)}
        return {asked[name]: states for name, states in outbox.steps(self.tx, list(asked)).items()}

    def _gone(self, playbook: Playbook, subjects: Sequence[str], line: _Line) -> None:
        """What the playbook enrolled is there no more; a look at a few accounts cannot tell."""
        if not self.whole or not subjects:
            return
        for enrollment in enrollments.open_by_subject(self.tx, playbook.id, subjects).values():
            done = cancelled(enrollment, f"the {playbook.subject} is gone", self.now)
            step = Advance(done.enrollment, done.decision, (), True)
            seen = self.frames.of(playbook.subject)
            assert seen is not None
            self._note(Stepped(playbook, seen, enrollment, step), line)

    def _note(self, stepped: Stepped, line: _Line) -> None:
        self.changed.append(stepped)
        line.note(stepped.before, stepped.step)
        assert stepped.step.enrollment is not None
        self.gatekeeper.note(stepped.playbook, stepped.before, stepped.step.enrollment)

    def _with_parents(self, playbooks: Sequence[Playbook]) -> Sequence[str] | None:
        """The accounts of a look at a few, with those above them where a playbook is inhibited."""
        if self.account_ids is None or not any(each.inhibited_by for each in playbooks):
            return self.account_ids
        return sorted({each for account_id in self.account_ids for each in self.frames.lineage(account_id)})

    @property
    def whole(self) -> bool:
        """Whether everybody is looked at."""
        return self.account_ids is None
