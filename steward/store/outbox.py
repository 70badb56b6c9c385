"""Actions that were decided and are not yet proven done: each row claimed under a lease, closed under its epoch.

A claim raises the row's epoch, and every later change names the epoch it was claimed with: a worker that slept
through its lease changes nothing any more. Rows of one account and connection (a lane) are claimed in the order
they were decided, one at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha1
from operator import itemgetter
from typing import Any, Literal
from uuid import NAMESPACE_URL, UUID, uuid5

import orjson
from pydantic import TypeAdapter
from sqlalchemy import Connection, func, select, text, update

from steward.model.actions import Action, DeliveryClass, IdempotencyKey, Receipt
from steward.store import bulk, receipts
from steward.store.instants import from_text, to_text
from steward.store.schema import outbox, receipt

OPEN_STATES = ("pending", "sending")
STATES = (*OPEN_STATES, "delivered", "failed", "unknown", "expired", "cancelled")

_ACTION: TypeAdapter[Any] = TypeAdapter(Action)
_NAMESPACE = uuid5(NAMESPACE_URL, "steward/action")
_COLUMNS = tuple(column.name for column in outbox.columns)
_IN_ORDER = itemgetter(*_COLUMNS)


@dataclass(frozen=True, slots=True)
class OutboxRow:
    """One action to be done; what stands above `state` is said by who decides it and never changes."""

    key: IdempotencyKey
    enrollment_id: str
    account_id: str
    playbook_id: str
    connection: str
    connector: str
    delivery_class: DeliveryClass
    action: Action
    created_at: datetime
    due_at: datetime
    not_after: datetime | None = None
    on_unknown: Literal["hold", "resend"] = "hold"
    state: str = "pending"
    attempts: int = 0
    tries: int = 0
    trouble: str | None = None
    done_at: datetime | None = None

    @property
    def action_id(self) -> UUID:
        """Ours for ever, made from the key; targets that want a UUID get this one."""
        return uuid5(_NAMESPACE, self.key)


@dataclass(frozen=True, slots=True)
class Claim:
    """A row leased to one worker. `resumed`: a worker before began to send it and never said how it ended."""

    row: OutboxRow
    epoch: int
    resumed: bool


@dataclass(frozen=True, slots=True)
class Conservation:
    """What must hold at every instant: nothing that was accepted is missing from the states."""

    total: int
    by_state: Mapping[str, int]
    delivered_without_receipt: tuple[str, ...]
    receipts_without_delivery: tuple[str, ...]

    @property
    def holds(self) -> bool:
        known = sum(self.by_state.get(state, 0) for state in STATES)
        return known == self.total and not self.delivered_without_receipt and not self.receipts_without_delivery


def add(tx: Connection, rows: Sequence[OutboxRow]) -> int:
    """Insert what is new by its key and return how many that were; a key that was ever used is left alone.

    The order of `rows` is the order decided, among rows of one `created_at`.
    """
    values = [_IN_ORDER(_values(row, position)) for position, row in enumerate(rows)]
    return bulk.upsert(tx, outbox, values, "ON CONFLICT (key) DO NOTHING")


_HEAD_OF_LANE = """
    o.state IN ('pending', 'sending') AND NOT EXISTS (
        SELECT 1 FROM outbox AS e
        WHERE e.account_id = o.account_id AND e.connection = o.connection AND e.state __open__
          AND (e.created_at, e.position, e.key) < (o.created_at, o.position, o.key))
"""
SLOW = ("publish_table", "extend_table", "refresh_dataset")
"""Kinds that take minutes: claimed apart, so that no message waits behind them."""
_KIND = {slow: f"o.kind {'IN' if slow else 'NOT IN'} ({', '.join(repr(each) for each in SLOW)})"
         for slow in (False, True)}
# Where all else is done PostgreSQL expects nothing of the index of what is due, and would read it for each row; said
# like this it must look by the lane.
_STATE_OPEN = {
    "sqlite": "IN ('pending', 'sending')", "postgresql": "= ANY((SELECT ARRAY['pending', 'sending'])::text[])",
}
_NEXT_DUE = f"""
    SELECT min(at) FROM (
        SELECT at FROM (
            SELECT o.due_at AS at FROM outbox AS o WHERE o.lease_until IS NULL AND __kind__ AND {_HEAD_OF_LANE}
            ORDER BY o.due_at, o.created_at, o.position, o.key LIMIT 1) AS free
        UNION ALL
        SELECT CASE WHEN o.lease_until > o.due_at THEN o.lease_until ELSE o.due_at END
        FROM outbox AS o WHERE o.lease_until IS NOT NULL AND __kind__ AND {_HEAD_OF_LANE}) AS next
"""  # noqa: S608  a constant
_DUE = f"""
    SELECT key FROM outbox AS o
    WHERE {_HEAD_OF_LANE} AND __kind__ AND o.due_at <= ? AND (o.lease_until IS NULL OR o.lease_until <= ?)
    ORDER BY o.due_at, o.created_at, o.position, o.key LIMIT ?
"""  # noqa: S608  a constant
_CLAIM = {
    "sqlite": f"""
        UPDATE outbox SET lease_until = ?, epoch = epoch + 1 WHERE key IN ({_DUE}) RETURNING {", ".join(_COLUMNS)}
    """,  # noqa: S608  a constant
    "postgresql": f"""
        WITH due AS ({_DUE} FOR UPDATE OF o SKIP LOCKED)
        UPDATE outbox SET lease_until = ?, epoch = epoch + 1 FROM due WHERE outbox.key = due.key
        RETURNING {", ".join(f"outbox.{name}" for name in _COLUMNS)}
    """,  # noqa: S608  a constant
}


def claim(tx: Connection, now: datetime, limit: int, lease_s: float, *, slow: bool = False) -> list[Claim]:
    """At most `limit` due rows for this worker alone until `now` + `lease_s`, one of each lane; `slow` ones, or others.

    Rows that were being sent when their worker vanished come back with `resumed`.
    """
    statement = _planned(tx, _CLAIM[tx.dialect.name], slow)
    at, lease_until = to_text(now), to_text(now + timedelta(seconds=lease_s))
    if tx.dialect.name == "postgresql":
        taken = bulk.fetch(tx, statement, at, at, limit, lease_until)
    else:
        taken = bulk.fetch(tx, statement, lease_until, at, at, limit)
    rows = [dict(zip(_COLUMNS, found, strict=True)) for found in taken]
    claims = [Claim(_row(found), found["epoch"], found["state"] == "sending") for found in rows]
    return sorted(claims, key=lambda claimed: (claimed.row.due_at, claimed.row.created_at, claimed.row.key))


def _planned(tx: Connection, statement: str, slow: bool) -> str:
    """The statement for this database and these kinds, which walks the index of what is due and stops at its limit."""
    if tx.dialect.name == "postgresql":
        # Before it has counted a burst of new rows it expects three, and sorts: it would read all of them each time.
        bulk.change(tx, "SET LOCAL enable_sort = off")
    return statement.replace("__kind__", _KIND[slow]).replace("__open__", _STATE_OPEN[tx.dialect.name])


def release(tx: Connection, claimed: Claim) -> bool:
    """Give back a claim that was not begun."""
    return _change(tx, claimed, "state = state")


def put_off(tx: Connection, claimed: Claim, due_at: datetime, trouble: str) -> bool:
    """Give back a claim that could not be begun, to be looked at again at `due_at`."""
    return _change(tx, claimed, "due_at = ?, trouble = ?", to_text(due_at), trouble)


def pause(tx: Connection, connection: str, until: datetime) -> int:
    """Let nothing of `connection` be claimed before `until`; returns how many rows that puts off."""
    statement = update(outbox).where(
        outbox.c.connection == connection, outbox.c.state == "pending", outbox.c.due_at < to_text(until),
    )
    return tx.execute(statement.values(due_at=to_text(until))).rowcount


def sending(tx: Connection, claimed: Claim, now: datetime, lease_s: float) -> Claim | None:
    """Journal that the first byte is about to leave; None where another worker has the row by now.

    Commit before sending. A row that died while being sent uses up one of its tries.
    """
    begun = bulk.change(tx, f"""
        UPDATE outbox SET state = 'sending', attempts = attempts + 1, tries = tries + ?, lease_until = ? WHERE {_OWN}
    """, int(claimed.resumed), to_text(now + timedelta(seconds=lease_s)), claimed.row.key, claimed.epoch)  # noqa: S608  ours
    if begun != 1:
        return None
    number = claimed.row.attempts + 1
    receipts.begin_attempt(tx, claimed.row.key, number, now)
    row = replace(claimed.row, attempts=number, tries=claimed.row.tries + int(claimed.resumed), state="sending")
    return replace(claimed, row=row)


def complete(tx: Connection, claimed: Claim, proof: Receipt, now: datetime) -> bool:
    """It is done: the receipt is stored and the row closed."""
    return bool(complete_all(tx, [(claimed, proof)], now))


def complete_all(tx: Connection, done: Sequence[tuple[Claim, Receipt]], now: datetime) -> set[str]:
    """`complete` for many in as few statements as for one; the keys of those that were closed."""
    given = [{
        "key": claimed.row.key, "epoch": claimed.epoch, "number": claimed.row.attempts,
        "outcome": "found" if proof.found else "delivered", "external_id": proof.external_id, "url": proof.url,
        "delivered_at": to_text(proof.delivered_at), "found": int(proof.found)} for claimed, proof in done]
    at, rows = to_text(now), orjson.dumps(given).decode()
    if tx.dialect.name == "postgresql":     # in one statement: each costs a round trip
        return {row[0] for row in bulk.fetch(tx, _COMPLETE["postgresql"], rows, at, at)}
    closed = {row[0] for row in bulk.fetch(tx, _COMPLETE["sqlite"], at, rows)}
    receipts.save_all(tx, [each for each in given if each["key"] in closed], at)
    return closed


def cancel(tx: Connection, enrollment_ids: Sequence[str], now: datetime, trouble: str) -> int:
    """What these enrollments have waiting and nobody has begun to send is not done any more; how many rows.

    A worker that had claimed such a row finds its epoch gone. Redrawing what was sent is still done.
    """
    if not enrollment_ids:
        return 0
    among, ids = bulk.among(tx, "enrollment_id", enrollment_ids)
    return bulk.change(tx, f"""
        UPDATE outbox SET state = 'cancelled', trouble = ?, done_at = ?, lease_until = NULL, epoch = epoch + 1
        WHERE state = 'pending' AND kind <> 'update_message' AND {among}
    """, trouble, to_text(now), ids)  # noqa: S608  ours


def steps(tx: Connection, enrollment_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """By enrollment, the state of each of its actions by key; of one told in a digest, that of the digest."""
    if not enrollment_ids:
        return {}
    among, ids = bulk.among(tx, "enrollment_id", enrollment_ids)
    rows = bulk.fetch(tx, f"SELECT enrollment_id, key, state FROM outbox WHERE {among}", ids)  # noqa: S608  ours
    rows += bulk.fetch(tx, f"""
        SELECT line.enrollment_id, line.key, coalesce(told.state, line.sent_in, 'pending')
        FROM digest_line AS line LEFT JOIN outbox AS told ON told.key = line.sent_in
        WHERE {among.replace("enrollment_id", "line.enrollment_id")}
    """, ids)  # noqa: S608  ours
    found: dict[str, dict[str, str]] = {}
    for enrollment_id, key, state in rows:
        found.setdefault(enrollment_id, {})[key] = state
    return found


def given_up(tx: Connection) -> set[str]:
    """The enrollments with an action that was not done, or of which nobody can tell."""
    rows = bulk.fetch(tx, """
        SELECT DISTINCT enrollment_id FROM outbox WHERE state IN ('failed', 'expired', 'unknown')
    """)
    return {row[0] for row in rows}


def again(
    tx: Connection, claimed: Claim, now: datetime, due_at: datetime, *, trouble: str, outcome: str = "try_again",
) -> bool:
    """Not done; look at it again at `due_at`. An outcome of "rate_limited" uses up none of its tries."""
    used = int(outcome != "rate_limited")
    if not _change(tx, claimed, "state = 'pending', due_at = ?, trouble = ?, tries = tries + ?",
                   to_text(due_at), trouble, used):
        return False
    receipts.end_attempt(tx, claimed.row.key, claimed.row.attempts, now, outcome=outcome, trouble=trouble)
    return True


def fail(tx: Connection, claimed: Claim, now: datetime, trouble: str, outcome: str = "give_up") -> bool:
    """Not done, and a person must act: a dead letter, kept until `retry`."""
    return _end(tx, claimed, now, "failed", outcome=outcome, trouble=trouble)


def unknown(tx: Connection, claimed: Claim, now: datetime, trouble: str) -> bool:
    """It may be done and nobody can tell: held for a person."""
    return _end(tx, claimed, now, "unknown", outcome="unknown", trouble=trouble)


def expire(tx: Connection, claimed: Claim, now: datetime) -> bool:
    """Not done, and too late to do it."""
    return _end(tx, claimed, now, "expired", outcome="expired", trouble="it was not done before its time was over")


def withdraw(tx: Connection, claimed: Claim, now: datetime, trouble: str) -> bool:
    """Nobody wants it any more; what may have been done stays in the journal."""
    outcome = "unknown" if claimed.resumed else "cancelled"
    return _end(tx, claimed, now, "cancelled", outcome=outcome, trouble=trouble)


def retry(tx: Connection, key: str, now: datetime) -> bool:
    """Make a dead letter, an unknown or an expired row due again under its key; False where it is none of them.

    What expired may be done at any time from now on: a person asked for it.
    """
    statement = update(outbox).where(outbox.c.key == key, outbox.c.state.in_(("failed", "unknown", "expired")))
    values = {
        "state": "pending", "due_at": to_text(now), "tries": 0, "not_after": None, "lease_until": None,
        "done_at": None, "epoch": outbox.c.epoch + 1,
    }
    return tx.execute(statement.values(values)).rowcount == 1


# ---- reading ----


def one(tx: Connection, key: str) -> OutboxRow | None:
    found = tx.execute(select(outbox).where(outbox.c.key == key)).mappings().one_or_none()
    return _row(found) if found else None


def list_(
    tx: Connection, state: str | None = None, *, connection: str | None = None, account_id: str | None = None,
    enrollment_id: str | None = None, limit: int = 1000,
) -> list[OutboxRow]:
    """Rows in the order they were decided: of more than `limit` the newest."""
    newest = (outbox.c.created_at.desc(), outbox.c.position.desc(), outbox.c.key.desc())
    statement = select(outbox).order_by(*newest).limit(limit)
    given = {"state": state, "connection": connection, "account_id": account_id, "enrollment_id": enrollment_id}
    for name, value in given.items():
        if value is not None:
            statement = statement.where(outbox.c[name] == value)
    return [_row(found) for found in tx.execute(statement).mappings()][::-1]


def used(tx: Connection, keys: Sequence[str]) -> set[str]:
    """Those of `keys` that were ever used."""
    if not keys:
        return set()
    among, wanted = bulk.among(tx, "key", keys)
    return {row[0] for row in bulk.fetch(tx, f"SELECT key FROM outbox WHERE {among}", wanted)}  # noqa: S608  ours


def keys_like(tx: Connection, key: str, limit: int = 2000) -> list[str]:
    """Keys that `key` may have been meant for: those of the same playbook, or any."""
    start = key.split("/", 1)[0]
    for wanted in (outbox.c.playbook_id == start, outbox.c.key.is_not(None)):
        found = tx.scalars(select(outbox.c.key).where(wanted).order_by(outbox.c.key).limit(limit)).all()
        if found:
            return list(found)
    return []


def counts(tx: Connection) -> dict[str, dict[str, int]]:
    """How many rows are in each state, by connector."""
    found: dict[str, dict[str, int]] = {}
    statement = select(outbox.c.connector, outbox.c.state, func.count()).group_by(outbox.c.connector, outbox.c.state)
    for connector, state, number in tx.execute(statement.order_by(outbox.c.connector, outbox.c.state)):
        found.setdefault(connector, {})[state] = number
    return found


def next_due(tx: Connection, *, slow: bool = False) -> datetime | None:
    """When a row can be claimed next: one that waits behind another of its lane does not count; None for never."""
    found: str | None = tx.scalar(text(_planned(tx, _NEXT_DUE, slow)))
    return from_text(found)


def conservation(tx: Connection) -> Conservation:
    """Every row in exactly one state, and a receipt for each that is delivered and for no other."""
    rows = select(outbox.c.state, func.count().label("rows")).group_by(outbox.c.state)
    proven = select(receipt.c.key)
    bare = select(outbox.c.key).where(outbox.c.state == "delivered", outbox.c.key.not_in(proven))
    delivered = select(outbox.c.key).where(outbox.c.state == "delivered")
    loose = select(receipt.c.key).where(receipt.c.key.not_in(delivered))
    return Conservation(
        total=tx.scalar(select(func.count(outbox.c.action_id.distinct()))) or 0,
        by_state={each.state: each.rows for each in tx.execute(rows)},
        delivered_without_receipt=tuple(tx.scalars(bare)), receipts_without_delivery=tuple(tx.scalars(loose)),
    )


# ---- inside ----


_OPEN = "state IN ('pending', 'sending')"
# Says the same, but not so that PostgreSQL takes the index of what is due, which is long, for the few that are named.
_NOT_ENDED = "state NOT IN ('delivered', 'failed', 'unknown', 'expired', 'cancelled')"
_OWN = f"key = ? AND epoch = ? AND {_OPEN}"
_CLOSED = "state = 'delivered', lease_until = NULL, trouble = NULL, done_at = ?"
_COMPLETE = {
    "sqlite": f"""
        UPDATE outbox SET {_CLOSED} FROM json_each(?) AS given
        WHERE outbox.key = json_extract(given.value, '$.key') AND outbox.epoch = json_extract(given.value, '$.epoch')
          AND {_OPEN} RETURNING outbox.key
    """,  # noqa: S608  a constant
    "postgresql": f"""
        WITH given AS (
            SELECT * FROM json_to_recordset(?::json) AS each(key text, epoch int, number int, outcome text,
                                                             external_id text, url text, delivered_at text, found int)
        ), closed AS (
            UPDATE outbox SET {_CLOSED} FROM given
            WHERE outbox.key = given.key AND outbox.epoch = given.epoch AND {_NOT_ENDED} RETURNING outbox.key
        ), tried AS (
            UPDATE attempt SET ended_at = ?, outcome = given.outcome FROM given JOIN closed ON closed.key = given.key
            WHERE attempt.key = given.key AND attempt.number = given.number AND attempt.ended_at IS NULL
        )
        INSERT INTO receipt (key, external_id, url, delivered_at, found)
        SELECT given.key, external_id, url, delivered_at, found FROM given JOIN closed ON closed.key = given.key
        RETURNING key
    """,  # noqa: S608  a constant
}


def _change(tx: Connection, claimed: Claim, changed: str, *values: object) -> bool:
    """Change the row and give up its lease; False where another worker has it by now, or it is closed."""
    statement = f"UPDATE outbox SET lease_until = NULL, {changed} WHERE {_OWN}"  # noqa: S608  ours
    return bulk.change(tx, statement, *values, claimed.row.key, claimed.epoch) == 1


def _end(
    tx: Connection, claimed: Claim, now: datetime, state: str, *, outcome: str, trouble: str | None,
) -> bool:
    if not _change(tx, claimed, "state = ?, trouble = ?, done_at = ?", state, trouble, to_text(now)):
        return False
    receipts.end_attempt(tx, claimed.row.key, claimed.row.attempts, now, outcome=outcome, trouble=trouble)
    return True


def _uuid_text(key: str) -> str:
    """The text of `OutboxRow.action_id`, a fifth of the work."""
    made = sha1(_NAMESPACE.bytes + key.encode(), usedforsecurity=False).hexdigest()
    return f"{made[:8]}-{made[8:12]}-5{made[13:16]}-{'89ab'[int(made[16], 16) & 3]}{made[17:20]}-{made[20:32]}"


def _values(row: OutboxRow, position: int) -> dict[str, Any]:
    return {
        "key": row.key, "action_id": _uuid_text(row.key), "enrollment_id": row.enrollment_id,
        "account_id": row.account_id, "playbook_id": row.playbook_id, "connection": row.connection,
        "connector": row.connector, "kind": row.action.kind, "delivery_class": row.delivery_class.value,
        "on_unknown": row.on_unknown, "body": row.action.model_dump_json(), "state": "pending", "position": position,
        "attempts": 0, "tries": 0, "due_at": to_text(row.due_at),
        "not_after": to_text(row.not_after), "lease_until": None, "epoch": 0, "trouble": None,
        "created_at": to_text(row.created_at), "done_at": None,
    }


def _row(found: Mapping[Any, Any]) -> OutboxRow:
    return OutboxRow(
        key=IdempotencyKey(found["key"]), enrollment_id=found["enrollment_id"], account_id=found["account_id"],
        playbook_id=found["playbook_id"], connection=found["connection"], connector=found["connector"],
        delivery_class=DeliveryClass(found["delivery_class"]), action=_ACTION.validate_json(found["body"]),
        created_at=from_text(found["created_at"]), due_at=from_text(found["due_at"]),
        not_after=from_text(found["not_after"]) if found["not_after"] else None, on_unknown=found["on_unknown"],
        state=found["state"], attempts=found["attempts"], tries=found["tries"], trouble=found["trouble"],
        done_at=from_text(found["done_at"]) if found["done_at"] else None,
    )
