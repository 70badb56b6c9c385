"""A file of cases: YAML text in, made-up subjects and what is expected of them out, or every fault with its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from steward.engine.calendars import WEEKDAYS, Calendar
from steward.engine.case_fields import CaseFields, Span
from steward.engine.document import Block, Node, Scalar, read
from steward.engine.field_table import CASE_TABLE, CLOCK_TABLE, STEP_TABLE, names
from steward.engine.findings import Findings, Mark, near, playbook_error
from steward.model.enrollments import State
from steward.model.events import EVENTS
from steward.model.facts import FactSpec

_REASONS = ("cleared", "goal_met", "expired", "lapsed", "revoked", "cancelled")
_GATES = ("do_not_contact", "scope", "data", "silenced", "inhibited", "cooldown", "at_most", "caps", "backlog")
_LABELS = ("idle", "cooldown", *(state.value for state in State), *_REASONS, "needs_attention", "control")
_ACTIONS = (*(kind for kind in names(STEP_TABLE) if kind not in ("wait", "branch")), "escalate")


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be so at tick `at`: labels of subjects, and what was done since the expectation before."""

    at: int
    text: str                               # "3d", as written
    labels: Mapping[str, str]
    actions: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Case:
    """One case; the fields are those of CASE_TABLE, with ticks for times, by subject.

    `approved`: at which tick which steps are approved, "" for all that waits from then on.
    """

    name: str
    given: Mapping[str, Any]
    series: Mapping[str, Mapping[str, tuple[Any, ...]]]     # of every subject, the values of its facts tick by tick
    expect: tuple[Expected, ...]
    acknowledged: Mapping[str, int] = field(default_factory=dict)
    enrolled: Mapping[str, int] = field(default_factory=dict)
    events: Mapping[str, Mapping[int, tuple[str, ...]]] = field(default_factory=dict)
    approved: Mapping[str, Mapping[int, tuple[str, ...]]] = field(default_factory=dict)
    failed: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    delivered: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    stale: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)     # by feed
    silenced: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    inhibited: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    capped: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    over_limit: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)
    control: tuple[str, ...] = ()
    switched_on: int | None = None

    @property
    def last(self) -> int:
        """The tick at which the last thing is expected."""
        return max((each.at for each in self.expect), default=0)


@dataclass(frozen=True, slots=True)
class Cases:
    """A file of cases."""

    start: datetime
    tick: timedelta
    calendar: Calendar
    cases: tuple[Case, ...]


def read_cases(text: str, file: str, catalog: Mapping[str, FactSpec]) -> Cases:
    """The cases in `text`.

    Raises:
        PlaybookError: with line, column and what to write instead.
    """
    findings = Findings(file, text)
    cases = _Reader(findings, catalog).cases(read(text, file))
    if findings.found:
        raise playbook_error(findings.found)
    return cases


class _Reader(CaseFields):
    def cases(self, node: Node) -> Cases:
        root = self.block(node)
        self.known(root, ("clock", "cases"))
        clock = self.block(root.get("clock"))
        self.known(clock, names(CLOCK_TABLE))
        start = self.instant(clock.get("start"))
        self.tick = self.length(clock.get("tick")) or self.tick
        out: list[Case] = []
        for item in self.items(root.get("cases"), node.mark):
            out.append(self.case(self.block(item), out[-1].given if out else {}))
        return Cases(start, self.tick, self.calendar(clock), tuple(out))

    def calendar(self, clock: Block) -> Calendar:
        usual, hours = Calendar(), clock.get("hours")
        opens, closes = usual.opens, usual.closes
        if hours is not None:
            try:
                opens, closes = (time.fromisoformat(part.strip()) for part in self.word(hours).split("-"))
            except ValueError:
                self.wrong(hours.mark, "these are no hours", "write: hours: 09:00-17:00")
        workdays = [(item, self.word(item).lower()[:3]) for item in self.some(clock.get("workdays"))]
        for item, day in workdays:
            if day not in WEEKDAYS:
                self.wrong(item.mark, f'"{day}" is no day of the week', f"one of: {', '.join(WEEKDAYS)}")
        worked = frozenset(WEEKDAYS.index(day) for _, day in workdays if day in WEEKDAYS)
        holidays = frozenset(off for item in self.some(clock.get("holidays")) if (off := self.day(item)))
        return Calendar(self.zone(clock.get("zone")), worked or usual.workdays, opens, closes, holidays)

    def case(self, block: Block, before: Mapping[str, Any]) -> Case:
        self.known(block, names(CASE_TABLE))
        name, given = block.get("name"), before
        if (stated := block.get("given")) is not None:
            given = {key.text: self.value(key, value) for key, value in self.block(stated).entries}
        lines = [self.block(item) for item in self.items(block.get("expect"), block.mark)]
        series = {
            key.text: {fact.text: self.series(fact, values) for fact, values in self.block(body).entries}
            for key, body in self.block(block.get("series")).entries}
        if not series:
            series = {key.text: {} for line in lines for key, _ in line.entries if key.text not in ("at", "actions")}
        self.subjects = tuple(series)
        switched_on = block.get("switched_on")
        return Case(
            name.text if isinstance(name, Scalar) else "?", given, series,
            tuple(self.expected(line) for line in lines),
            acknowledged={who.text: self.ticks(node) for who, node in self.by_subject(block, "acknowledged")},
            enrolled={who.text: self.ticks(node) for who, node in self.by_subject(block, "enrolled")},
            events={who.text: self.events(node) for who, node in self.by_subject(block, "events")},
            approved={who.text: self.approved(node) for who, node in self.by_subject(block, "approved")},
            failed={who.text: tuple(map(self.word, self.some(node))) for who, node in self.by_subject(block, "failed")},
            delivered={who.text: {step.text: self.ticks(at) for step, at in self.block(node).entries}
                       for who, node in self.by_subject(block, "delivered")},
            stale=self.stale(block),
            silenced=self.spans_of(block, "silenced"), inhibited=self.spans_of(block, "inhibited"),
            capped=self.spans_of(block, "capped"), over_limit=self.spans_of(block, "over_limit"),
            control=tuple(self.subject(item) for item in self.some(block.get("control"))),
            switched_on=self.ticks(switched_on) if switched_on is not None else None)

    def expected(self, line: Block) -> Expected:
        at, labels = line.get("at"), dict[str, str]()
        for key, value in line.entries:
            if key.text in ("at", "actions"):
                continue
            label = self.word(value)
            self.subject(key)
            if not _is_label(label):
                self.wrong(value.mark, f'"{label}" is no state',
                           near(label, (*_LABELS, *(f"blocked:{gate}" for gate in _GATES)))
                           or f"one of: {', '.join(_LABELS)}, exit:x, blocked:x")
            labels[key.text] = label
        done = {who.text: self.actions(node) for who, node in self.by_subject(line, "actions")}
        return Expected(self.ticks(at), at.text if isinstance(at, Scalar) else "?", labels, done)

    def actions(self, node: Node) -> tuple[str, ...]:
        words = tuple(item.text for item in self.items(node, node.mark) if isinstance(item, Scalar))
        for word in words:
            if word not in _ACTIONS:
                self.wrong(node.mark, f'"{word}" is no action', f"one of: {', '.join(_ACTIONS)}")
        return words

    def events(self, node: Node) -> dict[int, tuple[str, ...]]:
        out = {}
        for at, named in self.block(node).entries:
            for item in self.some(named):
                name = self.word(item)
                if name not in EVENTS and name.partition(".")[2] not in EVENTS:
                    self.wrong(item.mark, f'there is no event "{name}"',
                               near(name, EVENTS) or f"one of: {', '.join(EVENTS)}")
            out[self.ticks(at)] = tuple(map(self.word, self.some(named)))
        return out

    def approved(self, node: Node) -> dict[int, tuple[str, ...]]:
        if isinstance(node, Scalar):
            return {self.ticks(node): ("",)}
        return {self.ticks(at): tuple(map(self.word, self.some(steps))) for at, steps in self.block(node).entries}

    def stale(self, block: Block) -> dict[str, tuple[Span, ...]]:
        feeds, out = {spec.group for spec in self.catalog.values()}, {}
        for feed, node in self.block(block.get("stale")).entries:
            if feed.text not in feeds:
                self.wrong(feed.mark, f'no fact comes from the feed "{feed.text}"',
                           near(feed.text, feeds) or f"one of: {', '.join(sorted(feeds))}")
            out[feed.text] = self.spans(node)
        return out

    def spans_of(self, block: Block, name: str) -> dict[str, tuple[Span, ...]]:
        return {who.text: self.spans(node) for who, node in self.by_subject(block, name)}

    def instant(self, node: Node | None) -> datetime:
        try:
            found = datetime.fromisoformat(self.word(node) if node is not None else "2026-03-02T08:00:00Z")
        except ValueError:
            self.wrong(node.mark if node else Mark(), "this is no instant", "write 2026-03-02T08:00:00Z")
            return datetime(2026, 3, 2, 8, tzinfo=UTC)
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def day(self, node: Node) -> date | None:
        try:
            return date.fromisoformat(self.word(node))
        except ValueError:
            self.wrong(node.mark, f'"{self.word(node)}" is no day', "write 2026-12-24")
            return None

    def zone(self, node: Node | None) -> ZoneInfo:
        try:
            return ZoneInfo(self.word(node) if node is not None else "UTC")
        except (ValueError, OSError, KeyError):
            self.wrong(node.mark if node else Mark(), "there is no such zone", "write one as Europe/Berlin")
            return ZoneInfo("UTC")


def _is_label(label: str) -> bool:
    kind, _, rest = label.partition(":")
    return label in _LABELS or (kind == "exit" and bool(rest)) or (kind == "blocked" and rest in _GATES)
