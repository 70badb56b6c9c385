"""Cases of a playbook: made-up subjects over made-up days in, what happened otherwise than expected out.

    clock: {start: 2026-03-02T08:00:00Z, tick: 1d}
    cases:
      - name: …
        given: {renewal.days_left: 90}                   what is so all the time; kept by the cases after it
        series: {acme: {health.score: "72 58x6 _"}}      58x6 is 58 and six more; _ is no value; the last one stays
        events: {acme: {3d: opportunity.closed_won}}     what happens; also enrolled, acknowledged, approved, …
        expect: [{at: 3d, acme: pending, actions: {acme: [cta]}}]   actions since the line before

All that may stand there is in `field_table.CASE_TABLE`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from steward.engine.case_file import Case, Cases, Expected, read_cases
from steward.engine.findings import near
from steward.engine.language import Mode, Playbook
from steward.engine.load import load_file, read_text
from steward.engine.made_up import MadeUp, World, calendar_of
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
        out += run_cases(playbook, read_cases(read_text(file), str(file), catalog), catalog, str(file))
    return tuple(out)


def run_cases(
    playbook: Playbook, cases: Cases, catalog: Mapping[str, FactSpec], file: str = "",
) -> tuple[Outcome, ...]:
    """Each case played as if the playbook were live and alone."""
    live = replace(playbook, mode=Mode.LIVE)
    return tuple(Outcome(playbook.id, file, case.name, tuple(_play(World(live, cases, case, catalog))))
                 for case in cases.cases)


def _play(world: World) -> list[str]:
    differences = _unknown_steps(world.playbook, world.case)
    everybody = {name: MadeUp(name) for name in world.case.series}
    for tick in range(world.case.last + 1):
        for each in everybody.values():
            each.look(world, tick)
        for expected in (each for each in world.case.expect if each.at == tick):
            differences += _compare(world, expected, everybody, tick)
            for each in everybody.values():
                each.done.clear()
    return differences


def _compare(world: World, expected: Expected, everybody: Mapping[str, MadeUp], tick: int) -> list[str]:
    out = []
    for name, wanted in expected.labels.items():
        each = everybody[name]
        labels = each.labels(world.playbook, world.now(tick), calendar_of(world, world.row(name, tick)))
        if wanted not in labels:
            why = f" ({each.open.reason})" if each.open and each.open.reason else ""
            out.append(f"at {expected.text}: {name} is {labels[0]}{why}, expected {wanted}")
    for name, actions in expected.actions.items():
        done = everybody[name].done
        if sorted(done) != sorted(actions):
            out.append(f"at {expected.text}: done for {name}: {list(done)}, expected {list(actions)}")
    return out


def _unknown_steps(playbook: Playbook, case: Case) -> list[str]:
    """A case that names a step which is not there would show nothing."""
    known = {name for step in playbook.steps() for name in (step.id, step.path) if name}
    known |= {f"escalate[{at}]" for at in range(len(playbook.escalate))}
    named = [name for steps in case.failed.values() for name in steps]
    named += [name for steps in case.delivered.values() for name in steps]
    named += [name for times in case.approved.values() for steps in times.values() for name in steps if name]
    return [f'there is no step "{name}"; {near(name, known) or "write its id or its path, as do[1]"}'
            for name in dict.fromkeys(named) if name not in known]
