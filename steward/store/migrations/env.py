"""What Alembic runs: every step within the one transaction of the connection that it is handed."""

from __future__ import annotations

from alembic import context

from steward.store.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    transactional_ddl=True,                    # SQLite can, once it is told BEGIN; Alembic does not assume so
)
with context.begin_transaction():
    context.run_migrations()
