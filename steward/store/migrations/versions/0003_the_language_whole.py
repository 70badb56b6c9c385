"""Subjects, causes and alarm clocks of enrollments; releases, arms, silences, events and digests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_OPEN = sa.text("state <> 'closed'")
_GIVEN_UP = sa.text("state IN ('failed', 'expired', 'unknown')")
_KEPT = ("id, playbook_id, version, account_id, number, state, since, entered_at, closed_at, reason, arm, step, rung, "
         "acknowledged_at, acknowledged_by, looked_at, body")


def upgrade() -> None:
    _enrollments()
    op.add_column('decision', sa.Column('version', sa.String(16)))
    _releases_and_arms()
    _silences_events_and_digests()
    op.create_index('outbox_given_up', 'outbox', ['enrollment_id'], sqlite_where=_GIVEN_UP, postgresql_where=_GIVEN_UP)


def _enrollments() -> None:
    """A new table: the old one is unique by account, the new one by subject. What is open is looked at once more."""
    op.drop_index('enrollment_open', 'enrollment')
    op.drop_index('enrollment_state', 'enrollment')
    op.drop_index('ix_enrollment_account_id', 'enrollment')
    op.rename_table('enrollment', 'enrollment_before')
    op.create_table(
        'enrollment',
        sa.Column('id', sa.String(160), primary_key=True),
        sa.Column('playbook_id', sa.String(64), nullable=False),
        sa.Column('version', sa.String(16), nullable=False),
        sa.Column('account_id', sa.String(40), nullable=False),
        sa.Column('subject_id', sa.String(64), nullable=False),
        sa.Column('number', sa.Integer(), nullable=False),
        sa.Column('state', sa.String(24), nullable=False),
        sa.Column('since', sa.String(40), nullable=False),
        sa.Column('entered_at', sa.String(40)),
        sa.Column('closed_at', sa.String(40)),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('arm', sa.String(16), nullable=False),
        sa.Column('step', sa.Integer(), nullable=False),
        sa.Column('rung', sa.Integer(), nullable=False),
        sa.Column('acknowledged_at', sa.String(40)),
        sa.Column('acknowledged_by', sa.String(255)),
        sa.Column('looked_at', sa.String(40), nullable=False),
        sa.Column('cause', sa.String(400)),
        sa.Column('wake_at', sa.String(40)),
        sa.Column('body', sa.Text(), nullable=False),
        sa.UniqueConstraint('playbook_id', 'subject_id', 'number', name='enrollment_number'),
        sa.UniqueConstraint('playbook_id', 'cause', name='enrollment_cause'),
    )
    op.execute(f"""
        INSERT INTO enrollment ({_KEPT}, subject_id, wake_at)
        SELECT {_KEPT}, account_id, CASE WHEN state <> 'closed' THEN since END FROM enrollment_before
    """)
    op.drop_table('enrollment_before')
    op.create_index('enrollment_open', 'enrollment', ['playbook_id', 'subject_id'], unique=True,
                    sqlite_where=_OPEN, postgresql_where=_OPEN)
    op.create_index('enrollment_state', 'enrollment', ['playbook_id', 'state'])
    op.create_index('ix_enrollment_account_id', 'enrollment', ['account_id'])


def _releases_and_arms() -> None:
    op.create_table(
        'release',
        sa.Column('number', sa.Integer(), primary_key=True),
        sa.Column('playbook_id', sa.String(64), nullable=False, index=True),
        sa.Column('version', sa.String(16), nullable=False),
        sa.Column('mode', sa.String(16), nullable=False),
        sa.Column('ramp', sa.Float(), nullable=False),
        sa.Column('priority', sa.Integer(), nullable=False),
        sa.Column('applied_at', sa.String(40), nullable=False),
        sa.Column('by', sa.String(128), nullable=False),
        sa.Column('note', sa.Text(), nullable=False),
        sa.Column('looked_at', sa.String(40)),
    )
    op.create_table(
        'arm',
        sa.Column('playbook_id', sa.String(64), primary_key=True),
        sa.Column('salt', sa.String(128), primary_key=True),
        sa.Column('family_id', sa.String(40), primary_key=True),
        sa.Column('arm', sa.String(16), nullable=False),
        sa.Column('stratum', sa.String(255), nullable=False),
        sa.Column('position', sa.Integer(), nullable=False),
        sa.Column('assigned_at', sa.String(40), nullable=False),
        sa.UniqueConstraint('playbook_id', 'salt', 'stratum', 'position', name='arm_position'),
    )


def _silences_events_and_digests() -> None:
    op.create_table(
        'silence',
        sa.Column('id', sa.String(36), primary_key=True),
        sa.Column('matchers', sa.Text(), nullable=False),
        sa.Column('author', sa.String(128), nullable=False),
        sa.Column('reason', sa.Text(), nullable=False),
        sa.Column('starts_at', sa.String(40), nullable=False),
        sa.Column('ends_at', sa.String(40), nullable=False),
        sa.Column('created_at', sa.String(40), nullable=False),
        sa.Column('ended_by', sa.String(128)),
    )
    op.create_table(
        'hot_subject',
        sa.Column('account_id', sa.String(40), primary_key=True),
        sa.Column('kind', sa.String(16), primary_key=True),
        sa.Column('known_at', sa.String(40), nullable=False),
        sa.Column('body', sa.Text(), nullable=False),
    )
    op.create_table(
        'event',
        sa.Column('id', sa.String(380), primary_key=True),
        sa.Column('name', sa.String(64), nullable=False),
        sa.Column('connection', sa.String(64), nullable=False),
        sa.Column('account_id', sa.String(40), nullable=False),
        sa.Column('record', sa.String(255), nullable=False),
        sa.Column('happened_at', sa.String(40), nullable=False),
        sa.Column('known_at', sa.String(40), nullable=False),
    )
    op.create_index('event_by_name', 'event', ['name', 'known_at'])
    op.create_table(
        'event_use',
        sa.Column('playbook_id', sa.String(64), primary_key=True),
        sa.Column('event_id', sa.String(380), primary_key=True),
        sa.Column('used_at', sa.String(40), nullable=False),
        sa.Column('outcome', sa.String(64), nullable=False),
    )
    op.create_table(
        'digest_line',
        sa.Column('key', sa.String(255), primary_key=True),
        sa.Column('recipient', sa.String(320), nullable=False),
        sa.Column('due_at', sa.String(40), nullable=False),
        sa.Column('enrollment_id', sa.String(160), nullable=False),
        sa.Column('account_id', sa.String(40), nullable=False),
        sa.Column('playbook_id', sa.String(64), nullable=False),
        sa.Column('body', sa.Text(), nullable=False),
        sa.Column('sent_in', sa.String(255)),
    )
    unsent = sa.text("sent_in IS NULL")
    op.create_index('digest_due', 'digest_line', ['due_at'], sqlite_where=unsent, postgresql_where=unsent)
    op.create_table(
        'touched',
        sa.Column('account_id', sa.String(40), primary_key=True),
        sa.Column('touched_at', sa.String(40), nullable=False),
    )
