"""Notices of the sync: a row that began or ceased to be refused, a field that changed at the source; each once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import Connection, delete, insert, select, update

from steward.store.instants import from_text, to_text
from steward.store.schema import notice as table

KEPT = timedelta(days=90)


class What(StrEnum):
    """What a notice is about."""

    REFUSED = "refused"
    REFUSED_OTHERWISE = "refused_otherwise"
    OVER = "over"
    NEW_FIELD = "new_field"
    FIELD_GONE = "field_gone"
    OTHER_TYPE = "other_type"
    NEW_VALUE = "new_value"

    @property
    def is_drift(self) -> bool:
        """Whether it tells of the source's schema, and not of a row."""
        return self in (What.NEW_FIELD, What.FIELD_GONE, What.OTHER_TYPE, What.NEW_VALUE)


@dataclass(frozen=True, slots=True)
class Notice:
    """One change of status: of the row or field `subject` ("Account 001…", "Account.Segment__c"), in words."""

    connection: str
    stream: str
    what: What
    subject: str
    said: str
    at: datetime
    number: int = 0


def add(tx: Connection, found: Sequence[Notice]) -> None:
    """Keep them; belongs into the transaction that changed what they tell of."""
    if found:
        tx.execute(insert(table), [{
            "connection": each.connection, "stream": each.stream, "what": each.what.value,
            "subject": each.subject, "said": each.said, "at": to_text(each.at),
        } for each in found])


def list_(
    tx: Connection, connection: str | None = None, *, since: datetime | None = None, drift_only: bool = False,
    limit: int = 200,
) -> list[Notice]:
    """The latest, the newest first."""
    statement = select(table).order_by(table.c.number.desc()).limit(limit)
    if connection is not None:
        statement = statement.where(table.c.connection == connection)
    if since is not None:
        statement = statement.where(table.c.at >= to_text(since))
    if drift_only:
        statement = statement.where(table.c.what.in_([each.value for each in What if each.is_drift]))
    return [_notice(row) for row in tx.execute(statement)]


def tell(tx: Connection, connection: str) -> list[Notice]:
    """Those that no message has told of yet, in their order; from now on one has, or nobody wants to be told.

    In one statement: of two who tell at once, one gets each, and none is passed by that was added in between.
    """
    statement = update(table).where(table.c.connection == connection, table.c.told == 0).values(told=1)
    return sorted(map(_notice, tx.execute(statement.returning(table))), key=lambda each: each.number)


def forget(tx: Connection, now: datetime) -> int:
    """Let go the old ones; how many."""
    return tx.execute(delete(table).where(table.c.at < to_text(now - KEPT))).rowcount


def _notice(row: object) -> Notice:
    return Notice(row.connection, row.stream, What(row.what), row.subject, row.said, from_text(row.at), row.number)  # type: ignore[attr-defined]  # a row of the table
