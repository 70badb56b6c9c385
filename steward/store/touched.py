"""Accounts that calls have changed and nobody has looked at since: noted with the change, struck after the look."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import Connection, select

from steward.store import bulk
from steward.store.instants import to_text
from steward.store.schema import touched


def note(tx: Connection, account_ids: Collection[str], now: datetime) -> None:
    """They changed at `now`; in the transaction that stores the change, so that a crash forgets none."""
    bulk.upsert(tx, touched, [(each, to_text(now)) for each in sorted(account_ids)],
                "ON CONFLICT (account_id) DO UPDATE SET touched_at = excluded.touched_at")


def list_(tx: Connection) -> dict[str, str]:
    """When each changed last, by account id; hand it to `strike` after the look."""
    return {row.account_id: row.touched_at for row in tx.execute(select(touched).order_by(touched.c.account_id))}


def strike(tx: Connection, looked_at: Mapping[str, str]) -> int:
    """They were looked at as `list_` gave them: what changed again meanwhile stays; how many were struck."""
    return sum(
        bulk.change(tx, "DELETE FROM touched WHERE account_id = ? AND touched_at <= ?", account_id, at)
        for account_id, at in looked_at.items())
