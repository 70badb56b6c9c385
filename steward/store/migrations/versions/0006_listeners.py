"""Listeners: who asked to be told what happens."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'listener',
        sa.Column('id', sa.String(40), primary_key=True),
        sa.Column('connection', sa.String(64), nullable=False),
        sa.Column('event', sa.String(64), nullable=False),
        sa.Column('target_url', sa.Text(), nullable=False),
        sa.Column('playbook_id', sa.String(64), nullable=False),
        sa.Column('asked_by', sa.String(128), nullable=False),
        sa.Column('asked_at', sa.String(40), nullable=False),
        sa.Column('told_until', sa.String(40), nullable=False),
        sa.Column('ended_at', sa.String(40)),
        sa.Column('ended_because', sa.Text()),
    )
