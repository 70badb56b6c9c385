"""Cases of a playbook: made-up accounts over made-up days in, what happened otherwise than expected out.

    clock: {start: 2026-03-02T08:00:00Z, tick: 1d}
    cases:
      - name: …
        given: {renewal.days_left: 90}                   what is so all the time; kept by the cases after it
        series: {acme: {health.score: "72 58x6 _"}}      58x6 is 58 and six more; _ is no value; the last one stays
        acknowledged: {acme: 5d}                         when somebody pressed the button
        expect: [{at: 3d, acme: pending, actions: {acme: [cta]}}]   actions since the line before
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from steward.engine.document import Block, Listing, Node, Scalar, read
from steward.engine.durations import parse_duration
from steward.engine.findings import Findings, Mark, near, playbook_error
from steward.engine.gates import Gates
from steward.engine.language import Mode, Playbook
from steward.engine.lifecycle import Look, Planned, Verdicts, advance, cooldown_from
from steward.engine.literals import LiteralError, parse_literal
from steward.engine.load import load_file, read_text
from steward.engine.sweep import closures_of
from steward.model.enrollments import Enrollment, State
from steward.model.facts import FactSpec

_REPEATED = re.compile(r"(.+?)x(\d{1,4})")
_CASE_KEYS = ("name", "given", "series", "acknowledged", "expect")
_REASONS = ("cleared", "goal_met", "expired", "lapsed", "cancelled")
_LABELS = ("idle", "cooldown", *(state.value for state in State), *_REASONS)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one case went; `differences` say what was expected and what was."""

    playbook: str
    file: str
    name: str
    differences: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return not self.differences


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
    zone: ZoneInfo
    cases: tuple[Case, ...]


def run_files(paths: Sequence[Path], catalog: Mapping[str, FactSpec]) -> tuple[Outcome, ...]:
    """The outcomes of the cases at `paths`, each named after its playbook beside it (or that playbook itself).

    Raises:
        PlaybookError: a playbook or its cases cannot be read.
    """
    out: list[Outcome] = []
    for path in paths:
        stem = path.name.removesuffix(".yaml").removesuffix(".cases")
        playbook = load_file(path.with_name(f"{stem}.yaml"), catalog)
        file = path.with_name(f"{stem}.cases.yaml")
        out += run_cases(playbook, read_cases(read_text(file), str(file), catalog), str(file))
    return tuple(out)


def run_cases(playbook: Playbook, cases: Cases, file: str = "") -> tuple[Outcome, ...]:
    """Each case played as if the playbook were live, alone, and far from its limit."""
    live = replace(playbook, mode=Mode.LIVE)
    return tuple(Outcome(playbook.id, file, case.name, tuple(_play(live, cases, case))) for case in cases.cases)


@dataclass
class _Account:
    open: Enrollment | None = None
    closed: Enrollment | None = None
    done: list[str] = field(default_factory=list)

    def labels(self, playbook: Playbook, now: datetime, zone: ZoneInfo) -> tuple[str, ...]:
        """What may be said of where it stands, the usual word first."""
        if self.open is not None:
            return (self.open.state.value,)
        if self.closed is None:
            return ("idle",)
        since = cooldown_from(self.closed)
        cooling = since is not None and playbook.again_after.after(since, zone) > now
        return ("cooldown" if cooling else "idle", self.closed.reason, State.CLOSED.value)


def _play(playbook: Playbook, cases: Cases, case: Case) -> list[str]:
    accounts = {name: _Account() for name in case.series}
    differences: list[str] = []
    for tick in range(max((each.at for each in case.expect), default=0) + 1):
        now = cases.start + tick * cases.tick
        for name, account in accounts.items():
            if account.open and case.acknowledged.get(name, tick + 1) <= tick and not account.open.acknowledged_at:
                account.open = replace(account.open, acknowledged_at=now, acknowledged_by="case")
            seen = {fact: values[min(tick, len(values) - 1)] for fact, values in case.series[name].items()}
            row = {**case.given, **seen, "account_id": name}
            _look(playbook, cases, account, row, now)
        for expected in (each for each in case.expect if each.at == tick):
            differences += _compare(playbook, cases, expected, accounts, now)
            for account in accounts.values():
                account.done.clear()
    return differences


def _look(playbook: Playbook, cases: Cases, account: _Account, row: Mapping[str, Any], now: datetime) -> None:
    found = Verdicts({path: ask(row) for path, ask in closures_of(playbook).items()})
    gates = Gates(do_not_contact=row.get("account.do_not_contact") is True)
    step = advance(Look(playbook, row["account_id"], found, now, cases.zone, gates), account.open, account.closed)
    account.done += [kind_of(playbook, planned) for planned in step.planned]
    account.open = step.enrollment
    if step.enrollment is not None and step.enrollment.state is State.CLOSED:
        account.open, account.closed = None, step.enrollment


def kind_of(playbook: Playbook, planned: Planned) -> str:
    """ "cta", "task", "message" or "escalate"."""
    return "escalate" if planned.part == "escalate" else playbook.do[planned.position].kind


def _compare(
    playbook: Playbook, cases: Cases, expected: Expected, accounts: Mapping[str, _Account], now: datetime,
) -> list[str]:
    out = []
    for name, wanted in expected.labels.items():
        labels = accounts[name].labels(playbook, now, cases.zone)
        if wanted not in labels:
            held = accounts[name].open
            why = f" ({held.reason})" if held and held.reason else ""
            out.append(f"at {expected.text}: {name} is {labels[0]}{why}, expected {wanted}")
    for name, wanted_actions in expected.actions.items():
        done = tuple(accounts[name].done)
        if sorted(done) != sorted(wanted_actions):
            out.append(f"at {expected.text}: done for {name}: {list(done)}, expected {list(wanted_actions)}")
    return out


# ---- reading ----

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
        return Cases(start, self.tick, ZoneInfo(zone.text if isinstance(zone, Scalar) else "UTC"), tuple(out))

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
        for token in node.text.split() if isinstance(node, Scalar) else ():
            repeated = _REPEATED.fullmatch(token)
            value = self.literal(fact, repeated[1] if repeated else token, node.mark)
            out += [value] * (int(repeated[2]) + 1 if repeated else 1)
        if not out:
            self.wrong(node.mark, f'"{fact.text}" has no values', 'write them in one text: "72 58x6 _"')
        return tuple(out) or (None,)

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
