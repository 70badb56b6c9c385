"""Opening, migrating and sharing the database."""
from __future__ import annotations

from sqlalchemy import text

from steward.store.database import Database


def test_what_is_written_is_read(database: Database) -> None:
    """The least a store must do."""
    with database.write() as tx:
        tx.execute(text("INSERT INTO account (id, name, created_at) VALUES ('acct_1', 'Acme', 'x')"))

    with database.read() as tx:
        assert tx.execute(text("SELECT name FROM account")).scalar() == "Acme"
