"""Sixty in flight and a playbook that was edited: where each goes on, or why it stays."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

from steward.engine.clocks import when_mark
from steward.engine.durations import Duration
from steward.engine.expression import All, Not
from steward.engine.expression import Any as Any_
from steward.engine.language import Arm, Branch, CtaStep, MessageStep, Rung, Step, Wait
from steward.engine.migrate import END, migrate, step_images
from steward.model.enrollments import State

CTA, OTHER = CtaStep("cta", "risk"), CtaStep("cta", "lifecycle")
TELL, TELL_BOSS = MessageStep(("csm",)), MessageStep(("csm_manager",))
WAIT = Wait(Duration(3))


def moved(one: Any, new: Any) -> Any:
    """The life goes on with the new version, as an evaluation would do it."""
    found = migrate(one.open, one.playbook, new)
    one.open = found.enrollment
    if found.mapped:
        one.playbook = new
    return found


def test_steps_that_are_alike_are_each_others_image(made: Any) -> None:
    """Nobody writes a map for a step that was pushed one down."""
    old = made(CTA, WAIT, TELL)
    new = made(OTHER, CTA, WAIT, TELL, TELL, version="v2")

    assert step_images(old, new) == [("do[0]", "do[1]"), ("do[1]", "do[2]"), ("do[2]", "do[3]")]


def test_the_map_goes_before_likeness_and_an_id_before_content(made: Any) -> None:
    """What a person says of the steps is so."""
    old = made(Step(CTA, "do[0]", id="work"), Step(TELL, "do[1]"), Step(WAIT, "do[2]"))
    new = made(Step(TELL, "do[0]"), Step(OTHER, "do[1]", id="work"), Step(TELL_BOSS, "do[2]"), version="v2",
               step_map=(("do[1]", "do[2]"), ("do[2]", "do[9]")))

    assert step_images(old, new) == [("do[0]", "do[1]"), ("do[1]", "do[2]"), ("do[2]", None)]


def test_branches_are_alike_by_their_conditions_and_their_steps_one_by_one(made: Any, fact: Any) -> None:
    """A step added to one arm moves nothing else."""
    def forked(*inside: Any) -> Step:
        steps = tuple(Step(each, f"do[0].branch[0].do[{at}]") for at, each in enumerate(inside))
        return Step(Branch((Arm(fact("big"), steps), Arm(None, ()))), "do[0]")

    assert step_images(made(forked(CTA, TELL)), made(forked(OTHER, CTA, TELL), version="v2")) == [
        ("do[0]", "do[0]"), ("do[0].branch[0].do[0]", "do[0].branch[0].do[1]"),
        ("do[0].branch[0].do[1]", "do[0].branch[0].do[2]")]


def test_of_two_equal_steps_each_keeps_its_place(made: Any) -> None:
    """Three days, a word, three days: who is in the first wait is not led past the word."""
    old = made(WAIT, CTA, WAIT)

    assert step_images(old, made(CTA, TELL, WAIT, WAIT, version="v2")) == [
        ("do[0]", None), ("do[1]", "do[0]"), ("do[2]", "do[2]")]
    assert step_images(made(TELL, TELL), made(OTHER, TELL, TELL, version="v2")) == [("do[0]", "do[1]"), ("do[1]", "do[2]")]
    assert step_images(made(TELL, WAIT, TELL), made(TELL, TELL, WAIT, version="v2")) == [
        ("do[0]", "do[0]"), ("do[1]", None), ("do[2]", "do[1]")]


def test_nobody_is_led_past_what_is_still_to_be_done(life: Any, made: Any) -> None:
    """The new order asks for the call before the wait. Who waits has not been called, and is not skipped in silence."""
    wait, call = Step(WAIT, "do[0]", id="rest"), Step(CTA, "do[1]", id="call")
    one = life(made(wait, call))
    one.look(0, when=True)
    new = made(replace(call, path="do[0]"), replace(wait, path="do[1]"), version="v2")
    found = moved(one, new)
    assert (found.mapped, found.trouble) == (None, "do[1] of it@v1 would be left out in it@v2: name it in the map")
    one.look(3)
    assert one.steps == ["do.1/1"]
    found = moved(one, new)

    assert found.mapped == END


def test_it_goes_on_where_it_stood_with_the_clock_of_its_wait(life: Any, made: Any) -> None:
    """Two of the three days have passed; the new version does not ask for three more."""
    one = life(made(CTA, WAIT, TELL))
    one.look(0, when=True)
    found = moved(one, made(CTA, WAIT, OTHER, version="v2"))
    assert (found.mapped, found.trouble, one.open.version) == ("do[1]", "", "v2")
    one.look(2)
    one.look(3)

    assert one.steps == ["do.0/1", "do.2/2"]


def test_what_was_done_is_not_done_again_and_no_key_is_used_twice(life: Any, made: Any) -> None:
    """The old `do[1]` was told as .../do.1/1; another step at that place needs a name of its own."""
    one = life(made(CTA, TELL, WAIT, TELL_BOSS))
    one.look(0, when=True)
    found = moved(one, made(WAIT, OTHER, CTA, TELL_BOSS, version="v2"))
    assert found.mapped == "do[0]"
    one.look(3)

    assert one.steps == ["do.0/1", "do.1/1", "do.1/2", "do.3/2"]
    assert len(set(one.keys)) == len(one.keys)


def test_a_receipt_counts_for_the_step_it_was_given_to(life: Any, made: Any) -> None:
    """`needs` after a migration asks for the proof of the old key, and another step's proof is none."""
    cta, tell = Step(CTA, "do[0]", id="cta"), Step(TELL, "do[1]", needs=("cta",))
    one = life(made(cta, tell))
    one.look(0, when=True)
    one.held_by["delivered"] = frozenset({"it/acct_1/1/do.0/1"})
    found = moved(one, made(Step(OTHER, "do[0]"), replace(cta, path="do[1]"), replace(tell, path="do[2]"), version="v2"))
    assert found.mapped == "do[2]"
    one.look(1)

    assert one.steps == ["do.0/1", "do.2/2"]


def test_a_step_without_image_keeps_its_old_version_and_asks_for_a_person(life: Any, made: Any) -> None:
    """It ends as it began; somebody is told."""
    one = life(made(CTA, WAIT, TELL))
    one.look(0, when=True)
    found = moved(one, made(CTA, TELL, version="v2"))

    assert found.mapped is None
    assert found.trouble == "do[1] of it@v1 is no step of it@v2: it ends on its old version"
    assert (one.open.version, one.open.body["needs_attention"]) == ("v1", [found.trouble])
    assert migrate(one.open, one.playbook, made(CTA, TELL, version="v2")).enrollment == one.open


def test_who_has_done_all_has_done_all(life: Any, made: Any) -> None:
    """A step added at the end does not reach back to everybody who was through."""
    one = life(made(CTA))
    one.look(0, when=True)
    assert moved(one, made(CTA, TELL, version="v2")).mapped == END
    one.look(1)
    one.look(2)

    assert one.steps == ["do.0/1"]


def test_no_rung_is_climbed_twice(life: Any, made: Any) -> None:
    """A ladder with a rung put in front: the manager was called once and is not called again."""
    boss, top = Rung(Duration(1), ("csm_manager",)), Rung(Duration(4), ("role:vp_cs",))
    one = life(made(CTA, escalate=(boss, top)))
    one.look(0, when=True)
    one.look(1)
    moved(one, made(CTA, escalate=(Rung(Duration(2), ("channel:cs",)), boss, replace(top, after=Duration(5))), version="v2"))
    one.look(2)
    one.look(5)

    assert one.steps == ["do.0/1", "escalate.0/1", "escalate.0/2", "escalate.2/2"]


def test_taking_back_remembers_what_the_old_version_did(life: Any, made: Any) -> None:
    """The step that was done has no image, and yet it has to be called off."""
    one = life(made(CTA, WAIT))
    one.look(0, when=True)
    moved(one, made(WAIT, revoke_on="opportunity.reopened", compensate=(Step(TELL, "compensate[0]"),), version="v2"))
    one.held_by["revoked"] = True
    one.look(1)

    assert one.steps == ["do.0/1", "compensate.0/2"]


def test_approvals_follow_their_step(life: Any, made: Any) -> None:
    """A yes that was given is not asked for again."""
    asks = Step(TELL, "do[1]", approve=("dee",))
    one = life(made(Step(CTA, "do[0]"), asks))
    one.look(0, when=True)
    one.open = replace(one.open, body={**one.open.body, "approvals": {"do.1": {"by": "dee"}}})
    moved(one, made(replace(asks, path="do[0]"), version="v2"))
    one.look(1)

    assert one.steps == ["do.0/1", "do.0/2"]


def test_who_waits_is_not_migrated_and_the_next_look_is_soon(life: Any, made: Any) -> None:
    """Those follow the live version by themselves; those in flight are looked at in the next run."""
    waits, runs = life(made(CTA, for_=Duration(3))), life(made(CTA))
    for one in (waits, runs):
        one.look(0, when=True)

    assert migrate(waits.open, waits.playbook, made(CTA, version="v2")).enrollment is waits.open
    assert migrate(runs.open, runs.playbook, made(CTA, version="v2")).enrollment.wake_at == runs.start


# ---- who waits follows the live version ----

def test_the_clock_of_who_waits_goes_on_under_a_version_that_asks_the_same(life: Any, made: Any) -> None:
    """A changed title costs nobody a day."""
    one = life(made(CTA, for_=Duration(3)))
    one.look(0, when=True)
    one.playbook = made(CTA, TELL, for_=Duration(3), version="v2")
    one.look(2, when=True)
    assert (one.open.version, one.open.since) == ("v2", one.start)
    one.look(3, when=True)

    assert one.steps == ["do.0/1", "do.1/1"]


def test_the_clock_starts_anew_where_when_changed(life: Any, made: Any, fact: Any) -> None:
    """Three days below 60 say nothing about three days below 50."""
    one = life(made(CTA, for_=Duration(3)))
    one.look(0, when=True)
    one.playbook = made(CTA, for_=Duration(3), version="v2", when=fact("worse"))
    one.look(2, when=True)
    assert one.decisions[-1].reason == "it@v2 asks something else: what was waited for counts no more"
    one.look(4, when=True)
    assert one.state == "pending"
    one.look(5, when=True)

    assert one.state == "active"


def test_an_approval_of_the_old_condition_is_none_of_the_new(life: Any, made: Any, fact: Any) -> None:
    """Somebody approved a list; the list is another one now."""
    one = life(made(CTA))
    one.look(0, when=True)
    one.open = replace(one.open, state=State.AWAITING_APPROVAL, entered_at=None, step=0, body={"approved_by": "dee"})
    one.playbook = made(CTA, version="v2", when=fact("worse"), for_=Duration(1))
    one.look(1, when=True)

    assert (one.state, "approved_by" in one.open.body) == ("pending", False)
    assert one.open.wake_at == one.start + timedelta(days=2)


def test_a_rung_that_was_climbed_counts_as_climbed_where_it_stands_now(life: Any, made: Any) -> None:
    """Nobody is called a second time for the same enrollment; and one that is gone is not counted at all."""
    two, five = (Rung(Duration(days), (to,), None) for days, to in ((2, "csm_manager"), (5, "role:vp")))
    other = Rung(Duration(9), ("role:ceo",), None)
    one = life(made(TELL, escalate=(two, five)))
    for day in (0, 2, 5):
        one.look(day, when=True)
    assert one.open.body["rungs"] == [0, 1]

    for escalate, climbed in (((two, five), [0, 1]), ((other, two, five), [1, 2]), ((other, other), [0, 1]), ((five,), [0]),
                              ((two,), [0]), ((), None)):
        found = migrate(one.open, one.playbook, made(TELL, escalate=escalate, version="v2"))
        assert found.enrollment.body.get("rungs") == climbed, escalate
        assert found.enrollment.rung == len(climbed or ())


def test_two_steps_of_one_id_are_not_both_led_to_the_same_one(made: Any) -> None:
    """An image that is taken is taken: else a step would count as done that was not."""
    old = made(Step(CTA, "do[0]", id="work"), Step(TELL, "do[1]", id="word"))
    new = made(Step(TELL, "do[0]", id="word"), Step(CTA, "do[1]", id="work"), version="v2", step_map=(("do[0]", "do[0]"),))

    assert step_images(old, new) == [("do[0]", "do[0]"), ("do[1]", None)]


def test_who_has_done_all_is_shown_at_the_end(life: Any, made: Any) -> None:
    """The command prints "at end", and the audit keeps the word."""
    one = life(made(TELL))
    one.look(0, when=True)

    assert migrate(one.open, one.playbook, made(TELL, version="v2")).mapped == "end"


def test_the_mark_of_when_changes_with_what_it_asks(made: Any, fact: Any) -> None:
    """Who waits starts anew where something else is asked, and keeps its clock where only the layout changed."""
    asked = [fact("a"), fact("b"), Not(fact("a")), Not(fact("b")), All((fact("a"), fact("b"))), Any_((fact("a"), fact("b"))),
             All((fact("b"), fact("a"))), Not(All((fact("a"),)))]
    marks = [when_mark(made(when=each, version=str(at))) for at, each in enumerate(asked)]

    assert len(set(marks)) == len(asked)
    assert when_mark(made(when=fact("a"), version="other", priority=9)) == marks[0]
