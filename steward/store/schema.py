"""Every table. `migrations/` brings a database to this shape; a test compares the two.

Instants are stored as ISO 8601 text in UTC with microseconds ("2026-03-05T08:00:00.000000+00:00"): they compare
as they sort, alike on SQLite and PostgreSQL. JSON is stored as text and only Python looks into it.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, String, Table, Text, UniqueConstraint, text

from steward.store import report_tables  # noqa: F401  its tables are among the metadata
from steward.store.metadata import metadata as metadata  # noqa: PLC0414  handed on

# ---- what outside systems told us ----

record = Table(
    "record", metadata,
    Column("connection", String(64), primary_key=True),
    Column("noun", String(32), primary_key=True),
    Column("external_id", String(255), primary_key=True),
    Column("stream", String(64), nullable=False),
    Column("account_external_id", String(255)),            # of the same connection; an account's own id
    Column("modified_at", String(40)),                     # the source's version; an older one never overwrites
    Column("deleted", Integer, nullable=False, default=0),
    Column("merged_into", String(255)),
    Column("body", Text, nullable=False),                  # JSON of the fields
    Column("synced_at", String(40), nullable=False),
    Column("told", Text),                                  # JSON: when webhooks told single fields, see told.py
    Index("record_by_account", "connection", "account_external_id"),
    Index("record_told", "connection", "noun", "external_id",
          sqlite_where=text("told IS NOT NULL"), postgresql_where=text("told IS NOT NULL")),
)

refusal = Table(
    "refusal", metadata,
    Column("connection", String(64), primary_key=True),
    Column("stream", String(64), primary_key=True),
    Column("place", String(255), primary_key=True),
    Column("field", String(128)),
    Column("reason", Text, nullable=False),
    Column("refused_at", String(40), nullable=False),      # last
    Column("since", String(40)),                           # first
    Column("attempts", Integer, nullable=False, server_default="1"),
    Column("doubted", Integer, nullable=False, server_default="0"),  # its file is being read anew
)

source_field = Table(
    "source_field", metadata,
    Column("connection", String(64), primary_key=True),
    Column("stream", String(64), primary_key=True),
    Column("object", String(255), primary_key=True),       # as the source names it: "Account", "accounts.csv"
    Column("field", String(255), primary_key=True),
    Column("kind", Text, nullable=False),
    Column("values", Text, nullable=False),                # JSON: all that its list has
    Column("first_seen_at", String(40), nullable=False),
    Column("changed_at", String(40), nullable=False),
    Column("gone_at", String(40)),
)

notice = Table(
    "notice", metadata,
    Column("number", Integer, primary_key=True),
    Column("connection", String(64), nullable=False),
    Column("stream", String(64), nullable=False),
    Column("what", String(32), nullable=False),
    Column("subject", String(255), nullable=False),
    Column("said", Text, nullable=False),
    Column("at", String(40), nullable=False),
    Column("told", Integer, nullable=False, server_default="0"),
    Index("notice_untold", "connection", "number", sqlite_where=text("told = 0"), postgresql_where=text("told = 0")),
)

cursor = Table(
    "cursor", metadata,
    Column("connection", String(64), primary_key=True),
    Column("stream", String(64), primary_key=True),
    Column("value", Text),
    Column("watermark", String(40)),                       # all that changed before is stored
    Column("records", Integer, nullable=False, default=0),  # read since the beginning
    Column("moved_at", String(40), nullable=False),
    Column("trouble", Text),                               # the last error, cleared by a whole pull
)

# ---- who is who ----

account = Table(
    "account", metadata,
    Column("id", String(40), primary_key=True),            # ours, for ever
    Column("name", Text, nullable=False, default=""),
    Column("created_at", String(40), nullable=False),
    Column("merged_into", String(40)),                     # re-pointed, never deleted
    Column("merged_ids", Text),                            # JSON: the [connection, external id]s it had then
    Index("account_merged", "merged_into", sqlite_where=text("merged_into IS NOT NULL"),
          postgresql_where=text("merged_into IS NOT NULL")),
)

identity = Table(
    "identity", metadata,
    Column("connection", String(64), primary_key=True),
    Column("external_id", String(255), primary_key=True),
    Column("account_id", String(40), ForeignKey("account.id"), nullable=False, index=True),
    Column("how", String(32), nullable=False),             # new | id | domain | person
    Column("matched_at", String(40), nullable=False),
)

recheck = Table(
    "recheck", metadata,
    Column("what", String(32), primary_key=True),
    Column("looked_with", Text),                           # the settings it was looked at with; null: look again
)

match_review = Table(
    "match_review", metadata,
    Column("left_account_id", String(40), primary_key=True),
    Column("right_account_id", String(40), primary_key=True),
    Column("score", Float, nullable=False),
    Column("reason", Text, nullable=False),
    Column("state", String(16), nullable=False),           # open | accepted | refused
    Column("by", String(128)),
    Column("changed_at", String(40), nullable=False),
)

kept_apart = Table(                                        # an undone merge stays undone
    "kept_apart", metadata,
    Column("connection", String(64), primary_key=True),
    Column("external_id", String(255), primary_key=True),
    Column("account_id", String(40), primary_key=True),
    Column("by", String(128), nullable=False),
    Column("decided_at", String(40), nullable=False),
)

# ---- the lake: a file without its row does not exist ----

segment = Table(
    "segment", metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(32), nullable=False, index=True),  # usage | facts
    Column("path", Text, nullable=False, unique=True),       # relative to the lake
    Column("part", String(128), nullable=False, default=""),  # usage: connection/month; facts: base, contact, …
    Column("known_at", String(40), nullable=False),
    Column("rows", Integer, nullable=False),
    Column("bytes", Integer, nullable=False),
    Column("retired_at", String(40)),                        # replaced; the file goes later
)

hot_account = Table(                                       # newer than the snapshot, until the next one
    "hot_account", metadata,
    Column("account_id", String(40), primary_key=True),
    Column("known_at", String(40), nullable=False),
    Column("body", Text, nullable=False),                  # JSON: one row of the snapshot
)

hot_subject = Table(                                       # its contacts or opportunities, likewise
    "hot_subject", metadata,
    Column("account_id", String(40), primary_key=True),
    Column("kind", String(16), primary_key=True),          # contact | opportunity
    Column("known_at", String(40), nullable=False),
    Column("body", Text, nullable=False),                  # JSON: a list of rows
)

# ---- what was decided ----

playbook_version = Table(
    "playbook_version", metadata,
    Column("playbook_id", String(64), primary_key=True),
    Column("version", String(16), primary_key=True),
    Column("body", Text, nullable=False),                  # the canonical form
    Column("mode", String(16), nullable=False),
    Column("applied_at", String(40), nullable=False),
)

release = Table(                                           # what was applied; the last row of a playbook is live
    "release", metadata,
    Column("number", Integer, primary_key=True),
    Column("playbook_id", String(64), nullable=False, index=True),
    Column("version", String(16), nullable=False),
    Column("mode", String(16), nullable=False),            # engine.language.Mode, or retired
    Column("ramp", Float, nullable=False, default=0.0),
    Column("priority", Integer, nullable=False, default=50),
    Column("applied_at", String(40), nullable=False),
    Column("by", String(128), nullable=False),
    Column("note", Text, nullable=False, default=""),
    Column("looked_at", String(40)),                       # the first look at everybody under it
)

enrollment = Table(
    "enrollment", metadata,
    Column("id", String(160), primary_key=True),           # playbook/subject/number
    Column("playbook_id", String(64), nullable=False),
    Column("version", String(16), nullable=False),
    Column("account_id", String(40), nullable=False, index=True),
    Column("subject_id", String(64), nullable=False),      # the account's own id, or its contact's or opportunity's
    Column("number", Integer, nullable=False),
    Column("state", String(24), nullable=False),           # model.enrollments.State
    Column("since", String(40), nullable=False),           # when this state's clock began; what is unknown moves it on
    Column("entered_at", String(40)),                      # became active
    Column("closed_at", String(40)),
    Column("reason", Text, nullable=False, default=""),    # closed: why; blocked: the gate
    Column("arm", String(16), nullable=False, default="treatment"),
    Column("step", Integer, nullable=False, default=0),    # the next instruction of the program
    Column("rung", Integer, nullable=False, default=0),    # next of `escalate`
    Column("acknowledged_at", String(40)),
    Column("acknowledged_by", String(255)),
    Column("looked_at", String(40), nullable=False),       # the last evaluation
    Column("cause", String(400)),                          # the event or the person that began it
    Column("wake_at", String(40)),                         # when time alone may change something
    Column("body", Text, nullable=False, default="{}"),    # what else the engine keeps
    Column("marks", Integer, nullable=False, server_default="0"),   # opened.MARKS: what of `body` all are asked for
    UniqueConstraint("playbook_id", "subject_id", "number", name="enrollment_number"),
    UniqueConstraint("playbook_id", "cause", name="enrollment_cause"),   # one event enrols once, for ever
    Index("enrollment_open", "playbook_id", "subject_id", unique=True,
          sqlite_where=text("state <> 'closed'"), postgresql_where=text("state <> 'closed'")),
    Index("enrollment_state", "playbook_id", "state"),
    # All that a look over everybody asks of those who are open, so that it reads nothing else.
    Index("enrollment_light", "playbook_id", "version", "state", "arm", "marks", "subject_id", "account_id", "wake_at",
          sqlite_where=text("state <> 'closed'"), postgresql_where=text("state <> 'closed'")),
)

decision = Table(
    "decision", metadata,
    Column("id", String(200), primary_key=True),           # enrollment/instant/what
    Column("enrollment_id", String(160), nullable=False, index=True),
    Column("playbook_id", String(64), nullable=False),
    Column("account_id", String(40), nullable=False, index=True),
    Column("decided_at", String(40), nullable=False),
    Column("from_state", String(24), nullable=False),
    Column("to_state", String(24), nullable=False),
    Column("reason", Text, nullable=False),
    Column("clauses", Text, nullable=False),               # JSON: the three-valued trace
    Column("version", String(16)),                         # the playbook's, as it decided
)

arm = Table(                                               # who is control, once and for ever
    "arm", metadata,
    Column("playbook_id", String(64), primary_key=True),
    Column("salt", String(128), primary_key=True),
    Column("family_id", String(40), primary_key=True),     # the account at the top of the family
    Column("arm", String(16), nullable=False),             # treatment | control
    Column("stratum", String(255), nullable=False, default=""),
    Column("position", Integer, nullable=False),           # in its stratum, from 0
    Column("assigned_at", String(40), nullable=False),
    UniqueConstraint("playbook_id", "salt", "stratum", "position", name="arm_position"),
)

silence = Table(
    "silence", metadata,
    Column("id", String(36), primary_key=True),
    Column("matchers", Text, nullable=False),              # JSON: {"playbook": …, "owner": …, fact: value}
    Column("author", String(128), nullable=False),
    Column("reason", Text, nullable=False),
    Column("starts_at", String(40), nullable=False),
    Column("ends_at", String(40), nullable=False),
    Column("created_at", String(40), nullable=False),
    Column("ended_by", String(128)),                       # ended before its time
)

event = Table(
    "event", metadata,
    Column("id", String(380), primary_key=True),           # connection/noun/record/name
    Column("name", String(64), nullable=False),
    Column("connection", String(64), nullable=False),
    Column("account_id", String(40), nullable=False),
    Column("record", String(255), nullable=False),         # external id of what it happened to
    Column("happened_at", String(40), nullable=False),
    Column("known_at", String(40), nullable=False),
    Index("event_by_name", "name", "known_at"),
)

event_use = Table(                                         # what a playbook made of an event, once
    "event_use", metadata,
    Column("playbook_id", String(64), primary_key=True),
    Column("event_id", String(380), primary_key=True),
    Column("used_at", String(40), nullable=False),
    Column("outcome", String(64), nullable=False),         # enrolled | already_open | when_false | too_old …
)

digest_line = Table(                                       # waits to be told together with others
    "digest_line", metadata,
    Column("key", String(255), primary_key=True),          # the idempotency key of the step
    Column("recipient", String(320), nullable=False),
    Column("due_at", String(40), nullable=False),
    Column("enrollment_id", String(160), nullable=False),
    Column("account_id", String(40), nullable=False),
    Column("playbook_id", String(64), nullable=False),
    Column("body", Text, nullable=False),                  # JSON: the row of the outbox that it would have been
    Column("sent_in", String(255)),                        # the key of the message that told it
    Index("digest_due", "due_at", sqlite_where=text("sent_in IS NULL"), postgresql_where=text("sent_in IS NULL")),
)

listener = Table(                                          # asked to be told; `target_url` is as good as a secret
    "listener", metadata,
    Column("id", String(40), primary_key=True),
    Column("connection", String(64), nullable=False),
    Column("event", String(64), nullable=False),
    Column("target_url", Text, nullable=False),
    Column("playbook_id", String(64), nullable=False, default=""),  # "": of every playbook
    Column("asked_by", String(128), nullable=False),
    Column("asked_at", String(40), nullable=False),
    Column("told_until", String(40), nullable=False),      # what happened before is queued
    Column("ended_at", String(40)),
    Column("ended_because", Text),
)

data_incident = Table(
    "data_incident", metadata,
    Column("group", String(64), primary_key=True),
    Column("opened_at", String(40), primary_key=True),
    Column("closed_at", String(40)),
    Column("reason", Text, nullable=False),
    Column("playbooks", Text, nullable=False),             # JSON: those on hold
)

# ---- what must be done ----

outbox = Table(
    "outbox", metadata,
    Column("key", String(255), primary_key=True),          # the idempotency key, unique for ever
    Column("action_id", String(36), nullable=False, unique=True),
    Column("enrollment_id", String(160), nullable=False, index=True),
    Column("account_id", String(40), nullable=False),
    Column("playbook_id", String(64), nullable=False),
    Column("connection", String(64), nullable=False),
    Column("connector", String(64), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("delivery_class", String(1), nullable=False),
    Column("on_unknown", String(8), nullable=False, default="hold"),  # hold | resend
    Column("body", Text, nullable=False),                  # JSON of the action
    # pending | sending | delivered | failed | unknown | expired | cancelled
    Column("state", String(16), nullable=False),
    Column("position", Integer, nullable=False, default=0),  # among rows of one `created_at`: the order decided
    Column("attempts", Integer, nullable=False, default=0),
    Column("tries", Integer, nullable=False, default=0),   # how much of the retry schedule is used up
    Column("due_at", String(40), nullable=False),
    Column("not_after", String(40)),
    Column("lease_until", String(40)),
    Column("epoch", Integer, nullable=False, default=0),   # fencing: raised by each claim
    Column("trouble", Text),
    Column("created_at", String(40), nullable=False),
    Column("done_at", String(40)),
    # The claim reads it in order and stops at its limit, however long the backlog.
    Index("outbox_due", "due_at", "created_at", "position", "key",
          sqlite_where=text("state IN ('pending', 'sending')"),
          postgresql_where=text("state IN ('pending', 'sending')")),
    Index("outbox_lane", "account_id", "connection", "state"),
    Index("outbox_given_up", "enrollment_id", sqlite_where=text("state IN ('failed', 'expired', 'unknown')"),
          postgresql_where=text("state IN ('failed', 'expired', 'unknown')")),
)

attempt = Table(
    "attempt", metadata,
    Column("key", String(255), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("started_at", String(40), nullable=False),
    Column("ended_at", String(40)),
    # delivered | found | try_again | rate_limited | give_up | unknown | expired | bug
    Column("outcome", String(24)),
    Column("trouble", Text),
)

receipt = Table(
    "receipt", metadata,
    Column("key", String(255), primary_key=True),
    Column("external_id", String(255), nullable=False),
    Column("url", Text),
    Column("delivered_at", String(40), nullable=False),
    Column("found", Integer, nullable=False, default=0),
)

written = Table(                                           # the facts that stand in other systems, by our word
    "written", metadata,
    Column("connection", String(64), primary_key=True),
    Column("account_id", String(40), primary_key=True),
    Column("field", String(128), primary_key=True),        # the target's
    Column("external_id", String(255), nullable=False),    # of the account, as the target had it then
    Column("value", Text, nullable=False),                 # "": emptied
    Column("version", Integer, nullable=False),            # how many values this field has had
    Column("key", String(255), nullable=False, index=True),  # of the action that writes it
    Column("decided_at", String(40), nullable=False),
)

inbox = Table(
    "inbox", metadata,
    Column("connection", String(64), primary_key=True),
    Column("delivery_id", String(128), primary_key=True),
    Column("body", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("received_at", String(40), nullable=False),
    Column("state", String(16), nullable=False),           # pending | done | parked | conflict
    Column("attempts", Integer, nullable=False, default=0),
    Column("lease_until", String(40)),
    Column("epoch", Integer, nullable=False, default=0),
    Column("trouble", Text),
    Index("inbox_due", "state", "received_at"),
)

touched = Table(                                           # changed by a call, and not looked at since
    "touched", metadata,
    Column("account_id", String(40), primary_key=True),
    Column("touched_at", String(40), nullable=False),
)

budget = Table(                                            # calls leased by name; `steward.kit.budget` reads it
    "budget", metadata,
    Column("name", String(255), primary_key=True),
    Column("leases", Text, nullable=False, default=""),
)

audit = Table(
    "audit", metadata,
    Column("number", Integer, primary_key=True),
    Column("at", String(40), nullable=False),
    Column("by", String(128), nullable=False),             # "steward", a person, a token's name
    Column("what", String(64), nullable=False),
    Column("about", String(255), nullable=False),
    Column("detail", Text, nullable=False, default="{}"),
)
