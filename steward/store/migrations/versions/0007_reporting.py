"""What reports read: the facts of each account day by day, and the dimensions that no table held."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        'report_about',
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("schema_version", sa.Integer(), nullable=False),
        sa.Column("company", sa.Text(), nullable=False),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("timezone", sa.String(64), nullable=False),
        sa.Column("tabulated_at", sa.String(40), nullable=False),
        sa.Column("views", sa.String(64), nullable=False),
    )
    op.create_table(
        'report_zone',
        sa.Column("since", sa.String(40), primary_key=True),
        sa.Column("offset_minutes", sa.Integer(), nullable=False),
    )
    op.create_table(
        'report_date',
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("is_workday", sa.Integer(), nullable=False),
    )
    op.create_table(
        'report_account',
        sa.Column("account_id", sa.String(40), primary_key=True),
        sa.Column("name", sa.Text()),
        sa.Column("domain", sa.Text()),
        sa.Column("segment", sa.Text()),
        sa.Column("lifecycle", sa.Text()),
        sa.Column("industry", sa.Text()),
        sa.Column("country", sa.Text()),
        sa.Column("csm_email", sa.Text()),
        sa.Column("parent_account_id", sa.Text()),
        sa.Column("family_account_id", sa.Text()),
        sa.Column("known_at", sa.String(40), nullable=False),
    )
    op.create_table(
        'report_person',
        sa.Column("email", sa.String(320), primary_key=True),
        sa.Column("name", sa.Text()),
        sa.Column("title", sa.Text()),
        sa.Column("is_active", sa.Integer()),
    )
    op.create_table(
        'report_playbook',
        sa.Column("playbook_id", sa.String(64), primary_key=True),
        sa.Column("version", sa.String(16), primary_key=True),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("has_goal", sa.Integer(), nullable=False),
    )
    op.create_table(
        'report_account_day',
        sa.Column("account_id", sa.String(40), primary_key=True),
        sa.Column("day", sa.String(10), primary_key=True),
        sa.Column("known_at", sa.String(40), nullable=False),
        sa.Column("csm_email", sa.Text()),
        sa.Column("segment", sa.Text()),
        sa.Column("lifecycle", sa.Text()),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("arr", sa.BigInteger()),
        sa.Column("subscription_arr", sa.BigInteger()),
        sa.Column("renewal_on", sa.String(10)),
        sa.Column("renewal_days_left", sa.Integer()),
        sa.Column("renewal_arr", sa.BigInteger()),
        sa.Column("expansion_open_amount", sa.BigInteger()),
        sa.Column("health_score", sa.Float()),
        sa.Column("health_band", sa.Text()),
        sa.Column("health_coverage", sa.Float()),
        sa.Column("health_change_28d", sa.Float()),
        sa.Column("seats", sa.BigInteger()),
        sa.Column("seats_utilization", sa.Float()),
        sa.Column("active_users_28d", sa.Float()),
        sa.Column("active_users_change_28d", sa.Float()),
        sa.Column("open_tickets", sa.BigInteger()),
        sa.Column("open_urgent_tickets", sa.BigInteger()),
        sa.Column("nps_score", sa.Float()),
        sa.Column("days_since_touchpoint", sa.Integer()),
        sa.Column("onboarding_stage", sa.Text()),
        sa.Column("onboarding_progress", sa.Float()),
        sa.Column("onboarding_days_overdue", sa.Integer()),
    )
    op.create_index('report_account_day_by_day', 'report_account_day', ['day'])
