"""Whether accounts must be matched again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "recheck",
        sa.Column("what", sa.String(32), primary_key=True),
        sa.Column("looked_with", sa.Text(), nullable=True),
    )
