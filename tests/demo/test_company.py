"""The demo company: the same every time, full of life that means something and of the dirt of real systems."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from datetime import UTC, date, datetime
from itertools import islice
from typing import Any

import pytest

from steward.demo.company import Company, Label, build, load
from steward.demo.company.names import HOSTILE
from steward.demo.company.stories import BLOCK, MIX, PLAYBOOK, TURNS, Story
from steward.kit.discovery import load as connector

TODAY = date(2026, 11, 22)
Tables = dict[tuple[str, str], list[dict[str, Any]]]


def _tables(company: Company) -> Tables:
    found: Tables = defaultdict(list)
    for vendor, table, rows in company.crm():
        found[vendor, table] += rows
    return found


@pytest.fixture(scope="module")
def company() -> Company:
    return build(500, 7, TODAY)


@pytest.fixture(scope="module")
def tables(company: Company) -> Tables:
    return _tables(company)


@pytest.fixture(scope="module")
def labels(company: Company) -> dict[Story, list[Label]]:
    found = defaultdict(list)
    for label in company.labels():
        found[label.story].append(label)
    return found


def test_the_same_seed_makes_the_same_company(tables: Tables) -> None:
    """A figure in a report can be had again by anybody."""
    again = _tables(build(500, 7, TODAY))
    other = _tables(build(500, 8, TODAY))

    assert again == tables
    assert other["salesforce", "Account"] != tables["salesforce", "Account"]


def test_an_account_is_the_same_however_many_there_are(tables: Tables) -> None:
    """What was seen with 50 accounts can be looked at again with 20,000."""
    few = _tables(build(50, 7, TODAY))
    for place, rows in few.items():
        here = {json.dumps(row, sort_keys=True) for row in tables[place]}

        assert all(json.dumps(row, sort_keys=True) in here for row in rows), place


def test_every_id_is_used_once(tables: Tables) -> None:
    """Two records of one id would hide each other."""
    for (vendor, table), rows in tables.items():
        ids = Counter(row["Id" if vendor == "salesforce" else "id"] for row in rows)

        assert max(ids.values()) == 1, (vendor, table, ids.most_common(1))


def test_every_child_points_at_a_company_that_is_there(tables: Tables) -> None:
    """A ticket of nobody would tell nothing."""
    accounts = {row["Id"] for row in tables["salesforce", "Account"] if not row["IsDeleted"]}
    companies = {row["id"] for row in tables["hubspot", "companies"] if not row["archived"]}
    for (vendor, table), rows in tables.items():
        for row in rows:
            if vendor == "salesforce" and table not in ("User", "Account"):
                assert (row.get("AccountId") or row.get("Account__c")) in accounts, (table, row)
            if vendor == "hubspot" and table not in ("owners", "companies"):
                assert set(row["associations"]["companies"]) <= companies, (table, row)


def test_nothing_happened_after_today(tables: Tables) -> None:
    """A record from tomorrow would make a fact that nobody can check."""
    def instants(node: Any) -> list[datetime]:
        if isinstance(node, dict):
            return [each for name, value in node.items() if name != "closedate" for each in instants(value)]
        if isinstance(node, str) and len(node) > 18 and node[4:5] == "-" and node[10:11] == "T":
            return [datetime.fromisoformat(node)]
        return []

    end = datetime.combine(TODAY, datetime.min.time(), UTC)

    assert all(at <= end for rows in tables.values() for row in rows for at in instants(row))


def test_every_story_is_told_about_as_often_as_the_mix_says(labels: dict[Story, list[Label]]) -> None:
    """A playbook is tried on its own kind of account and on what only looks like it."""
    for story, count in MIX.items():
        expected = count * 500 / BLOCK

        assert expected * 0.6 - 1 <= len(labels[story]) <= expected * 1.4 + 1, story
    assert {PLAYBOOK[story] for story in PLAYBOOK} == {
        "health_drop", "onboarding_stall", "expansion_seats", "sales_handoff",
    }


def test_even_a_small_company_has_something_for_every_playbook() -> None:
    """`--accounts 120` must not be a boring demo."""
    playbooks = {label.playbook for label in build(120, 7, TODAY).labels()}

    assert playbooks == {None, *PLAYBOOK.values()}


def test_a_small_company_has_every_turn_too(company: Company) -> None:
    """What a playbook of the library is for must be there to be noticed, a few times."""
    few = {label.story for label in build(120, 7, TODAY).labels()}

    assert set(TURNS) <= few
    for turn, count in TURNS.items():
        assert sum(life.story is turn for life in company.lives()) >= count * 500 // BLOCK - 1, turn


def test_the_turns_can_be_seen_in_the_records(company: Company) -> None:
    """Each is told in the field that its playbook reads, and steady otherwise."""
    lives = [life for life in company.lives() if life.story in TURNS]
    now = datetime.combine(TODAY, datetime.min.time(), UTC)
    for life in lives:
        recent = [ticket for ticket in life.tickets if (now - ticket.opened_at).days < 7]
        reached = {step.name: step.reached_on for step in life.milestones}
        seen = {
            Story.TICKET_STORM: len(recent) >= 7 and not any(each.priority == "urgent" for each in recent),
            Story.SPONSOR_LEFT: all(each.left_on for each in life.contacts if each.role == "sponsor"),
            Story.PAYMENT_OVERDUE: bool(life.terms) and life.terms[-1].overdue_days > 20,
            Story.DETRACTOR: bool(life.answers) and life.answers[0].score <= 5,
            Story.GONE_LIVE: bool(reached) and all(reached.values()),
            Story.KICKOFF_MISSED: bool(reached) and not any(reached.values()),
        }

        assert seen.get(life.story, True), (life.number, life.story)
    assert {life.parent for life in company.lives()} - {None}
    assert {term.product for life in company.lives() for term in life.terms} == {"Platform", "Insights"}


def test_whom_a_record_names_as_parent_is_there(tables: Tables) -> None:
    """A family needs its head."""
    accounts = {row["Id"]: row["ParentId"] for row in tables["salesforce", "Account"]}
    companies = {row["id"]: row["properties"].get("hs_parent_company_id") for row in tables["hubspot", "companies"]}
    for known in (accounts, companies):
        named = {parent for parent in known.values() if parent}

        assert named
        assert named <= set(known)


def test_no_vendor_is_told_the_label(tables: Tables) -> None:
    """The answer must not stand in the question."""
    text = json.dumps(list(tables.values()))

    assert not [story for story in Story if "_" in story and story in text]


def test_the_dirt_of_real_systems_is_there(tables: Tables) -> None:
    """Whoever shows a name must stand all of these."""
    accounts, companies = tables["salesforce", "Account"], tables["hubspot", "companies"]
    names = {row["Name"] for row in accounts} | {row["properties"]["name"] for row in companies}
    live = [row for row in accounts if not row["IsDeleted"]]
    inactive = {row["Id"] for row in tables["salesforce", "User"] if not row["IsActive"]}

    assert set(HOSTILE) <= names
    assert any(row["MasterRecordId"] for row in accounts)
    assert any(row["IsDeleted"] and not row["MasterRecordId"] for row in accounts)
    assert any(row["properties"].get("hs_merged_object_ids") for row in companies)
    assert any(row["archived"] for row in companies)
    assert any(row["Website"] is None for row in live)
    assert any(row["ARR__c"] is None for row in live)
    assert any("+05:30" in row["CreatedDate"] for row in live)
    assert any(row["CSM__c"] in inactive for row in live)
    assert len({row["CurrencyIsoCode"] for row in live}) == 3
    assert len({row["Time_Zone__c"] for row in live}) > 5
    assert len(live) > len({row["Website"] for row in live if row["Website"]}) + 10


def test_some_account_with_a_hostile_name_gets_a_message(labels: dict[Story, list[Label]]) -> None:
    """The demo itself shows that `<!channel>` pages nobody."""
    told = [label for story in PLAYBOOK for label in labels[story]]

    assert [label for label in told if label.name in HOSTILE]


def test_the_crms_overlap_as_in_a_company_that_bought_both(company: Company) -> None:
    """Identity has ids, domains and nothing at all to match by."""
    lives = list(company.lives())
    both = [life for life in lives if life.in_salesforce and life.in_hubspot]

    assert 0.62 < sum(life.in_salesforce for life in lives) / 500 < 0.78
    assert 0.52 < sum(life.in_hubspot for life in lives) / 500 < 0.68
    assert {life.link for life in both} == {"id", "domain", "none"}


def test_who_names_an_owner_names_one_of_us(company: Company, tables: Tables) -> None:
    """A message must have somebody to go to."""
    users = {row["Id"] for row in tables["salesforce", "User"]}
    owners = {row["id"] for row in tables["hubspot", "owners"]}
    mails = {row["Email"] for row in tables["salesforce", "User"]}

    assert {row["CSM__c"] for row in tables["salesforce", "Account"] if row["CSM__c"]} <= users
    assert {row["properties"].get("csm_owner_id") for row in tables["hubspot", "companies"]} - {None} <= owners
    assert {user["profile"]["email"] for user in company.slack_users()} <= mails
    assert all(mail.endswith("@steward-demo.example") for mail in mails)


def test_the_stories_can_be_seen_in_the_records(company: Company, labels: dict[Story, list[Label]]) -> None:
    """A playbook can only notice what is there."""
    lives = {life.number: life for life in company.lives()}

    for label in labels[Story.ONBOARDING_STALLED]:
        reached = [step.reached_on for step in lives[label.number].milestones if step.reached_on]
        assert (TODAY - max(reached)).days >= 21
    for label in labels[Story.ONBOARDING_SLOW]:
        reached = [step.reached_on for step in lives[label.number].milestones if step.reached_on]
        assert (TODAY - max(reached)).days <= 7
    for label in labels[Story.CHAMPION_LEFT]:
        assert not [each for each in lives[label.number].contacts if each.role == "champion" and not each.left_on]
    for label in labels[Story.HANDOFF_DUE]:
        assert [deal for deal in lives[label.number].deals
                if deal.kind == "new" and deal.stage == "won" and deal.handoff_complete is False]
    for label in labels[Story.RENEWAL_WON]:
        assert not [deal for deal in lives[label.number].deals if deal.kind == "new" and deal.handoff_complete is False]
    for label in labels[Story.PRESSURE_WITH_DEAL]:
        assert [deal for deal in lives[label.number].deals if deal.kind == "expansion" and deal.stage == "open"]
    for label in labels[Story.QUIET_DECLINE]:
        ends = lives[label.number].ends_on
        assert ends
        assert 0 < (ends - TODAY).days <= 120


def test_the_sandboxes_take_every_row(tables: Tables) -> None:
    """The rows are in the vendors' own shapes, so the vendors' sandboxes accept them."""
    import connectors

    names = ("salesforce", "hubspot", "usage", "slack")
    sandboxes = {name: connector(connectors, name).load_sandbox()() for name in names}

    load(build(30, 7, TODAY), sandboxes)


def test_one_sandbox_alone_can_be_filled() -> None:
    """`steward sandbox serve slack` starts no CRM."""
    import connectors

    for name in ("salesforce", "hubspot", "usage", "slack"):
        load(build(5, 7, TODAY), {name: connector(connectors, name).load_sandbox()()})


def test_a_large_company_comes_a_part_at_a_time() -> None:
    """20,000 accounts fit into memory because never all of their rows are there at once."""
    first = next(islice(build(2_500, 7, TODAY).crm("salesforce"), 1, None))
    whole = sum(len(rows) for _, table, rows in build(2_500, 7, TODAY).crm("salesforce") if table == first[1])

    assert len(first[2]) < whole / 2
