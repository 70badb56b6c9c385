"""The facts that were written into other systems."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'written',
        sa.Column('connection', sa.String(64), primary_key=True),
        sa.Column('account_id', sa.String(40), primary_key=True),
        sa.Column('field', sa.String(128), primary_key=True),
        sa.Column('external_id', sa.String(255), nullable=False),
        sa.Column('value', sa.Text(), nullable=False),
        sa.Column('version', sa.Integer(), nullable=False),
        sa.Column('key', sa.String(255), nullable=False),
        sa.Column('decided_at', sa.String(40), nullable=False),
    )
    op.create_index('ix_written_key', 'written', ['key'])
