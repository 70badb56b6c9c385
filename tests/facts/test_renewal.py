"""What the account pays for and when it must be renewed."""

from datetime import date
from typing import Any

from steward.facts import renewal
from steward.model.records import Noun

ACTIVE = {"status": "active", "starts_on": date(2025, 4, 1), "ends_on": date(2026, 4, 1), "arr": 1000.0,
          "arr_currency": "USD", "seats": 10}


def facts(frame: Any, basis: Any, *rows: dict[str, Any]) -> dict[str, Any]:
    return renewal.facts(frame(Noun.SUBSCRIPTION, *rows), basis).row(0, named=True)


def test_days_left_counts_to_the_end_of_the_term(frame: Any, basis: Any) -> None:
    """The number a CSM plans by: 5 March to 1 April is 27 days."""
    found = facts(frame, basis, ACTIVE)

    assert found["renewal.on"] == date(2026, 4, 1)
    assert found["renewal.days_left"] == 27
    assert found["renewal.term_days"] == 365


def test_a_signed_follow_on_term_is_a_renewal(frame: Any, basis: Any) -> None:
    """Nobody should be called about a renewal that is signed already."""
    follow_on = {**ACTIVE, "status": "pending", "starts_on": date(2026, 4, 1), "ends_on": date(2027, 4, 1), "arr": 1200.0}
    found = facts(frame, basis, ACTIVE, follow_on)

    assert found["renewal.on"] == date(2027, 4, 1)
    assert found["renewal.arr"] == 1200
    assert found["subscription.arr"] == 1000


def test_of_two_products_the_one_that_ends_first_counts(frame: Any, basis: Any) -> None:
    """The next conversation is about the product that ends first, worth what that product is worth."""
    found = facts(frame, basis, {**ACTIVE, "product": "core"},
                  {**ACTIVE, "product": "extra", "ends_on": date(2026, 3, 20), "arr": 80.0, "auto_renew": True})

    assert (found["renewal.days_left"], found["renewal.arr"], found["renewal.auto_renew"]) == (15, 80, True)
    assert (found["subscription.products_count"], found["subscription.arr"]) == (2, 1080)


def test_a_term_left_active_in_the_crm_does_not_hide_the_next_one(frame: Any, basis: Any) -> None:
    """CRMs are full of contracts nobody closed; the coming end matters, not the forgotten one."""
    stale = {**ACTIVE, "product": "Pro 2024", "ends_on": date(2025, 3, 1)}

    assert facts(frame, basis, stale, {**ACTIVE, "product": "Pro 2025"})["renewal.days_left"] == 27
    assert facts(frame, basis, stale)["renewal.days_left"] == -369


def test_cancelled_terms_are_not_up_for_renewal(frame: Any, basis: Any) -> None:
    """A cancelled term has nothing left to renew: unknown, and zero active terms, which is known."""
    found = facts(frame, basis, {**ACTIVE, "status": "cancelled"})

    assert found["renewal.days_left"] is None
    assert (found["subscription.active_count"], found["subscription.seats"], found["subscription.arr"]) == (0, 0, 0)
    assert found["subscription.days_since_start"] == 338


def test_other_currencies_are_changed_by_the_given_rate_or_unknown(frame: Any, basis: Any) -> None:
    """A guessed rate would put a wrong figure in front of a VP."""
    assert facts(frame, basis, {**ACTIVE, "arr_currency": "EUR"})["subscription.arr"] == 1250
    assert facts(frame, basis, ACTIVE, {**ACTIVE, "arr_currency": "JPY"})["subscription.arr"] is None
    assert facts(frame, basis, ACTIVE, {**ACTIVE, "arr": None, "arr_currency": None})["subscription.arr"] is None


def test_seats_nobody_wrote_down_are_unknown_not_zero(frame: Any, basis: Any) -> None:
    """Zero seats would make every account look overfull."""
    assert facts(frame, basis, {**ACTIVE, "seats": None})["subscription.seats"] is None
    assert facts(frame, basis, ACTIVE, {**ACTIVE, "product": "support", "seats": None})["subscription.seats"] == 10


def test_a_term_without_a_status_goes_by_its_dates(frame: Any, basis: Any) -> None:
    """Spreadsheets rarely have a status column."""
    found = facts(frame, basis, {**ACTIVE, "status": None}, {**ACTIVE, "status": None, "ends_on": date(2026, 1, 1)},
                  {**ACTIVE, "status": None, "starts_on": date(2026, 4, 2), "ends_on": date(2026, 9, 1)})

    assert found["subscription.active_count"] == 1
    assert found["renewal.on"] == date(2026, 9, 1)


def test_renews_by_itself_only_where_all_of_it_does(frame: Any, basis: Any) -> None:
    """One term that must be signed is one conversation to have; not knowing is not yes."""
    yes, no = {**ACTIVE, "auto_renew": True}, {**ACTIVE, "auto_renew": False}

    assert facts(frame, basis, yes, no)["renewal.auto_renew"] is False
    assert facts(frame, basis, yes, ACTIVE)["renewal.auto_renew"] is None


def test_the_plan_is_that_of_the_largest_active_term(frame: Any, basis: Any) -> None:
    """An add-on's plan says nothing about the customer."""
    found = facts(frame, basis, {**ACTIVE, "plan": "business"}, {**ACTIVE, "plan": "add-on", "arr": 5.0},
                  {**ACTIVE, "plan": "old", "arr": 9000.0, "status": "expired"})

    assert found["subscription.plan"] == "business"


def test_the_oldest_unpaid_invoice_of_active_terms_counts(frame: Any, basis: Any) -> None:
    """Payment trouble on a term that ended long ago is no longer news."""
    found = facts(frame, basis, {**ACTIVE, "payment_overdue_days": 0}, {**ACTIVE, "payment_overdue_days": 12},
                  {**ACTIVE, "status": "expired", "payment_overdue_days": 300})

    assert found["renewal.overdue_payment_days"] == 12
