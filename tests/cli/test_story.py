"""How the demo tells what happened."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from steward.cli.story import MOST_OF_ONE, cause, causes, told
from steward.model.enrollments import Clause, Verdict
from steward.model.missing import MISSING, Missing
from steward.model.records import Value
from steward.views import ActionLine, Touched

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)


def clause(text: str, observed: Value | Missing, path: str = "when") -> Clause:
    return Clause(path, text, Verdict.TRUE, observed)


def action(kind: str, connection: str, state: str = "delivered", to_name: str = "") -> ActionLine:
    return ActionLine("k", "e", "a", "Acme", "p", kind, "", "hana@us.test", connection, connection, "A", state, 1, NOW,
                      NOW, None, None, None, to_name)


WHY = (clause("health.score < 60", 41.04), clause("renewal.days_left <= 120 days", 70),
       clause("usage.active_users.change_28d <= -30%", -0.506),
       clause("account.lifecycle == customer", "customer", "scope"))
DID = (action("open_cta", "salesforce"), action("message", "slack", to_name="Hana Tanaka"))


def touched(number: int = 0, account: str = "Acme", playbook: str = "health_drop") -> Touched:
    return Touched(f"acct_{number}", account, playbook, f"{playbook}/acct_{number}/1", WHY, DID)


@pytest.mark.parametrize(("text", "observed", "said"), [
    ("health.score < 60", 59.7, "health 59.7"),
    ("account.arr >= 50k USD", 248_000.0, "arr 248k"),
    ("handoff.complete == false", False, "handoff not complete"),
    ("onboarding.in_progress == true", True, "onboarding in progress"),
    ("onboarding.stalled_days >= 14 days", 31, "stalled 31d"),
    ("seats.utilization >= 90%", 1.029, "seats 103%"),
    ("account.segment == enterprise", "enterprise", "segment enterprise"),
])
def test_a_condition_is_told_by_what_was_seen(text: str, observed: Value, said: str) -> None:
    """Three of them must fit beside a name."""
    assert cause(clause(text, observed)) == said


def test_an_account_is_one_line_of_a_hundred_columns() -> None:
    """The first thing that a newcomer reads: who, why, what was done, whom it reached."""
    lines = list(told([touched(account="Nimhuquor Logistics")], {"health_drop": "Health drop"}, 100))

    assert lines[1] == "health_drop: Health drop (1)"
    assert re.split("  +", lines[2]) == [
        " Nimhuquor Logistics", "health 41, renewal 70d, users -51%", "CTA salesforce ✓, slack ✓ → Hana Tanaka"]
    assert max(map(len, lines)) <= 100


def test_what_does_not_fit_is_left_out_and_marked() -> None:
    """A narrow window shows the first reasons, whole."""
    assert causes(WHY, 24) == "health 41, renewal 70d …"
    assert causes(WHY, 12) == "health 41 …"
    assert causes((clause("nps.last_score <= 6", MISSING),), 20) == ""


def test_the_playbooks_stand_in_their_order_each_with_its_first_accounts() -> None:
    """With 500 accounts the screen must not run over."""
    many = [touched(number) for number in range(MOST_OF_ONE + 3)]
    lines = list(told([touched(99, playbook="old_one"), touched(98, playbook="first"), *many],
                      {"first": "First", "health_drop": "Health drop"}, 100))

    assert [line.split(":")[0] for line in lines if ": " in line and not line.startswith(" ")] == [
        "first", "health_drop", "old_one"]
    assert " and 3 more: steward enrollments --playbook health_drop" in lines


def test_an_action_that_did_not_arrive_is_seen() -> None:
    """✓ only where it is there."""
    did = (action("open_cta", "hubspot", "failed"), action("message", "slack", "unknown"))
    line = list(told([Touched("a", "Acme", "p", "e", WHY, did)], {}, 100))[2]

    assert line.endswith("CTA hubspot ✗, slack ? → hana@us.test")


def test_a_hostile_name_stays_on_its_line() -> None:
    """The names come from a CRM."""
    lines = list(told([touched(account="A\x1b[2J\nB" + "x" * 90)], {}, 100))

    assert "\x1b" not in lines[2]
    assert "\n" not in lines[2]
    assert len(lines[2]) <= 100
