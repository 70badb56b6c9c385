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
from steward.engine.holdout import arm_of
from steward.engine.language import Mode, Playbook, Subject, Trigger, TriggerKind
from steward.engine.lifecycle import advance
from steward.engine.look import Look, Verdicts
from steward.engine.plan import Today, plan
from steward.engine.step_lines import step_lines
from steward.engine.sweep import opened_frame, sweep, sweep_rows
from steward.engine.walk import walk
from steward.model.enrollments import Arm, Decision, Enrollment, State
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


# ---- steps ----

HEAD = "id: it\ntitle: It\nwhy: Because.\nwhen: health.score < 60\nuntil: health.score >= 70\n"
DO = """\
do:
  - {id: call, cta: {type: risk, assign: csm}}
  - wait: 3d
  - {message: {to: csm}, needs: call}
  - branch:
      - {if: account.arr >= 1k USD, do: [{wait: 1d}]}
      - else: [{message: {to: csm}}]
  - {message: {to: csm_manager}, approve: [csm_manager, role:vp]}
  - {message: {to: csm_manager}, if: account.arr >= 1k USD}
  - message: {to: csm_manager}
escalate:
  - {after: 2d, to: csm_manager}
  - {after: 5d, unless: health.score >= 65, to: [csm_manager, role:vp], only_if: account.arr >= 1k USD}
"""


def flying(load: Callable[[str], Playbook], step: int, arm: Arm = Arm.TREATMENT, **body: Any) -> tuple[Playbook, Enrollment]:
    playbook = load(HEAD + DO)
    return playbook, Enrollment("it/acct_1/1", "it", playbook.version, "acct_1", 1, State.ACTIVE, since=NOW, looked_at=NOW,
                                arm=arm, step=step, body=body)


@pytest.mark.parametrize(("step", "body", "lines"), [
    (0, {}, ["at do[0] call: at the next look", "then do[1] wait, do[2] message, do[3] branch and 3 more"]),
    (1, {"planned": ["do.0"], "step_since": "2026-03-05T08:00:00+00:00"},
     ["did do[0] call delivered", "at do[1] wait: waits 3d, until 2026-03-08 08:00Z",
      "then do[2] message, do[3] branch, do[4] message and 2 more"]),
    (1, {}, ["at do[1] wait: waits 3d", "then do[2] message, do[3] branch, do[4] message and 2 more"]),
    (2, {"planned": ["do.0"]}, ["did do[0] call delivered", "at do[2] message: waits for the receipt of call",
                                "then do[3] branch, do[4] message, do[5] message and 1 more"]),
    (2, {}, ["at do[2] message: at the next look", "then do[3] branch, do[4] message, do[5] message and 1 more"]),
    (3, {"planned": ["do.2", "gone.9"]},
     ["did do[2] message not planned, gone.9 not planned", "at do[3] branch: which way is not known: data are missing",
      "then do[4] message, do[5] message, do[6] message"]),
    (6, {}, ["at do[4] message: waits for a yes of csm_manager or role:vp: steward playbook approve it/acct_1/1 --step do.4",
             "then do[5] message, do[6] message"]),
    (6, {"approvals": {"do.4": "ana"}}, ["at do[4] message: at the next look", "then do[5] message, do[6] message"]),
    (7, {}, ["at do[5] message: its `if` is not known: data are missing", "then do[6] message"]),
    (8, {"needs_attention": ["do[0] failed", "do[2] failed"]},
     ["at do[6] message: at the next look", "needs attention: do[0] failed", "needs attention: do[2] failed"]),
    (9, {"planned": ["do.6"]}, ["did do[6] message not planned"]),
])
def test_each_step_says_what_it_waits_for_and_what_comes_then(
    load: Callable[[str], Playbook], step: int, body: dict[str, Any], lines: list[str],
) -> None:
    """"Why has nothing happened since Monday?" has one answer for each kind of step."""
    playbook, enrollment = flying(load, step, **body)
    told = step_lines(playbook, enrollment, {"it/acct_1/1/do.0/1": "delivered"}, HOURS)

    assert [line for line in told if not line.startswith("escalate")] == lines


def test_what_is_not_performed_and_what_is_silenced_is_said(load: Callable[[str], Playbook]) -> None:
    """Who sees "did do[0]" of a control account would believe that the customer was called."""
    playbook, control = flying(load, 2, Arm.CONTROL, planned=["do.0"], rungs=[0])
    loud = flying(load, 0)[1]
    silenced = step_lines(playbook, loud, {}, HOURS, "until Monday by ana: fair")

    assert step_lines(playbook, control, {}, HOURS) == (
        "did do[0] call not performed", "at do[2] message: at the next look",
        "then do[3] branch, do[4] message, do[5] message and 1 more", "escalated to csm_manager: not performed",
        "escalates to csm_manager, role:vp from 2026-03-10 08:00Z on where its condition is true unless its condition is true; is not performed")
    assert silenced[0] == "at do[0] call: silenced until Monday by ana: fair"
    assert silenced[2] == "escalates to csm_manager from 2026-03-07 08:00Z on; silenced until Monday by ana: fair"
    assert step_lines(playbook, replace(loud, state=State.PENDING), {}, HOURS) == ()
    assert [line[:9] for line in step_lines(playbook, replace(loud, state=State.RECOVERING), {}, HOURS)] == ["at do[0] ", "then do[1"]


# ---- the rest of an explanation ----

def test_an_explanation_says_what_stands_in_the_way_of_each_state(
    example: Playbook, catalog: Mapping[str, FactSpec], pending: Enrollment, load: Callable[[str], Playbook], example_text: str,
) -> None:
    """One line tells what happens next, and what would have to change."""
    def told(row: dict[str, Any], standing: Standing, playbook: Playbook = example) -> tuple[str, str]:
        found = explain(playbook, row, catalog, NOW, standing)
        return found.gates, found.next

    fresh = {"as_of__usage": NOW}
    active = replace(pending, state=State.ACTIVE, arm=Arm.TREATMENT, entered_at=NOW)
    closed = replace(pending, state=State.CLOSED, reason="cleared", closed_at=NOW - timedelta(days=10), entered_at=NOW - timedelta(days=20))
    held = replace(pending, state=State.AWAITING_APPROVAL, reason="limit")
    blocked = replace(pending, state=State.BLOCKED, reason="silenced: x")
    scoped = load(example_text + "scope: account.segment == enterprise\n")

    assert told(account(), Standing(HOURS, held)) == (
        "limit: waits for approval; steward playbook approve health_drop; arm: shadow",
        "waits at the gate. Nearest way out: health.score >= 60 (+2)")
    assert told(account(), Standing(HOURS, blocked, gates=Gates(silenced="x")))[0] == "silenced: x; arm: shadow"
    assert told(account(), Standing(HOURS, active))[1] == "stays open. Nearest way out: health.score >= 70 (+12)"
    assert told(account(health__score=80.0), Standing(HOURS, active)) == ("passed; arm: treatment", "closed at the next look")
    assert told(account(), Standing(HOURS, last_closed=closed))[0].startswith("cooldown")
    assert explain(example, account(), catalog, NOW, Standing(HOURS, last_closed=closed)).state == "cooldown"
    assert explain(example, account(), catalog, NOW + timedelta(days=20), Standing(HOURS, last_closed=closed)).state == "idle"
    assert told(account(), Standing(HOURS), scoped)[1] == "nothing: scope is FALSE. Nearest way into scope: account.segment == enterprise"
    assert told(account(), Standing(HOURS), replace(example, mode=Mode.PAUSED))[1] == (
        "nothing: the playbook is paused; steward playbook resume health_drop")
    assert told(account(health__score=64.0, renewal__days_left=400, **fresh), Standing(HOURS))[1] == "nothing. No single change would do"


def test_how_long_it_runs_is_told_in_the_unit_of_the_whole_and_stands_where_data_are_missing(
    example: Playbook, catalog: Mapping[str, FactSpec], pending: Enrollment,
) -> None:
    """A clock that stands says so; else one waits for a day that never comes."""
    def progress(since: timedelta, held: bool = False, looked: timedelta = timedelta(0)) -> str:
        one = replace(pending, since=NOW - since, looked_at=NOW - looked, body={"held": True} if held else {})
        return explain(example, account(), catalog, NOW, Standing(HOURS, one)).progress

    assert progress(timedelta(days=1)) == "1d of 3d"
    assert progress(timedelta(hours=23, minutes=59)) == "23h of 3d"
    assert progress(timedelta(days=2, hours=23)) == "2d of 3d"
    assert progress(timedelta(days=2), held=True, looked=timedelta(days=1)) == "1d of 3d, held: data is missing"


def test_what_was_seen_as_it_fired_is_kept(
    example: Playbook, catalog: Mapping[str, FactSpec], pending: Enrollment,
) -> None:
    """Today's values do not tell why somebody was called last week."""
    clauses = walk(example.when, account(), catalog, NOW).clauses
    entry = Decision("it/acct_1/1", "health_drop", "acct_1", NOW - timedelta(days=2), "pending", "active", "when held for 3d",
                     clauses=clauses)
    active = replace(pending, state=State.ACTIVE)

    assert explain(example, account(), catalog, NOW, Standing(HOURS, active, entry=entry)).fired == (
        "2026-03-03 08:00Z by health.score < 60 (58); renewal.days_left <= 120 (90); support.open_urgent >= 1 (1)")
    assert explain(example, account(), catalog, NOW, Standing(HOURS, active, entry=replace(entry, clauses=()))).fired == (
        "2026-03-03 08:00Z by when held for 3d")


def test_by_hand_says_who_did_it(catalog: Mapping[str, FactSpec], example: Playbook, pending: Enrollment) -> None:
    """A name, and not an instruction that was followed already."""
    by_hand = replace(example, trigger=Trigger(TriggerKind.MANUAL))
    asked = replace(pending, cause="manual:ana@2026-03-05")

    assert explain(by_hand, account(), catalog, NOW, Standing(HOURS, asked)).trigger == "enrolled ana@2026-03-05"
    assert explain(by_hand, account(), catalog, NOW, Standing(HOURS)).trigger == (
        "by hand only: steward playbook enroll health_drop ACCOUNT")


def test_values_stand_in_their_own_words_and_equal_ones_in_the_order_of_the_file(
    catalog: Mapping[str, FactSpec], load: Callable[[str], Playbook],
) -> None:
    """ "-0.5" beside "<= -30%" makes one count zeros; lines that jump make one search."""
    playbook = load("""\
id: it
title: It
why: To see it.
when:
  any:
    - usage.active_users.change_28d <= -60%
    - renewal.days_left <= 120
    - {any: [support.open_urgent >= 9, health.score < 60, {all: [account.arr >= 1k USD, health.score < 59]}]}
    - health.score < 59
    - health.score is unknown
do: [{message: {to: csm}}]
""")
    lines = explain(playbook, account(as_of__usage=NOW), catalog, NOW, Standing(HOURS), sources=SOURCES).shown

    assert list(lines) == [
        "  TRUE     any: renewal.days_left <= 120               90          salesforce, 2h old",
        "  FALSE         usage.active_users.change_28d <= -60%  -50%        usage feed, 0min old",
        "  TRUE          any: health.score < 60                 58          health, 6h old",
        "  FALSE              support.open_urgent >= 9          1           hubspot, 1h old",
        "  TRUE               all: account.arr >= 1k USD        50,000 USD  salesforce, 2h old",
        "  TRUE                    health.score < 59            58          health, 6h old",
        "  TRUE          health.score < 59                      58          health, 6h old",
        "  FALSE         health.score is unknown                58          health, 6h old"]


# ---- the rest of a plan ----

def test_a_plan_counts_who_is_in_flight_on_which_version(
    example: Playbook, catalog: Mapping[str, FactSpec], pending: Enrollment,
) -> None:
    """An edit decides about those who are in; pending ones follow it anyhow and are not counted."""
    def one(name: str, state: State, version: str) -> Enrollment:
        return replace(pending, id=f"health_drop/{name}/1", account_id=name, subject_id=name, state=state, version=version)

    opened = {each.account_id: each for each in (
        one("a", State.ACTIVE, "old"), one("b", State.RECOVERING, "old"), one("c", State.ACTIVE, example.version),
        one("d", State.PENDING, "old"), one("e", State.BLOCKED, "older"))}
    found = plan(example, Today(frame(*(account(name) for name in opened)), catalog, NOW, HOURS, opened, {}))

    assert {(each.version, each.count, each.becomes) for each in found.in_flight} == {
        ("old", 2, "pin"), (example.version, 1, "live")}


def test_a_plan_lists_the_dearest_first_and_sums_by_owner_and_account(
    example: Playbook, catalog: Mapping[str, FactSpec],
) -> None:
    """The first line is where one looks; nobody's accounts are a line too."""
    rows = [account("a", account__arr=5.0) | {"account.csm": "ana"}, account("b", account__arr=None) | {"account.csm": None},
            account("c", account__arr=9.0) | {"account.csm": "bo"}, account("d", account__arr=7.0) | {"account.csm": "ana"},
            account("e", account__arr=0.5) | {"account.csm": "ana", "account.name": None}]
    found = plan(example, Today(frame(*rows), catalog, NOW, HOURS, {}, {}, {"e": Gates(silenced="fair")}))

    assert [(move.account_id, move.arr, move.owner, move.name) for move in found.enters] == [
        ("c", 9.0, "bo", "acme"), ("d", 7.0, "ana", "acme"), ("a", 5.0, "ana", "acme"), ("b", None, "", "acme")]
    assert [(each.owner, each.enters, each.leaves, each.held, each.arr) for each in found.owners] == [
        ("ana", 2, 0, 1, 12.0), ("", 1, 0, 0, 0.0), ("bo", 1, 0, 0, 9.0)]
    assert [(move.account_id, move.name, move.clause) for move in found.held] == [("e", "", "silenced: fair")]


def test_a_plan_of_an_edit_names_the_line_that_was_edited(
    example: Playbook, catalog: Mapping[str, FactSpec], load: Callable[[str], Playbook], example_text: str,
) -> None:
    """Another clause may be nearer to turning; it is not what this person has just changed."""
    wider = load(example_text.replace("<= 120", "<= 200"))
    today = Today(frame(account(health__score=59.9, renewal__days_left=150)), catalog, NOW, HOURS, {}, {})

    assert [move.clause for move in plan(wider, today, before=example).enters] == ["renewal.days_left <= 200 (150)"]
    assert [move.clause for move in plan(wider, today).enters] == ["health.score < 60 (59.9)"]


def test_a_plan_says_why_one_in_flight_would_leave(
    example: Playbook, catalog: Mapping[str, FactSpec], pending: Enrollment,
) -> None:
    """An active one is cleared by `until`, and not as `when` is no longer true."""
    since = NOW - timedelta(hours=9)
    active = replace(pending, state=State.ACTIVE, arm=Arm.TREATMENT, entered_at=since, since=since, looked_at=since)
    gone = replace(active, id="health_drop/acct_2/1", account_id="acct_2", subject_id="acct_2")
    today = Today(frame(account(health__score=80.0)), catalog, NOW, HOURS, {"acct_1": active, "acct_2": gone}, {})

    assert {(move.account_id, move.clause) for move in plan(example, today).leaves} == {
        ("acct_1", "health.score >= 70 (80)"), ("acct_2", "nothing is known of it")}
    people = frame(account() | {"subject_id": "ana", "contact.name": "Ana"})
    left = replace(active, account_id="acct_9", subject_id="bob")
    assert [(move.account_id, move.subject_id) for move in plan(
        replace(example, subject=Subject.CONTACT), Today(people, catalog, NOW, HOURS, {"bob": left}, {})).leaves] == [("acct_9", "bob")]


def test_a_condition_alone_needs_no_trigger_and_the_arm_is_that_of_the_account(
    example: Playbook, catalog: Mapping[str, FactSpec],
) -> None:
    """Of a ramp half is acted on: explaining must say the arm that entering would give."""
    half = replace(example, mode=Mode.RAMP, ramp=0.5)
    told = {name: explain(half, account(name), catalog, NOW, Standing(HOURS)) for name in (f"acct_{at}" for at in range(12))}

    assert {each.trigger for each in told.values()} == {""}
    assert {name: each.gates.rpartition("arm: ")[2] for name, each in told.items()} == {
        name: arm_of(half, name).value for name in told}
    assert {arm_of(half, name) for name in told} == {Arm.TREATMENT, Arm.SHADOW}


def test_what_is_not_any_of_several_is_told_once(catalog: Mapping[str, FactSpec], load: Callable[[str], Playbook]) -> None:
    """Neither of two reasons may hold: one "not", and each reason on its line; what is equal stays in its order."""
    playbook = load("""\
id: it
title: It
why: To see it.
when: {not: {any: [health.score < 20, health.score < 10, support.open_urgent >= 9]}}
until: {any: [health.score < 61, health.score < 60, health.score < 59, health.score > 90]}
do: [{message: {to: csm}}]
""")
    active = Enrollment("it/acct_1/1", "it", "v1", "acct_1", 1, State.ACTIVE, since=NOW, looked_at=NOW)
    before = explain(playbook, account(), catalog, NOW, Standing(HOURS)).shown
    after_entry = explain(playbook, account(), catalog, NOW, Standing(HOURS, active)).shown

    assert [line[11:45].rstrip() for line in before] == [
        "not: any: health.score < 20", "          health.score < 10", "          support.open_urgent >= 9"]
    assert [line.split("until ")[-1][:25].strip() for line in after_entry if "until" in line] == [
        "any: health.score < 61", "health.score < 60", "health.score < 59", "health.score > 90"]

