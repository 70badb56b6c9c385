"""The gates of an evaluation: quiet, inhibition over parents, caps by value, the limit, the control arm."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from steward.model.enrollments import Arm, State
from steward.store import arms, merging, silences

DAY = timedelta(days=1)
SALE = """\
id: sale
title: Sell
why: They can use more.
mode: live
limit: 1000 or 100%
when: account.arr > 1 USD
until: account.arr < 1 USD
do:
  - message: {to: csm}
"""


def test_a_typo_that_matches_3000_accounts_is_held_and_nobody_is_contacted(company: Any) -> None:
    """`< 6000` for `< 60`: three thousand customers are not written to, and one word lets them go."""
    us = company(3000)
    us.know([80.0] * 3000)
    typo = us.playbook(us.text.replace("health.score < 60", "health.score < 99")
                       .replace("until: health.score >= 70", "until: health.score >= 99.5"))
    report = us.run(us.now, typo)

    assert (report.playbooks[0].awaiting_approval, report.playbooks[0].active, report.actions) == (3000, 0, 0)
    assert us.rows() == []
    assert us.run(us.now + DAY / 24, typo).playbooks[0].awaiting_approval == 3000
    assert us.rows() == []


def test_a_silence_goes_on_for_the_account_that_another_was_merged_into(company: Any) -> None:
    """Who asked for quiet about a customer did not mean an id."""
    us = company(2)
    us.write(lambda tx: silences.add(tx, {"account": us.ids["a0"]}, author="ana", reason="they migrate",
                                     starts_at=us.now, ends_at=us.now + DAY, now=us.now))
    us.write(lambda tx: merging.merge(tx, us.ids["a1"], us.ids["a0"], "ana", us.now))
    us.know([90.0, 10.0])
    us.run(us.now)

    assert us.states() == {"a1": State.BLOCKED}


def test_a_silence_holds_entry_and_steps_until_it_is_over(company: Any) -> None:
    """They migrate this week: nobody writes to them, and nothing is forgotten."""
    us = company(2)
    us.know([10.0, 10.0])
    us.write(lambda tx: silences.add(
        tx, {"account": us.ids["a0"]}, author="ana", reason="they migrate", starts_at=us.now, ends_at=us.now + DAY,
        now=us.now))
    us.run()
    blocked = us.enrollments(account_id=us.ids["a0"])[0]

    assert us.states() == {"a0": State.BLOCKED, "a1": State.ACTIVE}
    assert "they migrate" in blocked.reason
    [decision] = us.decisions(account_id=us.ids["a0"])
    assert (decision.to_state, decision.version) == ("blocked", us.playbook().version)
    assert [clause.path for clause in decision.clauses] == ["scope", "when"]
    us.know([10.0, 10.0], us.now + DAY)
    us.run(us.now + DAY)
    assert us.states() == {"a0": State.ACTIVE, "a1": State.ACTIVE}


@pytest.mark.parametrize(("matchers", "held"), [
    ({"playbook": "health_drop", "owner": "ANA@us.test"}, True), ({"playbook": "other"}, False),
    ({"account.lifecycle": "customer"}, True), ({"account.arr": 60000}, True), ({"account.arr": 1}, False),
    ({"owner": "ana@us.test", "account.lifecycle": "churned"}, False), ({"health.score": 10.0}, True),
])
def test_all_matchers_of_a_silence_must_fit(company: Any, matchers: dict[str, Any], held: bool) -> None:
    """Quiet for one owner's churned accounts is not quiet for all of them."""
    us = company(1)
    us.know([10.0], account__csm_email=["ana@us.test"])
    us.write(lambda tx: silences.add(
        tx, matchers, author="ana", reason="x", starts_at=us.now, ends_at=us.now + DAY, now=us.now))
    us.run()

    assert us.states()["a0"] is (State.BLOCKED if held else State.ACTIVE)


@pytest.mark.parametrize("alone", [False, True])
def test_a_fire_at_the_parent_blocks_the_sale_to_its_child(company: Any, alone: bool) -> None:
    """One call at a time to a group of companies; a webhook about the child alone sees it too."""
    us = company(3)
    parents = [None, us.ids["a0"], None]
    us.know([10.0, 90.0, 90.0], account__parent=parents)
    sale = us.playbook(SALE + "inhibited_by: health_drop\n")
    if alone:
        us.run(us.now, us.playbook(), sale, accounts=["a0"])
        us.run(us.now, us.playbook(), sale, accounts=["a1"])
        us.run(us.now, us.playbook(), sale, accounts=["a2"])
    else:
        us.run(us.now, sale, us.playbook())

    assert us.states("sale") == {"a0": State.BLOCKED, "a1": State.BLOCKED, "a2": State.ACTIVE}


@pytest.mark.parametrize("alone", [False, True])
def test_an_owner_who_is_full_gets_who_is_worth_most_and_the_rest_wait_in_line(company: Any, alone: bool) -> None:
    """Fifteen open risks are what one person can work on; nobody is dropped."""
    us = company(4)
    us.know([10.0] * 4, account__csm_email=["ana@us.test"] * 4, account__arr=[1.0, 9000.0, 500.0, 8000.0])
    book = us.playbook(us.text + "caps: {owner: 2}\n")
    if alone:
        for each in ("a1", "a3", "a2", "a0"):
            us.run(us.now, book, accounts=[each])
    else:
        us.run(us.now, book)

    assert us.states() == {"a0": State.BLOCKED, "a1": State.ACTIVE, "a2": State.BLOCKED, "a3": State.ACTIVE}
    if alone:
        return
    reasons = {each.account_id: each.reason for each in us.enrollments()}
    assert reasons[us.ids["a2"]] == "caps: owner ana@us.test has 2 of 2 open; 1 of 2 in line by value"
    decided = len(us.decisions())
    us.know([10.0, 90.0, 10.0, 10.0], us.now + DAY, account__csm_email=["ana@us.test"] * 4,
            account__arr=[1.0, 9000.0, 500.0, 8000.0])
    us.run(us.now + DAY, book)
    us.run(us.now + DAY + DAY / 24, book)
    assert us.states() == {"a0": State.BLOCKED, "a1": State.CLOSED, "a2": State.ACTIVE, "a3": State.ACTIVE}
    assert len(us.decisions()) == decided + 2, "another place in the line is no decision"


def test_two_playbooks_share_the_cap_of_an_account(company: Any) -> None:
    """A customer is not asked three things at once: the playbook of higher priority goes first."""
    us = company(1)
    us.know([10.0])
    urgent = us.playbook(us.text + "caps: {account: 1}\npriority: 90\n")
    sale = us.playbook(SALE + "caps: {account: 1}\n")
    us.run(us.now, sale, urgent)

    assert (us.states(), us.states("sale")) == ({"a0": State.ACTIVE}, {"a0": State.BLOCKED})


@pytest.mark.parametrize("alone", [True, False])
def test_what_closes_in_a_run_makes_room_for_the_playbooks_after_it(company: Any, alone: bool) -> None:
    """Otherwise a second look at the same instant would let in whom the first one kept out."""
    us = company(1)
    urgent, sale = us.playbook(us.text + "priority: 90\n"), us.playbook(SALE + "caps: {account: 1}\n")
    us.know([10.0])
    us.run(us.now, urgent)
    us.know([90.0], us.now + DAY)
    us.run(us.now + DAY, urgent, sale, accounts=["a0"] if alone else None)

    assert (us.states(), us.states("sale")) == ({"a0": State.CLOSED}, {"a0": State.ACTIVE})


def test_at_most_so_many_times(company: Any) -> None:
    """Three calls a year about the same thing are enough."""
    us = company(1)
    book = us.playbook(us.text.replace("again_after: 30d", "again_after: 1d") + "at_most: 1 per 100d\n")
    for day, score in enumerate([10.0, 90.0, 90.0, 10.0]):
        us.know([score], us.now + day * DAY)
        us.run(us.now + day * DAY, book)

    assert [each.state for each in us.enrollments()] == [State.CLOSED, State.BLOCKED]
    assert us.enrollments()[1].reason.startswith("at_most: 1 per 100d")


def test_the_control_arm_walks_the_same_way_and_nothing_is_done(company: Any) -> None:
    """Whether it helps is only known beside those for whom nothing is done; a family is in one arm."""
    us = company(40)
    families = [us.ids[f"a{at // 2 * 2}"] for at in range(40)]
    us.know([10.0] * 40, account__family=families)
    book = us.playbook(us.text + "limit: 100 or 100%\nholdout: {share: 50%}\ncaps: {account: 2, owner: 100}\n")
    report = us.run(us.now, book)

    found = {each.account_id: each.arm for each in us.enrollments()}
    by_family: dict[str, set[Arm]] = {}
    for at in range(40):
        by_family.setdefault(families[at], set()).add(found[us.ids[f"a{at}"]])
    assert all(len(each) == 1 for each in by_family.values())
    treated = sum(arm is Arm.TREATMENT for arm in found.values())
    assert 0 < treated < 40
    assert report.actions == 2 * treated
    assert len(us.write(lambda tx: arms.list_(tx, "health_drop"))) == 20
    assert us.run(us.now + DAY, us.playbook(us.text + "holdout: {share: 90%}\n")).playbooks[0].enrolled == 0


def test_an_arm_stays_as_families_grow_together(company: Any) -> None:
    """Parents become known one by one: who was control before must not be treated because of it."""
    us = company(20)
    alone = [us.ids[f"a{at}"] for at in range(20)]
    book = us.playbook(us.text + "limit: 100\nholdout: 50%\ncaps: {owner: 100}\n")
    for day, score, one in ((0, 10.0, False), (1, 90.0, True), (60, 10.0, True)):
        family = {"account__family": [alone[0]] * 20, "account__parent": [None, *[alone[0]] * 19]}
        us.know([score] * 20, us.now + day * DAY, **(family if one else {"account__family": alone}))
        us.run(us.now + day * DAY, book)

    found = {(each.account_id, each.number): each.arm for each in us.enrollments()}
    assert {found[each, 1] for each in alone} == {Arm.CONTROL, Arm.TREATMENT}
    assert all(found[each, 1] is found[each, 2] for each in alone)


def test_strata_are_dealt_evenly(company: Any) -> None:
    """Four large customers and a coin would leave all of them in one arm."""
    us = company(8)
    us.know([10.0] * 8, account__segment=["enterprise"] * 4 + ["smb"] * 4)
    us.run(us.now, us.playbook(us.text + "holdout: {share: 50%, by: [account.segment]}\n"))

    found = {each.account_id: each.arm for each in us.enrollments()}
    for start in (0, 4):
        assert sum(found[us.ids[f"a{at}"]] is Arm.CONTROL for at in range(start, start + 4)) == 2


def test_do_not_contact_holds_though_the_crm_is_stale(company: Any) -> None:
    """Who asked for quiet has asked for it, however old that is."""
    us = company(1)
    us.know([10.0], account__do_not_contact=[True])
    us.run()

    assert us.enrollments()[0].reason.startswith("do_not_contact")
