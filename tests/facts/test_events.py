"""Events: what a record says happened, once, and when anybody could know it."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from steward.facts.basis import Basis
from steward.facts.events import events, names_of, nouns_of
from steward.model.events import EVENTS
from steward.model.records import Noun

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
TODAY = NOW.date()
DAY = timedelta(days=1)
BASIS = Basis(NOW, "USD", "Europe/Berlin")

TOLD: dict[str, tuple[dict[str, Any], datetime]] = {
    "opportunity.created": ({"created_at": NOW - DAY}, NOW - DAY),
    "opportunity.closed_won": ({"is_closed": True, "is_won": True, "close_on": date(2026, 3, 2)},
                               datetime(2026, 3, 1, 23, tzinfo=UTC)),
    "opportunity.closed_lost": ({"is_closed": True, "is_won": False, "close_on": date(2026, 3, 2)},
                                datetime(2026, 3, 1, 23, tzinfo=UTC)),
    "ticket.opened": ({"opened_at": NOW - DAY}, NOW - DAY),
    "ticket.closed": ({"status": "closed", "closed_at": NOW - DAY}, NOW - DAY),
    "survey.answered": ({"answered_at": NOW - DAY}, NOW - DAY),
    "contact.left": ({"active": False, "left_on": date(2026, 3, 2)}, datetime(2026, 3, 1, 23, tzinfo=UTC)),
    "milestone.reached": ({"reached_on": date(2026, 3, 2)}, datetime(2026, 3, 1, 23, tzinfo=UTC)),
    "subscription.started": ({"starts_on": date(2026, 3, 2)}, datetime(2026, 3, 1, 23, tzinfo=UTC)),
    "subscription.cancelled": ({"status": "cancelled", "modified_at": NOW - DAY}, NOW - DAY),
    "touchpoint.held": ({"held_at": NOW - DAY}, NOW - DAY),
}
SILENT: dict[str, dict[str, Any]] = {
    "opportunity.created": {},
    "opportunity.closed_won": {"is_closed": False, "is_won": False, "close_on": date(2026, 3, 2)},
    "opportunity.closed_lost": {"is_closed": True, "is_won": True, "close_on": date(2026, 3, 2)},
    "ticket.opened": {"opened_at": NOW + DAY},
    "ticket.closed": {"status": "open", "opened_at": NOW - DAY},
    "survey.answered": {"answered_at": None},
    "contact.left": {"active": True},
    "milestone.reached": {"due_on": TODAY},
    "subscription.started": {"starts_on": TODAY + DAY},
    "subscription.cancelled": {"status": "expired", "ends_on": TODAY - DAY},
    "touchpoint.held": {"held_at": NOW + DAY},
}


def _of(frame: Any, name: str, *rows: dict[str, Any], rounds: Any = None, basis: Basis = BASIS) -> list[Any]:
    noun = EVENTS[name].noun
    return events({noun: frame(noun, *rows)}, [name], basis, rounds or {})


@pytest.mark.parametrize("name", TOLD)
def test_what_happened_is_told_with_the_instant_that_its_source_gives(frame: Any, name: str) -> None:
    """A playbook that waits for it must hear of it, and of nothing that only may happen."""
    values, happened_at = TOLD[name]
    found = _of(frame, name, values)

    assert [(each.name, each.happened_at, each.account_id, each.record) for each in found] == [
        (name, happened_at, "a", "0")]
    noun, _, what = name.partition(".")
    assert found[0].id == f"crm/{noun}/0/{what}"
    assert _of(frame, name, SILENT[name]) == []


def test_every_event_of_the_model_is_tried_here() -> None:
    """A new event comes with its test."""
    assert {*TOLD, "opportunity.reopened"} == set(EVENTS)


def test_a_deal_that_is_open_again_is_told_only_where_it_was_known_to_be_closed(frame: Any) -> None:
    """An open deal is no news; one that a playbook has already celebrated is."""
    again = {"is_closed": False, "is_won": False, "modified_at": NOW - DAY}
    known = {("crm", "0"): (1, 0)}

    assert _of(frame, "opportunity.reopened", again) == []
    assert [each.id for each in _of(frame, "opportunity.reopened", again, rounds=known)] == ["crm/opportunity/0/reopened"]
    assert _of(frame, "opportunity.reopened", again, rounds={("crm", "0"): (1, 1)}) == []


def test_a_deal_that_is_won_a_second_time_is_a_second_event(frame: Any) -> None:
    """Won, opened again, won again: the second hand-over must not be taken for the first."""
    won = {"is_closed": True, "is_won": True, "close_on": date(2026, 3, 2)}
    second = _of(frame, "opportunity.closed_won", won, rounds={("crm", "0"): (1, 1)})

    assert [each.id for each in second] == ["crm/opportunity/0/closed_won/2"]


def test_what_was_changed_last_month_was_known_last_month(frame: Any) -> None:
    """A playbook that is switched on today must not act on all that was won this quarter."""
    won = {"is_closed": True, "is_won": True, "close_on": date(2026, 2, 2)}
    (old,) = _of(frame, "opportunity.closed_won", {**won, "modified_at": datetime(2026, 2, 3, tzinfo=UTC)})
    (undated,) = _of(frame, "opportunity.closed_won", won)
    (late,) = _of(frame, "opportunity.closed_won", {**won, "modified_at": NOW + DAY})

    assert old.known_at == datetime(2026, 2, 3, tzinfo=UTC)
    assert undated.known_at == undated.happened_at + DAY
    assert late.known_at == NOW


def test_what_is_older_than_sixty_days_is_no_news(frame: Any) -> None:
    """The first sync of ten years must not fill the table."""
    rows = [{"opened_at": NOW - days * DAY} for days in (1, 59, 61, 900)]

    assert [each.record for each in _of(frame, "ticket.opened", *rows)] == ["0", "1"]


def test_a_closing_day_that_was_planned_for_later_is_not_believed(frame: Any) -> None:
    """Won before its time: the day in the field is still to come."""
    (won,) = _of(frame, "opportunity.closed_won",
                 {"is_closed": True, "is_won": True, "close_on": TODAY + 30 * DAY, "modified_at": NOW - DAY})

    assert won.happened_at == NOW - DAY


def test_records_of_nobody_and_names_of_nothing_make_no_event(frame: Any) -> None:
    """Who asks for one connection's events gets the noun all the same; the store tells them apart."""
    assert _of(frame, "ticket.opened", {"opened_at": NOW - DAY, "account_id": None}) == []
    assert names_of(["salesforce.ticket.opened", "ticket.opened", "x.y"]) == ["ticket.opened"]
    assert nouns_of(["salesforce.contact.left"]) == {Noun.CONTACT}


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Asia/Beirut", "Europe/London"])
def test_a_day_begins_even_where_the_clock_jumps_over_midnight(frame: Any, zone: str) -> None:
    """In some zones the day of the change has no midnight."""
    now = datetime(2018, 11, 10, tzinfo=UTC)
    for day in (date(2018, 11, 4), date(2018, 10, 28)):
        (reached,) = _of(frame, "milestone.reached", {"reached_on": day}, basis=Basis(now, "USD", zone))

        assert abs(reached.happened_at - datetime(day.year, day.month, day.day, tzinfo=UTC)) < timedelta(hours=15)
