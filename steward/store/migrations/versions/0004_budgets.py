"""The budgets of calls that all processes of an install share."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "budget",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("leases", sa.Text(), nullable=False),
    )
