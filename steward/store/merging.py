"""What a person may do about who is who: merge two accounts, undo it, take ids out, decide a review."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import orjson
from sqlalchemy import Connection, delete, select, text, update

from steward.model.errors import RecordRejected
from steward.store import recheck, review
from steward.store.database import alone
from steward.store.identity import account_of, current, ids_of, mark_merged, mint, move
from steward.store.instants import to_text
from steward.store.matching import ExternalId
from steward.store.schema import account, kept_apart

_KEEP_APART = text("""
    INSERT INTO kept_apart (connection, external_id, account_id, by, decided_at)
    VALUES (:connection, :external_id, :account_id, :by, :now) ON CONFLICT DO NOTHING
""")


def merge(tx: Connection, survivor: str, loser: str, by: str, now: datetime) -> None:
    """All that `loser` was known by is `survivor` from now on; both ids stay for ever.

    Raises:
        RecordRejected: one of them is not an account that stands, or both are the same.
    """
    alone(tx, "identity")
    for account_id in (survivor, loser):
        _must_stand(tx, account_id)
    if survivor == loser:
        raise RecordRejected(f'"{loser}" cannot be merged into itself')
    ids = ids_of(tx, loser)
    for moved, other in ((ids, survivor), (ids_of(tx, survivor), loser)):
        _let_together(tx, moved, [other, *_absorbed(tx, other)])
    mark_merged(tx, loser, survivor, ids)
    move(tx, ids, survivor, "person", to_text(now))
    review.decide(tx, survivor, loser, "accepted", by=by, now=now)


def unmerge(tx: Connection, loser: str, by: str, now: datetime) -> None:
    """Undo the merge of `loser`: it stands again, has back the ids it had, and is kept apart from now on.

    Raises:
        RecordRejected: `loser` was not merged away.
    """
    alone(tx, "identity")
    row = tx.execute(select(account).where(account.c.id == loser)).first()
    if row is None or row.merged_into is None:
        raise RecordRejected(f'"{loser}" is not merged into another account; there is nothing to undo')
    holder = current(tx, loser) or loser
    had = {(connection, external_id) for connection, external_id in orjson.loads(row.merged_ids or "[]")}
    ids = sorted(had & set(ids_of(tx, holder)))
    chain = _chain(tx, row.merged_into)
    tx.execute(update(account).where(account.c.id == loser).values(merged_into=None, merged_ids=None))
    move(tx, ids, loser, "person", to_text(now))
    _keep_apart(tx, ids, chain, by, now)
    review.decide(tx, row.merged_into, loser, "refused", by=by, now=now)


def split(tx: Connection, ids: Sequence[ExternalId], by: str, now: datetime) -> str:
    """Take external ids out of their account into a new one, and keep them apart; the new account's id.

    Raises:
        RecordRejected: they are not of one account, or are all that it has.
    """
    alone(tx, "identity")
    where = {id_: account_of(tx, *id_) for id_ in ids}
    owners = set(where.values())
    owner = owners.pop() if len(owners) == 1 else None
    if owner is None or set(ids_of(tx, owner)) <= set(ids):
        named = ", ".join(f'"{external_id}" in {connection}' for connection, external_id in ids)
        raise RecordRejected(f"{named}: name some of the external ids of one account, and not all of them")
    fresh = mint(min(ids), taken=tx.scalars(select(account.c.id)).all())
    tx.execute(account.insert().values(id=fresh, name="", created_at=to_text(now)))
    move(tx, ids, fresh, "person", to_text(now))
    _keep_apart(tx, ids, [owner], by, now)
    review.decide(tx, owner, fresh, "refused", by=by, now=now)
    return fresh


def accept(tx: Connection, left: str, right: str, by: str, now: datetime) -> str:
    """A person says that two accounts are one; the older survives, and its id is the answer."""
    ages = {row.id: (row.created_at, row.id)
            for row in tx.execute(select(account.c.id, account.c.created_at).where(account.c.id.in_([left, right])))}
    for account_id in (left, right):
        if account_id not in ages:
            raise RecordRejected(f'there is no account "{account_id}"')
    survivor, loser = sorted((left, right), key=lambda account_id: ages[account_id])
    merge(tx, survivor, loser, by, now)
    return survivor


def refuse(tx: Connection, left: str, right: str, by: str, now: datetime) -> None:
    """A person says that two accounts are two; nothing joins them by itself any more."""
    alone(tx, "identity")
    for account_id in (left, right):
        _must_stand(tx, account_id)
    _keep_apart(tx, ids_of(tx, left), [right, *_absorbed(tx, right)], by, now)
    _keep_apart(tx, ids_of(tx, right), [left, *_absorbed(tx, left)], by, now)
    review.decide(tx, left, right, "refused", by=by, now=now)


def _must_stand(tx: Connection, account_id: str) -> None:
    now = current(tx, account_id)
    if now is None:
        raise RecordRejected(f'there is no account "{account_id}"')
    if now != account_id:
        raise RecordRejected(f'"{account_id}" was merged into "{now}"; use that one')


def _chain(tx: Connection, account_id: str) -> list[str]:
    """The account and all it was merged into since, the one that stands last."""
    chain = [account_id]
    while following := tx.scalar(select(account.c.merged_into).where(account.c.id == chain[-1])):
        chain.append(following)
    return chain


def _absorbed(tx: Connection, account_id: str) -> list[str]:
    found: list[str] = []
    level = [account_id]
    while level:
        level = list(tx.scalars(select(account.c.id).where(account.c.merged_into.in_(level))))
        found += level
    return found


def _keep_apart(
    tx: Connection, ids: Iterable[ExternalId], account_ids: Iterable[str], by: str, now: datetime
) -> None:
    rows = [
        {"connection": connection, "external_id": external_id, "account_id": account_id, "by": by,
         "now": to_text(now)}
        for connection, external_id in ids for account_id in account_ids
    ]
    if rows:
        tx.execute(_KEEP_APART, rows)
        recheck.doubt(tx)


def _let_together(tx: Connection, ids: Iterable[ExternalId], account_ids: Sequence[str]) -> None:
    for connection, external_id in ids:
        tx.execute(delete(kept_apart).where(
            kept_apart.c.connection == connection, kept_apart.c.external_id == external_id,
            kept_apart.c.account_id.in_(account_ids),
        ))
