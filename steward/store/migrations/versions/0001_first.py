"""The first shape."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table('account',
    sa.Column('id', sa.String(length=40), nullable=False),
    sa.Column('name', sa.Text(), nullable=False),
    sa.Column('created_at', sa.String(length=40), nullable=False),
    sa.Column('merged_into', sa.String(length=40), nullable=True),
    sa.Column('merged_ids', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_table('attempt',
    sa.Column('key', sa.String(length=255), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('started_at', sa.String(length=40), nullable=False),
    sa.Column('ended_at', sa.String(length=40), nullable=True),
    sa.Column('outcome', sa.String(length=24), nullable=True),
    sa.Column('trouble', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('key', 'number')
    )
    op.create_table('audit',
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('at', sa.String(length=40), nullable=False),
    sa.Column('by', sa.String(length=128), nullable=False),
    sa.Column('what', sa.String(length=64), nullable=False),
    sa.Column('about', sa.String(length=255), nullable=False),
    sa.Column('detail', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('number')
    )
    op.create_table('cursor',
    sa.Column('connection', sa.String(length=64), nullable=False),
    sa.Column('stream', sa.String(length=64), nullable=False),
    sa.Column('value', sa.Text(), nullable=True),
    sa.Column('watermark', sa.String(length=40), nullable=True),
    sa.Column('records', sa.Integer(), nullable=False),
    sa.Column('moved_at', sa.String(length=40), nullable=False),
    sa.Column('trouble', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('connection', 'stream')
    )
    op.create_table('data_incident',
    sa.Column('group', sa.String(length=64), nullable=False),
    sa.Column('opened_at', sa.String(length=40), nullable=False),
    sa.Column('closed_at', sa.String(length=40), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('playbooks', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('group', 'opened_at')
    )
    op.create_table('decision',
    sa.Column('id', sa.String(length=200), nullable=False),
    sa.Column('enrollment_id', sa.String(length=160), nullable=False),
    sa.Column('playbook_id', sa.String(length=64), nullable=False),
    sa.Column('account_id', sa.String(length=40), nullable=False),
    sa.Column('decided_at', sa.String(length=40), nullable=False),
    sa.Column('from_state', sa.String(length=24), nullable=False),
    sa.Column('to_state', sa.String(length=24), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('clauses', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id')
    )
    op.create_index(op.f('ix_decision_account_id'), 'decision', ['account_id'], unique=False)
    op.create_index(op.f('ix_decision_enrollment_id'), 'decision', ['enrollment_id'], unique=False)
    op.create_table('enrollment',
    sa.Column('id', sa.String(length=160), nullable=False),
    sa.Column('playbook_id', sa.String(length=64), nullable=False),
    sa.Column('version', sa.String(length=16), nullable=False),
    sa.Column('account_id', sa.String(length=40), nullable=False),
    sa.Column('number', sa.Integer(), nullable=False),
    sa.Column('state', sa.String(length=24), nullable=False),
    sa.Column('since', sa.String(length=40), nullable=False),
    sa.Column('entered_at', sa.String(length=40), nullable=True),
    sa.Column('closed_at', sa.String(length=40), nullable=True),
    sa.Column('reason', sa.String(length=128), nullable=False),
    sa.Column('arm', sa.String(length=16), nullable=False),
    sa.Column('step', sa.Integer(), nullable=False),
    sa.Column('rung', sa.Integer(), nullable=False),
    sa.Column('acknowledged_at', sa.String(length=40), nullable=True),
    sa.Column('acknowledged_by', sa.String(length=255), nullable=True),
    sa.Column('looked_at', sa.String(length=40), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('playbook_id', 'account_id', 'number')
    )
    op.create_index('enrollment_open', 'enrollment', ['playbook_id', 'account_id'], unique=True, sqlite_where=sa.text("state <> 'closed'"), postgresql_where=sa.text("state <> 'closed'"))
    op.create_index('enrollment_state', 'enrollment', ['playbook_id', 'state'], unique=False)
    op.create_index(op.f('ix_enrollment_account_id'), 'enrollment', ['account_id'], unique=False)
    op.create_table('hot_account',
    sa.Column('account_id', sa.String(length=40), nullable=False),
    sa.Column('known_at', sa.String(length=40), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.PrimaryKeyConstraint('account_id')
    )
    op.create_table('inbox',
    sa.Column('connection', sa.String(length=64), nullable=False),
    sa.Column('delivery_id', sa.String(length=128), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('sha256', sa.String(length=64), nullable=False),
    sa.Column('received_at', sa.String(length=40), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('lease_until', sa.String(length=40), nullable=True),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('trouble', sa.Text(), nullable=True),
    sa.PrimaryKeyConstraint('connection', 'delivery_id')
    )
    op.create_index('inbox_due', 'inbox', ['state', 'received_at'], unique=False)
    op.create_table('kept_apart',
    sa.Column('connection', sa.String(length=64), nullable=False),
    sa.Column('external_id', sa.String(length=255), nullable=False),
    sa.Column('account_id', sa.String(length=40), nullable=False),
    sa.Column('by', sa.String(length=128), nullable=False),
    sa.Column('decided_at', sa.String(length=40), nullable=False),
    sa.PrimaryKeyConstraint('connection', 'external_id', 'account_id')
    )
    op.create_table('match_review',
    sa.Column('left_account_id', sa.String(length=40), nullable=False),
    sa.Column('right_account_id', sa.String(length=40), nullable=False),
    sa.Column('score', sa.Float(), nullable=False),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('by', sa.String(length=128), nullable=True),
    sa.Column('changed_at', sa.String(length=40), nullable=False),
    sa.PrimaryKeyConstraint('left_account_id', 'right_account_id')
    )
    op.create_table('outbox',
    sa.Column('key', sa.String(length=255), nullable=False),
    sa.Column('action_id', sa.String(length=36), nullable=False),
    sa.Column('enrollment_id', sa.String(length=160), nullable=False),
    sa.Column('account_id', sa.String(length=40), nullable=False),
    sa.Column('playbook_id', sa.String(length=64), nullable=False),
    sa.Column('connection', sa.String(length=64), nullable=False),
    sa.Column('connector', sa.String(length=64), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('delivery_class', sa.String(length=1), nullable=False),
    sa.Column('on_unknown', sa.String(length=8), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('state', sa.String(length=16), nullable=False),
    sa.Column('position', sa.Integer(), nullable=False),
    sa.Column('attempts', sa.Integer(), nullable=False),
    sa.Column('tries', sa.Integer(), nullable=False),
    sa.Column('due_at', sa.String(length=40), nullable=False),
    sa.Column('not_after', sa.String(length=40), nullable=True),
    sa.Column('lease_until', sa.String(length=40), nullable=True),
    sa.Column('epoch', sa.Integer(), nullable=False),
    sa.Column('trouble', sa.Text(), nullable=True),
    sa.Column('created_at', sa.String(length=40), nullable=False),
    sa.Column('done_at', sa.String(length=40), nullable=True),
    sa.PrimaryKeyConstraint('key'),
    sa.UniqueConstraint('action_id')
    )
    op.create_index(op.f('ix_outbox_enrollment_id'), 'outbox', ['enrollment_id'], unique=False)
    op.create_index('outbox_due', 'outbox', ['due_at', 'created_at', 'position', 'key'], unique=False, sqlite_where=sa.text("state IN ('pending', 'sending')"), postgresql_where=sa.text("state IN ('pending', 'sending')"))
    op.create_index('outbox_lane', 'outbox', ['account_id', 'connection', 'state'], unique=False)
    op.create_table('playbook_version',
    sa.Column('playbook_id', sa.String(length=64), nullable=False),
    sa.Column('version', sa.String(length=16), nullable=False),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('mode', sa.String(length=16), nullable=False),
    sa.Column('applied_at', sa.String(length=40), nullable=False),
    sa.PrimaryKeyConstraint('playbook_id', 'version')
    )
    op.create_table('receipt',
    sa.Column('key', sa.String(length=255), nullable=False),
    sa.Column('external_id', sa.String(length=255), nullable=False),
    sa.Column('url', sa.Text(), nullable=True),
    sa.Column('delivered_at', sa.String(length=40), nullable=False),
    sa.Column('found', sa.Integer(), nullable=False),
    sa.PrimaryKeyConstraint('key')
    )
    op.create_table('record',
    sa.Column('connection', sa.String(length=64), nullable=False),
    sa.Column('noun', sa.String(length=32), nullable=False),
    sa.Column('external_id', sa.String(length=255), nullable=False),
    sa.Column('stream', sa.String(length=64), nullable=False),
    sa.Column('account_external_id', sa.String(length=255), nullable=True),
    sa.Column('modified_at', sa.String(length=40), nullable=True),
    sa.Column('deleted', sa.Integer(), nullable=False),
    sa.Column('merged_into', sa.String(length=255), nullable=True),
    sa.Column('body', sa.Text(), nullable=False),
    sa.Column('synced_at', sa.String(length=40), nullable=False),
    sa.PrimaryKeyConstraint('connection', 'noun', 'external_id')
    )
    op.create_index('record_by_account', 'record', ['connection', 'account_external_id'], unique=False)
    op.create_table('refusal',
    sa.Column('connection', sa.String(length=64), nullable=False),
    sa.Column('stream', sa.String(length=64), nullable=False),
    sa.Column('place', sa.String(length=255), nullable=False),
    sa.Column('field', sa.String(length=128), nullable=True),
    sa.Column('reason', sa.Text(), nullable=False),
    sa.Column('refused_at', sa.String(length=40), nullable=False),
    sa.PrimaryKeyConstraint('connection', 'stream', 'place')
    )
    op.create_table('segment',
    sa.Column('id', sa.String(length=64), nullable=False),
    sa.Column('kind', sa.String(length=32), nullable=False),
    sa.Column('path', sa.Text(), nullable=False),
    sa.Column('part', sa.String(length=128), nullable=False),
    sa.Column('known_at', sa.String(length=40), nullable=False),
    sa.Column('rows', sa.Integer(), nullable=False),
    sa.Column('bytes', sa.Integer(), nullable=False),
    sa.Column('retired_at', sa.String(length=40), nullable=True),
    sa.PrimaryKeyConstraint('id'),
    sa.UniqueConstraint('path')
    )
    op.create_index(op.f('ix_segment_kind'), 'segment', ['kind'], unique=False)
    op.create_table('identity',
    sa.Column('connection', sa.String(length=64), nullable=False),
    sa.Column('external_id', sa.String(length=255), nullable=False),
    sa.Column('account_id', sa.String(length=40), nullable=False),
    sa.Column('how', sa.String(length=32), nullable=False),
    sa.Column('matched_at', sa.String(length=40), nullable=False),
    sa.ForeignKeyConstraint(['account_id'], ['account.id'], ),
    sa.PrimaryKeyConstraint('connection', 'external_id')
    )
    op.create_index(op.f('ix_identity_account_id'), 'identity', ['account_id'], unique=False)
