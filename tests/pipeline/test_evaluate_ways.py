"""Ways in and ways on: events, history, other subjects, versions in flight, merged accounts, what is called off."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from steward import operate
from steward.engine.language import Mode
from steward.model.actions import DeliveryClass, Receipt
from steward.model.enrollments import Arm, State
from steward.model.subjects import subject_id
from steward.pipeline.editions import Unreadable, awaited
from steward.pipeline.evaluate import evaluate
from steward.settings import CalendarBlock
from steward.store import enrollments, events, facts, merging, outbox, receipts, releases
from steward.store.releases import Release

DAY = timedelta(days=1)
WON = """\
id: handoff
title: Handoff
why: What sales promised is forgotten within a week.
mode: live
trigger: {event: opportunity.closed_won}
when: account.lifecycle == customer
do:
  - cta: {type: handoff, due: 1bd, assign: csm}
revoke_on: opportunity.reopened
compensate:
  - message: {to: csm}
"""


def outcomes(us: Any, *found: Any) -> list[str | None]:
    return [us.write(lambda tx, each=each: events.outcome(tx, "handoff", each.id)) for each in found]


def test_an_event_enrols_once_for_ever(company: Any) -> None:
    """A deal is won once; a second run, a restart or a late webhook must not hand it over again."""
    us = company(2)
    book = us.apply(us.playbook(WON), us.now - DAY)
    us.know([90.0, 90.0])
    won = us.happens("opportunity.closed_won", "a0", "o1", us.now)
    again = us.happens("opportunity.closed_won", "a0", "o2", us.now + DAY / 24)
    first = us.run(us.now + DAY / 12, book)
    second = us.run(us.now + DAY / 12, book)

    assert (first.playbooks[0].enrolled, first.actions, second.actions) == (1, 1, 0)
    assert us.enrollments()[0].cause == f"event:{won.id}"
    assert outcomes(us, won, again) == ["enrolled", "already_open"]


def test_events_from_before_the_switch_are_no_news(company: Any) -> None:
    """Switching a playbook on must not hand over every deal of the year; `use_history` takes the last month."""
    us = company(1)
    book = us.apply(us.playbook(WON), us.now)
    us.know([90.0])
    us.happens("opportunity.closed_won", "a0", "o1", us.now - DAY)

    assert us.run(us.now, book).playbooks[0].enrolled == 0
    asks = us.playbook(WON + "backlog: use_history\n")
    assert us.run(us.now, asks).playbooks[0].enrolled == 1


def test_the_guard_consumes_what_is_false_and_waits_for_what_is_not_known(company: Any) -> None:
    """A prospect's deal is not handed over later; one whose account is not read yet waits, a week at most."""
    us = company(2)
    book = us.apply(us.playbook(WON), us.now - DAY)
    us.know([90.0, 90.0])
    frame = us.write(facts.latest).frame.with_columns(
        pl.Series("account.lifecycle", ["prospect", None], dtype=pl.String))
    facts.save_snapshot(us.db, frame, us.now)
    no = us.happens("opportunity.closed_won", "a0", "o1", us.now)
    unknown = us.happens("opportunity.closed_won", "a1", "o2", us.now)
    us.run(us.now + DAY / 24, book)

    states = dict(zip(frame["account_id"], frame["account.lifecycle"], strict=True))
    first, second = (no, unknown) if states[us.ids["a0"]] == "prospect" else (unknown, no)
    assert outcomes(us, first, second) == ["when_false", None]
    us.run(us.now + 7 * DAY, book)
    assert outcomes(us, second) == ["not_known"]


def test_a_reopened_deal_revokes_calls_off_and_takes_back_what_was_sent(company: Any) -> None:
    """The task that is still queued is not made; who was told already is told again."""
    us = company(2)
    book = us.apply(us.playbook(WON), us.now - DAY)
    us.know([90.0, 90.0])
    us.happens("opportunity.closed_won", "a0", "o1", us.now)
    us.happens("opportunity.closed_won", "a1", "o2", us.now)
    us.run(us.now, book)
    sent = next(row for row in us.rows() if row.account_id == us.ids["a1"])
    us.write(lambda tx: deliver(tx, sent, us.now))
    undone = [us.happens("opportunity.reopened", name, record, us.now + DAY) for name, record in
              (("a0", "o1"), ("a1", "o2"))]
    us.run(us.now + DAY, book)

    assert {each.reason for each in us.enrollments()} == {"revoked"}
    assert sorted((us.ids["a0"] == row.account_id, row.action.kind, row.state) for row in us.rows()) == [
        (False, "message", "pending"), (False, "open_cta", "delivered"), (True, "open_cta", "cancelled")]
    assert outcomes(us, *undone) == ["revoked", "revoked"]


def deliver(tx: Any, row: Any, at: Any) -> None:
    begun = outbox.sending(tx, claimed(tx, row, at), at, 30)
    assert begun is not None
    assert outbox.complete(tx, begun, Receipt(external_id="x", delivered_at=at), at)


def claimed(tx: Any, row: Any, at: Any) -> Any:
    found = {claim.row.key: claim for claim in outbox.claim(tx, at, 10, 30)}
    mine = found.pop(row.key)
    for other in found.values():
        outbox.release(tx, other)
    return mine


def test_what_undoes_an_enrollment_is_said_by_the_version_that_it_is_on(company: Any) -> None:
    """The edit that forgot `revoke_on` must not leave the handed-over deal in hand for ever."""
    us = company(1)
    old = us.apply(us.playbook(WON), us.now - DAY)
    us.know([90.0])
    us.happens("opportunity.closed_won", "a0", "o1", us.now)
    us.run(us.now, old)
    new = us.apply(us.playbook(WON.partition("revoke_on")[0]), us.now)
    assert us.write(awaited) == {"opportunity.reopened"}
    us.happens("opportunity.reopened", "a0", "o1", us.now + DAY)
    us.know([90.0], us.now + DAY)
    us.run(us.now + DAY, new)

    assert [(each.reason, each.version) for each in us.enrollments()] == [("revoked", old.version)]


def test_an_event_that_is_undone_before_anybody_looked_is_none(company: Any) -> None:
    """Won and reopened over the weekend: nothing happened."""
    us = company(1)
    book = us.apply(us.playbook(WON), us.now - DAY)
    us.know([90.0])
    won = us.happens("opportunity.closed_won", "a0", "o1", us.now)
    us.happens("opportunity.reopened", "a0", "o1", us.now + DAY / 24)
    us.run(us.now + DAY / 2, book)

    assert (us.enrollments(), outcomes(us, won)) == ([], ["undone"])


# ---- backlog ----

@pytest.mark.parametrize(("backlog", "state"), [
    ("ignore", State.BLOCKED), ("start_timer", State.PENDING), ("use_history", State.ACTIVE)])
def test_what_was_so_already_as_it_was_switched_on(company: Any, backlog: str, state: State) -> None:
    """Three answers to "and those who are red already?"."""
    us = company(1)
    for day in range(6):
        us.know([10.0], us.now - (6 - day) * DAY)
    us.know([10.0])
    book = us.apply(us.playbook(us.text + f"for: 3d\nbacklog: {backlog}\n"), us.now)
    us.run(us.now, book)

    assert us.states() == {"a0": state}
    us.know([90.0], us.now + DAY)
    us.run(us.now + DAY, book)
    us.know([10.0], us.now + 2 * DAY)
    us.run(us.now + 2 * DAY, book)
    if backlog == "ignore":
        assert [each.state for each in us.enrollments()] == [State.CLOSED, State.PENDING]


# ---- contacts and opportunities ----

LEFT = """\
id: left
title: A champion left
why: Who loses the champion loses the account.
mode: live
subject: contact
scope: account.lifecycle == customer
when: contact.role == champion and contact.active == false
do:
  - update: {field: Champion_Left__c, value: "{{ contact.name }} of {{ account.name }}", via: crm}
  - message: {to: csm}
"""


def test_a_call_before_the_first_look_at_everybody_lets_no_backlog_in(company: Any) -> None:
    """The webhook that comes a minute after the apply is about somebody who was red already."""
    us = company(1)
    us.know([10.0])
    book = us.apply(us.playbook(us.text + "backlog: ignore\n"), us.now)
    us.run(us.now + DAY / 24, book, accounts=["a0"])

    assert us.states() == {"a0": State.BLOCKED}


def test_the_first_look_is_the_first_that_could_let_anybody_in(company: Any) -> None:
    """Applied paused and resumed later: those who were red already must not all be called then."""
    us = company(1)
    book = us.playbook(us.text + "backlog: ignore\n")
    us.know([10.0])
    us.run(us.now, us.apply(replace(book, mode=Mode.PAUSED), us.now - DAY))
    us.know([10.0], us.now + DAY)
    us.run(us.now + DAY, us.apply(book, us.now + DAY))

    assert us.states() == {"a0": State.BLOCKED}


def test_a_contact_is_enrolled_with_the_facts_of_its_account(company: Any) -> None:
    """Two champions of one customer are two ways through the playbook; the gates are those of the account."""
    us = company(2)
    us.know([90.0, 90.0])
    contacts(us, us.now)
    report = us.run(us.now, us.playbook(LEFT.replace(
        "when: contact.role == champion and contact.active == false",
        "when: {all: [contact.role == champion, contact.active == false]}")),
        connectors={**us.connectors, "crm": us.connector("salesforce", update_record=DeliveryClass.A)})

    found = us.enrollments()
    assert {each.subject_id for each in found} == {subject_id("contact", "crm", "c1"), subject_id("contact", "crm", "c2")}
    assert {each.account_id for each in found} == {us.ids["a0"]}
    assert (report.playbooks[0].active, report.actions) == (2, 4)
    update = next(row.action for row in us.rows() if row.action.kind == "update_record" and "Bo" in row.action.value)
    assert (update.noun, update.external_id, update.value) == ("contact", "c1", "Bo of Acme 0")


def contacts(us: Any, at: Any) -> None:
    from steward.store import subject_facts

    names = ("c1", "c2", "c3")
    frame = pl.DataFrame({
        "account_id": [us.ids["a0"], us.ids["a0"], us.ids["a1"]],
        "subject_id": [subject_id("contact", "crm", each) for each in names],
        "connection": ["crm"] * 3, "external_id": list(names), "contact.name": ["Bo", "Cy", "Di"],
        "contact.role": ["champion"] * 3, "contact.active": [False, False, True],
    }).with_columns(pl.lit(at).dt.cast_time_unit("us").alias("as_of.crm"))
    pending = subject_facts.write(us.db, "contact", frame, at)
    us.write(lambda tx: subject_facts.show(tx, pending))


# ---- versions ----

def test_enrollments_in_flight_end_on_the_version_that_they_entered_with(company: Any) -> None:
    """An edit must not close, or escalate, what was begun under other words."""
    us = company(2)
    us.know([50.0, 90.0])
    old = us.apply(us.playbook(), us.now)
    us.run(us.now, old)
    new = us.apply(us.playbook(us.text.replace("until: health.score >= 70", "until: health.score >= 52")
                               .replace("health.score < 60", "health.score < 51")), us.now + DAY)
    us.know([53.0, 40.0], us.now + DAY)
    us.run(us.now + DAY, new)

    found = {each.account_id: each for each in us.enrollments()}
    assert (found[us.ids["a0"]].state, found[us.ids["a0"]].version) == (State.ACTIVE, old.version)
    assert (found[us.ids["a1"]].state, found[us.ids["a1"]].version) == (State.ACTIVE, new.version)
    us.know([75.0, 40.0], us.now + 2 * DAY)
    us.run(us.now + 2 * DAY, new)
    closing = next(each for each in us.decisions() if each.to_state == "closed")
    assert (closing.account_id, closing.version) == (us.ids["a0"], old.version)


@pytest.mark.parametrize("count", [2, 30])
def test_an_older_version_reads_facts_that_no_live_one_asks_for(company: Any, count: int) -> None:
    """Of many accounts only the facts that are asked are read; what an old version waits for must be among them."""
    us = company(count)
    use = us.text.replace("until: health.score >= 70", "until: usage.active_users.change_28d >= 0%") + "limit: 100\n"
    old = us.apply(us.playbook(use + "caps: {owner: 100}\n"), us.now)

    def know(change: float, at: Any) -> None:
        us.know([50.0] * count, at, usage__active_users__change_28d=[change] * count)
        frame = us.write(facts.latest).frame
        facts.save_snapshot(us.db, frame.with_columns(frame["as_of.crm"].alias("as_of.usage")), at)

    know(-0.5, us.now)
    us.run(us.now, old)
    new = us.apply(us.playbook(us.text + "limit: 100\n"), us.now + DAY / 2)
    know(0.5, us.now + DAY)
    us.run(us.now + DAY, new)

    assert {(each.reason, each.version) for each in us.enrollments()} == {("cleared", old.version)}


def test_those_in_flight_go_on_with_the_new_version_where_it_says_migrate(company: Any) -> None:
    """Sixty enrollments in flight and a typo in the message: they get the corrected one; nothing is done twice."""
    us = company(1)
    us.know([50.0])
    old = us.apply(us.playbook(us.text.replace("do:\n", "do:\n").replace(
        "  - message: {to: csm}\n", "  - wait: 5d\n  - message: {to: csm}\n")), us.now)
    us.run(us.now, old)
    new = us.apply(us.playbook(us.text.replace("until: health.score >= 70", "until: health.score >= 72").replace(
        "  - message: {to: csm}\n", "  - wait: 5d\n  - message: {to: role:vp_cs}\n") + "on_update: migrate\n"),
        us.now + DAY)
    us.know([50.0], us.now + DAY)
    us.run(us.now + DAY, new)
    [moved] = us.enrollments()

    assert (moved.version, moved.state) == (new.version, State.ACTIVE)
    assert any("migrated from" in each.reason for each in us.decisions())
    before = us.everything()
    us.run(us.now + DAY, new)
    assert us.everything() == before
    us.know([50.0], us.now + 6 * DAY)
    us.run(us.now + 6 * DAY, new)
    assert [row.action.kind for row in us.rows()].count("open_cta") == 1
    assert any(getattr(getattr(row.action, "to", None), "email", "") == "vp@steward.test" for row in us.rows())


@pytest.mark.parametrize("count", [3, 30])
@pytest.mark.parametrize("broken", ["a version in flight", "the calendar", "what is live"])
def test_what_cannot_be_read_any_more_stops_nobody_else_and_its_clocks_stand(
    company: Any, broken: str, count: int,
) -> None:
    """A fact or a calendar leaves steward.yaml: one line says so, the others go on, and no rung is climbed for it."""
    us = company(count)
    wide = "limit: 100\ncaps: {account: 9, owner: 100}\n"
    mine = us.playbook(us.text + wide + ("calendar: emea\n" if broken == "the calendar" else ""))
    other = us.playbook(us.text.replace("health_drop", "other") + wide)
    emea = us.settings.model_copy(update={"company": us.settings.company.model_copy(update={
        "calendars": {"emea": CalendarBlock()}})})
    us.know([10.0] * count)
    us.run(us.now, us.apply(mine, us.now), settings=emea)
    if broken == "a version in flight":
        mine = us.apply(us.playbook(us.text + wide + "priority: 3\ntimeout: 80d\n"), us.now)
        us.write(lambda tx: tx.exec_driver_sql(
            "UPDATE playbook_version SET body = replace(body, 'health.score', 'health.gone') WHERE version = "
            f"'{us.enrollments()[0].version}'"))
    gone = broken == "what is live"
    books = (other,) if gone else (mine, other)
    why = (Unreadable("health_drop", mine.version, "live", "no fact"),) if gone else ()
    for days in (1, 1, 9):
        at = us.now + days * DAY
        us.know([10.0] * count, at)
        report = evaluate(us.db, books, us.catalog, us.settings, us.connectors, at, None, why)
    [line] = [each for each in report.playbooks if each.playbook_id == "health_drop"]

    assert (len(line.trouble), line.active) == (1, count)
    assert sum(each.active for each in report.playbooks if each.playbook_id == "other") == count
    if gone:
        assert us.run(at, mine).actions == 0
    assert not any("dee@" in str(row.action) for row in us.rows() if row.playbook_id == "health_drop")


def test_what_is_open_of_a_retired_playbook_is_cancelled(company: Any) -> None:
    """Nobody looks at it any more, so nothing may stay open for ever."""
    us = company(1)
    us.know([50.0])
    book = us.apply(us.playbook(), us.now)
    us.run(us.now, book)
    us.write(lambda tx: releases.apply(
        tx, Release(book.id, book.version, releases.RETIRED, us.now + DAY, "ops")))
    us.run(us.now + DAY, replace(book, id="other", version="1"))

    assert next(each for each in us.enrollments() if each.playbook_id == book.id).reason == "cancelled"
    assert {row.state for row in us.rows() if row.playbook_id == book.id} == {"cancelled"}


# ---- merged ----

def test_accounts_that_are_parted_again_are_each_enrolled(company: Any) -> None:
    """What went on with the other account keeps its id; a person who takes a merge back must not stop everything."""
    us = company(2)
    us.know([10.0, 90.0])
    us.run()
    us.write(lambda tx: merging.merge(tx, us.ids["a1"], us.ids["a0"], "ana", us.now))
    us.know([10.0, 10.0], us.now + DAY)
    us.run(us.now + DAY)
    us.write(lambda tx: merging.unmerge(tx, us.ids["a0"], "ana", us.now + DAY))
    us.run(us.now + DAY + DAY / 24)

    assert {each.account_id: (each.id, each.state) for each in us.enrollments()} == {
        us.ids["a1"]: (f"health_drop/{us.ids['a0']}/1", State.ACTIVE),
        us.ids["a0"]: (f"health_drop/{us.ids['a0']}/2", State.ACTIVE)}


def test_a_merge_lets_the_enrollment_go_on_with_the_survivor(company: Any) -> None:
    """Two records of one customer become one: the open risk is not forgotten, and not there twice."""
    us = company(3)
    us.know([50.0, 90.0, 50.0])
    us.run()
    us.write(lambda tx: merging.merge(tx, us.ids["a1"], us.ids["a0"], "ana", us.now))
    us.know([50.0, 50.0, 50.0], us.now + DAY)
    frame = us.write(facts.latest).frame.filter(pl.col("account_id") != us.ids["a0"])
    facts.save_snapshot(us.db, frame, us.now + DAY)
    us.run(us.now + DAY)

    [moved] = us.enrollments(account_id=us.ids["a1"])
    assert (moved.id, moved.state) == (f"health_drop/{us.ids['a0']}/1", State.ACTIVE)
    assert us.enrollments(account_id=us.ids["a0"]) == []
    us.write(lambda tx: merging.merge(tx, us.ids["a2"], us.ids["a1"], "ana", us.now + DAY))
    facts.save_snapshot(us.db, frame.filter(pl.col("account_id") != us.ids["a1"]), us.now + 2 * DAY)
    us.run(us.now + 2 * DAY)
    one = next(each for each in us.enrollments() if each.id == moved.id)
    assert (one.state, one.reason) == (State.CLOSED, "cancelled")
    assert us.states()["a2"] is State.ACTIVE


# ---- steps that need others ----

def test_a_step_waits_for_the_receipt_that_it_needs(company: Any) -> None:
    """"The task is in your list" is said once it is; where it failed, a person looks."""
    us = company(2)
    us.know([50.0, 50.0])
    book = us.playbook(us.text.replace("  - cta: {type", "  - id: task\n    cta: {type").replace(
        "  - message: {to: csm}", "  - message: {to: csm}\n    needs: task"))
    us.run(us.now, book)
    assert {row.action.kind for row in us.rows()} == {"open_cta"}
    good, bad = us.rows()
    us.write(lambda tx: deliver(tx, good, us.now))
    us.write(lambda tx: fail(tx, bad, us.now))
    us.know([50.0, 50.0], us.now + DAY / 24)
    us.run(us.now + DAY / 24, book)

    told = [row for row in us.rows() if row.action.kind == "message"]
    assert [row.account_id for row in told] == [good.account_id]
    stuck = us.enrollments(account_id=bad.account_id)[0]
    assert (stuck.state, stuck.body["needs_attention"]) == (State.ACTIVE, ["do.0: could not be delivered"])
    us.write(lambda tx: outbox.retry(tx, bad.key, us.now))
    us.write(lambda tx: deliver(tx, bad, us.now))
    us.run(us.now + DAY / 12, book)
    assert "needs_attention" not in us.enrollments(account_id=bad.account_id)[0].body
    assert len([row for row in us.rows() if row.action.kind == "message"]) == 2


def fail(tx: Any, row: Any, at: Any) -> None:
    begun = outbox.sending(tx, claimed(tx, row, at), at, 30)
    assert begun is not None
    assert outbox.fail(tx, begun, at, "refused")


def test_recovery_calls_off_what_nobody_has_begun_to_send(company: Any) -> None:
    """Slack was down for a day and the customer is well again: no task about it appears tomorrow."""
    us = company(1)
    us.know([50.0])
    us.run()
    us.know([90.0], us.now + DAY)
    us.run(us.now + DAY)

    assert [(row.state, row.trouble) for row in us.rows()] == [
        ("cancelled", "its enrollment was closed before it was sent: cleared")] * 2
    assert us.write(lambda tx: outbox.claim(tx, us.now + DAY, 10, 30)) == []
    assert us.write(lambda tx: receipts.of(tx, [row.key for row in us.rows()])) == {}


def test_a_claim_that_was_made_before_it_was_called_off_sends_nothing(company: Any) -> None:
    """The worker asks once more before the first byte leaves."""
    us = company(1)
    us.know([50.0])
    us.run()
    [claim] = us.write(lambda tx: outbox.claim(tx, us.now, 1, 30))
    us.know([90.0], us.now + DAY)
    us.run(us.now + DAY)

    assert us.write(lambda tx: outbox.sending(tx, claim, us.now + DAY, 30)) is None


def test_old_decisions_in_the_middle_are_let_go(company: Any) -> None:
    """How it began and how it ended is kept for ever; the steps between are not."""
    us = company(1)
    book = us.playbook(us.text + "for: 1d\n")
    for day, score in enumerate([10.0, 10.0, 90.0]):
        us.know([score], us.now + day * DAY)
        us.run(us.now + day * DAY, book)
    assert [each.to_state for each in us.decisions()] == ["closed", "active", "pending"]
    assert us.write(lambda tx: enrollments.forget(tx, us.now + 30 * DAY)) == 0

    assert us.write(lambda tx: enrollments.forget(tx, us.now + 500 * DAY)) == 1
    assert [each.to_state for each in us.decisions()] == ["closed", "active"]


def test_who_entered_in_shadow_is_acted_on_once_it_is_live(company: Any) -> None:
    """Watching for two weeks must not cost the customers of these weeks."""
    us = company(1)
    us.know([50.0])
    book = us.playbook(us.text.replace("mode: live", "mode: shadow"))
    operate.apply(us.db, [book], "ana", us.now)
    us.run(us.now, book)
    [watched] = us.enrollments()
    live = us.playbook()
    later = us.now + timedelta(hours=2)
    us.know([50.0], later)
    operate.apply(us.db, [live], "ana", later)
    us.run(later + timedelta(minutes=1), live)

    assert (watched.arm, us.rows("pending")[0].enrollment_id) == (Arm.SHADOW, f"health_drop/{us.ids['a0']}/2")
    assert {(each.state, each.arm) for each in us.enrollments()} == {
        (State.ACTIVE, Arm.TREATMENT), (State.CLOSED, Arm.SHADOW)}
