"""A contact that HubSpot erased by privacy law is erased here, whatever else is on its way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from sqlalchemy import select

from connectors.hubspot import CONNECTOR
from connectors.hubspot.sandbox import HubSpotSandbox
from steward.model.records import Noun
from steward.pipeline.reconcile import reconcile
from steward.pipeline.sync import sync
from steward.store import records
from steward.store.database import Database
from steward.store.schema import record

AT = datetime(2026, 3, 5, 9, 30, tzinfo=UTC)


def stored(database: Database, contact: str) -> Any:
    with database.read() as tx:
        return tx.execute(select(record).where(record.c.external_id == contact)).one()


def erased(sandbox: HubSpotSandbox, connect: Any, contact: str, at: datetime) -> Any:
    event = {"eventId": 1, "subscriptionId": 2, "occurredAt": round(at.timestamp() * 1000), "objectId": int(contact),
             "subscriptionType": "contact.privacyDeletion"}
    return connect().inbox.parse(orjson.dumps([event]))


def test_the_values_go_and_the_tombstone_stays(sandbox: HubSpotSandbox, connect: Any, database: Database) -> None:
    """HubSpot stamped the contact a moment after the event; a page that was read just before is stored just after."""
    sandbox.load("contacts", [{"id": "7", "updatedAt": (AT + timedelta(seconds=1)).isoformat(), "properties": {
        "firstname": "Ada", "lastname": "Lovelace", "email": "ada@example.com"}, "associations": {"companies": ["1"]}}])
    page = next(iter(connect().source.pull("contacts", None)))
    with database.write() as tx:
        records.upsert(tx, "hubspot", "contacts", page.records, AT)
    assert "ada@example.com" in stored(database, "7").body
    sandbox.forget("contacts", 7)

    with database.write() as tx:
        records.upsert(tx, "hubspot", "contacts", erased(sandbox, connect, "7", AT), AT)
        records.upsert(tx, "hubspot", "contacts", page.records, AT)

    row = stored(database, "7")
    assert (row.body, row.deleted, row.account_external_id) == ("{}", 1, "1")
    with database.read() as tx:
        assert records.frame(tx, Noun.CONTACT).is_empty()
    assert [each for page in connect().source.pull("contacts", None) for each in page.records] == []
    assert next(iter(connect().source.fetch("contacts", ["7"]))).records == []


def test_without_webhooks_comparing_what_is_there_finds_it(
    sandbox: HubSpotSandbox, connect: Any, database: Database,
) -> None:
    """No listing says that a contact was erased; that it is in none does."""
    sandbox.seed(30)
    connection = connect()

    def now() -> datetime:
        return datetime.now(UTC)

    sync(database, "hubspot", CONNECTOR, connection, now, lambda _: None, streams=["accounts", "contacts"])
    sandbox.forget("contacts", 2_000_001)
    sync(database, "hubspot", CONNECTOR, connection, now, lambda _: None, streams=["contacts"])
    before = stored(database, "2000001").body

    done = reconcile(database, "hubspot", CONNECTOR, connection, now, sleep=lambda _: None, streams=["contacts"])

    assert "anne.0.0@example.com" in before
    assert (done.streams[0].live, done.streams[0].gone, done.is_well) == (60, 1, True)
    assert (stored(database, "2000001").body, stored(database, "2000001").deleted) == ("{}", 1)


def test_what_a_webhook_told_goes_too(sandbox: HubSpotSandbox, connect: Any, database: Database) -> None:
    """Fields that came one by one are kept apart until the next pull."""
    told = [{"eventId": 1, "subscriptionId": 2, "occurredAt": round(AT.timestamp() * 1000), "objectId": 7,
             "subscriptionType": "contact.propertyChange", "propertyName": "email", "propertyValue": "ada@example.com"}]
    with database.write() as tx:
        records.upsert(tx, "hubspot", "contacts", connect().inbox.parse(orjson.dumps(told)), AT)
        records.upsert(tx, "hubspot", "contacts", erased(sandbox, connect, "7", AT + timedelta(seconds=5)), AT)

    assert "ada@example.com" not in str(tuple(stored(database, "7")))
