"""The step machine: waits, conditions, needs, approvals, branches, what is taken back."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from steward.engine.durations import Duration
from steward.engine.gates import Gates
from steward.engine.language import Arm, Branch, CtaStep, MessageStep, Mode, Rung, Step, Wait
from steward.engine.program import program
from steward.model.enrollments import Arm as ArmOf

CTA = CtaStep("cta", "risk")
TELL = MessageStep(("csm",))


def step(do: Any, at: int, **more: Any) -> Step:
    return Step(do, f"do[{at}]", **more)


def forked(fact: Any) -> Branch:
    inside = "do[0].branch"
    return Branch((
        Arm(fact("big"), (Step(CTA, f"{inside}[0].do[0]"), Step(TELL, f"{inside}[0].do[1]"))),
        Arm(fact("small"), (Step(TELL, f"{inside}[1].do[0]"),)),
        Arm(None, ()),
    ))


def test_a_program_is_flat_and_every_arm_leads_back(fact: Any) -> None:
    """One number says where an enrollment stands, so that a restart finds the place."""
    instructions = program((step(forked(fact), 0), step(TELL, 1)))

    assert [(each.path, each.follows) for each in instructions] == [
        ("do[0]", 4), ("do[0].branch[0].do[0]", 2), ("do[0].branch[0].do[1]", 4), ("do[0].branch[1].do[0]", 4),
        ("do[1]", 5)]
    assert instructions[0].arms == (("do[0].branch[0].if", 1), ("do[0].branch[1].if", 3), ("", 4))


def test_a_wait_is_over_when_it_says_and_the_steps_behind_it_come_once(life: Any, made: Any) -> None:
    """A reminder after three days, not at every look from then on."""
    one = life(made(CTA, Wait(Duration(3)), TELL))
    one.look(0, when=True)
    assert one.open.wake_at == one.start + timedelta(days=3)
    one.look(2.9)
    assert one.steps == ["do.0/1"]
    one.look(3.5)
    one.look(9)

    assert one.steps == ["do.0/1", "do.2/1"]
    assert "step_since" not in one.open.body


def test_the_clock_of_a_wait_begins_when_it_is_reached(life: Any, made: Any) -> None:
    """Two waits follow each other; they do not run side by side."""
    one = life(made(Wait(Duration(2)), CTA, Wait(Duration(2)), TELL))
    for day in range(6):
        one.look(day, when=True)

        assert len(one.keys) == (0, 0, 1, 1, 2, 2)[day]


def test_unknown_holds_the_clock_of_a_wait(life: Any, made: Any) -> None:
    """While nobody can say whether it is over, "three days later" does not come."""
    one = life(made(CTA, Wait(Duration(3)), TELL))
    one.look(0, when=True)
    one.look(1, until=None)
    one.look(8, until=None)
    assert one.open.wake_at is None
    one.look(9)
    one.look(10.5)
    assert one.steps == ["do.0/1"]
    one.look(11)

    assert one.steps == ["do.0/1", "do.2/1"]


def test_a_wait_reached_while_clocks_stand_begins_when_they_go_on(life: Any, made: Any) -> None:
    """Held time is no time, whoever reaches the wait in it."""
    one = life(made(Step(CTA, "do[0]", id="cta"), Step(TELL, "do[1]", needs=("cta",)), Wait(Duration(2)), TELL))
    one.look(0, when=True)
    one.look(1, until=None)
    one.held_by["delivered"] = frozenset({"it/acct_1/1/do.0/1"})
    one.look(4, until=None)
    one.look(6)
    one.look(7.9)
    assert one.steps == ["do.0/1", "do.1/1"]
    one.look(8)

    assert one.steps == ["do.0/1", "do.1/1", "do.3/1"]


def test_no_step_is_taken_while_it_recovers(life: Any, made: Any) -> None:
    """Who seems to be over it is not written to."""
    one = life(made(CTA, Wait(Duration(3)), TELL, keep_for=Duration(5)))
    one.look(0, when=True)
    one.look(2, until=True)
    one.look(4, until=True)
    assert (one.state, one.steps) == ("recovering", ["do.0/1"])
    one.look(5)

    assert (one.state, one.steps) == ("active", ["do.0/1", "do.2/1"])


def test_if_skips_where_false_and_waits_where_unknown(life: Any, made: Any, fact: Any) -> None:
    """Missing data decides nothing, in either direction."""
    playbook = made(step(CTA, 0, only_if=fact("big")), step(TELL, 1))
    for answer, steps in ((True, ["do.0/1", "do.1/1"]), (False, ["do.1/1"]), (None, [])):
        one = life(playbook)
        one.look(0, when=True, **{"do[0].if": answer})
        assert one.steps == steps
        one.look(1, **{"do[0].if": True})

        assert one.steps == (steps if answer is not None else ["do.0/1", "do.1/1"])


def test_an_unknown_if_lets_the_timeout_run(life: Any, made: Any, fact: Any) -> None:
    """A fact that never comes must not keep a case open for ever."""
    one = life(made(step(CTA, 0, only_if=fact("big")), timeout=Duration(10)))
    one.look(0, when=True, **{"do[0].if": None})
    one.look(10, **{"do[0].if": None})

    assert one.state == "expired"


@pytest.mark.parametrize(("big", "small", "steps"), [
    (True, True, ["do.0.branch.0.do.0/1", "do.0.branch.0.do.1/1", "do.1/1"]),
    (False, True, ["do.0.branch.1.do.0/1", "do.1/1"]),
    (False, False, ["do.1/1"]),
    (None, True, []),
    (False, None, []),
])
def test_the_first_true_arm_is_taken_and_unknown_takes_none(
    life: Any, made: Any, fact: Any, big: bool | None, small: bool | None, steps: list[str],
) -> None:
    """An enterprise customer must not be handled as a small one because a number was late."""
    one = life(made(step(forked(fact), 0), step(TELL, 1)))
    one.look(0, when=True, **{"do[0].branch[0].if": big, "do[0].branch[1].if": small})

    assert one.steps == steps


def test_a_branch_that_was_taken_is_not_left(life: Any, made: Any, fact: Any) -> None:
    """The account grows in the midst of it: the way that was begun is finished."""
    path = "do[0].branch[0].do"
    arms = Branch((Arm(fact("big"), (Step(Wait(Duration(2)), f"{path}[0]"), Step(CTA, f"{path}[1]"))), Arm(None, ())))
    one = life(made(step(arms, 0), step(TELL, 1)))
    one.look(0, when=True, **{"do[0].branch[0].if": True})
    one.look(2, **{"do[0].branch[0].if": False})

    assert one.steps == ["do.0.branch.0.do.1/1", "do.1/1"]


def test_needs_waits_for_the_receipt(life: Any, made: Any) -> None:
    """The message that links the task is not sent before there is a task."""
    one = life(made(step(CTA, 0, id="cta"), step(TELL, 1, needs=("cta",))))
    one.look(0, when=True)
    one.look(1)
    assert one.steps == ["do.0/1"]
    assert one.open.wake_at <= one.start, "it is looked at in each run"
    one.held_by["delivered"] = frozenset({"do.0"})
    one.look(2)

    assert one.steps == ["do.0/1", "do.1/1"]


def test_what_was_left_out_leaves_out_what_needs_it(life: Any, made: Any, fact: Any) -> None:
    """No task was wanted, so no message about it; what comes behind goes on."""
    one = life(made(step(CTA, 0, id="cta", only_if=fact("big")), step(TELL, 1, needs=("cta",)), step(TELL, 2)))
    one.look(0, when=True)

    assert one.steps == ["do.2/1"]


def test_a_needed_step_that_failed_needs_a_person_and_stays(life: Any, made: Any) -> None:
    """A human never loses the customer: it is shown, not dropped, and goes on once it is delivered."""
    one = life(made(step(CTA, 0, id="cta"), step(TELL, 1, needs=("cta",))))
    one.look(0, when=True)
    one.held_by["failed"] = frozenset({"it/acct_1/1/do.0/1"})
    one.look(1)
    assert (one.state, one.open.body["needs_attention"], len(one.keys)) == ("active", ["do.0: could not be delivered"], 1)
    one.held_by = {"delivered": frozenset({"it/acct_1/1/do.0/1"})}
    one.look(2)

    assert (one.steps, "needs_attention" in one.open.body) == (["do.0/1", "do.1/1"], False)


def test_what_evaluate_noted_for_a_person_stays(life: Any, made: Any) -> None:
    """Two reasons to look are two lines."""
    one = life(made(CTA, TELL))
    one.look(0, when=True)
    one.open = replace(one.open, body={**one.open.body, "needs_attention": ["do.1: nobody can be told"]})
    one.held_by["failed"] = frozenset({"do.0"})
    one.look(1)

    assert one.open.body["needs_attention"] == ["do.1: nobody can be told", "do.0: could not be delivered"]


def test_approve_waits_for_a_person(life: Any, made: Any) -> None:
    """A draft to a customer goes nowhere before somebody said yes."""
    one = life(made(step(CTA, 0), step(TELL, 1, approve=("dee@us.test",))))
    one.look(0, when=True)
    one.look(5)
    assert one.steps == ["do.0/1"]
    one.open = replace(one.open, body={**one.open.body, "approvals": {"do.1": {"by": "dee@us.test"}}})
    one.look(6)

    assert one.steps == ["do.0/1", "do.1/1"]


@pytest.mark.parametrize("arm", [ArmOf.CONTROL, ArmOf.SHADOW])
def test_control_and_shadow_walk_on_without_receipts_and_approvals(life: Any, made: Any, arm: ArmOf) -> None:
    """They show what would have been done; nothing is delivered to them that one could wait for."""
    playbook = made(step(CTA, 0, id="cta"), step(TELL, 1, needs=("cta",)), step(TELL, 2, approve=("dee@us.test",)),
                    mode=Mode.LIVE if arm is ArmOf.CONTROL else Mode.SHADOW)
    one = life(playbook, held_by={"gates": Gates(control=arm is ArmOf.CONTROL)})
    one.look(0, when=True)

    assert (one.open.arm, len(one.keys)) == (arm, 3)


def test_in_a_silence_clocks_run_and_nothing_is_done(life: Any, made: Any) -> None:
    """They migrate this week: no message, no manager called. Afterwards what fell due is done, once."""
    one = life(made(CTA, Wait(Duration(2)), TELL, escalate=(Rung(Duration(3), ("csm_manager",)),)))
    one.look(0, when=True)
    one.held_by["gates"] = Gates(silenced="until Friday by ana: they migrate")
    for day in range(1, 5):
        one.look(day)
    assert one.steps == ["do.0/1"]
    one.held_by.clear()
    one.look(5)

    assert one.steps == ["do.0/1", "do.2/1", "escalate.0/1"]


def test_a_silence_does_not_stop_the_clearing(life: Any, made: Any) -> None:
    """Good news needs nobody's permission."""
    one = life(made(CTA))
    one.look(0, when=True)
    one.held_by["gates"] = Gates(silenced="until Friday by ana: they migrate")
    one.look(1, until=True)

    assert one.state == "cleared"


# ---- what is taken back ----

def test_revoked_takes_back_what_was_done(life: Any, made: Any) -> None:
    """The deal was reopened: the kickoff that was begun is called off, by steps of its own."""
    back = (Step(TELL, "compensate[0]"), Step(Wait(Duration(1)), "compensate[1]"), Step(CTA, "compensate[2]"))
    one = life(made(CTA, revoke_on="opportunity.reopened", compensate=back))
    one.look(0, when=True)
    one.held_by["revoked"] = True
    one.look(1)

    assert (one.state, one.steps) == ("revoked", ["do.0/1", "compensate.0/1", "compensate.2/1"])


def test_nothing_done_is_nothing_taken_back(life: Any, made: Any, fact: Any) -> None:
    """No apology for a message that nobody got."""
    back = (Step(TELL, "compensate[0]"),)
    waits = life(made(CTA, for_=Duration(3), revoke_on=fact("revoke_on"), compensate=back))
    idle = life(made(Wait(Duration(3)), CTA, revoke_on=fact("revoke_on"), compensate=back))
    for one in (waits, idle):
        one.look(0, when=True)
        one.look(1, when=True, revoke_on=True)

        assert (one.state, one.steps) == ("revoked", [])


def test_taking_back_waits_for_the_end_of_a_silence(life: Any, made: Any) -> None:
    """Otherwise it would never be done: a closed enrollment is not looked at again."""
    one = life(made(CTA, revoke_on="opportunity.reopened", compensate=(Step(TELL, "compensate[0]"),)))
    one.look(0, when=True)
    one.held_by = {"revoked": True, "gates": Gates(silenced="until Friday by ana: they migrate")}
    one.look(1)
    assert one.state == "active"
    one.held_by["gates"] = Gates()
    one.look(2)

    assert (one.state, one.steps) == ("revoked", ["do.0/1", "compensate.0/1"])


def test_a_reverse_step_with_a_condition_is_done_where_that_is_true(life: Any, made: Any, fact: Any) -> None:
    """There is no later look at which it could become known."""
    path = "compensate[1].branch"
    back = (Step(TELL, "compensate[0]", only_if=fact("big")),
            Step(Branch((Arm(fact("big"), (Step(CTA, f"{path}[0].do[0]"),)), Arm(None, (Step(TELL, f"{path}[1].do[0]"),)))),
                 "compensate[1]"))
    for big, steps in ((True, ["compensate.0/1", "compensate.1.branch.0.do.0/1"]), (False, ["compensate.1.branch.1.do.0/1"]),
                       (None, [])):
        one = life(made(CTA, revoke_on=fact("x"), compensate=back))
        one.look(0, when=True)
        one.look(1, revoke_on=True, **{"compensate[0].if": big, "compensate[1].branch[0].if": big})

        assert one.steps == ["do.0/1", *steps]
