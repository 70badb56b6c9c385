"""Looking only at those who could change is looking at everybody: over random lives, with data missing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from steward.engine.calendars import Calendar
from steward.engine.durations import Duration
from steward.engine.expression import ALWAYS, NEVER
from steward.engine.gates import Gates
from steward.engine.language import (
    Arm,
    AtMost,
    Backlog,
    Branch,
    CtaStep,
    Goal,
    MessageStep,
    Mode,
    Playbook,
    Rung,
    Step,
    Trigger,
    TriggerKind,
    Wait,
)
from steward.engine.lifecycle import advance
from steward.engine.look import Advance, Look, Verdicts
from steward.engine.sweep import OPENED, closures_of, located, opened_frame, sweep, sweep_rows
from steward.model.enrollments import Decision, Enrollment, State

START = datetime(2026, 3, 26, 7, tzinfo=UTC)            # the clocks change on the 29th in Berlin
BERLIN = Calendar(ZoneInfo("Europe/Berlin"))
SUBJECTS = tuple(f"acct_{number}" for number in range(5))
IN_FLIGHT = (State.ACTIVE, State.RECOVERING)
PARTS = ("when", "until", "scope", "goal", "gone", "large", "calm", "big", "undone")


@dataclass
class World:
    """A store in memory, and all that a run reads."""

    seed: int
    live: Playbook
    every: bool                                         # look at everybody
    open: dict[str, Enrollment] = field(default_factory=dict)
    closed: dict[str, Enrollment] = field(default_factory=dict)
    planned: list[tuple[int, str]] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    versions: dict[str, Playbook] = field(default_factory=dict)
    looks: int = 0

    def run(self, tick: int, facts: pl.DataFrame) -> None:
        now = START + tick * timedelta(hours=12)
        self.versions[self.live.version] = self.live
        asked = [each for each in SUBJECTS if self.chance(f"event {each} {tick}", 0.1)]
        for subject_id, playbook, verdicts in self.whom(facts, now, asked):
            self.looks += 1
            look = Look(playbook, subject_id, verdicts, now, BERLIN, self.gates(subject_id, tick),
                        cause=f"event:{tick}" if subject_id in asked else None,
                        delivered=self.delivered(subject_id, tick), switched_on=tick == 0)
            self.keep(tick, subject_id, advance(look, self.open.get(subject_id), self.closed.get(subject_id)))

    def whom(self, facts: pl.DataFrame, now: datetime, asked: list[str]) -> list[tuple[str, Playbook, Verdicts]]:
        if self.every:
            rows = {row["account_id"]: row for row in facts.iter_rows(named=True)}
            return [(each, self.of(each), Verdicts({path: ask(rows[each]) for path, ask in closures_of(self.of(each)).items()}))
                    for each in SUBJECTS]
        opened = located(opened_frame(self.open.values()), facts)
        found = [(each, self.live, seen) for each, seen in sweep(self.live, facts, opened, now, asked).looks.items()]
        for version in {each.version for each in self.open.values() if each.state in IN_FLIGHT} - {self.live.version}:
            theirs = opened.filter(pl.col("state").is_in(["active", "recovering"]), pl.col("version") == version)
            old = replace(self.versions[version], mode=self.live.mode)
            found += [(each, old, seen) for each, seen in sweep(old, facts, theirs, now).looks.items()
                      if each in theirs["subject_id"].to_list()]
        return found

    def of(self, subject_id: str) -> Playbook:
        opened = self.open.get(subject_id)
        pinned = opened is not None and opened.state in IN_FLIGHT
        return replace(self.versions[opened.version], mode=self.live.mode) if opened and pinned else self.live

    def keep(self, tick: int, subject_id: str, step: Advance) -> None:
        self.planned += [(tick, planned.key) for planned in step.planned]
        self.decisions += [step.decision] if step.decision else []
        if not step.changed or step.enrollment is None:
            assert not step.planned
            return
        self.open[subject_id] = step.enrollment
        if step.enrollment.state is State.CLOSED:
            self.closed[subject_id] = self.open.pop(subject_id)

    def gates(self, subject_id: str, tick: int) -> Gates:
        return Gates(
            silenced="until Friday by ana: they migrate" if self.chance(f"silence {subject_id} {tick // 4}", 0.15) else "",
            inhibited_by="fire" if self.chance(f"fire {subject_id} {tick // 3}", 0.2) else "",
            cap="of ana" if self.chance(f"cap {subject_id} {tick // 2}", 0.1) else "")

    def delivered(self, subject_id: str, tick: int) -> frozenset[str]:
        """A receipt comes some time after the step was planned."""
        return frozenset(key for at, key in self.planned if f"/{subject_id}/" in key and tick > at + 2)

    def chance(self, what: str, share: float) -> bool:
        return Random(f"{self.seed} {what}").random() < share

    @property
    def all(self) -> tuple[Any, ...]:
        return (self.open, self.closed, sorted(self.planned), sorted(map(repr, self.decisions)))


def series(seed: int, ticks: int) -> list[pl.DataFrame]:
    """Facts that stay for a while, as facts do; None is not known."""
    rng = Random(seed)
    now = {(each, part): rng.choice((True, False, None)) for each in SUBJECTS for part in PARTS}
    weights = {"when": (6, 3, 1), "until": (2, 6, 1), "scope": (9, 1, 1), "gone": (1, 25, 1), "goal": (1, 12, 1), "undone": (1, 25, 1)}
    out = []
    for _ in range(ticks):
        for each, part in now:
            if rng.random() < 0.3:
                now[each, part] = rng.choices((True, False, None), weights.get(part, (3, 3, 2)))[0]
        out.append(pl.DataFrame(
            {"account_id": SUBJECTS, **{part: pl.Series([now[each, part] for each in SUBJECTS], dtype=pl.Boolean) for part in PARTS}}))
    return out


def drawn_playbook(rng: Random, made: Callable[..., Playbook], fact: Callable[[str], Any], version: str) -> Playbook:
    """One that uses much of the language."""
    def length() -> Duration:
        return Duration(rng.choice((0, 1, 1, 2, 3)), rng.choice(("d", "h", "bd", "bh")))

    fork = Branch((Arm(fact("large"), (Step(CtaStep("cta", "risk"), "do[2].branch[0].do[0]", id="inner"),)), Arm(None, ())))
    steps = [
        Step(CtaStep("cta", "risk"), "do[0]", id="work", only_if=rng.choice((None, fact("big")))),
        Step(Wait(length()), "do[1]"), Step(fork, "do[2]"),
        Step(MessageStep(("csm",)), "do[3]", needs=("work",)), Step(MessageStep(("csm",)), "do[4]"),
    ]
    return made(
        *steps[:rng.randint(1, 5)], version=version, when=rng.choice((fact("when"), fact("when"), fact("big"))), scope=rng.choice((None, fact("scope"))),
        until=rng.choice((fact("until"), None)), for_=length(), keep_for=length(), timeout=Duration(rng.choice((2, 4, 90))),
        again_after=length(), at_most=rng.choice((None, AtMost(2, Duration(5)))), goal=rng.choice((None, Goal(fact("goal"), Duration(3)))),
        exits=rng.choice(((), (("gone", fact("gone")),))), revoke_on=rng.choice((None, fact("undone"))),
        compensate=(Step(MessageStep(("csm",)), "compensate[0]"),), backlog=rng.choice(tuple(Backlog)),
        trigger=rng.choice((Trigger(), Trigger(), Trigger(TriggerKind.EVENT, event="ticket.opened"))),
        mode=rng.choice((Mode.LIVE, Mode.LIVE, Mode.SHADOW)),
        escalate=tuple(Rung(length(), ("boss",), rng.choice((None, "acknowledged", fact("calm"))), rng.choice((None, fact("large"))))
                       for _ in range(rng.randint(0, 2))))


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_looking_at_the_swept_is_looking_at_everybody(made: Any, fact: Any, seed: int) -> None:
    """The hub that looks at two hundred of a million accounts must decide as the one that looks at all."""
    rng, ticks = Random(seed), 24
    first, second = (drawn_playbook(rng, made, fact, version) for version in ("v1", "v2"))
    second = replace(second, trigger=first.trigger)
    changes, pauses = rng.randint(6, 40), rng.randint(6, 40)
    every, few = World(seed, first, True), World(seed, first, False)
    for tick, facts in enumerate(series(seed, ticks)):
        live = second if tick >= changes else first
        live = replace(live, mode=Mode.PAUSED) if pauses <= tick < pauses + 4 else live
        for world in (every, few):
            world.live = live
            world.run(tick, facts)

        assert few.all == every.all, tick
    keys = [key for _, key in every.planned]
    assert len(set(keys)) == len(keys), "a key is used once, for ever"
    rungs = [key for key in keys if "/escalate." in key]
    assert len(set(rungs)) == len(rungs)
    _decisions_follow_each_other(every)


def _decisions_follow_each_other(world: World) -> None:
    """Every state has its decision, and each begins where the one before it ended."""
    standing: dict[str, str] = {}
    for decision in world.decisions:
        assert decision.from_state == standing.get(decision.enrollment_id, "idle")
        standing[decision.enrollment_id] = decision.to_state


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_unknown_never_enters_and_never_clears(made: Any, fact: Any, seed: int) -> None:
    """A feed that is off for a week: nobody comes in, nobody is declared well, no time passes."""
    rng = Random(seed)
    playbook = drawn_playbook(rng, made, fact, "v1")
    assume(playbook.clears != NEVER)            # what only time ends waits for no data
    world = World(seed, playbook, rng.random() < 0.5)
    frames = series(seed, 20)
    dark = frames[0].with_columns(pl.lit(None, dtype=pl.Boolean).alias(part) for part in PARTS)
    for tick, facts in enumerate(frames):
        world.run(tick, facts)
    world.run(20, dark)
    before = ({key: (each.state, each.since) for key, each in world.open.items()}, len(world.decisions))
    for tick in range(21, 35):
        world.run(tick, dark)

    assert ({key: (each.state, each.since) for key, each in world.open.items()}, len(world.decisions)) == before


def test_few_are_looked_at(made: Any, fact: Any) -> None:
    """Of ten thousand who stay as they are, nobody."""
    playbook = made(for_=Duration(2), until=fact("until"))
    names = [f"acct_{number}" for number in range(10_000)]
    facts = pl.DataFrame({"account_id": names, "when": [number % 4 == 0 for number in range(10_000)], "until": [False] * 10_000})
    pending = {each: advance(Look(playbook, each, seen, START, BERLIN), None, None).enrollment
               for each, seen in sweep(playbook, facts, opened_frame(()), START).looks.items()}
    opened = located(opened_frame(each for each in pending.values() if each), facts)

    assert len(pending) == 2500
    assert sweep(playbook, facts, opened, START + timedelta(days=1)).looks == {}
    assert len(sweep(playbook, facts, opened, START + timedelta(days=2)).looks) == 2500


def test_those_who_lack_data_are_counted_and_those_who_are_gone_named(made: Any, fact: Any) -> None:
    """Both are said in the report of a run."""
    playbook = made(scope=fact("scope"))
    facts = pl.DataFrame({"account_id": ["a", "b", "c", "d"], "when": [None, None, True, True], "scope": [True, False, None, True]})
    opened = pl.DataFrame([("zz", "active", False, None, "v1", False)], schema=OPENED, orient="row")
    swept = sweep(playbook, facts, opened, START)

    assert (list(swept.looks), swept.waiting, swept.gone) == (["d"], 2, ("zz",))
    few = sweep_rows(playbook, facts.iter_rows(named=True), ())
    assert (list(few.looks), few.waiting) == (["d"], 2)


def test_who_leaves_by_an_exit_does_not_come_in(made: Any, fact: Any) -> None:
    """Ten thousand churned accounts are not looked at every morning."""
    playbook = made(exits=(("gone", fact("gone")),))
    facts = pl.DataFrame({"account_id": ["a", "b", "c"], "when": [True] * 3, "gone": [True, False, None]})

    assert list(sweep(playbook, facts, opened_frame(()), START).looks) == ["b", "c"]


def test_who_is_in_flight_on_another_version_is_left_to_it(made: Any) -> None:
    """Pinned: the live version neither ends it nor lets it in a second time."""
    facts = pl.DataFrame({"account_id": ["a", "b"], "when": [True, True], "until": [True, False]})
    opened = pl.DataFrame([("a", "active", False, None, "v0", False), ("b", "pending", False, None, "v0", False)],
                          schema=OPENED, orient="row")

    assert list(sweep(made(), facts, opened, START, asked=["a"]).looks) == ["b"]
    assert list(sweep(made(version="v0"), facts[:1], opened[:1], START).looks) == ["a"]


@pytest.mark.parametrize("asked", [(), ("b",)])
def test_an_event_playbook_looks_at_whom_it_is_asked_to(made: Any, asked: tuple[str, ...]) -> None:
    """A condition that is true of all lets nobody in by itself."""
    playbook = made(when=ALWAYS, until=None, trigger=Trigger(TriggerKind.EVENT, event="ticket.opened"))
    facts: Mapping[str, Any] = {"account_id": ["a", "b"]}

    assert list(sweep(playbook, pl.DataFrame(facts), opened_frame(()), START, asked).looks) == list(asked)
    assert list(sweep_rows(playbook, [{"account_id": "a"}, {"account_id": "b"}], (), asked).looks) == list(asked)


def test_contacts_are_swept_by_their_own_id(made: Any) -> None:
    """Two people of one account are two subjects."""
    facts = pl.DataFrame({"account_id": ["a", "a"], "subject_id": ["con_1", "con_2"], "when": [True, False], "until": [False, False]})

    assert list(sweep(made(), facts, opened_frame(()), START).looks) == ["con_1"]
    assert list(sweep_rows(made(), facts.iter_rows(named=True), ()).looks) == ["con_1"]
