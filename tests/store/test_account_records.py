"""Whose accounts are, read without a frame."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from steward.model.records import Noun, Record
from steward.store import account_records, identity, records

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)


def test_external_ids_are_those_that_identity_tells(database: Any, known: Any) -> None:
    """A task must open on the record that is alive, whichever of the two ways asked for its id."""
    who = known({("crm", "001"): {"name": "Acme", "domain": "acme.test"}, ("files", "a1"): {"name": "Acme", "domain": "acme.test"},
                 ("crm", "002"): {"name": "Bell", "domain": "bell.test"}, ("crm", "000"): {"name": "Bell", "domain": "bell.test"},
                 ("crm", "003"): {"name": "Cole"}})
    known({("crm", "000"): {"deleted": True}, ("crm", "003"): {"deleted": True}})
    with database.read() as tx:
        found = account_records.of_accounts(tx, set(who.values()))

        assert account_records.external_ids(found) == identity.external_ids(tx, set(who.values()))
        assert account_records.of_accounts(tx, []) == {}
    bodies = {(each.connection, each.external_id): each.body for theirs in found.values() for each in theirs}
    assert bodies["crm", "001"]["name"] == "Acme"
    assert not bodies["crm", "000"], "what is gone says nothing of the owner"


def test_people_are_those_who_are_alive(database: Any) -> None:
    """Somebody whose record was deleted is told nothing."""
    with database.write() as tx:
        for connection in ("slack", "crm"):
            records.upsert(tx, connection, "people", [
                Record(Noun.PERSON, "ana", {"email": "ana@us.test"}), Record(Noun.PERSON, "bo", {"email": "bo@us.test"})], NOW)
        records.upsert(tx, "crm", "people", [Record(Noun.PERSON, "bo", {}, deleted=True)], NOW)

        found = [(each.connection, each.external_id) for each in account_records.people(tx)]
    assert found == [("crm", "ana"), ("slack", "ana"), ("slack", "bo")]
