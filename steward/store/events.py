"""Events: what happened once at customers, and what each playbook made of it. Both are kept for ever."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select
from sqlalchemy.dialects import postgresql, sqlite

from steward.model.events import Event, connection_and_name
from steward.store.instants import from_text, to_text
from steward.store.schema import account, event, event_use

_FEW = 500


def add(tx: Connection, events: Iterable[Event]) -> int:
    """Keep those that are not kept yet; how many. One that is stays as it was first told."""
    rows = [{
        "id": each.id, "name": each.name, "connection": each.connection, "account_id": each.account_id,
        "record": each.record, "happened_at": to_text(each.happened_at), "known_at": to_text(each.known_at),
    } for each in events]
    return _insert_new(tx, event, rows)


def unused(
    tx: Connection, playbook_id: str, asked: str, *, known_after: datetime, happened_after: datetime,
    account_ids: Sequence[str] | None = None,
) -> list[Event]:
    """The events that `asked` names ("opportunity.closed_won", or of one connection "salesforce.opportunity.…") and
    `playbook_id` has made nothing of yet, what happened first first. Of accounts that were merged: of the survivor.
    """
    connection, name = connection_and_name(asked)
    used = select(event_use.c.event_id).where(
        event_use.c.event_id == event.c.id, event_use.c.playbook_id == playbook_id)
    query = _selected().where(
        ~used.exists(), event.c.name == name, event.c.known_at > to_text(known_after),
        event.c.happened_at > to_text(happened_after),
    ).order_by(event.c.happened_at, event.c.id)
    if connection:
        query = query.where(event.c.connection == connection)
    wanted = None if account_ids is None else set(account_ids)
    if wanted is not None and len(wanted) <= _FEW:
        query = query.where(func.coalesce(account.c.merged_into, event.c.account_id).in_(sorted(wanted)))
    found = [_event(row) for row in tx.execute(query)]
    return found if wanted is None else [each for each in found if each.account_id in wanted]


def use(tx: Connection, playbook_id: str, outcomes: Mapping[str, str], now: datetime) -> int:
    """Note what the playbook made of events, by their ids: "enrolled", "already_open", "when_false", …; how many are
    new. What was noted first stays."""
    at = to_text(now)
    return _insert_new(tx, event_use, [
        {"playbook_id": playbook_id, "event_id": event_id, "used_at": at, "outcome": outcome}
        for event_id, outcome in outcomes.items()
    ])


def outcome(tx: Connection, playbook_id: str, event_id: str) -> str | None:
    """What the playbook made of the event; None: nothing yet."""
    return tx.scalar(select(event_use.c.outcome).where(
        event_use.c.playbook_id == playbook_id, event_use.c.event_id == event_id))


def of_ids(tx: Connection, ids: Iterable[str]) -> dict[str, Event]:
    """The events with these ids, by id; an enrollment's cause is "event:" and the id of one."""
    wanted = sorted(set(ids))
    found: dict[str, Event] = {}
    for start in range(0, len(wanted), _FEW):
        some = _selected().where(event.c.id.in_(wanted[start:start + _FEW]))
        found |= {row.id: _event(row) for row in tx.execute(some)}
    return found


def list_(tx: Connection, *, account_id: str | None = None, name: str = "", limit: int = 100) -> list[Event]:
    """The events of an account or of a name, what happened last first."""
    query = _selected().order_by(event.c.happened_at.desc(), event.c.id).limit(limit)
    if account_id is not None:
        query = query.where(func.coalesce(account.c.merged_into, event.c.account_id) == account_id)
    if name:
        query = query.where(event.c.name == name)
    return [_event(row) for row in tx.execute(query)]


def rounds(tx: Connection, account_ids: Sequence[str] | None = None) -> dict[tuple[str, str], tuple[int, int]]:
    """By connection and record of an opportunity: how often it was closed, and how often opened again after that."""
    names = ("opportunity.closed_won", "opportunity.closed_lost", "opportunity.reopened")
    query = select(event.c.id, event.c.name, event.c.connection, event.c.record).where(event.c.name.in_(names))
    if account_ids is not None and len(set(account_ids)) <= _FEW:
        query = query.where(event.c.account_id.in_(sorted(set(account_ids))))
    found: dict[tuple[str, str], tuple[int, int]] = {}
    for row in tx.execute(query):
        closed, opened = found.get((row.connection, row.record), (0, 0))
        last = row.id.rsplit("/", 1)[1]
        number = int(last) if last.isdecimal() else 1
        if row.name == "opportunity.reopened":
            opened = max(opened, number)
        else:
            closed = max(closed, number)
        found[row.connection, row.record] = closed, opened
    return found


def _insert_new(tx: Connection, table: Any, rows: list[dict[str, Any]]) -> int:
    if not rows:
        return 0
    make = sqlite.insert if tx.dialect.name == "sqlite" else postgresql.insert
    keys = list(table.primary_key)
    ordered = sorted(rows, key=lambda row: [row[key.name] for key in keys])  # two writers never wait in a ring
    return len(tx.execute(make(table).on_conflict_do_nothing().returning(keys[0]), ordered).all())


def _selected() -> Any:
    whose = func.coalesce(account.c.merged_into, event.c.account_id).label("whose")
    return select(event, whose).outerjoin(account, account.c.id == event.c.account_id)


def _event(row: Any) -> Event:
    return Event(row.id, row.name, row.connection, row.whose, row.record, from_text(row.happened_at),
                 from_text(row.known_at))
