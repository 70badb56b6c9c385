"""Events that playbooks wait for, and what each made of them."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import insert

from steward.model.events import Event
from steward.store import events
from steward.store.database import Database
from steward.store.instants import to_text
from steward.store.schema import account

DAY = timedelta(days=1)
LONG = timedelta(days=30)


def event(now: datetime, number: int = 1, name: str = "opportunity.closed_won", **changes: object) -> Event:
    noun, _, what = name.partition(".")
    values = {"connection": "crm", "account_id": "a", "happened_at": now - DAY, "known_at": now - DAY, **changes}
    return Event(f"{values['connection']}/{noun}/{number}/{what}", name, record=str(number), **values)  # type: ignore[arg-type]  # by name


def unused(database: Database, now: datetime, asked: str = "opportunity.closed_won", **more: object) -> list[str]:
    with database.read() as tx:
        found = events.unused(tx, "p", asked, known_after=now - LONG, happened_after=now - LONG, **more)  # type: ignore[arg-type]  # by name
    return [each.id for each in found]


def test_an_event_is_kept_once_as_it_was_first_told(database: Database, now: datetime) -> None:
    """The record is read at every sync; what it tells happened once."""
    with database.write() as tx:
        first = events.add(tx, [event(now), event(now, 2)])
        again = events.add(tx, [event(now, known_at=now), event(now, 3)])
        kept = events.of_ids(tx, ["crm/opportunity/1/closed_won", "none"])

    assert (first, again) == (2, 1)
    assert kept == {"crm/opportunity/1/closed_won": event(now)}


def test_each_playbook_makes_of_an_event_what_it_does_once(database: Database, now: datetime) -> None:
    """Two playbooks may wait for the same event; neither acts on it twice."""
    with database.write() as tx:
        events.add(tx, [event(now), event(now, 2, happened_at=now - 2 * DAY)])
        events.use(tx, "p", {"crm/opportunity/1/closed_won": "enrolled"}, now)
        again = events.use(tx, "p", {"crm/opportunity/1/closed_won": "when_false"}, now)
        said = events.outcome(tx, "p", "crm/opportunity/1/closed_won")
        others = events.unused(tx, "other", "opportunity.closed_won", known_after=now - LONG, happened_after=now - LONG)

    assert (again, said) == (0, "enrolled")
    assert unused(database, now) == ["crm/opportunity/2/closed_won"]
    assert [each.record for each in others] == ["2", "1"]


def test_only_what_is_asked_for_is_found(database: Database, now: datetime) -> None:
    """By name, by connection, by account, and not what was known before the playbook was switched on."""
    with database.write() as tx:
        events.add(tx, [
            event(now), event(now, 2, connection="hubspot"), event(now, 3, account_id="b"),
            event(now, 4, name="ticket.opened"), event(now, 5, known_at=now - 31 * DAY),
            event(now, 6, happened_at=now - 31 * DAY),
        ])

    assert unused(database, now) == [
        "crm/opportunity/1/closed_won", "crm/opportunity/3/closed_won", "hubspot/opportunity/2/closed_won"]
    assert unused(database, now, "hubspot.opportunity.closed_won") == ["hubspot/opportunity/2/closed_won"]
    assert unused(database, now, account_ids=["b"]) == ["crm/opportunity/3/closed_won"]
    assert unused(database, now, account_ids=[]) == []
    assert unused(database, now, "contact.left") == []


def test_what_happened_to_a_merged_account_happened_to_the_survivor(database: Database, now: datetime) -> None:
    """The deal was won under the old name; the account that stands must hear of it."""
    with database.write() as tx:
        tx.execute(insert(account), [
            {"id": "a", "name": "", "created_at": to_text(now), "merged_into": "b"},
            {"id": "b", "name": "", "created_at": to_text(now), "merged_into": None}])
        events.add(tx, [event(now)])
    with database.read() as tx:
        (found,) = events.unused(tx, "p", "opportunity.closed_won", known_after=now - LONG, happened_after=now - LONG,
                                 account_ids=["b"])
        listed = events.list_(tx, account_id="b")

    assert found.account_id == "b"
    assert listed == [found]


def test_it_is_known_how_often_a_deal_was_closed_and_opened_again(database: Database, now: datetime) -> None:
    """A deal that is won a second time is a second event, and only one that was closed can be opened again."""
    told = [event(now), event(now, 2), event(now, 2, name="opportunity.reopened"), event(now, 3, name="opportunity.created")]
    with database.write() as tx:
        events.add(tx, told)
        before = events.rounds(tx)
        events.add(tx, [Event("crm/opportunity/2/closed_lost/2", "opportunity.closed_lost", "crm", "a", "2", now, now)])
        after = events.rounds(tx, ["a"])

    assert before == {("crm", "1"): (1, 0), ("crm", "2"): (1, 1)}
    assert after[("crm", "2")] == (2, 1)
