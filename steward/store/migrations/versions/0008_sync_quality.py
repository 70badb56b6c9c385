"""Refused rows are asked for again; the schema of sources; notices."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("refusal", sa.Column("since", sa.String(40), nullable=True))
    op.add_column("refusal", sa.Column("attempts", sa.Integer(), nullable=False, server_default="1"))
    op.add_column("refusal", sa.Column("doubted", sa.Integer(), nullable=False, server_default="0"))
    op.create_table(
        "source_field",
        sa.Column("connection", sa.String(64), primary_key=True),
        sa.Column("stream", sa.String(64), primary_key=True),
        sa.Column("object", sa.String(255), primary_key=True),
        sa.Column("field", sa.String(255), primary_key=True),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("values", sa.Text(), nullable=False),
        sa.Column("first_seen_at", sa.String(40), nullable=False),
        sa.Column("changed_at", sa.String(40), nullable=False),
        sa.Column("gone_at", sa.String(40), nullable=True),
    )
    op.create_table(
        "notice",
        sa.Column("number", sa.Integer(), primary_key=True),
        sa.Column("connection", sa.String(64), nullable=False),
        sa.Column("stream", sa.String(64), nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("said", sa.Text(), nullable=False),
        sa.Column("at", sa.String(40), nullable=False),
        sa.Column("told", sa.Integer(), nullable=False, server_default="0"),
    )
    op.create_index("notice_untold", "notice", ["connection", "number"], unique=False,
                    sqlite_where=sa.text("told = 0"), postgresql_where=sa.text("told = 0"))
