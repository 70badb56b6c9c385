"""Who is there, who owns the account, what they said, and when we last spoke."""

from datetime import date, datetime, timedelta
from typing import Any

import pytest

from steward.facts import identity, relationship, sentiment
from steward.facts.basis import Basis
from steward.model.records import Noun


def people(frame: Any, basis: Basis, *rows: dict[str, Any]) -> dict[str, Any]:
    return relationship.facts(frame(Noun.CONTACT, *rows), basis).row(0, named=True)


def test_a_champion_who_left_is_seen_in_either_system(frame: Any, basis: Basis) -> None:
    """One CRM hears of it first; the same person in the other must not hide it."""
    found = people(
        frame, basis, {"email": "J@acme.com", "role": "champion", "active": True},
        {"email": " j@acme.com", "connection": "hubspot", "active": False, "left_on": date(2026, 2, 20)},
        {"email": "k@acme.com", "role": "user", "active": True},
    )

    assert (found["champion.known"], found["champion.active_count"], found["champion.left_days"]) == (False, 0, 13)
    assert found["contacts.known_count"] == 1


def test_where_no_contact_has_a_role_the_champion_is_unknown(frame: Any, basis: Basis) -> None:
    """A CRM without the field must not make every account look as if it had lost its champion."""
    found = people(frame, basis, {"email": "j@acme.com"}, {"email": "k@acme.com"})

    assert (found["champion.known"], found["champion.active_count"]) == (None, None)
    assert found["contacts.known_count"] == 2


def test_a_leaving_day_to_come_has_not_come(frame: Any, basis: Basis) -> None:
    """Somebody who leaves next month can still be called today."""
    found = people(frame, basis, {"role": "champion", "left_on": date(2026, 4, 1)})

    assert (found["champion.known"], found["champion.left_days"]) == (True, None)


def test_last_seen_is_the_latest_of_all(frame: Any, basis: Basis, now: datetime) -> None:
    """One person who still comes is contact enough."""
    found = people(frame, basis, {"last_seen_at": now - timedelta(days=30)}, {"last_seen_at": now - timedelta(days=2)}, {})

    assert found["contacts.last_seen_days"] == 2


def test_a_meeting_to_come_is_no_touchpoint(frame: Any, basis: Basis, now: datetime) -> None:
    """An invitation is not a conversation."""
    found = relationship.touchpoint_facts(frame(
        Noun.TOUCHPOINT, *({"held_at": now + timedelta(days=days)} for days in (-100, -89, -10, 5)),
    ), basis).row(0, named=True)

    assert (found["touchpoint.days_since_last"], found["touchpoint.held_90d"]) == (10, 2)


def test_nps_takes_the_latest_answer_and_counts_the_unhappy(frame: Any, basis: Basis, now: datetime) -> None:
    """An old 9 must not hide today's 3; a CSAT answer or a 12 is no NPS."""
    answers = [("nps", 9.0, 400), ("nps", 9.0, 200), ("nps", 3.0, 5), ("csat", 1.0, 1), ("nps", 12.0, 0)]
    found = sentiment.facts(frame(Noun.SURVEY_RESPONSE, *(
        {"kind": kind, "score": score, "answered_at": now - timedelta(days=days)} for kind, score, days in answers
    )), basis).row(0, named=True)

    assert (found["nps.last_score"], found["nps.days_since"], found["nps.average_365d"]) == (3, 5, 6)
    assert (found["nps.answers_365d"], found["nps.detractors_90d"]) == (2, 1)


def test_an_account_that_answered_only_other_surveys_has_no_nps(frame: Any, basis: Basis, now: datetime) -> None:
    """No answers is known; a score is not."""
    found = sentiment.facts(frame(Noun.SURVEY_RESPONSE, {"kind": "ces", "score": 2.0, "answered_at": now}), basis)

    assert found.select("nps.last_score", "nps.answers_365d").row(0) == (None, 0)


@pytest.mark.parametrize(("person", "known"), [
    ({"external_id": "p1", "name": "Ana", "email": "ana@x.com", "active": True}, (True, "Ana", "ana@x.com")),
    ({"external_id": "p1", "name": "Ana", "email": "ana@x.com", "active": False}, (False, "Ana", "ana@x.com")),
    ({"external_id": "p1", "connection": "hubspot", "name": "Bob"}, (None, None, None)),
])
def test_the_owner_is_the_person_of_the_system_that_names_it(
    frame: Any, basis: Basis, person: dict[str, Any], known: tuple[Any, ...],
) -> None:
    """The same id in another system is another person; a CSM who left leaves the account without an owner."""
    account = frame(Noun.ACCOUNT, {"name": "Acme", "csm_external_id": "p1"})
    found = identity.facts(account.with_columns(csm_connection="connection"), account, frame(Noun.PERSON, person), basis)

    assert found.select("account.owner_known", "account.csm", "account.csm_email").row(0) == known


def test_do_not_contact_holds_where_any_system_says_so(frame: Any, basis: Basis) -> None:
    """Calling somebody who asked us not to is the error that cannot be undone."""
    records = frame(Noun.ACCOUNT, {"do_not_contact": False}, {"connection": "hubspot", "do_not_contact": True},
                    {"account_id": "b"}, {"account_id": "c", "do_not_contact": False})
    accounts = records.unique("account_id", keep="first", maintain_order=True).with_columns(csm_connection="connection")
    found = identity.facts(accounts, records, frame(Noun.PERSON), basis)

    assert dict(found.select("account_id", "account.do_not_contact").iter_rows()) == {"a": True, "b": None, "c": False}
    assert found["account.in_crm_count"].to_list() == [2, 1, 1]
    assert found["account.owner_known"].to_list() == [False, False, False]
