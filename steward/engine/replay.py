"""A playbook played over stored snapshots, one after the other: who would have entered, what would have been planned.

It is the real lifecycle over the real sweep, in shadow: nothing is performed, each step counts as delivered and
approved. A look at an instant sees the facts as they were known then, and nothing later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from steward.engine.calendars import ALWAYS_UTC, Calendar
from steward.engine.expression import facts_of
from steward.engine.freshness import freshen
from steward.engine.gates import Gates
from steward.engine.language import Mode, Playbook, Subject, TriggerKind
from steward.engine.lifecycle import advance, cancel
from steward.engine.look import Advance, Look, Verdicts
from steward.engine.outcomes import DO_NOT_CONTACT
from steward.engine.sweep import closures_of, opened_frame, sweep
from steward.model.enrollments import Enrollment, State
from steward.model.events import Event, connection_and_name
from steward.model.facts import FactSpec
from steward.model.subjects import subject_id as id_of

NAME, OWNER, ARR = "account.name", "account.csm_email", "account.arr"
OWNER_ZONE, ACCOUNT_ZONE = "account.csm_timezone", "account.timezone"
EVENT_WAITS = timedelta(days=7)             # so long an event waits for data that its guard lacks, as in evaluate
WORK = ("cta", "task")

CalendarOf = Callable[[str, str | None, str | None], Calendar]
"""A playbook's calendar, the zone of the owner and that of the account to a `Calendar`."""


def any_calendar(*_: str | None) -> Calendar:
    """Business hours in UTC, whoever asks."""
    return ALWAYS_UTC


@dataclass(slots=True)
class Entry:
    """One enrollment that became active. `work` are CTAs and tasks; `rungs` were escalated as nobody acknowledges."""

    id: str
    subject_id: str
    account_id: str
    account: str
    owner: str
    arr: float | None
    entered_at: datetime
    closed_at: datetime | None = None
    reason: str = ""
    work: list[datetime] = field(default_factory=list)
    rungs: int = 0


@dataclass(frozen=True, slots=True)
class Probed:
    """Where a subject stood in the replay at the first snapshot at or after an instant; "absent": no row of it."""

    at: datetime
    stands: str                             # a State, "idle" or "absent"
    since: datetime | None
    reason: str
    when: bool | None


@dataclass
class Replay:
    """Feed `look` with snapshots in order. `entries` are all that became active, in order."""

    playbook: Playbook
    catalog: Mapping[str, FactSpec]
    calendar_of: CalendarOf = any_calendar
    events: Sequence[Event] = ()            # that the trigger names, by `known_at`
    paused: Callable[[datetime], bool] = lambda _: False
    probes: Mapping[str, Sequence[tuple[str, datetime]]] = field(default_factory=dict)   # subject -> keys and instants
    entries: list[Entry] = field(default_factory=list)
    probed: dict[str, Probed] = field(default_factory=dict)
    held_at_limit: list[tuple[datetime, int, int]] = field(default_factory=list)   # when, how many, the limit
    lacking: list[int] = field(default_factory=list)                # at each look: of how many data was missing

    _open: dict[str, Enrollment] = field(default_factory=dict)
    _closed: dict[str, Enrollment] = field(default_factory=dict)
    _entered: dict[str, Entry] = field(default_factory=dict)
    _times: dict[str, tuple[datetime, ...]] = field(default_factory=dict)
    _waiting_events: list[Event] = field(default_factory=list)
    _next_event: int = 0
    _looks: int = 0

    def __post_init__(self) -> None:
        self._modes = {mode: replace(self.playbook, mode=mode) for mode in (Mode.SHADOW, Mode.PAUSED)}
        self._asked = facts_of(*self.playbook.conditions().values()) | {DO_NOT_CONTACT}
        self._by_business = _asks_business_time(self.playbook)

    @property
    def columns(self) -> frozenset[str]:
        """The only columns of a snapshot that are read, besides ids."""
        groups = {f"as_of.{self.catalog[name].group}" for name in self._asked
                  if name in self.catalog and self.catalog[name].fresh_within is not None}
        zones = {OWNER_ZONE, ACCOUNT_ZONE} if self._by_business else set[str]()
        return frozenset({*self._asked, *groups, NAME, OWNER, ARR, *zones})

    def look(self, at: datetime, frame: pl.DataFrame) -> None:
        """What one evaluation at `at` would have done."""
        playbook = self._modes[Mode.PAUSED if self.paused(at) else Mode.SHADOW]
        ids = "subject_id" if "subject_id" in frame.columns else "account_id"
        fresh = freshen(frame, self._asked, self.catalog, at)
        causes = self._due_events(at)
        swept = sweep(playbook, fresh, opened_frame(self._open.values()), at, causes)
        self.lacking.append(swept.waiting)
        rows = self._rows(fresh, ids, swept.looks)
        silent = self._silent(fresh, ids)
        entering = 0
        for subject_id, seen in swept.looks.items():
            row = rows[subject_id]
            gates = Gates(do_not_contact=subject_id in silent, entered_at=self._times.get(subject_id, ()))
            look = Look(
                playbook, row["account_id"], seen, at, self._calendar(row), gates, subject_id=subject_id,
                cause=f"event:{causes[subject_id].id}" if subject_id in causes else None, switched_on=not self._looks)
            step = advance(look, self._open.get(subject_id), self._closed.get(subject_id))
            entering += step.enters
            self._keep(subject_id, step, row, at)
        for subject_id in swept.gone:
            enrollment = self._open[subject_id]
            look = Look(playbook, enrollment.account_id, Verdicts({}), at, ALWAYS_UTC, subject_id=subject_id)
            self._keep(subject_id, cancel(look, enrollment, "the account is gone"), {}, at)
        if entering > (limit := playbook.limit.of(frame.height)):
            self.held_at_limit.append((at, entering, limit))
        self._answer_events(at, causes, swept.looks)
        self._probe(at, fresh, ids)
        self._looks += 1

    # ---- one subject ----

    def _keep(self, subject_id: str, step: Advance, row: Mapping[str, Any], at: datetime) -> None:
        enrollment = step.enrollment
        if enrollment is None:
            return
        if step.enters:
            entry = Entry(
                enrollment.id, subject_id, enrollment.account_id, _plain(row.get(NAME)), str(row.get(OWNER) or ""),
                row.get(ARR), at)
            self.entries.append(entry)
            self._entered[subject_id] = entry
            self._times[subject_id] = (*self._times.get(subject_id, ()), at)
        current = self._entered.get(subject_id)
        if current is not None and step.planned:
            kinds = {each.path: each.do.kind for each in self.playbook.steps()}
            current.work += [at for each in step.planned if each.part == "do" and kinds.get(each.path) in WORK]
            current.rungs += sum(each.part == "escalate" for each in step.planned)
        if enrollment.state is not State.CLOSED:
            self._open[subject_id] = enrollment
            return
        self._open.pop(subject_id, None)
        self._closed[subject_id] = enrollment
        done = self._entered.pop(subject_id, None)
        if done is not None:
            done.closed_at, done.reason = at, enrollment.reason

    def _calendar(self, row: Mapping[str, Any]) -> Calendar:
        if not self._by_business:
            return ALWAYS_UTC
        return self.calendar_of(self.playbook.calendar, row.get(OWNER_ZONE), row.get(ACCOUNT_ZONE))

    def _rows(self, frame: pl.DataFrame, ids: str, wanted: Mapping[str, object]) -> dict[str, dict[str, Any]]:
        if not wanted:
            return {}
        told = (ids, "account_id", NAME, OWNER, ARR, OWNER_ZONE, ACCOUNT_ZONE)
        names = list(dict.fromkeys(name for name in told if name in frame.columns))
        chosen = frame.lazy().filter(pl.col(ids).is_in(list(wanted))).select(names).collect()
        return {row[ids]: row for row in chosen.iter_rows(named=True)}

    def _silent(self, frame: pl.DataFrame, ids: str) -> set[str]:
        if DO_NOT_CONTACT not in frame.columns or frame.schema[DO_NOT_CONTACT] != pl.Boolean:
            return set()
        return set(frame.filter(pl.col(DO_NOT_CONTACT))[ids].to_list())

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

    def _answer_events(self, at: datetime, causes: Mapping[str, Event], looks: Mapping[str, Verdicts]) -> None:
        """Whose guard was decided is used up; where data lacks, the event waits a week."""
        for subject_id, event in causes.items():
            seen = looks.get(subject_id)
            undecided = seen is None or seen.by_path.get("when") is None
            if not undecided or at - event.known_at > EVENT_WAITS:
                self._waiting_events.remove(event)

    # ---- comparing ----

    def _probe(self, at: datetime, frame: pl.DataFrame, ids: str) -> None:
        due = {subject: [key for key, wanted in probes if wanted <= at and key not in self.probed]
               for subject, probes in self.probes.items()}
        due = {subject: keys for subject, keys in due.items() if keys}
        if not due:
            return
        names = [name for name in (ids, *self._asked) if name in frame.columns]
        chosen = frame.filter(pl.col(ids).is_in(list(due))).select(list(dict.fromkeys(names)))
        rows = {row[ids]: row for row in chosen.iter_rows(named=True)}
        ask = closures_of(self.playbook)["when"]
        for subject, keys in due.items():
            stands = self._open.get(subject)
            state = "absent" if subject not in rows else stands.state.value if stands else "idle"
            since = None if stands is None else stands.entered_at or stands.since
            when = ask(rows[subject]) if subject in rows else None
            told = Probed(at, state, since, stands.reason if stands else "", when)
            self.probed.update(dict.fromkeys(keys, told))


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


def _plain(name: object) -> str:
    return " ".join(str(name).split()) if name else ""


