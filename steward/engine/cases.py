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

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from steward.engine.calendars import Calendar
from steward.engine.case_file import Case, Cases, Expected, read_cases
from steward.engine.gates import Gates
from steward.engine.language import Mode, Playbook
from steward.engine.lifecycle import Look, Planned, Verdicts, advance, cooldown_from
from steward.engine.load import load_file, read_text
from steward.engine.sweep import closures_of
from steward.model.enrollments import Enrollment, State
from steward.model.facts import FactSpec


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

    def labels(self, playbook: Playbook, now: datetime, calendar: Calendar) -> tuple[str, ...]:
        """What may be said of where it stands, the usual word first."""
        if self.open is not None:
            return (self.open.state.value,)
        if self.closed is None:
            return ("idle",)
        since = cooldown_from(self.closed)
        cooling = since is not None and playbook.again_after.after(since, calendar) > now
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
    step = advance(Look(playbook, row["account_id"], found, now, cases.calendar, gates), account.open, account.closed)
    account.done += [kind_of(playbook, planned) for planned in step.planned]
    account.open = step.enrollment
    if step.enrollment is not None and step.enrollment.state is State.CLOSED:
        account.open, account.closed = None, step.enrollment


def kind_of(playbook: Playbook, planned: Planned) -> str:
    """ "cta", "task", "message" or "escalate"."""
    if planned.part == "escalate":
        return "escalate"
    return next(each.do.kind for each in playbook.steps() if each.path == planned.path)


def _compare(
    playbook: Playbook, cases: Cases, expected: Expected, accounts: Mapping[str, _Account], now: datetime,
) -> list[str]:
    out = []
    for name, wanted in expected.labels.items():
        labels = accounts[name].labels(playbook, now, cases.calendar)
        if wanted not in labels:
            held = accounts[name].open
            why = f" ({held.reason})" if held and held.reason else ""
            out.append(f"at {expected.text}: {name} is {labels[0]}{why}, expected {wanted}")
    for name, wanted_actions in expected.actions.items():
        done = tuple(accounts[name].done)
        if sorted(done) != sorted(wanted_actions):
            out.append(f"at {expected.text}: done for {name}: {list(done)}, expected {list(wanted_actions)}")
    return out
