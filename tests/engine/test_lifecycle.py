"""The state machine: what one look does to one enrollment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from steward.engine.calendars import Calendar
from steward.engine.gates import Gates
from steward.engine.holdout import arm_of
from steward.engine.language import Backlog, Mode, Playbook, in_order
from steward.engine.lifecycle import advance
from steward.engine.look import Advance, Look, Verdicts
from steward.model.enrollments import Arm, Enrollment, State

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
HOURS = Calendar()
TEXT = """\
id: it
title: It
why: Because.
mode: live
scope: account.segment == smb
when: health.score < 60
until: health.score >= 70
for: 2d
keep_for: 2d
again_after: 10d
timeout: 30d
goal: {when: health.score >= 90, within: 20d}
exit: {gone: account.segment is unknown}
do: [{cta: {type: risk}}, {message: {to: csm}}]
escalate:
  - {after: 2bd, unless: acknowledged, to: csm_manager}
  - {after: 4d, unless: support.open_urgent < 1, to: channel:cs}
"""


@dataclass
class Track:
    """Plays looks one after another, keeping what a store would keep."""

    playbook: Playbook
    open: Enrollment | None = None
    closed: Enrollment | None = None

    def look(self, day: float, gates: Gates | None = None, **verdicts: bool | None) -> Advance:
        by_path = {"scope": True, "when": False, "until": False, "goal.when": False, "exit.gone": False,
                   "escalate[1].unless": False, **verdicts}
        now = START + timedelta(days=day)
        step = advance(Look(self.playbook, "acct_1", Verdicts(by_path), now, HOURS, gates or Gates()), self.open, self.closed)
        again = advance(Look(self.playbook, "acct_1", Verdicts(by_path), now, HOURS, gates or Gates()),
                        step.enrollment, self.closed)
        if step.enrollment is not None and step.enrollment.state is not State.CLOSED:
            assert not again.changed
            assert not again.planned
        self.open = step.enrollment
        if self.open is not None and self.open.state is State.CLOSED:
            self.open, self.closed = None, self.open
        return step

    @property
    def state(self) -> str:
        return self.open.state.value if self.open else (self.closed.reason if self.closed else "idle")


@pytest.fixture
def track(load: Callable[[str], Playbook]) -> Track:
    return Track(load(TEXT))


def keys(step: Advance) -> list[str]:
    return [planned.key for planned in step.planned]


def test_an_account_waits_enters_and_every_step_is_planned_once(track: Track) -> None:
    """The whole way in, with keys that two evaluators would make alike."""
    assert track.look(0).enrollment is None
    track.look(1, when=True)
    assert track.state == "pending"
    entered = track.look(3, when=True)

    assert entered.enters
    assert keys(entered) == ["it/acct_1/1/do.0/1", "it/acct_1/1/do.1/1"]
    assert entered.decision is not None
    assert (entered.decision.from_state, entered.decision.to_state) == ("pending", "active")
    assert keys(track.look(3.5, when=True)) == []


def test_a_dip_that_recovers_lapses_and_costs_no_cooldown(track: Track) -> None:
    """Nobody was contacted, so nothing must wait."""
    track.look(0, when=True)
    track.look(1)
    assert track.state == "lapsed"
    track.look(2, when=True)
    track.look(4, when=True)

    assert track.state == "active"
    assert track.open is not None
    assert track.open.id == "it/acct_1/2"


def test_unknown_holds_the_clock_of_pending(track: Track) -> None:
    """Two days of silence are not two days of evidence."""
    track.look(0, when=True)
    assert track.look(1, when=None).changed
    assert not track.look(2, when=None).changed
    track.look(5, when=True)
    assert track.state == "pending"
    track.look(6, when=True)

    assert track.state == "active"


def test_unknown_neither_clears_nor_lets_time_run_out(track: Track) -> None:
    """A broken feed must not close a case."""
    track.look(0, when=True)
    track.look(2, when=True)
    track.look(3, until=None)
    track.look(40, until=None)
    assert track.state == "active"
    track.look(41)
    assert track.state == "active"
    track.look(70)

    assert track.state == "expired"


def test_recovery_must_last(track: Track) -> None:
    """One good day closes nothing, and unknown stops that clock too."""
    track.look(0, when=True)
    track.look(2, when=True)
    track.look(3, until=True)
    assert track.state == "recovering"
    track.look(4)
    assert track.state == "active"
    track.look(5, until=True)
    track.look(6, until=None)
    track.look(10, until=True)
    assert track.state == "recovering"
    track.look(11.5, until=True)

    assert track.state == "cleared"


def test_going_back_and_forth_does_not_stop_the_timeout(track: Track) -> None:
    """The clock of the timeout goes on through a recovery that failed."""
    track.look(0, when=True)
    track.look(2, when=True)
    track.look(20, until=True)
    track.look(21)
    track.look(32)

    assert track.state == "expired"


def test_cooldown_blocks_and_then_lets_in(track: Track) -> None:
    """`again_after` counts from the close, and the account waits at the gate with the reason shown."""
    track.look(0, when=True)
    track.look(2, when=True)
    track.look(3, until=True)
    track.look(5, until=True)
    assert track.state == "cleared"
    track.look(6, when=True)
    blocked = track.look(8, when=True)
    assert blocked.decision is not None
    assert blocked.decision.reason == "cooldown: until 2026-03-17 08:00Z"
    assert not track.look(9, when=True).changed
    track.look(15, when=True)

    assert track.state == "active"


def test_a_lapse_in_the_cooldown_does_not_end_it(track: Track) -> None:
    """Flapping must not be the way around the rest that people were promised."""
    track.look(0, when=True)
    track.look(2, when=True)
    track.look(3, until=True)
    track.look(5, until=True)
    track.look(6, when=True)
    track.look(7)
    track.look(8, when=True)
    track.look(10, when=True)

    assert track.state == "blocked"


@pytest.mark.parametrize(("gates", "verdicts", "reason"), [
    (Gates(do_not_contact=True), {}, "do_not_contact: the account asked for it"),
    (Gates(), {"scope": False}, "scope: the account is no longer in it"),
    (Gates(), {"scope": None}, "data: nobody can say whether the account is in scope"),
    (Gates(inhibited_by="health_drop"), {}, "inhibited: health_drop is open on this account"),
    (Gates(do_not_contact=True, inhibited_by="x"), {"scope": False}, "do_not_contact: the account asked for it"),
])
def test_the_first_gate_that_says_no_is_the_reason(
    track: Track, gates: Gates, verdicts: dict[str, bool | None], reason: str,
) -> None:
    """One reason, always the same one, so that somebody can act on it."""
    track.look(0, when=True)
    step = track.look(2, gates, when=True, **verdicts)

    assert (track.state, track.open and track.open.reason, step.planned) == ("blocked", reason, ())


def test_over_the_limit_all_wait_until_somebody_approves(track: Track) -> None:
    """A threshold typed wrong must not reach five hundred customers."""
    track.look(0, when=True)
    track.look(2, Gates(over_limit=5), when=True)
    assert track.state == "awaiting_approval"
    track.look(3, when=True)
    assert track.state == "awaiting_approval"
    assert track.open is not None
    track.open = replace(track.open, body={**track.open.body, "approved_by": "dee"})
    track.look(4, Gates(over_limit=5), when=True)

    assert track.state == "active"


def test_exit_goes_before_goal_and_goal_before_until(track: Track) -> None:
    """The reason of a close is what measuring counts by."""
    for verdicts, reason in (
        ({"exit.gone": True, "goal.when": True, "until": True}, "exit:gone"), ({"goal.when": True, "until": True}, "goal_met"),
    ):
        each = Track(track.playbook)
        each.look(0, when=True)
        each.look(2, when=True)
        each.look(3, **verdicts)

        assert each.state == reason


def test_a_goal_after_its_window_is_none(track: Track) -> None:
    """Success has to be within the promised time."""
    track.look(0, when=True)
    track.look(2, when=True)
    track.look(25, **{"goal.when": True})

    assert track.state == "active"


def test_the_ladder_climbs_by_business_days_until_somebody_answers(track: Track) -> None:
    """Entered on Wednesday: two business days are Friday."""
    track.look(0, when=True)
    track.look(2, when=True)
    assert keys(track.look(3.9)) == []
    assert keys(track.look(4)) == ["it/acct_1/1/escalate.0/1"]
    assert keys(track.look(5)) == []


def test_unknown_holds_the_ladder_too(track: Track) -> None:
    """While nobody can say whether it is over, nobody's manager is called; afterwards the climb goes on from there."""
    track.look(0, when=True)
    track.look(2, when=True)
    track.look(3, until=None)
    assert keys(track.look(9, until=None)) == []
    assert keys(track.look(9.5)) == []
    assert keys(track.look(11)) == ["it/acct_1/1/escalate.0/1"]


def test_after_a_pause_the_ladder_is_not_climbed_at_once(track: Track) -> None:
    """A playbook switched on again after a week must not call everybody up to the top in the same minute."""
    track.look(0, when=True)
    track.look(2, when=True)
    live = track.playbook
    track.playbook = replace(live, mode=Mode.PAUSED)
    track.look(3)
    track.playbook = live

    assert keys(track.look(10)) == []


@pytest.mark.parametrize("looks", [
    [(3, None), (23, True), (24, False)],       # unknown before the recovery
    [(3, True), (4, None), (24, False)],        # unknown within it
])
def test_held_time_stays_held_through_a_recovery_that_failed(
    track: Track, looks: list[tuple[int, bool | None]],
) -> None:
    """Twenty days without data are not twenty days without an answer."""
    track.look(0, when=True)
    track.look(2, when=True)
    for day, until in looks:
        track.look(day, until=until)
    track.look(40)
    assert track.state == "active"
    track.look(52)

    assert track.state == "expired"


def test_an_acknowledged_enrollment_is_not_escalated(track: Track) -> None:
    """Who has it in hand is left alone."""
    track.look(0, when=True)
    track.look(2, when=True)
    assert track.open is not None
    track.open = replace(track.open, acknowledged_at=START + timedelta(days=3), acknowledged_by="ana")

    assert keys(track.look(5, **{"escalate[1].unless": True})) == []


def test_a_rung_with_a_condition_is_held_while_that_is_unknown(track: Track) -> None:
    """Nobody is called over data that is not there; the clock of that rung stands still."""
    track.look(0, when=True)
    track.look(2, when=True)
    assert track.open is not None
    track.open = replace(track.open, acknowledged_at=START)
    track.look(3, **{"escalate[1].unless": None})
    assert keys(track.look(8, **{"escalate[1].unless": None})) == []
    assert keys(track.look(9)) == []
    assert keys(track.look(12)) == ["it/acct_1/1/escalate.1/1"]


def test_shadow_walks_the_same_way_in_another_arm(track: Track) -> None:
    """What shadow shows is what live would have done."""
    shadow = Track(replace(track.playbook, mode=Mode.SHADOW))
    for each in (track, shadow):
        each.look(0, when=True)
    live, dry = track.look(2, when=True), shadow.look(2, when=True)

    assert keys(live) == keys(dry)
    assert (live.enrollment and live.enrollment.arm, dry.enrollment and dry.enrollment.arm) == (Arm.TREATMENT, Arm.SHADOW)


def test_a_ramp_takes_its_share_and_always_the_same_accounts(track: Track) -> None:
    """A ramp that draws anew each day is no ramp."""
    playbook = replace(track.playbook, mode=Mode.RAMP, ramp=0.25)
    drawn = [arm_of(playbook, f"acct_{number}") for number in range(2000)]

    assert 420 < drawn.count(Arm.TREATMENT) < 580
    assert drawn == [arm_of(playbook, f"acct_{number}") for number in range(2000)]


def test_paused_lets_nobody_in_and_stops_every_clock(track: Track) -> None:
    """Pausing is safe to do first and think after."""
    track.look(0, when=True)
    track.look(2, when=True)
    live = track.playbook
    track.playbook = replace(live, mode=Mode.PAUSED)
    track.look(3)
    track.look(100)
    assert track.state == "active"
    track.playbook = live
    track.look(101)

    assert track.state == "active"


def test_a_look_from_the_past_changes_nothing(track: Track) -> None:
    """Two evaluators with clocks that differ do not undo each other."""
    track.look(0, when=True)
    track.look(2, when=True)
    before = track.open
    track.look(1)

    assert track.open == before


def test_inhibitors_go_first(load: Callable[[str], Playbook]) -> None:
    """Within one run, a fire is seen before a sale is made; a ring does not hang."""
    one, two = load(TEXT), load(TEXT.replace("id: it", "id: sale") + "inhibited_by: it\npriority: 99\n")
    ring = load(TEXT.replace("id: it", "id: it") + "inhibited_by: sale\n")

    assert [each.id for each in in_order((two, one))] == ["it", "sale"]
    assert [each.id for each in in_order((two, ring))] == ["sale", "it"]


def test_who_comes_after_it_was_switched_on_is_no_backlog(life: Any, made: Any) -> None:
    """ "Ignore the backlog" is about the first day only."""
    one = life(made(backlog=Backlog.IGNORE))
    one.look(0, when=True)

    assert one.state == "active"
    assert not Look(one.playbook, "acct_1", Verdicts({}), START, HOURS).switched_on
