"""Treatment beside control in words and numbers that never say more than is known."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np

from steward.engine.lift import HYPOTHETICAL_SHARES, Unit, measure, power
from steward.model.enrollments import Arm

AT = datetime(2026, 3, 2, tzinfo=UTC)
MONTH = timedelta(days=30)


def units(treatment: tuple[int, int], control: tuple[int, int], waiting: int = 0, *, harmed: str = "") -> list[Unit]:
    """`(yes, all)` of each arm; `waiting` more of control whose window is not over; treatment ran into `harmed`."""
    out = []
    for arm, (yes, count) in ((Arm.TREATMENT, treatment), (Arm.CONTROL, control)):
        out += [Unit(f"{arm.value}{at}", arm, "", AT, at < yes, harmed=frozenset({harmed} if harmed and arm is Arm.TREATMENT else ())) for at in range(count)]
    return [*out, *(Unit(f"late{at}", Arm.CONTROL, "", AT, None) for at in range(waiting))]


def test_what_helps_is_said_to_help() -> None:
    found = measure(units((150, 200), (30, 100)), (), 0.33)

    assert found.low > 0
    assert found.says[0].startswith("It helps: 45 points more reach the goal, between")
    assert "treatment 150 of 200, control 30 of 100" in found.says[0]


def test_what_harms_is_said_to_harm() -> None:
    assert measure(units((30, 200), (70, 100)), (), 0.33).says[0].startswith("It harms: 55 points fewer")


def test_six_accounts_show_nothing() -> None:
    """However good it looks: 3 of 3 against 0 of 3 is an anecdote."""
    found = measure(units((3, 3), (0, 3)), (), 0.5)

    assert found.low < 0 < found.high
    assert found.says[0].startswith("Nothing is shown yet")
    assert "With 3 in control that is to be expected." in found.says[0]


def test_outcomes_count_once_their_window_is_over() -> None:
    """Who succeeds early is known early; counting those would flatter."""
    found = measure(units((2, 4), (0, 0), waiting=5), (), 0.5)

    assert (found.control.assigned, found.control.decided, found.estimate) == (5, 0, None)
    assert found.says[0].startswith("Nothing can be said yet: no outcome in control is known")


def test_arms_that_chance_did_not_fill_are_told() -> None:
    """Half in control where a tenth should be: somebody chose, and the comparison is worthless."""
    assert any("Something besides chance chose" in each for each in measure(units((5, 50), (5, 50)), (), 0.1).says)
    assert not any("chance" in each for each in measure(units((5, 90), (1, 10)), (), 0.1).says)


def test_a_guardrail_tells_of_harm_beside_the_goal() -> None:
    """More reach the goal, and more are annoyed: both are said."""
    found = measure(units((180, 200), (30, 100), harmed="annoyed"), ("annoyed",), 0.33)

    assert found.guardrails[0].harm
    assert any(each.startswith("Careful: annoyed is higher with treatment") for each in found.says)
    assert not measure(units((2, 3), (2, 3), harmed="annoyed"), ("annoyed",), 0.5).guardrails[0].harm


def test_the_power_statement_is_plain_about_a_small_company() -> None:
    """Said before the start, it saves a year of waiting for nothing."""
    told = power(3, 0.1, 0.4, MONTH)

    assert [each.weeks for each in told.reaches] == [4, 8, 13, 26, 52]
    assert told.reaches[0].effect is None
    year = told.reaches[-1].effect
    assert year is not None
    assert told.says.startswith(f"This playbook enrols 3 a week; with a 10% holdout nothing under {year * 100:.0f} points can be shown in a year")
    assert power(0.5, 0.1, 0.4, MONTH).says == "This playbook enrols 0.5 a week; with a 10% holdout nothing at all can be shown in a year."
    assert "a half is assumed" in power(30, 0.2, None, MONTH).says


def test_more_volume_shows_less() -> None:
    effects = [power(volume, 0.2, 0.3, MONTH).reaches[-1].effect or 1.0 for volume in (1, 3, 10, 30, 100)]

    assert effects == sorted(effects, reverse=True)


def test_the_power_statement_keeps_its_word() -> None:
    """Play the experiment that it describes: the effect is shown in about four of five, by the week that it names."""
    told = power(20, 0.3, 0.4, timedelta(0))
    reach = next(each for each in told.reaches if each.weeks == 26)
    assert reach.effect is not None
    draw = np.random.default_rng(5)
    shown = 0
    for _ in range(300):
        treatment, control = draw.binomial(364, 0.4 + reach.effect), draw.binomial(156, 0.4)
        shown += measure(units((int(treatment), 364), (int(control), 156)), (), 0.3).low > 0

    assert 0.72 <= shown / 300 <= 0.9


def test_what_is_said_has_its_numbers_beside_it() -> None:
    """A report draws them; the sentence and the picture must be of one experiment."""
    found = measure([*units((60, 200), (30, 100)), Unit("alone", Arm.TREATMENT, "smb", AT, True)], ("annoyed",), 0.33, alpha=0.1)

    assert (found.treatment.assigned, found.treatment.reached, found.control.reached, found.confidence) == (201, 61, 30, 0.9)
    assert [each.name for each in found.strata] == ["", "smb"]
    assert found.says[0].startswith("Nothing is shown yet: the difference is between")
    assert "(90% sure, however often one looks)" in found.says[0]
    assert found.says[1] == "1 outcomes stand in strata with an empty arm and are left out."


def test_the_arm_of_which_nothing_is_known_is_named() -> None:
    """One waits for the right thing."""
    assert "no outcome in control is known" in measure(units((2, 4), (0, 0)), (), 0.5).says[0]
    assert "no outcome in treatment is known" in measure(units((0, 0), (2, 4)), (), 0.5).says[0]


def test_the_first_weeks_that_show_anything_are_named_beside_the_year() -> None:
    """Whoever cannot wait a year sees what a quarter shows; where only the year shows anything, nothing is repeated."""
    often, seldom = power(30, 0.2, 0.4, timedelta(0)), power(1.2, 0.3, 0.4, MONTH)
    first = next(each for each in often.reaches if each.effect is not None)

    assert first.weeks < 52
    assert f"(in {first.weeks} weeks nothing under {(first.effect or 0) * 100:.0f} points)" in often.says
    assert "An outcome is known" not in often.says
    assert [each.effect is not None for each in seldom.reaches] == [False, False, False, False, True]
    assert "weeks nothing" not in seldom.says
    assert seldom.says.endswith("An outcome is known 30 days after the entry.")


def test_the_shares_that_a_playbook_without_a_holdout_could_have_are_shares() -> None:
    """Before the start each of them is told with what it could show."""
    assert sorted(HYPOTHETICAL_SHARES) == list(HYPOTHETICAL_SHARES)
    assert all(0 < each <= 0.5 for each in HYPOTHETICAL_SHARES)
