"""The instants and leftovers at the edges of a transition, each of which a small slip of the code would move."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from steward.engine.durations import Duration
from steward.engine.gates import Gates
from steward.engine.holdout import stratum_of
from steward.engine.language import CtaStep, MessageStep, Mode, Rung, Step
from steward.engine.lifecycle import advance
from steward.engine.look import Look, Verdicts
from steward.model.enrollments import State

CTA = CtaStep("cta", "risk")


def test_a_cooldown_is_over_at_its_last_instant(life: Any, made: Any) -> None:
    """"again_after: 10d" means ten days, not ten and the next run."""
    one = life(made(again_after=Duration(10)))
    one.look(0, when=True)
    one.look(1, until=True)
    assert one.open is None
    one.at(one.start + timedelta(days=11, microseconds=-1), {"scope": True, "when": True, "until": False})
    assert one.state == "blocked"
    one.look(11, when=True)
    assert one.state == "active"


@pytest.mark.parametrize("waiting", [True, False])
def test_a_condition_of_revoke_on_closes_only_once_it_is_true(waiting: bool, life: Any, made: Any, fact: Any) -> None:
    """Before and after entry: neither FALSE nor unknown takes back what was begun."""
    one = life(made(CTA, revoke_on=fact("revoke_on"), compensate=(Step(MessageStep("message", ("csm",)), "compensate[0]"),),
                    for_=Duration(9 if waiting else 0)))
    for day, undone in enumerate((False, None, False)):
        one.look(day, when=True, revoke_on=undone)
    assert one.state == ("pending" if waiting else "active")
    one.look(4, when=True, revoke_on=True)
    assert one.state == "revoked"
    assert one.steps == ([] if waiting else ["do.0/1", "compensate.0/1"])


def test_an_event_of_revoke_on_is_no_condition(life: Any, made: Any) -> None:
    """Nobody's verdict is asked, so an enrollment is taken back by the event and by nothing else."""
    one = life(made(CTA, revoke_on="opportunity.reopened"))
    one.look(0, when=True)
    assert one.state == "active"
    one.held_by["revoked"] = True
    one.look(1)
    assert one.state == "revoked"


def test_what_is_closed_while_its_data_are_unknown_is_not_held_any_more(life: Any, made: Any, fact: Any) -> None:
    """Else the numbers would count it among those that wait for data for ever."""
    one = life(made(CTA, exits=(("gone", fact("gone")),)))
    one.look(0, when=True)
    one.look(1, until=None)
    assert one.open.body["held"]
    one.look(2, until=None, **{"exit.gone": True})
    assert one.state == "exit:gone"
    assert "held" not in one.closed.body


def test_nothing_happens_to_what_is_closed(life: Any, made: Any) -> None:
    """A late look at it, as by a second evaluator, changes and plans nothing."""
    one = life(made(CTA))
    one.look(0, when=True)
    one.look(1, until=True)
    look = Look(one.playbook, "acct_1", Verdicts({"when": True}), one.start + timedelta(days=2), one.calendar)
    late = advance(look, one.closed, None)
    assert (late.enrollment, late.planned, late.changed) == (one.closed, (), False)


def test_a_pause_of_who_waits_for_data_is_looked_at_after_it(life: Any, made: Any) -> None:
    """Its clock stands already; and the first run after the pause must look at it all the same."""
    one = life(made(CTA, for_=Duration(3)))
    one.look(0, when=True)
    one.look(1, when=None)
    assert one.open.wake_at is None
    one.playbook = replace(one.playbook, mode=Mode.PAUSED)
    one.look(2, when=None)
    assert one.open.wake_at == one.open.since


def test_a_rung_that_was_climbed_holds_no_clock(life: Any, made: Any, fact: Any) -> None:
    """Whether it is still wanted is asked of rungs to come only: the last one comes on its day."""
    first = Rung(Duration(1), ("csm_manager",), unless=fact("calm"))
    one = life(made(CTA, escalate=(first, Rung(Duration(4), ("role:vp_cs",)))))
    one.look(0, when=True, **{"escalate[0].unless": False})
    one.look(1, **{"escalate[0].unless": False})
    assert one.open.rung == 1
    one.look(2, **{"escalate[0].unless": None})
    assert "held" not in one.open.body
    one.look(4, **{"escalate[0].unless": None})
    assert one.open.rung == 2
    assert one.steps == ["do.0/1", "escalate.0/1", "escalate.1/1"]


def test_who_recovers_forgets_the_clock_of_being_active_on_the_way_back(life: Any, made: Any) -> None:
    """Active since the first day, as before: what was kept for the way back is gone from the enrollment."""
    one = life(made(CTA, keep_for=Duration(5)))
    one.look(0, when=True)
    one.look(1, until=True)
    assert one.state == "recovering"
    one.look(2)
    assert (one.open.state, one.open.since) == (State.ACTIVE, one.start)
    assert "active_since" not in one.open.body


def test_in_a_silence_what_is_undone_waits_and_is_not_noted_twice(life: Any, made: Any) -> None:
    """The customer was promised quiet: no reverse step, no close, and each run looks again."""
    one = life(made(CTA, revoke_on="opportunity.reopened",
                    compensate=(Step(MessageStep("message", ("csm",)), "compensate[0]"),)))
    one.look(0, when=True)
    one.held_by |= {"revoked": True, "gates": Gates(silenced="until Friday by ana")}
    one.look(1)
    assert (one.state, one.open.wake_at) == ("active", one.open.since)
    one.look(2)
    one.held_by["gates"] = Gates()
    one.look(3)
    assert (one.state, one.steps) == ("revoked", ["do.0/1", "compensate.0/1"])


def test_another_condition_while_waiting_starts_the_clock_and_lets_go_of_the_hold(life: Any, made: Any, fact: Any) -> None:
    """What was waited for counts no more, and neither does that its data were missing."""
    one = life(made(CTA, for_=Duration(3)))
    one.look(0, when=True)
    one.look(1, when=None)
    one.playbook = replace(one.playbook, when=fact("other"), version="v2")
    one.look(2, when=True)
    assert (one.open.since, one.open.body.get("held")) == (one.start + timedelta(days=2), None)
    one.look(4, when=True)
    assert one.state == "pending"
    one.look(5, when=True)
    assert one.state == "active"


def test_a_comma_in_a_level_parts_no_strata() -> None:
    """Industries have commas: the stratum's text must be read one way only."""
    assert stratum_of({"a": "retail,food", "b": None}, ("a", "b")) == "a=retail food, b=unknown"
