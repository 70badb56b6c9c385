"""What is open in support and how it was answered."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from steward.facts import support
from steward.facts.basis import Basis
from steward.model.records import Noun


def facts(frame: Any, basis: Basis, *rows: dict[str, Any]) -> dict[str, Any]:
    return support.facts(frame(Noun.TICKET, *rows), basis).row(0, named=True)


def test_open_tickets_are_those_not_closed(frame: Any, basis: Basis, now: datetime) -> None:
    """A pending ticket still waits for somebody."""
    opened = now - timedelta(days=3)
    found = facts(
        frame, basis, {"status": "open", "priority": "urgent", "opened_at": opened},
        {"status": "pending", "priority": "normal", "opened_at": opened - timedelta(days=9)},
        {"status": "closed", "priority": "urgent", "opened_at": opened, "closed_at": now},
    )

    assert (found["support.open_tickets"], found["support.open_urgent"]) == (2, 1)
    assert found["support.oldest_open_days"] == 12


def test_a_ticket_without_a_status_goes_by_its_closing_day(frame: Any, basis: Basis, now: datetime) -> None:
    """Exports often have the day and not the status."""
    found = facts(frame, basis, {"opened_at": now}, {"opened_at": now, "closed_at": now})

    assert found["support.open_tickets"] == 1


def test_the_change_compares_28_days_with_the_28_before(frame: Any, basis: Basis, now: datetime) -> None:
    """Day 27 back is this window, day 28 back is the one before: no day counts twice or never."""
    found = facts(frame, basis, *({"status": "closed", "opened_at": now - timedelta(days=days)}
                                  for days in (0, 27, 27, 28, 55, 56)))

    assert found["support.opened_28d"] == 3
    assert found["support.opened_change_28d"] == pytest.approx(0.5)


def test_from_nothing_there_is_no_change(frame: Any, basis: Basis, now: datetime) -> None:
    """One ticket after none is not a rise of infinity per cent."""
    assert facts(frame, basis, {"status": "open", "opened_at": now})["support.opened_change_28d"] is None


def test_hours_and_satisfaction_are_averages_of_what_is_known(frame: Any, basis: Basis, now: datetime) -> None:
    """Unanswered tickets must not count as answered at once, and a CSAT of 11 is a fault, not praise."""
    opened = now - timedelta(days=5)
    found = facts(
        frame, basis,
        {"status": "closed", "opened_at": opened, "first_response_at": opened + timedelta(hours=2),
         "closed_at": opened + timedelta(hours=10), "csat": 4.0},
        {"status": "open", "opened_at": opened, "first_response_at": opened + timedelta(hours=6), "csat": 11.0},
        {"status": "open", "opened_at": opened},
        {"status": "closed", "opened_at": now - timedelta(days=200), "csat": 1.0},
    )

    assert found["support.first_response_hours_90d"] == pytest.approx(4)
    assert found["support.resolution_hours_90d"] == pytest.approx(10)
    assert found["support.csat_90d"] == 4


def test_days_are_those_of_the_company(frame: Any, now: datetime) -> None:
    """At 20:00 in New York it is tomorrow in London; the CSM in New York counts today."""
    late = now.replace(hour=1)
    ticket = {"status": "open", "opened_at": late - timedelta(hours=2)}

    assert facts(frame, Basis(late, timezone="America/New_York"), ticket)["support.oldest_open_days"] == 0
    assert facts(frame, Basis(late, timezone="UTC"), ticket)["support.oldest_open_days"] == 1
