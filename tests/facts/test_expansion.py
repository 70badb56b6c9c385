"""What is open to grow the account and what must be handed over."""

from datetime import date
from typing import Any

from steward.facts import expansion
from steward.facts.basis import Basis
from steward.model.records import Noun

WON = {"kind": "new", "is_closed": True, "is_won": True, "close_on": date(2026, 3, 1), "name": "Acme 2026",
       "amount": 400.0, "amount_currency": "EUR", "handoff_complete": False}


def facts(frame: Any, basis: Basis, *rows: dict[str, Any]) -> dict[str, Any]:
    return expansion.facts(frame(Noun.OPPORTUNITY, *rows), basis).row(0, named=True)


def test_the_handover_is_of_the_deal_won_last(frame: Any, basis: Basis) -> None:
    """The playbook starts the day after signature, for that deal and no older one."""
    found = facts(frame, basis, WON, {**WON, "close_on": date(2024, 1, 1), "name": "Acme 2024", "handoff_complete": True},
                  {**WON, "kind": "renewal", "close_on": date(2026, 3, 4), "name": "renewal"})

    assert (found["handoff.days_since_won"], found["handoff.opportunity"]) == (4, "Acme 2026")
    assert (found["handoff.complete"], found["handoff.amount"]) == (False, 500)


def test_a_lost_or_future_deal_is_not_won(frame: Any, basis: Basis) -> None:
    """A deal somebody expects to win is not a customer."""
    found = facts(frame, basis, {**WON, "is_won": False}, {**WON, "close_on": date(2026, 4, 1)})

    assert (found["handoff.days_since_won"], found["handoff.complete"]) == (None, None)


def test_open_expansion_counts_only_expansion_that_is_open(frame: Any, basis: Basis) -> None:
    """Selling again what somebody already sells annoys the customer."""
    grow = {"kind": "expansion", "is_closed": False, "amount": 100.0, "amount_currency": "USD"}
    found = facts(frame, basis, grow, {**grow, "amount": 20.0}, {**grow, "kind": "renewal"},
                  {**grow, "is_closed": True, "is_won": True, "close_on": date(2026, 2, 3)})

    assert (found["expansion.open_opportunities"], found["expansion.open_amount"]) == (2, 120)
    assert found["expansion.last_won_days"] == 30
    assert facts(frame, basis, grow, {**grow, "amount": None})["expansion.open_amount"] is None


def test_nothing_open_is_worth_nothing(frame: Any, basis: Basis) -> None:
    """Zero is known here: the deals were read and none is open."""
    assert facts(frame, basis, WON)["expansion.open_amount"] == 0
