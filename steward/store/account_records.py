"""Whose the accounts are, as their records say: what an action asks of a few of them, read without a frame."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection

from steward.model.records import Noun
from steward.store import bulk, record_body
from steward.store.records import ALL_CONNECTIONS


@dataclass(frozen=True, slots=True)
class Known:
    """One record: `body` holds its fields as JSON has them; empty where it is gone, or only its id is known."""

    connection: str
    external_id: str
    body: Mapping[str, Any]
    gone: bool = False                      # deleted or merged away


def of_accounts(tx: Connection, account_ids: Collection[str]) -> dict[str, list[Known]]:
    """By account, the records of it that any connection has or had; by connection and external id."""
    if not account_ids:
        return {}
    among, ids = bulk.among(tx, "i.account_id", account_ids)
    rows = bulk.fetch(tx, f"""
        SELECT i.account_id, i.connection, i.external_id, r.deleted, r.merged_into, r.body FROM identity AS i
        LEFT JOIN record AS r ON r.connection = i.connection AND r.noun = ? AND r.external_id = i.external_id
        WHERE {among}
    """, Noun.ACCOUNT.value, ids)  # noqa: S608  ours
    found: dict[str, list[Known]] = {}
    for account_id, connection, external_id, deleted, merged_into, body in sorted(rows, key=lambda row: row[1:3]):
        gone = bool(deleted) or merged_into is not None
        fields = {} if gone or body is None else record_body.load(body)
        found.setdefault(account_id, []).append(Known(connection, external_id, fields, gone))
    return found


def external_ids(records: Mapping[str, Collection[Known]]) -> dict[str, dict[str, str]]:
    """By account and connection, the external id: of several the one of a record that is not gone, then the smallest.
    """
    found: dict[str, dict[str, str]] = {}
    for account_id, theirs in records.items():
        mine = found.setdefault(account_id, {})
        for each in sorted(theirs, key=lambda record: (record.gone, record.external_id)):
            mine.setdefault(each.connection, each.external_id)
    return found


def people(tx: Connection) -> list[Known]:
    """The records of all people of ours that are live, by connection and external id."""
    rows = bulk.fetch(tx, f"""
        {ALL_CONNECTIONS} SELECT connection, external_id, body FROM record
        WHERE connection IN (SELECT connection FROM named) AND noun = ? AND deleted = 0 AND merged_into IS NULL
    """, Noun.PERSON.value)  # noqa: S608  ours
    return [Known(row[0], row[1], record_body.load(row[2])) for row in sorted(rows)]
