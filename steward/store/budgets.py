"""The leases of calls by the budget's name, changed by one process at a time."""

from __future__ import annotations

from collections.abc import Callable

from sqlalchemy import select, text, update

from steward.store.database import Database
from steward.store.schema import budget as table

_BE_THERE = text("INSERT INTO budget (name, leases) VALUES (:name, '') ON CONFLICT (name) DO NOTHING")


def change(db: Database, name: str, made_of: Callable[[str], str]) -> None:
    """Keep under `name` what `made_of` makes of what is kept there, "" where nothing is.

    Raises:
        Unavailable: the database does not answer; nothing was changed.
    """
    mine = table.c.name == name
    with db.write() as tx:
        kept = tx.execute(asked := select(table.c.leases).where(mine).with_for_update()).scalar()
        if kept is None:
            tx.execute(_BE_THERE, {"name": name})
            kept = tx.execute(asked).scalar_one()
        tx.execute(update(table).where(mine).values(leases=made_of(kept)))
