"""A file of cases: YAML text in, made-up accounts and what is expected of them out, or every fault with its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from steward.engine.calendars import Calendar
from steward.engine.document import Block, Listing, Node, Scalar, read
from steward.engine.durations import parse_duration
from steward.engine.findings import Findings, Mark, near, playbook_error
from steward.engine.literals import LiteralError, parse_literal
from steward.model.enrollments import State
from steward.model.facts import FactSpec

_REPEATED = re.compile(r"(.+?)x(\d{1,4})")
_CASE_KEYS = ("name", "given", "series", "acknowledged", "expect")
_REASONS = ("cleared", "goal_met", "expired", "lapsed", "cancelled")
_LABELS = ("idle", "cooldown", *(state.value for state in State), *_REASONS)


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be so at tick `at`: labels of accounts, and what was done since the expectation before."""

    at: int
    text: str                               # "3d", as written
    labels: Mapping[str, str]
    actions: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `series` gives every account the values of its facts, tick by tick."""

    name: str
    given: Mapping[str, Any]
    series: Mapping[str, Mapping[str, tuple[Any, ...]]]
    acknowledged: Mapping[str, int]
    expect: tuple[Expected, ...]


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


class _Reader:
    def __init__(self, findings: Findings, catalog: Mapping[str, FactSpec]) -> None:
        self.findings, self.catalog = findings, catalog
        self.tick = timedelta(days=1)

    def cases(self, node: Node) -> Cases:
        root = self.block(node)
        self.known(root, ("clock", "cases"))
        clock = self.block(root.get("clock"))
        self.known(clock, ("start", "tick", "zone"))
        start = self.instant(clock.get("start"))
        self.tick = self.length(clock.get("tick")) or self.tick
        zone = clock.get("zone")
        out: list[Case] = []
        for item in self.items(root.get("cases"), node.mark):
            out.append(self.case(self.block(item), out[-1].given if out else {}))
        return Cases(start, self.tick, Calendar(ZoneInfo(zone.text if isinstance(zone, Scalar) else "UTC")), tuple(out))

    def case(self, block: Block, before: Mapping[str, Any]) -> Case:
        self.known(block, _CASE_KEYS)
        name = block.get("name")
        given = before
        if (stated := block.get("given")) is not None:
            given = {key.text: self.value(key, value) for key, value in self.block(stated).entries}
        series = {
            key.text: {fact.text: self.series(fact, values) for fact, values in self.block(body).entries}
            for key, body in self.block(block.get("series")).entries}
        lines = [self.block(item) for item in self.items(block.get("expect"), block.mark)]
        if not series:
            series = {key.text: {} for line in lines for key, _ in line.entries if key.text not in ("at", "actions")}
        acknowledged = {
            key.text: self.ticks(value) for key, value in self.block(block.get("acknowledged")).entries}
        expect = tuple(self.expected(line, series) for line in lines)
        return Case(name.text if isinstance(name, Scalar) else "?", given, series, acknowledged, expect)

    def expected(self, line: Block, series: Mapping[str, object]) -> Expected:
        at, actions, labels = line.get("at"), self.block(line.get("actions")), {}
        for key, value in line.entries:
            if key.text in ("at", "actions"):
                continue
            label = value.text if isinstance(value, Scalar) else ""
            if key.text not in series:
                self.wrong(key.mark, f'no series has the account "{key.text}"', near(key.text, series))
            if label not in _LABELS and not label.startswith("exit:"):
                self.wrong(value.mark, f'"{label}" is no state',
                           near(label, _LABELS) or f"one of: {', '.join(_LABELS)}")
            labels[key.text] = label
        done = {key.text: tuple(self.words(value)) for key, value in actions.entries}
        for key, _ in actions.entries:
            if key.text not in series:
                self.wrong(key.mark, f'no series has the account "{key.text}"', near(key.text, series))
        return Expected(self.ticks(at), at.text if isinstance(at, Scalar) else "?", labels, done)

    def series(self, fact: Scalar, node: Node) -> tuple[Any, ...]:
        out: list[Any] = []
        for token in self.ticked(fact, node.text) if isinstance(node, Scalar) else ():
            repeated = _REPEATED.fullmatch(token)
            value = self.literal(fact, repeated[1] if repeated else token, node.mark)
            out += [value] * (int(repeated[2]) + 1 if repeated else 1)
        if not out:
            self.wrong(node.mark, f'"{fact.text}" has no values', 'write them in one text: "72 58x6 _"')
        return tuple(out) or (None,)

    def ticked(self, fact: Scalar, text: str) -> list[str]:
        """The values of a series one by one; a unit belongs to the number before it: "10k EUR 60k EURx2"."""
        spec, out = self.catalog.get(fact.text), list[str]()
        units = {"day", "days", spec.unit} if spec else set[str]()
        for token in text.split():
            repeated = _REPEATED.fullmatch(token)
            if out and (repeated[1] if repeated else token) in units:
                out[-1] += f" {token}"
            else:
                out.append(token)
        return out

    def value(self, fact: Scalar, node: Node) -> Any:
        if not isinstance(node, Scalar):
            self.wrong(node.mark, "this must be one value", "write: renewal.days_left: 90")
            return None
        return self.literal(fact, node.text, node.mark)

    def literal(self, fact: Scalar, text: str, mark: Mark) -> Any:
        if fact.text not in self.catalog:
            self.findings.error("STW110", fact.mark, f'unknown fact "{fact.text}"', near(fact.text, self.catalog))
            return None
        if text == "_":
            return None
        try:
            return parse_literal(text, self.catalog[fact.text])
        except LiteralError as error:
            self.findings.error(error.code, mark, str(error), error.help)
            return None

    def ticks(self, node: Node | None) -> int:
        length = self.length(node)
        if length is None or length % self.tick:
            self.wrong(node.mark if node else Mark(), "this is no whole number of ticks", "write at: 3d")
            return 0
        return length // self.tick

    def length(self, node: Node | None) -> timedelta | None:
        found = parse_duration(node.text) if isinstance(node, Scalar) else None
        if found is None or found.unit == "bd":
            return None
        return timedelta(**{"hours" if found.unit == "h" else "days": found.amount})

    def instant(self, node: Node | None) -> datetime:
        try:
            found = datetime.fromisoformat(node.text if isinstance(node, Scalar) else "2026-03-02T08:00:00Z")
        except ValueError:
            self.wrong(node.mark if node else Mark(), "this is no instant", "write 2026-03-02T08:00:00Z")
            return datetime(2026, 3, 2, 8, tzinfo=UTC)
        return found if found.tzinfo else found.replace(tzinfo=UTC)

    def words(self, node: Node) -> list[str]:
        words = [item.text for item in self.items(node, node.mark) if isinstance(item, Scalar)]
        for word in words:
            if word not in ("cta", "task", "message", "escalate"):
                self.wrong(node.mark, f'"{word}" is no action', "one of: cta, task, message, escalate")
        return words

    def items(self, node: Node | None, mark: Mark) -> tuple[Node, ...]:
        if isinstance(node, Listing):
            return node.items
        self.wrong(node.mark if node else mark, "here belongs a list", "write: - …")
        return ()

    def block(self, node: Node | None) -> Block:
        if isinstance(node, Block):
            return node
        if node is not None:
            self.wrong(node.mark, "here belong fields", "write: name: value")
        return Block((), Mark())

    def known(self, block: Block, keys: tuple[str, ...]) -> None:
        for key, _ in block.entries:
            if key.text not in keys:
                self.findings.error("STW103", key.mark, f'unknown key "{key.text}"',
                                    near(key.text, keys) or f"known here: {', '.join(keys)}")

    def wrong(self, mark: Mark, message: str, remedy: str = "") -> None:
        self.findings.error("STW130", mark, message, remedy)
