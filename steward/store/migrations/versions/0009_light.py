"""Indexes that alone tell a look over everybody where the open enrollments stand, and which accounts were merged."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_OPEN = sa.text("state <> 'closed'")
_MERGED = sa.text("merged_into IS NOT NULL")


def upgrade() -> None:
    op.add_column('enrollment', sa.Column('marks', sa.Integer(), nullable=False, server_default="0"))
    op.execute(sa.text("""
        UPDATE enrollment SET marks = CASE WHEN body LIKE '%"held"%' THEN 1 ELSE 0 END
            + CASE WHEN body LIKE '%"needs_attention"%' THEN 2 ELSE 0 END
            + CASE WHEN body LIKE '%"approved_by"%' THEN 4 ELSE 0 END
        WHERE state <> 'closed'
    """))
    op.create_index(
        'enrollment_light', 'enrollment',
        ['playbook_id', 'version', 'state', 'arm', 'marks', 'subject_id', 'account_id', 'wake_at'],
        sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index('account_merged', 'account', ['merged_into'], sqlite_where=_MERGED, postgresql_where=_MERGED)
