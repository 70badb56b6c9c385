"""The tables that reports read beside those of `schema`: written by tabulate, shown by the views of `reporting_views`.

Days, instants and JSON are text as in `schema`; money is in whole cents.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Float, Index, Integer, String, Table, Text

from steward.store.metadata import metadata

report_about = Table(
    "report_about", metadata,
    Column("id", Integer, primary_key=True),               # 1: there is one row
    Column("schema_version", Integer, nullable=False),
    Column("company", Text, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("timezone", String(64), nullable=False),
    Column("tabulated_at", String(40), nullable=False),
    Column("views", String(64), nullable=False, default=""),  # of the views as they were made: a hash of their SQL
)

report_zone = Table(                                       # the company's time zone, for a database that knows none
    "report_zone", metadata,
    Column("since", String(40), primary_key=True),
    Column("offset_minutes", Integer, nullable=False),
)

report_date = Table(
    "report_date", metadata,
    Column("day", String(10), primary_key=True),
    Column("is_workday", Integer, nullable=False),
)

report_account = Table(
    "report_account", metadata,
    Column("account_id", String(40), primary_key=True),
    Column("name", Text),
    Column("domain", Text),
    Column("segment", Text),
    Column("lifecycle", Text),
    Column("industry", Text),
    Column("country", Text),
    Column("csm_email", Text),
    Column("parent_account_id", Text),
    Column("family_account_id", Text),
    Column("known_at", String(40), nullable=False),
)

report_person = Table(
    "report_person", metadata,
    Column("email", String(320), primary_key=True),
    Column("name", Text),
    Column("title", Text),
    Column("is_active", Integer),
)

report_playbook = Table(
    "report_playbook", metadata,
    Column("playbook_id", String(64), primary_key=True),
    Column("version", String(16), primary_key=True),
    Column("title", Text, nullable=False),
    Column("why", Text, nullable=False),
    Column("has_goal", Integer, nullable=False),
)

report_account_day = Table(                                # one row a day, not one a snapshot; money in cents
    "report_account_day", metadata,
    Column("account_id", String(40), primary_key=True),
    Column("day", String(10), primary_key=True),
    Column("known_at", String(40), nullable=False),
    Column("csm_email", Text),
    Column("segment", Text),
    Column("lifecycle", Text),
    Column("currency", String(3), nullable=False),
    Column("arr", BigInteger),
    Column("subscription_arr", BigInteger),
    Column("renewal_on", String(10)),
    Column("renewal_days_left", Integer),
    Column("renewal_arr", BigInteger),
    Column("expansion_open_amount", BigInteger),
    Column("health_score", Float),
    Column("health_band", Text),
    Column("health_coverage", Float),
    Column("health_change_28d", Float),
    Column("seats", BigInteger),
    Column("seats_utilization", Float),
    Column("active_users_28d", Float),
    Column("active_users_change_28d", Float),
    Column("open_tickets", BigInteger),
    Column("open_urgent_tickets", BigInteger),
    Column("nps_score", Float),
    Column("days_since_touchpoint", Integer),
    Column("onboarding_stage", Text),
    Column("onboarding_progress", Float),
    Column("onboarding_days_overdue", Integer),
    Index("report_account_day_by_day", "day"),
)
