"""Evaluate: one transaction from facts to decisions and actions, safe to repeat."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from steward import views
from steward.contracts import Connector
from steward.engine.language import Mode, Playbook
from steward.engine.load import load_playbook
from steward.facts.catalog import catalog as real_catalog
from steward.model.actions import DeliveryClass, Message, OpenCta
from steward.model.enrollments import State
from steward.model.errors import ConfigError
from steward.model.records import Noun, Record
from steward.pipeline.evaluate import EvaluateReport, evaluate
from steward.settings import Company, Routing, Settings
from steward.store import enrollments, facts, identity, incidents, outbox, records, versions
from steward.store.database import Database

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)                # a Monday
CATALOG = real_catalog()
TEXT = """\
id: health_drop
title: Health drop
why: A call in time saves most.
mode: live
scope: account.lifecycle == customer
when: health.score < 60
until: health.score >= 70
again_after: 30d
do:
  - cta: {type: risk, due: 3bd, assign: csm}
  - message: {to: csm}
escalate:
  - {after: 2bd, unless: acknowledged, to: csm_manager}
"""
SETTINGS = Settings(
    company=Company(roles={"vp_cs": "vp@steward.test"}), routing=Routing(message="slack", cta=("crm",), channel="#cs"))


def connector(name: str, **actions: DeliveryClass) -> Connector:
    def absent(*_: object) -> Any:
        raise AssertionError("evaluating connects to nothing")

    return Connector(name, name, absent, absent, absent, actions=actions)


CONNECTORS = {"crm": connector("salesforce", open_cta=DeliveryClass.A), "slack": connector("slack", message=DeliveryClass.C)}


def playbook(text: str = TEXT) -> Playbook:
    return load_playbook(text, "playbooks/it.yaml", CATALOG)


class Us:
    """A few accounts in the store, and what is known of them."""

    def __init__(self, db: Database, count: int) -> None:
        self.db = db
        people = [
            Record(Noun.PERSON, "ana", {"name": "Ana", "email": "ana@us.test", "active": True, "manager_external_id": "dee"}),
            Record(Noun.PERSON, "dee", {"name": "Dee", "email": "dee@us.test", "active": True}),
        ]
        accounts = [
            Record(Noun.ACCOUNT, f"a{at}", {"name": f"Acme {at}", "domain": f"a{at}.test", "csm_external_id": "ana"})
            for at in range(count)]
        with db.write() as tx:
            records.upsert(tx, "crm", "people", people, NOW)
            records.upsert(tx, "crm", "accounts", accounts, NOW)
            identity.resolve(tx, NOW, {})
            known = identity.external_ids(tx)
        self.ids = {names["crm"]: account_id for account_id, names in known.items()}

    def know(self, scores: Sequence[float | None], at: datetime = NOW, *, hot: bool = False, **more: Any) -> None:
        """A snapshot (or hot rows) with these health scores, taken at `at`."""
        frame = pl.DataFrame({
            "account_id": [self.ids[f"a{place}"] for place in range(len(scores))],
            "account.name": [f"Acme {place}" for place in range(len(scores))],
            "account.lifecycle": ["customer"] * len(scores),
            "account.arr": [60000.0] * len(scores),
            "health.score": pl.Series(scores, dtype=pl.Float64),
            **{name.replace("__", "."): values for name, values in more.items()},
        }).with_columns(pl.lit(at).dt.cast_time_unit("us").alias(f"as_of.{group}") for group in ("crm", "health"))
        if hot:
            with self.db.write() as tx:
                facts.save_hot(tx, frame, at)
        else:
            facts.save_snapshot(self.db, frame, at)

    def run(self, at: datetime = NOW, *playbooks: Playbook, accounts: Sequence[str] | None = None,
            settings: Settings = SETTINGS, connectors: Mapping[str, Connector] = CONNECTORS) -> EvaluateReport:
        chosen = [self.ids[each] for each in accounts] if accounts is not None else None
        return evaluate(self.db, playbooks or (playbook(),), CATALOG, settings, connectors, at, chosen)

    def states(self, playbook_id: str = "health_drop") -> dict[str, State]:
        """By external id."""
        mine = {account_id: name for name, account_id in self.ids.items()}
        with self.db.read() as tx:
            return {mine[each.account_id]: each.state for each in enrollments.list_(tx, playbook_id=playbook_id)}

    def everything(self) -> tuple[object, ...]:
        with self.db.read() as tx:
            return (enrollments.list_(tx), enrollments.decisions(tx), outbox.list_(tx), incidents.list_(tx))


@pytest.fixture
def company(database: Database) -> Callable[[int], Us]:
    return lambda count: Us(database, count)


def test_who_fires_gets_an_enrollment_a_decision_and_its_actions(company: Callable[[int], Us]) -> None:
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
        assert versions.body(tx, "health_drop", playbook().version)
    assert [(each.path, each.observed) for each in decision.clauses] == [("scope", "customer"), ("when", 50.0)]
    assert isinstance(cta.action, OpenCta)
    assert isinstance(message.action, Message)
    assert (cta.key, cta.delivery_class, cta.action.account_external_id, cta.action.assignee_email) == (
        f"health_drop/{us.ids['a0']}/1/do.0/1", DeliveryClass.A, "a0", "ana@us.test")
    assert (message.on_unknown, message.action.to.email, message.not_after) == ("hold", "ana@us.test", NOW + timedelta(days=3))


def test_a_second_run_at_the_same_instant_changes_nothing(company: Callable[[int], Us]) -> None:
    """A flow may run twice, in parallel or late; the effects are the same."""
    us = company(4)
    us.know([50.0, 80.0, None, 40.0])
    us.run()
    before = us.everything()
    again = us.run()

    assert us.everything() == before
    assert (again.playbooks[0].enrolled, again.playbooks[0].actions, again.playbooks[0].active) == (0, 0, 2)


def test_an_unchanged_enrollment_is_not_written(company: Callable[[int], Us]) -> None:
    """Twenty thousand quiet accounts must cost no writes."""
    us = company(2)
    us.know([50.0, 50.0])
    us.run()
    before = us.everything()
    us.know([51.0, 52.0], NOW + timedelta(hours=20))
    us.run(NOW + timedelta(hours=20))

    assert us.everything() == before


def test_the_single_account_path_decides_the_same_with_the_same_keys(company: Callable[[int], Us]) -> None:
    """A webhook may be first; the nightly run then finds it done."""
    us = company(3)
    us.know([80.0, 80.0, 80.0])
    us.run()
    later = NOW + timedelta(hours=1)
    us.know([30.0], later, hot=True)
    single = us.run(later, accounts=["a0"])
    whole = us.run(later)

    assert (single.accounts, single.playbooks[0].enrolled, single.playbooks[0].actions) == (1, 1, 2)
    assert (whole.playbooks[0].enrolled, whole.playbooks[0].actions) == (0, 0)


def test_nobody_answers_so_the_manager_is_told_once(company: Callable[[int], Us]) -> None:
    """Better twice than not at all: an escalation is sent again where its outcome is unknown."""
    us = company(1)
    us.know([50.0])
    us.run()
    us.know([50.0], NOW + timedelta(days=2))
    report = us.run(NOW + timedelta(days=2))
    us.run(NOW + timedelta(days=2, hours=1))

    assert report.playbooks[0].actions == 1
    with us.db.read() as tx:
        rung = outbox.list_(tx)[-1]
    assert isinstance(rung.action, Message)
    assert (rung.key.split("/", 2)[2], rung.on_unknown, rung.action.to.email) == (
        "1/escalate.0/1", "resend", "dee@us.test")
    assert "nobody has acknowledged it for 2bd" in rung.action.card.sentence


def test_an_acknowledged_one_is_not_escalated(company: Callable[[int], Us]) -> None:
    """Pressing the button is worth something."""
    us = company(1)
    us.know([50.0])
    us.run()
    with us.db.write() as tx:
        enrollments.acknowledge(tx, f"health_drop/{us.ids['a0']}/1", "ana", NOW + timedelta(hours=1))
    us.know([50.0], NOW + timedelta(days=2))

    assert us.run(NOW + timedelta(days=2)).playbooks[0].actions == 0


def test_recovery_closes_with_the_clause_that_closed_it(company: Callable[[int], Us]) -> None:
    """The close has its reason, like the entry."""
    us = company(1)
    us.know([50.0])
    us.run()
    us.know([75.0], NOW + timedelta(days=1))
    report = us.run(NOW + timedelta(days=1))

    with us.db.read() as tx:
        closing = enrollments.decisions(tx)[0]
    assert (report.playbooks[0].closed, closing.to_state, closing.clauses[0].text) == (1, "closed", "health.score >= 70")


def test_more_than_the_limit_wait_for_approval_and_nobody_is_contacted(company: Callable[[int], Us]) -> None:
    """A threshold typed wrong stops at the gate."""
    us = company(6)
    us.know([10.0] * 6)
    strict = playbook(TEXT + "limit: 5\n")
    report = us.run(NOW, strict)

    assert (report.playbooks[0].awaiting_approval, report.playbooks[0].actions) == (6, 0)
    assert set(us.states().values()) == {State.AWAITING_APPROVAL}


def test_a_burst_of_calls_stops_at_the_limit_as_one_run_does(company: Callable[[int], Us]) -> None:
    """A bulk edit in the CRM comes as hundreds of webhooks; each is looked at alone, and together they flood a team."""
    us = company(6)
    us.know([10.0] * 6)
    strict = playbook(TEXT + "limit: 2\n")
    for at in range(4):
        us.run(NOW + timedelta(minutes=at), strict, accounts=[f"a{at}"])

    assert us.states() == {"a0": State.ACTIVE, "a1": State.ACTIVE, "a2": State.AWAITING_APPROVAL,
                           "a3": State.AWAITING_APPROVAL}
    us.run(NOW + timedelta(days=1, minutes=5), strict, accounts=["a4"])
    assert us.states()["a4"] is State.ACTIVE


def test_a_limit_of_zero_lets_nobody_in(company: Callable[[int], Us]) -> None:
    """Who writes 0 wants to approve each one."""
    us = company(2)
    us.know([10.0] * 2)
    us.run(NOW, playbook(TEXT + "limit: 0\n"))

    assert set(us.states().values()) == {State.AWAITING_APPROVAL}


def test_shadow_decides_and_performs_nothing(company: Callable[[int], Us]) -> None:
    """A new playbook shows what it would do."""
    us = company(1)
    us.know([10.0])
    report = us.run(NOW, replace(playbook(), mode=Mode.SHADOW))

    assert (report.playbooks[0].enrolled, report.playbooks[0].actions) == (1, 0)


def test_never_sell_into_a_fire(company: Callable[[int], Us]) -> None:
    """In one and the same run, the fire is seen first, whatever the order given."""
    us = company(2)
    us.know([10.0, 90.0])
    sale = playbook(TEXT.replace("id: health_drop", "id: sale").replace("health.score < 60", "account.arr > 1 USD")
                    .replace("until: health.score >= 70", "until: account.arr < 1 USD") + "inhibited_by: health_drop\n")
    us.run(NOW, sale, playbook())

    assert us.states("sale") == {"a0": State.BLOCKED, "a1": State.ACTIVE}


def test_a_stale_source_is_one_incident_naming_the_playbooks(company: Callable[[int], Us]) -> None:
    """One line about the feed, not one alert for each account; it closes by itself."""
    us = company(3)
    us.know([50.0, 50.0, 90.0])
    us.run()
    late = us.run(NOW + timedelta(days=4))
    us.run(NOW + timedelta(days=4, hours=1))
    with us.db.read() as tx:
        opened = incidents.list_(tx)
    us.know([50.0, 50.0, 90.0], NOW + timedelta(days=5))
    us.run(NOW + timedelta(days=5))

    assert len(late.incidents) == 2
    assert [(each.group, each.playbooks, each.closed_at) for each in opened] == [
        ("crm", ("health_drop",), None), ("health", ("health_drop",), None)]
    with us.db.read() as tx:
        assert incidents.list_(tx, open_only=True) == []


def test_what_nobody_can_perform_is_shown_on_the_enrollment(company: Callable[[int], Us]) -> None:
    """A step that fails leaves the enrollment open with the reason; the rest is done."""
    us = company(1)
    us.know([10.0])
    report = us.run(settings=Settings(routing=Routing(message="slack", cta=("gainsight",))))

    assert report.playbooks[0].actions == 1
    assert "no connection that opens CTAs knows the account" in report.playbooks[0].trouble[0]
    [line] = views.enrollments(us.db)
    assert "Set routing.cta" in line.needs_attention[0]


def test_an_account_that_is_gone_is_cancelled(company: Callable[[int], Us]) -> None:
    """Merged or deleted: its enrollment does not stay open for ever."""
    us = company(2)
    us.know([90.0, 10.0])
    us.run()
    us.know([90.0], NOW + timedelta(hours=1))
    us.run(NOW + timedelta(hours=1))

    with us.db.read() as tx:
        assert [(each.state, each.reason) for each in enrollments.list_(tx)] == [(State.CLOSED, "cancelled")]


def test_without_facts_there_is_nothing_to_say(company: Callable[[int], Us]) -> None:
    """The first minute of a new installation."""
    assert company(1).run().accounts == 0


def test_a_crash_in_the_middle_leaves_nothing_behind(
    company: Callable[[int], Us], monkeypatch: pytest.MonkeyPatch,
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


def test_the_cost_of_a_quiet_run_grows_no_faster_than_the_accounts(company: Callable[[int], Us]) -> None:
    """Twenty thousand accounts are looked at in about a second; here a tenth of it, with room for a busy machine."""
    us = company(2000)
    us.know([90.0] * 2000)
    us.run()
    started = time.process_time()
    us.run(NOW + timedelta(minutes=1))

    assert time.process_time() - started < 2


def test_the_views_answer_from_what_was_decided(company: Callable[[int], Us]) -> None:
    """The same dataclasses for terminal, API and page."""
    us = company(2)
    us.know([10.0, 65.0])
    us.run()

    [touched] = views.touched(us.db)
    [first, _] = views.accounts(us.db)
    explained = views.explain(us.db, playbook(), CATALOG, SETTINGS, "Acme 0", NOW)
    idle = views.explain(us.db, playbook(), CATALOG, SETTINGS, "a1", NOW)
    planned = views.plan(us.db, playbook(TEXT.replace("< 60", "< 66")), CATALOG, SETTINGS, NOW, before=playbook())

    assert (touched.account, touched.why) == ("Acme 0", "health.score < 60 (10); account.lifecycle == customer (customer)")
    assert (first.name, first.health) == ("Acme 0", 10.0)
    assert explained.fired == "2026-11-02 09:00Z by health.score < 60 (10)"
    assert idle.next == "nothing. Nearest way in: health.score < 60 (-5)"
    assert [(move.name, move.clause) for move in planned.enters] == [("Acme 1", "health.score < 66 (65)")]
    assert views.summary(us.db).actions == {"salesforce": {"pending": 1}, "slack": {"pending": 1}}
    assert [line.about for line in views.outbox(us.db)] == ["Health drop: Acme 0", "Acme 0: Health drop"]


def test_an_id_that_two_systems_gave_to_two_customers_is_not_guessed(company: Callable[[int], Us]) -> None:
    """A caller with "1001" of HubSpot must never get, or act on, the customer "1001" of another system."""
    us = company(1)
    with us.db.write() as tx:
        records.upsert(tx, "hubspot", "accounts", [Record(Noun.ACCOUNT, "a0", {"name": "Zenith", "domain": "z.test"})], NOW)
        identity.resolve(tx, NOW, {})
    us.know([10.0])

    with pytest.raises(ConfigError, match="2 accounts in different systems"):
        views.explain(us.db, playbook(), CATALOG, SETTINGS, "a0", NOW)
