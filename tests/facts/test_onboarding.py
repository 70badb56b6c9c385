"""How far onboarding has come and how long nothing has moved."""

from datetime import date
from typing import Any

from steward.facts import onboarding
from steward.facts.basis import Basis
from steward.model.records import Noun

KICKOFF = {"name": "kickoff", "position": 1, "started_on": date(2026, 1, 5), "due_on": date(2026, 1, 10),
           "reached_on": date(2026, 1, 9)}
INTEGRATION = {"name": "integration", "position": 2, "due_on": date(2026, 2, 1)}
FIRST_VALUE = {"name": "first_value", "position": 3, "due_on": date(2026, 3, 1)}


def facts(frame: Any, basis: Basis, *rows: dict[str, Any]) -> dict[str, Any]:
    found = onboarding.facts(frame(Noun.MILESTONE, *rows), basis).row(0, named=True)
    return {name.removeprefix("onboarding."): value for name, value in found.items()}


def test_a_stalled_onboarding_shows_what_it_waits_for(frame: Any, basis: Basis) -> None:
    """The CSM must read which milestone is stuck and since when."""
    found = facts(frame, basis, FIRST_VALUE, INTEGRATION, KICKOFF)

    assert (found["in_progress"], found["next_milestone"], found["days_overdue"]) == (True, "integration", 32)
    assert (found["milestones_reached"], found["milestones_total"], round(found["progress"], 3)) == (1, 3, 0.333)
    assert (found["stalled_days"], found["days_since_kickoff"], found["first_value_days"]) == (55, 59, None)


def test_a_finished_onboarding_is_neither_late_nor_stalled(frame: Any, basis: Basis) -> None:
    """Reached late is reached: no alert for history."""
    found = facts(frame, basis, KICKOFF, {**FIRST_VALUE, "reached_on": date(2026, 3, 4)})

    assert (found["in_progress"], found["next_milestone"], found["progress"]) == (False, None, 1)
    assert (found["days_overdue"], found["stalled_days"], found["first_value_days"]) == (0, None, 58)


def test_a_plan_without_due_days_is_not_on_time_but_unknown(frame: Any, basis: Basis) -> None:
    """Nobody promised a day, so nobody can say that it is kept."""
    assert facts(frame, basis, {"name": "kickoff"})["days_overdue"] is None
    assert facts(frame, basis, {"name": "kickoff"})["stalled_days"] is None


def test_a_milestone_dated_in_the_future_is_not_reached(frame: Any, basis: Basis) -> None:
    """Some tools write the planned day where the reached day belongs."""
    found = facts(frame, basis, {**KICKOFF, "reached_on": date(2026, 6, 1)})

    assert (found["in_progress"], found["milestones_reached"], found["stalled_days"]) == (True, 0, 59)
