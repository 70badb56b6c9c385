"""Announce: what happened since the last time becomes one action for each listener that asked for it.

It looks back an hour further than it must, as a transaction may commit late; a key that was ever used is left alone,
so looking again doubles nothing. Listeners do not hold each other up: each is a lane of the outbox of its own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from steward.contracts import Connector
from steward.model.actions import DeliveryClass, IdempotencyKey, TellListener, Told
from steward.pipeline.people import People, Whom
from steward.settings import Settings
from steward.store import account_records, identity, listeners, outbox
from steward.store.database import Database
from steward.store.listeners import CLOSED, Happening, Listener
from steward.store.outbox import OutboxRow

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

    from steward.engine.language import Playbook

AT_ONCE = 2_000
OVERLAP = timedelta(hours=1)
TOO_LATE = timedelta(days=3)


def announce(
    db: Database, settings: Settings, connectors: Mapping[str, Connector], playbooks: Sequence[Playbook], now: datetime,
) -> int:
    """Queue what is news to those who listen; how many actions that made."""
    with db.read() as tx:
        # Who listens through a connection that is not there now is told once it is back.
        listening = [each for each in listeners.list_(tx) if _promised(each, connectors)]
        rows = [row for each in listening for row in _rows(tx, each, settings, connectors, playbooks, now=now)]
    made = 0
    for start in range(0, len(rows), AT_ONCE):          # where thousands enter at once, others write in between
        with db.write() as tx:
            made += outbox.add(tx, rows[start:start + AT_ONCE])
    if listening:
        with db.write() as tx:
            for each in listening:
                listeners.told(tx, each.id, now)
    return made


def told_of(
    tx: Transaction, event: str, found: Sequence[Happening], settings: Settings, playbooks: Sequence[Playbook],
    *, now: datetime,
) -> list[Told]:
    """What a listener would be told of each."""
    account_ids = sorted({each.account_id for each in found})
    titles = {each.id: each.title for each in playbooks}
    names = identity.accounts(tx, account_ids)
    known = account_records.of_accounts(tx, account_ids)
    external_ids = account_records.external_ids(known)
    people = People.load(tx, settings, known, today=now.date(), busy=dict) if known else None
    told = []
    for each in found:
        owner = people.first_person(Whom(each.account_id, each.subject_id), ("csm",)) if people else None
        told.append(Told(
            occurred_at=each.occurred_at, enrollment_id=each.enrollment_id, playbook_id=each.playbook_id,
            playbook_title=titles.get(each.playbook_id, each.playbook_id), version=each.version,
            state="closed" if event == CLOSED else "active", reason=each.reason, account_id=each.account_id,
            account_name=names[each.account_id].name if each.account_id in names else "", subject_id=each.subject_id,
            owner_email=owner.email if owner else None, external_ids=dict(external_ids.get(each.account_id, {}))))
    return told


def event_id(event: str, enrollment_id: str) -> str:
    """ "evt_…": the same for the same event for ever, to whomever it is told."""
    from uuid import NAMESPACE_URL, uuid5

    return f"evt_{uuid5(NAMESPACE_URL, f'steward:{event}/{enrollment_id}').hex}"


def _rows(
    tx: Transaction, listener: Listener, settings: Settings, connectors: Mapping[str, Connector],
    playbooks: Sequence[Playbook], *, now: datetime,
) -> list[OutboxRow]:
    promised = _promised(listener, connectors)
    assert promised
    # A clock that was ahead for a while made both instants ones that are still to come.
    since = max(min(listener.told_until, now) - OVERLAP, min(listener.asked_at, now))
    fresh = listeners.happenings(
        tx, listener.event, since, playbook_id=listener.playbook_id, unused=_beginning(listener))
    return [
        OutboxRow(
            key=_key(listener, each), enrollment_id="", account_id=listener.id, playbook_id="",
            connection=listener.connection, connector=connectors[listener.connection].name, delivery_class=promised,
            created_at=now, due_at=now, not_after=now + TOO_LATE,
            on_unknown="resend",               # an event told twice is known by its id
            action=TellListener(
                listener_id=listener.id, target_url=listener.target_url, event=listener.event,
                event_id=event_id(listener.event, each.enrollment_id), told=told))
        for each, told in zip(fresh, told_of(tx, listener.event, fresh, settings, playbooks, now=now), strict=True)]


def _promised(listener: Listener, connectors: Mapping[str, Connector]) -> DeliveryClass | None:
    connector = connectors.get(listener.connection)
    return connector.actions.get("tell_listener") if connector else None


def _key(listener: Listener, each: Happening) -> IdempotencyKey:
    return IdempotencyKey(f"{_beginning(listener)}{each.enrollment_id}")


def _beginning(listener: Listener) -> str:
    return f"listener/{listener.id}/{listener.event}/"
