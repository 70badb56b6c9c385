"""When each field of a record was told by a webhook."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column('record', sa.Column('told', sa.Text(), nullable=True))
    op.create_index('record_told', 'record', ['connection', 'noun', 'external_id'], unique=False,
                    sqlite_where=sa.text('told IS NOT NULL'), postgresql_where=sa.text('told IS NOT NULL'))
