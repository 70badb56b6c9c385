"""Those who are alike step alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from steward.engine.alike import advance_all
from steward.engine.calendars import Calendar
from steward.engine.durations import Duration
from steward.engine.gates import Gates
from steward.engine.language import CtaStep, MessageStep, Mode, Rung, Step
from steward.engine.lifecycle import advance
from steward.engine.look import Look, Verdicts
from steward.model.enrollments import State

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
GATES = (Gates(), Gates(), Gates(), Gates(do_not_contact=True), Gates(over_limit=3), Gates(silenced="until Friday"),
         Gates(cap="of ana; 1 of 2 in line by value"), Gates(cap="of ana; 2 of 2 in line by value"), Gates(control=True))
CALENDARS = (Calendar(), Calendar(workdays=frozenset({0, 1})))


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 10**9))
def test_many_together_step_as_each_alone(made: Any, fact: Any, seed: int) -> None:
    """A hundred accounts that enter at once must get what each would get by itself, under their own names and keys."""
    rng = Random(seed)
    playbook = made(
        Step(CtaStep("cta", "risk"), "do[0]", only_if=rng.choice((None, fact("big")))), Step(MessageStep(("csm",)), "do[1]"),
        scope=rng.choice((None, fact("scope"))), for_=rng.choice((Duration(0), Duration(2), Duration(1, "bd"))),
        mode=rng.choice((Mode.LIVE, Mode.SHADOW, Mode.RAMP, Mode.PAUSED)), ramp=0.5,
        escalate=(Rung(Duration(rng.choice((0, 2)), "bd"), ("boss",)),))
    looks = {f"con_{each}": Look(
        playbook, f"acct_{each // 2}", Verdicts({path: rng.choice((True, True, True, False, None)) for path in playbook.conditions()}),
        NOW, rng.choice(CALENDARS), rng.choice(GATES), f"con_{each}", rng.choice((None, None, None, f"event:{each}")),
        switched_on=rng.random() < 0.2, number=rng.choice((None, 1, 3))) for each in range(40)}
    past = advance(replace(looks["con_0"], gates=Gates()), None, None).enrollment
    closed = {} if past is None else {
        each: replace(past, id=f"p/{each}/1", subject_id=each, state=State.CLOSED, closed_at=NOW) for each in rng.sample(list(looks), 4)}

    assert advance_all(looks, {}, closed) == {each: advance(look, None, closed.get(each)) for each, look in looks.items()}
