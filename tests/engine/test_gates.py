"""What stands between a true condition and a person who is called: each gate, its reason, its order."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from steward.engine.durations import Duration
from steward.engine.gates import Gates
from steward.engine.language import AtMost, Backlog, CtaStep, Goal, Mode, Rung, Trigger, TriggerKind
from steward.model.enrollments import Arm, Enrollment, State

ENTRIES = tuple(datetime(2026, 1, day, tzinfo=UTC) for day in (5, 15, 25))
YEARLY = AtMost(3, Duration(365))
ALL = Gates(do_not_contact=True, silenced="until Friday by ana: they migrate", inhibited_by="health_drop",
            entered_at=ENTRIES, cap="owner ana@us.test has 15 of 15 open, 3rd in line by value", over_limit=25)
OPENINGS = [
    ({"do_not_contact": False}, "do_not_contact: the account asked for it"),
    ({"silenced": ""}, "silenced: until Friday by ana: they migrate"),
    ({"inhibited_by": ""}, "inhibited: health_drop is open on this account"),
    ({"entered_at": ()}, "at_most: 3 per 365d, until 2027-01-05 00:00Z"),
    ({"cap": ""}, "caps: owner ana@us.test has 15 of 15 open, 3rd in line by value"),
]


def test_the_gates_say_no_in_their_order(life: Any, made: Any) -> None:
    """One after another opens; the reason is always that of the first one that is closed."""
    one, gates = life(made(at_most=YEARLY)), ALL
    for at, (opening, reason) in enumerate(OPENINGS):
        one.held_by["gates"] = gates
        one.look(at, when=True)
        assert (one.state, one.open.reason) == ("blocked", reason)
        gates = replace(gates, **opening)
    one.held_by["gates"] = gates
    one.look(10, when=True)
    assert one.state == "awaiting_approval"
    one.open = replace(one.open, body={**one.open.body, "approved_by": "dee"})
    one.look(11, when=True)

    assert one.state == "active"
    assert [decision.reason.split(":")[0] for decision in one.decisions] == [
        "do_not_contact", "silenced", "inhibited", "at_most", "caps",
        "more than 25 accounts would enter at once; all of them wait for approval", "when is true"]


def test_who_is_blocked_is_looked_at_in_each_run_and_the_rest_is_not(life: Any, made: Any) -> None:
    """A gate opens by itself, and no verdict of the account tells."""
    blocked, waits, runs = life(made()), life(made(for_=Duration(3))), life(made(timeout=Duration(20)))
    blocked.held_by["gates"] = ALL
    for one in (blocked, waits, runs):
        one.look(0, when=True)

    assert blocked.open.wake_at == blocked.start
    assert waits.open.wake_at == waits.start + timedelta(days=3)
    assert runs.open.wake_at == runs.start + timedelta(days=20)


def test_another_place_in_the_line_is_noted_without_a_decision(life: Any, made: Any) -> None:
    """The history of an account is not a list of every day's place."""
    one = life(made())
    for place in (3, 2, 2, 1):
        one.held_by["gates"] = Gates(cap=f"owner has 15 of 15 open, {place} in line by value")
        one.look(4 - place, when=True)

    assert (one.open.reason, len(one.decisions)) == ("caps: owner has 15 of 15 open, 1 in line by value", 1)
    assert one.open.since == one.start + timedelta(days=1)


def test_a_long_reason_is_cut_where_it_stands_and_whole_in_the_decision(life: Any, made: Any) -> None:
    """A silence may be explained at length; the column has 128 characters."""
    one = life(made())
    one.held_by["gates"] = Gates(silenced="until Friday by ana: " + "they migrate " * 20)
    one.look(0, when=True)

    assert len(one.open.reason) == 128
    assert len(one.decisions[0].reason) > 250


def test_at_most_counts_what_lies_within_the_time(life: Any, made: Any) -> None:
    """The fourth in a year waits for the first to be a year old, not for ever."""
    one = life(made(at_most=YEARLY), held_by={"gates": Gates(entered_at=ENTRIES)})
    one.look(0, when=True)
    one.look(308.6, when=True)
    assert one.state == "blocked"
    one.look(308.7, when=True)

    assert one.state == "active"


# ---- control ----

def test_control_walks_the_same_states_and_its_goal_counts(life: Any, made: Any, fact: Any) -> None:
    """Without the same walk there is nothing to compare with."""
    playbook = made(goal=Goal(fact("goal.when"), Duration(20)), keep_for=Duration(2),
                    escalate=(Rung(Duration(1), ("csm_manager",)),))
    treated, control = life(playbook), life(playbook, held_by={"gates": Gates(control=True)})
    for one in (treated, control):
        one.look(0, when=True)
        one.look(2)
        one.look(3, until=True)
        one.look(4, until=True, **{"goal.when": True})

    assert (treated.closed.arm, control.closed.arm) == (Arm.TREATMENT, Arm.CONTROL)
    assert [each.to_state for each in treated.decisions] == [each.to_state for each in control.decisions]
    assert treated.state == control.state == "goal_met"
    assert treated.steps == control.steps


# ---- who was there already ----

def test_backlog_ignored_waits_until_it_was_not_true_once(life: Any, made: Any) -> None:
    """Switched on over three thousand old cases, only new ones are new. A day without data makes nobody new."""
    one = life(made(backlog=Backlog.IGNORE), held_by={"switched_on": True})
    one.look(0, when=True)
    one.held_by.clear()
    assert (one.open.reason, one.open.wake_at) == ("backlog: it was so already when the playbook was switched on", None)
    one.look(1, when=True)
    one.look(2, when=None)
    one.look(3, when=True)
    assert one.state == "blocked"
    one.look(4)
    one.look(5, when=True)

    assert one.state == "active"


def test_a_backlog_stays_ignored_under_a_new_version(life: Any, made: Any, fact: Any) -> None:
    """An edit is no way around it."""
    one = life(made(backlog=Backlog.IGNORE), held_by={"switched_on": True})
    one.look(0, when=True)
    one.held_by.clear()
    one.playbook = made(backlog=Backlog.IGNORE, version="v2", when=fact("other"))
    one.look(1, when=True)

    assert (one.state, one.open.version) == ("blocked", "v2")


def test_backlog_from_history_has_waited_already(life: Any, made: Any) -> None:
    """Two of three days are in the stored snapshots; tomorrow is the third."""
    since = datetime(2026, 2, 28, 8, tzinfo=UTC)
    known = life(made(for_=Duration(3), backlog=Backlog.USE_HISTORY), held_by={"true_since": since})
    timer = life(made(for_=Duration(3)), held_by={"true_since": since})
    for one in (known, timer):
        one.look(0, when=True)
        one.look(1, when=True)

    assert (known.state, timer.state) == ("active", "pending")


# ---- events and people ----

EVENT = Trigger(TriggerKind.EVENT, event="opportunity.closed_won")


def test_an_event_opens_the_door_once(life: Any, made: Any) -> None:
    """True alone enrols nobody; the event does, and the decision names it."""
    one = life(made(trigger=EVENT, until=None))
    one.look(0, when=True)
    assert one.state == "idle"
    one.held_by["cause"] = "event:salesforce/opportunity/006/closed_won"
    one.look(1, when=True)

    assert (one.state, one.open.cause) == ("active", "event:salesforce/opportunity/006/closed_won")
    assert one.decisions[0].reason == "event:salesforce/opportunity/006/closed_won; when is true"


@pytest.mark.parametrize("verdicts", [{"when": None}, {"when": False}, {"when": True, "scope": None}, {"when": True, "exit.gone": True}])
def test_an_event_does_not_open_it_for_who_does_not_belong(
    life: Any, made: Any, fact: Any, verdicts: dict[str, bool | None],
) -> None:
    """The guard is a condition like any other: unknown is not yes."""
    one = life(made(trigger=EVENT, scope=fact("scope"), exits=(("gone", fact("gone")),)), held_by={"cause": "event:1"})
    one.look(0, **verdicts)

    assert one.state == "idle"


def test_what_a_person_began_waits_for_its_guard_and_its_gates(life: Any, made: Any) -> None:
    """`steward playbook enroll` is no way around a silence."""
    one = life(made(trigger=Trigger(TriggerKind.MANUAL)))
    one.open = Enrollment("it/acct_1/1", "it", "v1", "acct_1", 1, State.PENDING, one.start, one.start,
                          cause="manual:ana@2026-03-02T08:00:00+00:00")
    one.held_by["gates"] = ALL
    one.look(0, when=True)
    assert one.open.reason.startswith("do_not_contact")
    one.held_by.clear()
    one.look(1, when=True)

    assert (one.state, one.decisions[-1].reason) == ("active", "manual:ana@2026-03-02T08:00:00+00:00; when is true")


def test_what_an_event_began_does_not_wait_for_ever(life: Any, made: Any) -> None:
    """A deal won in spring is no reason to call in autumn."""
    one = life(made(trigger=EVENT, timeout=Duration(30)), held_by={"cause": "event:1", "gates": ALL})
    one.look(0, when=True)
    one.look(29, when=True)
    assert one.state == "blocked"
    one.look(30, when=True)

    assert (one.state, one.steps) == ("lapsed", [])


def test_a_contact_is_enrolled_under_its_own_id_and_its_account_stays_known(life: Any, made: Any) -> None:
    """Two champions of one customer are two cases, with keys that never meet."""
    one = life(made(), subject="con_1")
    one.look(0, when=True)

    assert (one.open.subject_id, one.open.account_id, one.open.number) == ("con_1", "acct_1", 1)
    assert one.keys == ["it/con_1/1/do.0/1"]


def test_who_waits_for_approval_is_not_looked_at_until_there_is_one(life: Any, made: Any) -> None:
    """Three thousand held at the limit cost nothing; only what an event began is given up some day."""
    by_itself, by_event = life(made()), life(made(trigger=EVENT, timeout=Duration(30)), held_by={"cause": "event:1"})
    for one in (by_itself, by_event):
        one.held_by["gates"] = Gates(over_limit=25)
        one.look(0, when=True)

    assert by_itself.open.wake_at is None
    assert by_event.open.wake_at == by_event.start + timedelta(days=30)


# ---- clocks and ends ----

def test_the_goal_counts_while_it_recovers(life: Any, made: Any, fact: Any) -> None:
    """Success is success on the last day too."""
    one = life(made(goal=Goal(fact("goal.when"), Duration(20)), keep_for=Duration(5)))
    one.look(0, when=True)
    one.look(1, until=True)
    one.look(2, until=True, **{"goal.when": True})

    assert one.state == "goal_met"


def test_a_goal_on_the_last_instant_of_its_window_counts(life: Any, made: Any, fact: Any) -> None:
    """ "Within 20 days" is what both of us read."""
    for day, state in ((20, "goal_met"), (20.001, "active")):
        one = life(made(goal=Goal(fact("goal.when"), Duration(20))))
        one.look(0, when=True)
        one.look(day, **{"goal.when": True})

        assert one.state == state


def test_every_change_of_state_is_recorded_with_the_version_that_decided(life: Any, made: Any) -> None:
    """The history of a case has no gaps, also where it went back."""
    one = life(made(for_=Duration(1), keep_for=Duration(2)))
    one.look(0, when=True)
    one.look(1, when=True)
    one.look(2, until=True)
    one.look(3)
    one.look(4, until=True)
    one.look(6, until=True)

    assert [(each.from_state, each.to_state) for each in one.decisions] == [
        ("idle", "pending"), ("pending", "active"), ("active", "recovering"), ("recovering", "active"),
        ("active", "recovering"), ("recovering", "closed")]
    assert {(each.version, each.enrollment_id) for each in one.decisions} == {("v1", "it/acct_1/1")}
    assert [each.reason for each in one.decisions][3:] == [
        "until is no longer true", "until is true; it must stay so for 2d", "cleared: until held for 2d"]


def test_nothing_begins_at_the_instant_of_the_end_or_before_it(life: Any, made: Any) -> None:
    """A clock that jumps back behind a close must not enrol the past."""
    one = life(made(again_after=Duration(0)))
    one.look(1, when=True)
    one.look(3, until=True, when=True)
    assert one.state == "cleared"
    for day in (3, 2):
        one.look(day, when=True)
        assert one.open is None
    one.look(4, when=True)

    assert one.open.id == "it/acct_1/2"


def test_after_a_pause_everybody_is_looked_at_and_nothing_has_fallen_due(life: Any, made: Any) -> None:
    """A week off is a week off for every clock, and nothing is forgotten after it."""
    one = life(made(timeout=Duration(20)))
    one.look(0, when=True)
    live = one.playbook
    one.playbook = replace(live, mode=Mode.PAUSED)
    one.look(5)
    assert one.open.wake_at == one.start
    one.playbook = live
    one.look(15)

    assert one.open.wake_at == one.start + timedelta(days=30)


def test_a_rung_that_waits_for_its_condition_is_looked_at_in_each_run(life: Any, made: Any, fact: Any) -> None:
    """Its time has come; the day its condition becomes true is not known."""
    one = life(made(CtaStep("cta", "risk"), escalate=(Rung(Duration(2), ("csm_manager",), only_if=fact("large")),)))
    one.look(0, when=True)
    one.look(3)
    assert one.open.wake_at == one.start + timedelta(days=2)
    one.look(8, **{"escalate[0].only_if": True})

    assert one.steps == ["do.0/1", "escalate.0/1"]
