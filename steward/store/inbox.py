"""Calls that vendors made to us: each stored once before it is answered, then worked off under a lease.

The number of attempts is committed with the claim, before anything reads the body: a body that kills its worker
is parked after three of them.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, RowMapping, func, select, text, update
from sqlalchemy.dialects import postgresql, sqlite

from steward.contracts import BY_CONTENT
from steward.model.records import Record
from steward.store.instants import from_text, to_text
from steward.store.schema import identity, inbox, record

MOST_ATTEMPTS = 3
KEEP_DONE = timedelta(days=90)
_ENCODED = "base64:"
_AT_ONCE = 900

Stored = Literal["new", "duplicate", "conflict"]


@dataclass(frozen=True, slots=True)
class Delivery:
    """One call as it came in, leased to one worker by its `epoch`."""

    connection: str
    delivery_id: str
    body: bytes
    received_at: datetime
    attempts: int
    epoch: int
    trouble: str | None = None


def put(tx: Connection, connection: str, delivery_id: str, body: bytes, now: datetime) -> Stored:
    """Store a verified call by its id.

    The same id with another body is stored too, under an id of its own, in the state `conflict`: a person can
    see it, nothing acts on it. An id that is made of what a call says names the same call always.
    """
    digest = hashlib.sha256(body).hexdigest()
    name = _name(delivery_id)
    values = {
        "connection": connection, "delivery_id": name, "body": _to_text(body), "sha256": digest,
        "received_at": to_text(now), "state": "pending", "attempts": 0, "epoch": 0,
    }
    if _insert(tx, values):
        return "new"
    before = tx.scalar(select(inbox.c.sha256).where(inbox.c.connection == connection, inbox.c.delivery_id == name))
    if before == digest or name.startswith(BY_CONTENT):
        return "duplicate"
    trouble = f'the id "{name}" came before with another body; compare the two'
    _insert(tx, {**values, "delivery_id": f"{name}~{digest[:16]}", "state": "conflict", "trouble": trouble})
    return "conflict"


_DUE = """
    SELECT connection, delivery_id FROM inbox AS i
    WHERE i.state = 'pending' AND (i.lease_until IS NULL OR i.lease_until <= :now)
    ORDER BY i.received_at, i.delivery_id LIMIT :limit
"""
_CLAIM = {
    "sqlite": f"""
        UPDATE inbox SET lease_until = :lease, epoch = epoch + 1, attempts = attempts + 1
        WHERE (connection, delivery_id) IN ({_DUE}) RETURNING *
    """,  # noqa: S608  a constant
    "postgresql": f"""
        WITH due AS ({_DUE} FOR UPDATE OF i SKIP LOCKED)
        UPDATE inbox SET lease_until = :lease, epoch = epoch + 1, attempts = attempts + 1 FROM due
        WHERE inbox.connection = due.connection AND inbox.delivery_id = due.delivery_id RETURNING inbox.*
    """,  # noqa: S608  a constant
}


def claim(tx: Connection, now: datetime, limit: int, lease_s: float) -> list[Delivery]:
    """At most `limit` waiting calls for this worker alone until `now` + `lease_s`; commit before reading a body."""
    spent = update(inbox).where(
        inbox.c.state == "pending", inbox.c.attempts >= MOST_ATTEMPTS, inbox.c.lease_until <= to_text(now),
    )
    parked = f"its worker died {MOST_ATTEMPTS} times while it worked on this"
    tx.execute(spent.values(state="parked", lease_until=None, trouble=func.coalesce(inbox.c.trouble, parked)))
    values = {"now": to_text(now), "lease": to_text(now + timedelta(seconds=lease_s)), "limit": limit}
    found = tx.execute(text(_CLAIM[tx.dialect.name]), values).mappings().all()
    return sorted((_delivery(row) for row in found), key=lambda each: (each.received_at, each.delivery_id))


def done(tx: Connection, delivery: Delivery) -> bool:
    """Close it; False where another worker has it by now, and then nothing may be committed."""
    return _change(tx, delivery, {"state": "done", "trouble": None})


def again(
    tx: Connection, delivery: Delivery, now: datetime, wait_s: float, *, trouble: str, counted: bool = True,
) -> bool:
    """Let it be tried again after `wait_s`; not `counted` where it is the operator's fault and not the call's."""
    until = to_text(now + timedelta(seconds=wait_s))
    attempts = inbox.c.attempts - int(not counted)
    return _change(tx, delivery, {"lease_until": until, "trouble": trouble, "attempts": attempts})


def park(tx: Connection, delivery: Delivery, trouble: str) -> bool:
    """Set it aside with its trouble, kept until a person asks for it again."""
    return _change(tx, delivery, {"state": "parked", "trouble": trouble})


def retry(tx: Connection, connection: str, delivery_id: str) -> bool:
    """Make a parked call, or one in conflict, wait again; False where it is neither."""
    statement = update(inbox).where(
        inbox.c.connection == connection, inbox.c.delivery_id == delivery_id,
        inbox.c.state.in_(("parked", "conflict")),
    )
    values = {"state": "pending", "attempts": 0, "lease_until": None, "epoch": inbox.c.epoch + 1}
    return tx.execute(statement.values(values)).rowcount == 1


def exists(tx: Connection, connection: str, delivery_id: str) -> bool:
    """Whether such a call is stored."""
    where = (inbox.c.connection == connection) & (inbox.c.delivery_id == delivery_id)
    return tx.scalar(select(inbox.c.state).where(where)) is not None


def accounts_of(tx: Connection, connection: str, records: Sequence[Record]) -> set[str]:
    """The accounts that stored records belong to, by our ids; those nobody knows yet are left out."""
    found: set[str] = set()
    here = (identity.c.connection == record.c.connection) & (identity.c.external_id == record.c.account_external_id)
    for noun in {each.noun for each in records}:
        ids = sorted({each.external_id for each in records if each.noun is noun})
        for start in range(0, len(ids), _AT_ONCE):
            found.update(tx.scalars(select(identity.c.account_id).join(record, here).where(
                record.c.connection == connection, record.c.noun == noun.value,
                record.c.external_id.in_(ids[start:start + _AT_ONCE]),
            )))
    return found


def list_(tx: Connection, state: str | None = None, limit: int = 1000) -> list[Delivery]:
    """What came in, the oldest first."""
    statement = select(inbox).order_by(inbox.c.received_at, inbox.c.delivery_id).limit(limit)
    if state is not None:
        statement = statement.where(inbox.c.state == state)
    return [_delivery(row) for row in tx.execute(statement).mappings()]


def counts(tx: Connection) -> dict[str, int]:
    """How many calls are in each state."""
    rows = select(inbox.c.state, func.count().label("rows")).group_by(inbox.c.state)
    return {each.state: each.rows for each in tx.execute(rows)}


def _name(delivery_id: str) -> str:
    """The id as every database can hold it: one of a hostile sender must not fail those that share its commit."""
    if delivery_id.isprintable() and 0 < len(delivery_id) <= 100:
        return delivery_id
    return hashlib.sha256(delivery_id.encode("utf-8", "surrogatepass")).hexdigest()


def _insert(tx: Connection, values: Mapping[str, Any]) -> bool:
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(inbox).values(values).on_conflict_do_nothing().returning(inbox.c.delivery_id)
    return tx.scalar(statement) is not None    # psycopg's row count says -1 here


def _change(tx: Connection, delivery: Delivery, values: Mapping[str, Any]) -> bool:
    statement = update(inbox).where(
        inbox.c.connection == delivery.connection, inbox.c.delivery_id == delivery.delivery_id,
        inbox.c.epoch == delivery.epoch, inbox.c.state == "pending",
    )
    return tx.execute(statement.values({"lease_until": None, **values})).rowcount == 1


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(
        row["connection"], row["delivery_id"], _to_bytes(row["body"]), from_text(row["received_at"]),
        row["attempts"], row["epoch"], row["trouble"],
    )


def _to_text(body: bytes) -> str:
    """The body as it is where that is plain text; PostgreSQL takes no NUL, and no bytes that are not UTF-8."""
    try:
        plain = body.decode()
    except UnicodeDecodeError:
        plain = "\0"
    if "\0" in plain or plain.startswith(_ENCODED):
        return _ENCODED + base64.b64encode(body).decode()
    return plain


def _to_bytes(stored: str) -> bytes:
    return base64.b64decode(stored[len(_ENCODED):]) if stored.startswith(_ENCODED) else stored.encode()


def forget(tx: Connection, now: datetime) -> int:
    """Delete calls that were done `KEEP_DONE` ago: until then the same call is known again; how many."""
    done = (inbox.c.state == "done") & (inbox.c.received_at < to_text(now - KEEP_DONE))
    return tx.execute(inbox.delete().where(done)).rowcount
