"""Facts of contacts and opportunities: one snapshot of each kind in the lake, and of single accounts newer rows.

A snapshot belongs to that of the accounts which was taken with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, select, text

from steward.store import fact_rows
from steward.store import lake as lakes
from steward.store.database import Database
from steward.store.instants import to_text
from steward.store.lake import PendingSegment
from steward.store.schema import hot_subject

_KEYS = ("account_id", "subject_id", "connection", "external_id")
_FEW = 500
_PUT = text("""
    INSERT INTO hot_subject (account_id, kind, known_at, body) VALUES (:account_id, :kind, :known_at, :body)
    ON CONFLICT (account_id, kind) DO UPDATE SET known_at = excluded.known_at, body = excluded.body
    WHERE excluded.known_at >= hot_subject.known_at
""")


def write(db: Database, kind: str, frame: pl.DataFrame, known_at: datetime) -> PendingSegment:
    """Only the file, outside any transaction; `show` makes it visible within one."""
    if not frame["subject_id"].is_unique().all():
        raise ValueError(f"there is one row for each {kind}")
    coded = pl.col(pl.String).exclude(_KEYS).cast(pl.Categorical)
    return db.lake.write("facts", kind, frame.with_columns(coded).sort("account_id", "subject_id"), known_at)


def show(tx: Connection, pending: PendingSegment) -> None:
    """Make the file visible when `tx` commits; what was newer of single accounts goes, unless it still is."""
    lakes.of(tx).show(tx, [pending])
    tx.execute(hot_subject.delete().where(
        hot_subject.c.kind == pending.part, hot_subject.c.known_at <= to_text(pending.known_at)))


def save_hot(
    tx: Connection, kind: str, account_ids: Sequence[str], frame: pl.DataFrame, known_at: datetime,
) -> None:
    """Keep all subjects that `account_ids` have now, also where they have none, until the next snapshot."""
    rows: dict[str, list[dict[str, object]]] = {account_id: [] for account_id in sorted(set(account_ids))}
    for row in frame.to_dicts():
        rows[row["account_id"]].append(row)
    if rows:
        tx.execute(_PUT, [{
            "account_id": account_id, "kind": kind, "known_at": to_text(known_at), "body": fact_rows.dump(theirs),
        } for account_id, theirs in rows.items()])


def subjects(tx: Connection, kind: str, account_ids: Sequence[str] | None = None) -> pl.DataFrame | None:
    """Each "contact" or "opportunity" of all accounts or some: `account_id, subject_id, connection, external_id`, its
    facts, and `as_of.<group>`; sorted by account and subject. None: nothing is known of this kind yet."""
    wanted = None if account_ids is None else set(account_ids)
    segments = lakes.of(tx).visible(tx, "facts", kind)
    query = select(hot_subject).where(hot_subject.c.kind == kind)
    if segments:
        query = query.where(hot_subject.c.known_at >= to_text(segments[-1].known_at))
    if wanted is not None and len(wanted) <= _FEW:
        query = query.where(hot_subject.c.account_id.in_(sorted(wanted)))
    newer = {row.account_id: fact_rows.load(row.body) for row in tx.execute(query)
             if wanted is None or row.account_id in wanted}
    rows = [row for theirs in newer.values() for row in theirs]
    if not segments:
        return fact_rows.frame(rows, {}, only=False).sort(_KEYS[:2]) if rows else None
    where = ~pl.col("account_id").is_in(sorted(newer))
    if wanted is not None:
        where &= pl.col("account_id").is_in(sorted(wanted))
    kept = lakes.of(tx).read(segments[-1], where)
    if not rows:
        return kept
    hot = fact_rows.frame(rows, lakes.of(tx).schema(segments[-1]), only=False)
    return pl.concat([kept, hot], how="diagonal_relaxed").sort(_KEYS[:2])
