"""What people ask before and after: why, why not, and who would be affected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from steward.engine.calendars import Calendar
from steward.engine.clocks import after
from steward.engine.explain import Standing, explain
from steward.engine.gates import Gates
from steward.engine.language import Mode, Playbook, Trigger, TriggerKind
from steward.engine.lifecycle import advance
from steward.engine.look import Look, Verdicts
from steward.engine.plan import Today, plan
from steward.engine.step_lines import step_lines
from steward.engine.sweep import opened_frame, sweep, sweep_rows
from steward.engine.walk import walk
from steward.model.enrollments import Arm, Enrollment, State
from steward.model.facts import FactSpec

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
HOURS = Calendar()


def account(account_id: str = "acct_1", **facts: Any) -> dict[str, Any]:
    row = {
        "account_id": account_id, "account.name": "acme", "account.segment": "smb", "account.arr": 50000.0,
        "renewal.days_left": 90, "health.score": 58.0, "usage.active_users.change_28d": -0.5, "support.open_urgent": 1,
        "account.do_not_contact": False, "forecast.points": 1.0, "account.since_on": None, "account.industry": None,
        "as_of.crm": NOW - timedelta(hours=2), "as_of.health": NOW - timedelta(hours=6),
        "as_of.usage": NOW - timedelta(hours=41), "as_of.support": NOW - timedelta(hours=1)}
    return {**row, **{name.replace("__", "."): value for name, value in facts.items()}}


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(list(rows), schema_overrides={
        "as_of.crm": pl.Datetime("us", "UTC"), "health.score": pl.Float64, "account.since_on": pl.Date,
        "account.industry": pl.String}, infer_schema_length=None)


@pytest.fixture
def pending(example: Playbook) -> Enrollment:
    found = advance(Look(example, "acct_1", Verdicts({"when": True}), NOW - timedelta(days=2), HOURS), None, None)
    assert found.enrollment is not None
    return found.enrollment


SOURCES = {"crm": "salesforce", "support": "hubspot"}


def test_explain_prints_the_example_of_the_language(
    example: Playbook, catalog: Mapping[str, FactSpec], pending: Enrollment,
) -> None:
    """The document promises these lines, to the letter: the answer to "why?" that a person can act on."""
    live = replace(example, version="7c1e", mode=Mode.LIVE)
    standing = Standing(HOURS, pending, room="owner has 11 of 15 open")

    found = explain(live, account(), catalog, NOW, standing, sources=SOURCES)

    assert found.text() == """\
acme · health_drop@7c1e · 2026-03-05 08:00Z · PENDING (2d of 3d)
  TRUE     health.score < 60                           58  health, 6h old
  TRUE     renewal.days_left <= 120                    90  salesforce, 2h old
  TRUE     any: support.open_urgent >= 1               1   hubspot, 1h old
  UNKNOWN       usage.active_users.change_28d <= -30%  -   usage feed 41h old, fresh within 26h
  gates    all pass (owner has 11 of 15 open); arm: treatment
  next     ACTIVE at 2026-03-06 08:00Z if nothing changes. Nearest way out: health.score >= 60 (+2)"""


def test_explain_says_why_not(example: Playbook, catalog: Mapping[str, FactSpec]) -> None:
    """Most questions are about accounts for which nothing happened."""
    far = explain(example, account(health__score=64.0), catalog, NOW, Standing(HOURS))
    missing = explain(example, account(health__score=None), catalog, NOW, Standing(HOURS))

    assert far.state == "idle"
    assert far.next == "nothing. Nearest way in: health.score < 60 (-4)"
    assert missing.next == "nothing before this is known: health.score, usage.active_users.change_28d"


def test_explain_of_an_active_one_shows_what_it_waits_for(
    example: Playbook, catalog: Mapping[str, FactSpec], pending: Enrollment,
) -> None:
    """After entry, `until` decides; it ends on the version with which it entered, and says so."""
    later = NOW + timedelta(days=2)
    active = advance(Look(example, "acct_1", Verdicts({"when": True}), later, HOURS), pending, None)

    text = explain(example, account(), catalog, later, Standing(HOURS, active.enrollment, live="9a2b")).text()

    assert "ACTIVE" in text.splitlines()[0]
    assert f"version  {example.version[:4]}, with which it entered; live is 9a2b" in text
    assert "until health.score >= 70" in text
    assert "when  renewal.days_left <= 120" in text


def test_scope_and_when_are_told_apart(
    catalog: Mapping[str, FactSpec], load: Callable[[str], Playbook], example_text: str,
) -> None:
    """Out of scope and not yet true are two answers, and lead to two different changes."""
    playbook = load(example_text + "scope: account.segment == smb\n")

    text = explain(playbook, account(), catalog, NOW, Standing(HOURS)).text()

    assert "TRUE     scope account.segment == smb" in text
    assert "TRUE     when  health.score < 60" in text


def test_nested_groups_stay_readable(catalog: Mapping[str, FactSpec], load: Callable[[str], Playbook]) -> None:
    """Which of two reasons holds must be seen without the file at hand."""
    playbook = load("""\
id: nested
title: Nested
why: To see it.
when:
  any:
    - all: [health.score < 60, support.open_urgent >= 9]
    - not: account.segment == smb
    - renewal.days_left <= 120
do:
  - cta: {type: risk, due: 3bd, assign: csm}
""")
    lines = explain(playbook, account(), catalog, NOW, Standing(HOURS)).shown

    assert lines[0][11:].startswith("any: all: health.score < 60")
    assert lines[1][11:].startswith("          support.open_urgent >= 9")
    assert lines[2][11:].startswith("     not: account.segment == smb")
    assert lines[3][11:].startswith("     renewal.days_left <= 120")


def test_what_comes_by_hand_says_how(catalog: Mapping[str, FactSpec], example: Playbook) -> None:
    """True conditions alone let nobody into a playbook that a person or an event begins."""
    by_hand = replace(example, trigger=Trigger(TriggerKind.MANUAL))
    by_event = replace(example, trigger=Trigger(TriggerKind.EVENT, event="opportunity.closed_won"))

    hand, event = (explain(each, account(), catalog, NOW, Standing(HOURS)) for each in (by_hand, by_event))
    asked = explain(by_event, account(), catalog, NOW, Standing(HOURS, asked=("won on 2026-03-04",)))

    assert "steward playbook enroll health_drop" in hand.trigger
    assert hand.next.startswith("nothing before a person asks for entry")
    assert event.next.startswith("nothing before an event asks for entry")
    assert "asks for entry (won on 2026-03-04)" in asked.trigger
    assert asked.next.startswith("ACTIVE once it was true for 3d")


def test_the_walk_looks_at_everything_and_knows_what_decides(
    example: Playbook, catalog: Mapping[str, FactSpec],
) -> None:
    """No short cut: the third reason is a reason too."""
    walked = walk(example.when, account(health__score=99.0, renewal__days_left=500), catalog, NOW)

    assert len(walked.clauses) == 4
    assert walked.deciding == ()
    assert walk(example.when, account(health__score=99.0), catalog, NOW).deciding == (0,)


def test_batch_and_single_sweeps_find_the_same(
    example: Playbook, catalog: Mapping[str, FactSpec], load: Callable[[str], Playbook], example_text: str,
) -> None:
    """The webhook's path and the nightly one agree on who can change and who waits for data."""
    playbook = load(example_text + "scope: account.segment == smb\n")
    rows = [account("acct_1"), account("acct_2", health__score=None), account("acct_3", account__segment=None),
            account("acct_4", account__segment="enterprise"), account("acct_5", health__score=90.0)]
    there = advance(Look(playbook, "acct_5", Verdicts({"when": True}), NOW, HOURS), None, None).enrollment
    assert there is not None
    batch, single = sweep(playbook, frame(*rows), opened_frame([there]), NOW), sweep_rows(playbook, rows, {"acct_5"})

    assert {each: dict(found.by_path) for each, found in batch.looks.items()} == {
        each: dict(found.by_path) for each, found in single.looks.items()}
    assert (sorted(batch.looks), batch.waiting) == (["acct_1", "acct_5"], 2)
    assert single.waiting == 2


def test_explain_says_whom_the_escalation_calls_and_when(example: Playbook, pending: Enrollment) -> None:
    """Whoever wrote "after 2bd, unless acknowledged" wants to see the instant, and that an acknowledgement ends it."""
    first = example.escalate[0]
    active = replace(pending, state=State.ACTIVE, arm=Arm.TREATMENT, since=NOW)
    due = after(first.after, NOW, HOURS)
    line = f"escalates to {first.to[0]} from {due:%Y-%m-%d %H:%M}Z on unless acknowledged"

    assert first.unless == "acknowledged"
    assert line in step_lines(example, active, {}, HOURS)
    assert line not in step_lines(example, replace(active, acknowledged_at=NOW), {}, HOURS)
    assert f"{line}; is not performed" in step_lines(example, replace(active, arm=Arm.SHADOW), {}, HOURS)
    assert f"escalated to {first.to[0]}" in step_lines(example, replace(active, body={"rungs": [0]}), {}, HOURS)


def test_plan_names_who_enters_leaves_and_stays_with_the_deciding_clause(
    example: Playbook, catalog: Mapping[str, FactSpec], pending: Enrollment,
) -> None:
    """Nobody applies what they cannot foresee."""
    rows = [account("acct_1", health__score=66.0), account("acct_2", account__arr=9.0), account("acct_3", health__score=None)]
    today = Today(frame(*rows), catalog, NOW, HOURS, {"acct_1": pending}, {})

    found = plan(example, today)

    assert [(move.account_id, move.clause) for move in found.enters] == [("acct_2", "health.score < 60 (58)")]
    assert [(move.account_id, move.clause) for move in found.leaves] == [("acct_1", "health.score < 60 (66)")]
    assert (found.stays, found.unknown) == (0, 1)
    assert found.lacking[0] == ("health.score", 1)


def test_plan_says_what_is_not_known_of_those_who_wait(
    catalog: Mapping[str, FactSpec], load: Callable[[str], Playbook], example_text: str,
) -> None:
    """ "291 wait for data" helps nobody who must find out which data."""
    draft = load(example_text)
    rows = [account("acct_1", health__score=None), account("acct_2", health__score=None, renewal__days_left=None),
            account("acct_3", health__score=None, renewal__days_left=400)]

    found = plan(draft, Today(frame(*rows), catalog, NOW, HOURS, {}, {}))

    assert found.unknown == 2
    assert [each for each in found.lacking if not each[0].startswith("usage.")] == [
        ("health.score", 2), ("renewal.days_left", 1)]


def test_plan_of_what_an_event_begins_says_so(
    example: Playbook, catalog: Mapping[str, FactSpec],
) -> None:
    """ "0 enter" reads as if nobody ever would."""
    asked = replace(example, trigger=Trigger(TriggerKind.EVENT, event="opportunity.closed_won"))

    assert plan(example, Today(frame(account()), catalog, NOW, HOURS, {}, {})).begins == ""
    assert plan(asked, Today(frame(account()), catalog, NOW, HOURS, {}, {})).begins == "opportunity.closed_won"


def test_plan_of_an_edit_shows_what_the_edit_does(
    example: Playbook, catalog: Mapping[str, FactSpec], load: Callable[[str], Playbook], example_text: str,
    pending: Enrollment,
) -> None:
    """Whoever is enrolled by now: the difference is that of the two texts, with the clause that was edited."""
    stricter = load(example_text.replace("< 60", "< 50").replace("<= 120", "<= 200"))
    rows = [account("acct_1"), account("acct_2", health__score=40.0, renewal__days_left=150),
            account("acct_3", health__score=40.0)]
    today = Today(frame(*rows), catalog, NOW, HOURS, {"acct_1": pending}, {})

    found = plan(stricter, today, before=example)

    assert [(move.account_id, move.clause) for move in found.enters] == [("acct_2", "health.score < 50 (40)")]
    assert [(move.account_id, move.clause) for move in found.leaves] == [("acct_1", "health.score < 50 (58)")]
    assert found.stays == 1


def test_plan_says_whom_a_gate_would_stop(
    example: Playbook, catalog: Mapping[str, FactSpec], pending: Enrollment,
) -> None:
    """An account that asked not to be contacted does not enter, and the plan must not say so."""
    rows = [account("acct_1"), account("acct_2"), account("acct_3")]
    gates = {"acct_1": Gates(do_not_contact=True), "acct_2": Gates(inhibited_by="fire")}
    today = Today(frame(*rows), catalog, NOW, HOURS, {}, {}, gates)

    found = plan(example, today)

    assert [move.account_id for move in found.enters] == ["acct_3"]
    assert [(move.account_id, move.clause.split(":")[0]) for move in found.held] == [
        ("acct_1", "do_not_contact"), ("acct_2", "inhibited")]
