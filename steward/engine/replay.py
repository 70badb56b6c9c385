"""A playbook played over stored snapshots, one after the other: who would have entered, what would have been planned.

It is the real lifecycle in shadow: nothing is performed, each step counts as delivered and approved. A look at an
instant sees the facts as they were known then, and nothing later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any

import polars as pl

from steward.engine.blocks import AT, DAY, Block, Changes, Packing, freshen_block
from steward.engine.calendars import ALWAYS_UTC, Calendar
from steward.engine.expression import Leaf, facts_of
from steward.engine.gates import Gates
from steward.engine.language import Mode, Playbook, Subject, TriggerKind
from steward.engine.lifecycle import advance, cancel
from steward.engine.look import Advance, Look, Verdicts
from steward.engine.outcomes import DO_NOT_CONTACT
from steward.engine.played import Entry, Played, Probed, Seen
from steward.model.enrollments import State
from steward.model.events import Event, connection_and_name
from steward.model.facts import FactSpec
from steward.model.subjects import subject_id as id_of

NAME, OWNER, ARR = "account.name", "account.csm_email", "account.arr"
OWNER_ZONE, ACCOUNT_ZONE = "account.csm_timezone", "account.timezone"
EVENT_WAITS = timedelta(days=7)             # so long an event waits for data that its guard lacks, as in evaluate
WORK = ("cta", "task")
SILENT = "do not contact"                   # beside the paths of the conditions

CalendarOf = Callable[[str, str | None, str | None], Calendar]
"""A playbook's calendar, the zone of the owner and that of the account to a `Calendar`."""


def any_calendar(*_: str | None) -> Calendar:
    """Business hours in UTC, whoever asks."""
    return ALWAYS_UTC


@dataclass
class Replay:
    """Feed `play` with blocks in order. `entries` are all that became active, in order.

    Whom a look could change is found as the sweep finds it, for a whole block at once: whose verdicts differ from the
    snapshot before, for whom time has come (`wake_at`), and whom an event names.
    """

    playbook: Playbook
    catalog: Mapping[str, FactSpec]
    calendar_of: CalendarOf = any_calendar
    events: Sequence[Event] = ()            # that the trigger names, by `known_at`
    paused: Callable[[datetime], bool] = lambda _: False
    probes: Mapping[str, Sequence[tuple[str, datetime]]] = field(default_factory=dict)   # subject -> keys and instants
    entries: list[Entry] = field(default_factory=list)
    probed: dict[str, Probed] = field(default_factory=dict)
    held_at_limit: list[tuple[datetime, int, int]] = field(default_factory=list)   # when, how many, the limit
    lacking: list[int] = field(default_factory=list)                # by snapshot: of how many nobody can say

    _subjects: dict[str, Played] = field(default_factory=dict)
    _eager: set[str] = field(default_factory=set)                   # idle, and `when` is true
    _each_run: set[str] = field(default_factory=set)                # at a gate, or stuck
    _alarms: list[tuple[datetime, str]] = field(default_factory=list)
    _waiting_events: list[Event] = field(default_factory=list)
    _next_event: int = 0
    _looks: int = 0
    _paused: bool = False

    def __post_init__(self) -> None:
        self._modes = {mode: replace(self.playbook, mode=mode) for mode in (Mode.SHADOW, Mode.PAUSED)}
        conditions = self.playbook.conditions()
        self._asked = facts_of(*conditions.values()) | {DO_NOT_CONTACT}
        self._packing = Packing({**conditions, SILENT: Leaf(DO_NOT_CONTACT, "==", (True,), "true")})
        self._zones = (OWNER_ZONE, ACCOUNT_ZONE) if _asks_business_time(self.playbook) else ()
        self._kinds = {each.path: each.do.kind for each in self.playbook.steps()}
        self._changes: Changes | None = None
        self._seen: dict[tuple[int, ...], Seen] = {}

    @property
    def columns(self) -> frozenset[str]:
        """The only columns of a snapshot that are read, besides ids."""
        groups = {f"as_of.{self.catalog[name].group}" for name in self._asked
                  if name in self.catalog and self.catalog[name].fresh_within is not None}
        return frozenset({*self._asked, *groups, NAME, OWNER, ARR, *self._zones})

    def play(self, block: Block) -> None:
        """What one evaluation at each of its instants would have done."""
        fresh = freshen_block(block.frame, self._asked, self.catalog)
        codes, begun = self._packing.columns, len(self.entries)
        zones = [_text(block.frame, name).alias(name) for name in self._zones]
        rows = pl.concat([
            fresh.select(DAY, pl.col(block.ids).alias("subject"), "account_id", *zones), self._packing.pack(fresh),
        ], how="horizontal")
        rows = self._that_matter(rows, codes, len(block.instants))
        if self._changes is None:
            self._changes = Changes("subject", ["account_id", *codes, *self._zones])
        days = zip(block.instants, block.heights, self._changes.of(rows, len(block.instants)), strict=True)
        for at, height, (changed, gone) in days:
            self._day(at, height, changed, gone)
        self._describe(block, begun)

    # ---- one snapshot ----

    def _day(self, at: datetime, height: int, changed: Mapping[str, tuple[Any, ...]], gone: Sequence[str]) -> None:
        paused = self.paused(at)
        playbook = self._modes[Mode.PAUSED if paused else Mode.SHADOW]
        for subject_id, row in changed.items():
            self._notice(subject_id, row)
        causes = self._due_events(at)
        entering = 0
        for subject_id in self._whom(at, changed, causes, paused):
            one = self._subjects.get(subject_id)
            if one is None or one.seen is None:
                continue                    # an event tells of one whom no snapshot knows yet
            cause = f"event:{causes[subject_id].id}" if subject_id in causes and one.open is None else None
            gates = Gates(do_not_contact=one.seen.by_path[SILENT] is True, entered_at=tuple(one.entered))
            calendar = self.calendar_of(playbook.calendar, *one.zones) if one.zones else ALWAYS_UTC
            look = Look(playbook, one.account_id, one.seen.verdicts, at, calendar, gates, subject_id=subject_id,
                        cause=cause, switched_on=not self._looks)
            step = advance(look, one.open, one.closed)
            entering += step.enters
            self._keep(subject_id, one, step, at)
        for subject_id in gone:
            self._leave(playbook, subject_id, at)
        if entering > (limit := playbook.limit.of(height)):
            self.held_at_limit.append((at, entering, limit))
        self._answer_events(at, causes)
        self._probe(at)
        self._looks += 1

    def _notice(self, subject_id: str, row: tuple[Any, ...]) -> None:
        codes = row[1:1 + len(self._packing.columns)]
        if (seen := self._seen.get(codes)) is None:
            seen = self._seen[codes] = Seen(self._packing.unpack(codes))
        one = self._subjects.get(subject_id)
        if one is None:
            one = self._subjects[subject_id] = Played(row[0])
        one.seen, one.zones = seen, row[1 + len(codes):]
        if one.open is None:
            self._note_eager(subject_id, one)

    def _note_eager(self, subject_id: str, one: Played) -> None:
        """Whoever is idle while `when` is true is looked at, until a look lets it in or `when` is true no more."""
        by_path = one.seen.by_path if one.seen else {}
        if self.playbook.comes_by_itself and by_path.get("when") is True and by_path.get("scope", True) is True:
            self._eager.add(subject_id)
        else:
            self._eager.discard(subject_id)

    def _whom(
        self, at: datetime, changed: Mapping[str, object], causes: Mapping[str, Event], paused: bool,
    ) -> list[str]:
        due = {each for each in changed if self._subjects[each].could_change(paused)}
        if paused is not self._paused:          # clocks stop or go on for everybody
            due.update(each for each, one in self._subjects.items() if one.open is not None)
            self._paused = paused
        while self._alarms and self._alarms[0][0] <= at:
            due.add(heappop(self._alarms)[1])
        return sorted(due | self._each_run | self._eager | causes.keys())

    def _keep(self, subject_id: str, one: Played, step: Advance, at: datetime) -> None:
        enrollment = step.enrollment
        if enrollment is None:
            return
        if step.enters:
            one.entry = Entry(enrollment.id, subject_id, one.account_id, at)
            self.entries.append(one.entry)
            one.entered.append(at)
        if one.entry is not None and step.planned:
            one.entry.work += [at for each in step.planned if each.part == "do" and self._kinds[each.path] in WORK]
            one.entry.rungs += sum(each.part == "escalate" for each in step.planned)
        self._eager.discard(subject_id)
        self._each_run.discard(subject_id)
        if enrollment.state is State.CLOSED:
            if one.entry is not None:
                one.entry.closed_at, one.entry.reason = at, enrollment.reason
            one.open, one.closed, one.entry = None, enrollment, None
            self._note_eager(subject_id, one)
            return
        one.open = enrollment
        if enrollment.wake_at is not None and enrollment.wake_at <= at:
            self._each_run.add(subject_id)
        elif enrollment.wake_at is not None:
            heappush(self._alarms, (enrollment.wake_at, subject_id))

    def _leave(self, playbook: Playbook, subject_id: str, at: datetime) -> None:
        one = self._subjects[subject_id]
        if one.open is not None:
            look = Look(playbook, one.account_id, Verdicts({}), at, ALWAYS_UTC, subject_id=subject_id)
            self._keep(subject_id, one, cancel(look, one.open, "the account is gone"), at)
        one.seen = None
        self._eager.discard(subject_id)

    # ---- a block as a whole ----

    def _that_matter(self, rows: pl.DataFrame, codes: list[str], days: int) -> pl.DataFrame:
        """The rows of those subjects that are enrolled or may be within the block; the others stay as they are.

        Notes besides of how many, by day, nobody can say whether they belong in, enrolled or not.
        """
        unknown, opening = [], []
        for code in rows.select(codes).unique().iter_rows():
            verdicts = self._packing.unpack(code)
            when, scope = verdicts["when"], verdicts.get("scope", True)
            if (when is None and scope is not False) or (when and scope is None):
                unknown.append(code)
            elif when and scope:
                opening.append(code)
        counted = dict(_having(rows, codes, unknown).group_by(DAY).len().iter_rows())
        self.lacking += [counted.get(day, 0) for day in range(days)]
        named = {subject for event in self.events if (subject := _subject_of(self.playbook, event))}
        named.update(each for each, one in self._subjects.items() if one.open is not None)
        named.update(self._eager, self.probes)
        matter = pl.Series("subject", sorted(named), dtype=pl.String)
        if self.playbook.comes_by_itself:
            matter = pl.concat([matter, _having(rows, codes, opening)["subject"]])
        return rows.join(pl.DataFrame({"subject": matter.unique()}), on="subject", how="semi", maintain_order="left")

    def _describe(self, block: Block, begun: int) -> None:
        """Who it was and whose, as known at the entry."""
        new = self.entries[begun:]
        if not new:
            return
        frame = block.frame
        wanted = pl.DataFrame({"subject": [each.subject_id for each in new], "entry": range(len(new)),
                               AT: [each.entered_at for each in new]},
                              schema_overrides={AT: pl.Datetime("us", "UTC")})
        arr = pl.col(ARR).cast(pl.Float64) if ARR in frame.columns else pl.lit(None, dtype=pl.Float64)
        told = frame.select(
            pl.col(block.ids).alias("subject"), AT, _text(frame, NAME).alias("name"),
            _text(frame, OWNER).alias("owner"), arr.alias("arr"))
        for at, name, owner, worth in wanted.join(told, on=["subject", AT]).select(
                "entry", "name", "owner", "arr").iter_rows():
            new[at].account, new[at].owner, new[at].arr = " ".join((name or "").split()), owner or "", worth

    # ---- events ----

    def _due_events(self, at: datetime) -> dict[str, Event]:
        """By subject, the first event that asks for its entry."""
        while self._next_event < len(self.events) and self.events[self._next_event].known_at <= at:
            self._waiting_events.append(self.events[self._next_event])
            self._next_event += 1
        due: dict[str, Event] = {}
        for event in self._waiting_events:
            if (subject := _subject_of(self.playbook, event)) is not None:
                due.setdefault(subject, event)
        return due

    def _answer_events(self, at: datetime, causes: Mapping[str, Event]) -> None:
        """Whose guard was decided is used up; where data lacks, the event waits a week."""
        for subject_id, event in causes.items():
            one = self._subjects.get(subject_id)
            undecided = one is None or one.seen is None or one.seen.by_path.get("when") is None
            if not undecided or at - event.known_at > EVENT_WAITS:
                self._waiting_events.remove(event)

    # ---- comparing ----

    def _probe(self, at: datetime) -> None:
        for subject_id, probes in self.probes.items():
            for key, wanted in probes:
                if wanted <= at and key not in self.probed:
                    self.probed[key] = self._stands(subject_id, at)

    def _stands(self, subject_id: str, at: datetime) -> Probed:
        one = self._subjects.get(subject_id)
        if one is None or one.seen is None:
            return Probed(at, "absent", None, "", None)
        when = one.seen.by_path["when"]
        if one.open is None:
            return Probed(at, "idle", None, "", when)
        return Probed(at, one.open.state.value, one.open.entered_at or one.open.since, one.open.reason, when)


def events_asked(playbook: Playbook) -> str:
    """The event that lets subjects in; "" where none does."""
    return playbook.trigger.event if playbook.trigger.kind is TriggerKind.EVENT else ""


def _subject_of(playbook: Playbook, event: Event) -> str | None:
    """Whom of the playbook's subjects the event asks to enter."""
    connection, name = connection_and_name(playbook.trigger.event)
    if event.name != name or (connection and event.connection != connection):
        return None
    if playbook.subject is Subject.ACCOUNT:
        return event.account_id
    kind = playbook.subject.value
    return id_of(kind, event.connection, event.record) if event.name.startswith(f"{kind}.") else None


def _asks_business_time(playbook: Playbook) -> bool:
    lengths = [playbook.for_, playbook.keep_for, playbook.again_after, playbook.timeout,
               *(rung.after for rung in playbook.escalate), *([playbook.goal.within] if playbook.goal else []),
               *(step.do.length for step in playbook.steps() if step.do.kind == "wait")]
    return any(each.elapsed() is None for each in lengths)


def _having(rows: pl.DataFrame, columns: list[str], values: Sequence[tuple[int, ...]]) -> pl.DataFrame:
    told = pl.DataFrame(values, schema=dict.fromkeys(columns, pl.Int64), orient="row")
    return rows.join(told, on=columns, how="semi")


def _text(frame: pl.DataFrame, name: str) -> pl.Expr:
    return pl.col(name).cast(pl.String) if name in frame.columns else pl.lit(None, dtype=pl.String)
