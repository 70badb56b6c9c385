"""Families of accounts: whose parent is whose, as the records that are believed say."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl
from sqlalchemy import Connection, select

from steward.store.merged import merged_accounts
from steward.store.schema import identity

_AT_ONCE = 500
_MOST_STEPS = 50                               # a chain of parents that is longer is a fault of the source


def parents(
    tx: Connection, accounts: pl.DataFrame, truth: Mapping[str, Sequence[str]] | None = None, order: Sequence[str] = (),
) -> dict[str, str]:
    """The parent of each of `accounts` that has one, and the parents of those, up to the top; ours, by our ids.

    `accounts`, `truth`, `order`: as of `steward.store.merged.merged_accounts`.
    """
    found: dict[str, str] = {}
    seen: set[str] = set()
    for _ in range(_MOST_STEPS):
        named = accounts.filter(pl.col("parent_external_id").is_not_null())
        keys = {account_id: (connection, external_id) for account_id, connection, external_id in named.select(
            "account_id", "parent_connection", "parent_external_id").iter_rows()}
        account_of = _accounts_of(tx, set(keys.values()))
        found |= {child: account_of[key] for child, key in keys.items()
                  if account_of.get(key, child) != child}
        seen |= set(accounts["account_id"])
        above = sorted(set(found.values()) - seen)
        if not above:
            break
        accounts = merged_accounts(tx, truth, order, above)
        seen |= set(above)
    return found


def _accounts_of(tx: Connection, keys: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    by_connection: dict[str, list[str]] = {}
    for connection, external_id in sorted(keys):
        by_connection.setdefault(connection, []).append(external_id)
    found: dict[tuple[str, str], str] = {}
    for connection, ids in by_connection.items():
        for start in range(0, len(ids), _AT_ONCE):
            rows = tx.execute(select(identity.c.external_id, identity.c.account_id).where(
                identity.c.connection == connection, identity.c.external_id.in_(ids[start:start + _AT_ONCE])))
            found |= {(connection, row.external_id): row.account_id for row in rows}
    return found
