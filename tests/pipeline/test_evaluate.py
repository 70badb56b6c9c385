"""Evaluate: one transaction from facts to decisions and actions, safe to repeat."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from steward import views
from steward.engine.language import Mode
from steward.model.actions import DeliveryClass, Message, OpenCta
from steward.model.enrollments import State
from steward.model.errors import ConfigError
from steward.model.records import Noun, Record
from steward.settings import Routing, Settings
from steward.store import enrollments, identity, incidents, outbox, records, versions


def test_who_fires_gets_an_enrollment_a_decision_and_its_actions(company: Any) -> None:
    """All of it or nothing: the reason, the CTA and the message are stored together."""
    us = company(3)
    us.know([50.0, 80.0, None])

    report = us.run()

    line = report.playbooks[0]
    assert (report.accounts, line.enrolled, line.active, line.waiting, line.actions) == (3, 1, 1, 1, 2)
    assert us.states() == {"a0": State.ACTIVE}
    with us.db.read() as tx:
        [decision] = enrollments.decisions(tx)
        cta, message = outbox.list_(tx)
        assert versions.body(tx, "health_drop", us.playbook().version)
    assert [(each.path, each.observed) for each in decision.clauses] == [("scope", "customer"), ("when", 50.0)]
    assert isinstance(cta.action, OpenCta)
    assert isinstance(message.action, Message)
    assert (cta.key, cta.delivery_class, cta.action.account_external_id, cta.action.assignee_email) == (
        f"health_drop/{us.ids['a0']}/1/do.0/1", DeliveryClass.A, "a0", "ana@us.test")
    assert (message.on_unknown, message.action.to.email, message.not_after) == ("hold", "ana@us.test", us.now + timedelta(days=3))


def test_a_second_run_at_the_same_instant_changes_nothing(company: Any) -> None:
    """A flow may run twice, in parallel or late; the effects are the same."""
    us = company(4)
    us.know([50.0, 80.0, None, 40.0])
    us.run()
    before = us.everything()
    again = us.run()

    assert us.everything() == before
    assert (again.playbooks[0].enrolled, again.playbooks[0].actions, again.playbooks[0].active) == (0, 0, 2)


def test_an_unchanged_enrollment_is_not_written(company: Any) -> None:
    """Twenty thousand quiet accounts must cost no writes."""
    us = company(2)
    us.know([50.0, 50.0])
    us.run()
    before = us.everything()
    us.know([51.0, 52.0], us.now + timedelta(hours=20))
    us.run(us.now + timedelta(hours=20))

    assert us.everything() == before


def test_the_single_account_path_decides_the_same_with_the_same_keys(company: Any) -> None:
    """A webhook may be first; the nightly run then finds it done."""
    us = company(3)
    us.know([80.0, 80.0, 80.0])
    us.run()
    later = us.now + timedelta(hours=1)
    us.know([30.0], later, hot=True)
    single = us.run(later, accounts=["a0"])
    whole = us.run(later)

    assert (single.accounts, single.playbooks[0].enrolled, single.playbooks[0].actions) == (1, 1, 2)
    assert (whole.playbooks[0].enrolled, whole.playbooks[0].actions) == (0, 0)


def test_nobody_answers_so_the_manager_is_told_once(company: Any) -> None:
    """Better twice than not at all: an escalation is sent again where its outcome is unknown."""
    us = company(1)
    us.know([50.0])
    us.run()
    us.know([50.0], us.now + timedelta(days=2))
    report = us.run(us.now + timedelta(days=2))
    us.run(us.now + timedelta(days=2, hours=1))

    assert report.playbooks[0].actions == 1
    with us.db.read() as tx:
        rung = outbox.list_(tx)[-1]
    assert isinstance(rung.action, Message)
    assert (rung.key.split("/", 2)[2], rung.on_unknown, rung.action.to.email) == (
        "1/escalate.0/1", "resend", "dee@us.test")
    assert "nobody has acknowledged it for 2bd" in rung.action.card.sentence


def test_an_acknowledged_one_is_not_escalated(company: Any) -> None:
    """Pressing the button is worth something."""
    us = company(1)
    us.know([50.0])
    us.run()
    with us.db.write() as tx:
        enrollments.acknowledge(tx, f"health_drop/{us.ids['a0']}/1", "ana", us.now + timedelta(hours=1))
    us.know([50.0], us.now + timedelta(days=2))

    assert us.run(us.now + timedelta(days=2)).playbooks[0].actions == 0


def test_recovery_closes_with_the_clause_that_closed_it(company: Any) -> None:
    """The close has its reason, like the entry."""
    us = company(1)
    us.know([50.0])
    us.run()
    us.know([75.0], us.now + timedelta(days=1))
    report = us.run(us.now + timedelta(days=1))

    with us.db.read() as tx:
        closing = enrollments.decisions(tx)[0]
    assert (report.playbooks[0].closed, closing.to_state, closing.clauses[0].text) == (1, "closed", "health.score >= 70")


def test_more_than_the_limit_wait_for_approval_and_nobody_is_contacted(company: Any) -> None:
    """A threshold typed wrong stops at the gate."""
    us = company(6)
    us.know([10.0] * 6)
    strict = us.playbook(us.text + "limit: 5\n")
    report = us.run(us.now, strict)

    assert (report.playbooks[0].awaiting_approval, report.playbooks[0].actions) == (6, 0)
    assert set(us.states().values()) == {State.AWAITING_APPROVAL}


def test_a_burst_of_calls_stops_at_the_limit_as_one_run_does(company: Any) -> None:
    """A bulk edit in the CRM comes as hundreds of webhooks; each is looked at alone, and together they flood a team."""
    us = company(6)
    us.know([10.0] * 6)
    strict = us.playbook(us.text + "limit: 2\n")
    for at in range(4):
        us.run(us.now + timedelta(minutes=at), strict, accounts=[f"a{at}"])

    assert us.states() == {"a0": State.ACTIVE, "a1": State.ACTIVE, "a2": State.AWAITING_APPROVAL,
                           "a3": State.AWAITING_APPROVAL}
    us.run(us.now + timedelta(days=1, minutes=5), strict, accounts=["a4"])
    assert us.states()["a4"] is State.ACTIVE


def test_a_limit_of_zero_lets_nobody_in(company: Any) -> None:
    """Who writes 0 wants to approve each one."""
    us = company(2)
    us.know([10.0] * 2)
    us.run(us.now, us.playbook(us.text + "limit: 0\n"))

    assert set(us.states().values()) == {State.AWAITING_APPROVAL}


def test_shadow_decides_and_performs_nothing(company: Any) -> None:
    """A new playbook shows what it would do."""
    us = company(1)
    us.know([10.0])
    report = us.run(us.now, replace(us.playbook(), mode=Mode.SHADOW))

    assert (report.playbooks[0].enrolled, report.playbooks[0].actions) == (1, 0)


def test_never_sell_into_a_fire(company: Any) -> None:
    """In one and the same run, the fire is seen first, whatever the order given."""
    us = company(2)
    us.know([10.0, 90.0])
    sale = us.playbook(us.text.replace("id: health_drop", "id: sale").replace("health.score < 60", "account.arr > 1 USD")
                    .replace("until: health.score >= 70", "until: account.arr < 1 USD") + "inhibited_by: health_drop\n")
    us.run(us.now, sale, us.playbook())

    assert us.states("sale") == {"a0": State.BLOCKED, "a1": State.ACTIVE}


def test_a_stale_source_is_one_incident_naming_the_playbooks(company: Any) -> None:
    """One line about the feed, not one alert for each account; it closes by itself."""
    us = company(3)
    us.know([50.0, 50.0, 90.0])
    us.run()
    late = us.run(us.now + timedelta(days=4))
    us.run(us.now + timedelta(days=4, hours=1))
    with us.db.read() as tx:
        opened = incidents.list_(tx)
    us.know([50.0, 50.0, 90.0], us.now + timedelta(days=5))
    us.run(us.now + timedelta(days=5))

    assert len(late.incidents) == 2
    assert [(each.group, each.playbooks, each.closed_at) for each in opened] == [
        ("crm", ("health_drop",), None), ("health", ("health_drop",), None)]
    with us.db.read() as tx:
        assert incidents.list_(tx, open_only=True) == []


def test_what_nobody_can_perform_is_shown_on_the_enrollment(company: Any) -> None:
    """A step that fails leaves the enrollment open with the reason; the rest is done."""
    us = company(1)
    us.know([10.0])
    report = us.run(settings=Settings(routing=Routing(message="slack", cta=("gainsight",))))

    assert report.playbooks[0].actions == 1
    assert "no connection that opens CTAs knows the account" in report.playbooks[0].trouble[0]
    [line] = views.enrollments(us.db)
    assert "Set routing.cta" in line.needs_attention[0]


def test_an_account_that_is_gone_is_cancelled(company: Any) -> None:
    """Merged or deleted: its enrollment does not stay open for ever."""
    us = company(2)
    us.know([90.0, 10.0])
    us.run()
    us.know([90.0], us.now + timedelta(hours=1))
    us.run(us.now + timedelta(hours=1))

    with us.db.read() as tx:
        assert [(each.state, each.reason) for each in enrollments.list_(tx)] == [(State.CLOSED, "cancelled")]


def test_without_facts_there_is_nothing_to_say(company: Any) -> None:
    """The first minute of a new installation."""
    assert company(1).run().accounts == 0


def test_a_crash_in_the_middle_leaves_nothing_behind(
    company: Any, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A decision without its action does not exist."""
    us = company(2)
    us.know([10.0, 10.0])

    def cut(*_: object) -> int:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("steward.store.enrollments.record", cut)
        with pytest.raises(KeyboardInterrupt):
            us.run()
    assert us.everything() == ([], [], [], [])
    us.run()
    assert us.states() == {"a0": State.ACTIVE, "a1": State.ACTIVE}


def test_the_cost_of_a_quiet_run_grows_no_faster_than_the_accounts(company: Any) -> None:
    """Twenty thousand accounts are looked at in about a second; here a tenth of it, with room for a busy machine."""
    us = company(2000)
    us.know([90.0] * 2000)
    us.run()
    started = time.process_time()
    us.run(us.now + timedelta(minutes=1))

    assert time.process_time() - started < 2


def test_the_views_answer_from_what_was_decided(company: Any) -> None:
    """The same dataclasses for terminal, API and page."""
    us = company(2)
    us.know([10.0, 65.0])
    us.run()

    [touched] = views.touched(us.db)
    [first, _] = views.accounts(us.db)
    [explained] = views.explain(us.db, us.playbook(), us.catalog, us.settings, "Acme 0", us.now)
    [idle] = views.explain(us.db, us.playbook(), us.catalog, us.settings, "a1", us.now)
    planned = views.plan(us.db, us.playbook(us.text.replace("< 60", "< 66")), us.catalog, us.settings, us.now, before=us.playbook())

    assert (touched.account, touched.why) == ("Acme 0", "health.score < 60 (10); account.lifecycle == customer (customer)")
    assert (first.name, first.health) == ("Acme 0", 10.0)
    assert explained.fired == "2026-11-02 09:00Z by health.score < 60 (10)"
    assert idle.next == "nothing. Nearest way in: health.score < 60 (-5)"
    assert [(move.name, move.clause) for move in planned.enters] == [("Acme 1", "health.score < 66 (65)")]
    assert views.summary(us.db).actions == {"salesforce": {"pending": 1}, "slack": {"pending": 1}}
    assert [line.about for line in views.outbox(us.db)] == ["Health drop: Acme 0", "Acme 0: Health drop"]


def test_an_id_that_two_systems_gave_to_two_customers_is_not_guessed(company: Any) -> None:
    """A caller with "1001" of HubSpot must never get, or act on, the customer "1001" of another system."""
    us = company(1)
    with us.db.write() as tx:
        records.upsert(tx, "hubspot", "accounts", [Record(Noun.ACCOUNT, "a0", {"name": "Zenith", "domain": "z.test"})], us.now)
        identity.resolve(tx, us.now, {})
    us.know([10.0])

    with pytest.raises(ConfigError, match="2 accounts in different systems"):
        views.explain(us.db, us.playbook(), us.catalog, us.settings, "a0", us.now)


def test_two_evaluators_at_once_do_what_one_does(company: Any) -> None:
    """A scheduler that fires twice, on two machines: one CTA for each customer."""
    us = company(20)
    us.know([10.0] * 20)
    with ThreadPoolExecutor(4) as pool:
        reports = list(pool.map(lambda _: us.run(us.now), range(4)))

    assert sorted(report.actions for report in reports) == [0, 0, 0, 40]
    assert len(us.rows()) == 20 + 1, "a CTA each, and twenty messages to Ana in one"
    assert [each.number for each in us.enrollments()] == [1] * 20


def test_a_day_that_was_missed_is_made_up_for(company: Any) -> None:
    """The machine was off for a day: who has waited long enough by then enters, and the step of yesterday is done."""
    missed = company(1)
    book = missed.playbook(missed.text.replace("  - message: {to: csm}", "  - wait: 1d\n  - message: {to: csm}"))
    missed.know([10.0])
    missed.run(missed.now, book)
    missed.know([10.0], missed.now + timedelta(days=3))
    report = missed.run(missed.now + timedelta(days=3), book)
    again = missed.run(missed.now + timedelta(days=1), book)

    assert (report.actions, again.actions) == (2, 0), "the message and the rung; a clock set back does nothing"
