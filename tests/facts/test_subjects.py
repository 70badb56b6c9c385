"""Facts of contacts and opportunities."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from steward.facts.basis import Basis
from steward.facts.catalog import catalog, of_subject
from steward.facts.subjects import NOUNS, facts
from steward.model.records import Noun
from steward.model.subjects import subject_id

DAY = timedelta(days=1)


def rows(frame: Any, kind: str, basis: Basis, first: Any = None, **of: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The facts of each subject by its external id."""
    records = {noun: frame(noun, *of.get(noun.value, [])) for noun in NOUNS[kind]}
    return {row["external_id"]: row for row in facts(kind, records, first or {}, basis).to_dicts()}


def test_a_contact_is_one_person_in_however_many_systems(frame: Any, basis: Basis, now: datetime) -> None:
    """Ana is in the CRM and in the help desk; she gets one message, and what she answered there counts."""
    found = rows(
        frame, "contact", basis, {Noun.CONTACT: ["crm", "desk"]},
        contact=[{"name": "Ana", "email": "ana@x.test", "role": "champion", "active": True, "last_seen_at": now - 3 * DAY},
                 {"name": "A. Ruiz", "email": "Ana@x.test ", "connection": "desk"},
                 {"name": "Bo", "active": False, "left_on": (now - 9 * DAY).date()}],
        survey_response=[
            {"kind": "nps", "score": 9.0, "answered_at": now - 40 * DAY, "contact_external_id": "0"},
            {"kind": "nps", "score": 3.0, "answered_at": now - 4 * DAY, "contact_external_id": "1", "connection": "desk"},
            {"kind": "csat", "score": 5.0, "answered_at": now, "contact_external_id": "0"}])
    ana, bo = found["0"], found["2"]

    assert set(found) == {"0", "2"}
    assert ana["subject_id"] == subject_id("contact", "crm", "0")
    assert (ana["contact.name"], ana["contact.role"], ana["contact.email_known"]) == ("Ana", "champion", True)
    assert (ana["contact.active"], ana["contact.last_seen_days"], ana["contact.left_days"]) == (True, 3, None)
    assert (ana["contact.nps_last_score"], ana["contact.nps_days_since"], ana["contact.nps_answers_365d"]) == (3, 4, 2)
    assert (bo["contact.active"], bo["contact.left_days"], bo["contact.email_known"]) == (False, 9, False)
    assert (bo["contact.nps_last_score"], bo["contact.nps_answers_365d"]) == (None, 0)


def test_an_open_opportunity_counts_the_days_to_its_closing(frame: Any, basis: Basis, now: datetime) -> None:
    """Negative is overdue; once it is closed there is nothing left to wait for."""
    today = now.date()
    found = rows(
        frame, "opportunity", basis,
        person=[{"name": "Lee", "email": "lee@us.test", "active": True}, {"name": "Kim", "active": False}],
        opportunity=[
            {"name": "More seats", "kind": "expansion", "stage": "Proposal", "amount": 8.0, "amount_currency": "EUR",
             "close_on": today - 3 * DAY, "is_closed": False, "created_at": now - 30 * DAY, "owner_external_id": "0"},
            {"kind": "new", "close_on": today - 9 * DAY, "is_closed": True, "is_won": True, "handoff_complete": False,
             "owner_external_id": "1"},
            {"kind": "new", "close_on": date(2020, 1, 1), "is_closed": True, "is_won": False},
            {"close_on": today + 20 * DAY, "owner_external_id": "9"}])
    late, won = found["0"], found["1"]

    assert set(found) == {"0", "1", "3"}
    assert (late["opportunity.days_to_close"], late["opportunity.age_days"], late["opportunity.is_closed"]) == (-3, 30, False)
    assert (late["opportunity.amount"], late["opportunity.stage"]) == (10, "Proposal")
    assert (late["opportunity.owner_email"], late["opportunity.owner_known"]) == ("lee@us.test", True)
    assert (won["opportunity.days_to_close"], won["opportunity.days_since_won"]) == (None, 9)
    assert (won["opportunity.handoff_complete"], won["opportunity.owner_known"]) == (False, False)
    assert (found["3"]["opportunity.days_to_close"], found["3"]["opportunity.owner_known"]) == (20, None)


def test_every_fact_of_the_catalog_comes_out(frame: Any, basis: Basis) -> None:
    """A playbook over contacts may name each of them."""
    for kind in NOUNS:
        records = {noun: frame(noun) for noun in NOUNS[kind]}

        assert set(of_subject(catalog(), kind)) <= set(facts(kind, records, {}, basis).columns), kind


def test_the_catalog_says_whose_each_fact_is() -> None:
    """A contact's fact in a playbook over accounts is refused by this."""
    for name, fact in catalog().items():
        prefix = name.split(".", maxsplit=1)[0]

        assert fact.subject == (prefix if prefix in NOUNS else "account"), name
