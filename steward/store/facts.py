"""Fact snapshots: what we knew about every account at one instant, and the accounts newer than it.

Every snapshot of the last two days is kept, and of each day before them its last one, for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

import polars as pl
from sqlalchemy import Connection, select, text

from steward.store import deltas, fact_rows
from steward.store import lake as lakes
from steward.store.database import Database
from steward.store.instants import from_text, to_text
from steward.store.lake import PendingSegment, Segment
from steward.store.schema import hot_account, segment
from steward.store.subject_facts import subjects

__all__ = [
    "KEEP_ALL", "Snapshot", "history", "known_at", "latest", "save_hot", "save_snapshot", "show_snapshot", "subjects",
    "thin", "write_snapshot",
]

KEEP_ALL = timedelta(days=2)
_PART = "base"
_FEW = 500
_PUT = text("""
    INSERT INTO hot_account (account_id, known_at, body) VALUES (:account_id, :known_at, :body)
    ON CONFLICT (account_id) DO UPDATE SET known_at = excluded.known_at, body = excluded.body
    WHERE excluded.known_at >= hot_account.known_at
""")


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`frame`: `account_id`, one column per fact, `as_of.<group>`; null is Missing. `known_at`: of the newest row."""

    frame: pl.DataFrame
    known_at: datetime


def save_snapshot(db: Database, frame: pl.DataFrame, known_at: datetime) -> PendingSegment:
    """Keep `frame` as what is known of all accounts; hot rows that are not newer go with it."""
    pending = write_snapshot(db, frame, known_at)
    with db.write() as tx:
        show_snapshot(tx, pending)
    return pending


def write_snapshot(db: Database, frame: pl.DataFrame, known_at: datetime) -> PendingSegment:
    """Only the file, outside any transaction; `show_snapshot` makes it visible within one."""
    rows = deltas.coded(frame)
    if not deltas.one_row_each(rows):
        raise ValueError("a snapshot has one row for each account")
    return db.lake.write("facts", _PART, rows, known_at)


def show_snapshot(tx: Connection, pending: PendingSegment) -> None:
    """Make the file visible when `tx` commits."""
    lakes.of(tx).show(tx, [pending])
    tx.execute(hot_account.delete().where(hot_account.c.known_at <= to_text(pending.known_at)))


def thin(tx: Connection, now: datetime) -> int:
    """Retire what nobody will ask for: of days that lie `KEEP_ALL` back, all snapshots but the day's last, and the
    deltas between them; how many.

    The one that stands is never retired, nor are the deltas that count for it.
    """
    kept = lakes.of(tx).visible(tx, "facts")
    old = [each for each in kept if each.known_at < now - KEEP_ALL]
    last = {_day_of(each): each.id for each in sorted(old, key=lambda each: each.known_at)}
    standing = max((each.known_at for each in kept if each.part == _PART), default=now)
    gone = [each.id for each in old if (each.known_at < standing if each.part == deltas.PART
                                        else last[_day_of(each)] != each.id)]
    for segment_id in gone:
        tx.execute(segment.update().where(segment.c.id == segment_id).values(retired_at=to_text(now)))
    return len(gone)


def _day_of(each: Segment) -> tuple[str, date]:
    return each.part, each.known_at.astimezone(UTC).date()


def save_hot(tx: Connection, frame: pl.DataFrame, known_at: datetime) -> None:
    """Keep some accounts' rows until the next snapshot; columns as a snapshot has them."""
    rows = [{
        "account_id": row["account_id"], "known_at": to_text(known_at), "body": fact_rows.dump(row),
    } for row in frame.to_dicts()]
    if rows:
        tx.execute(_PUT, sorted(rows, key=lambda row: row["account_id"]))


def latest(
    tx: Connection, account_ids: Sequence[str] | None = None, names: Sequence[str] | None = None,
) -> Snapshot | None:
    """What is known now, of all accounts or some: the last snapshot, with the deltas and the hot rows in it. None:
    nothing yet.

    `names`: the only facts that are wanted.
    """
    segments = lakes.of(tx).visible(tx, "facts", _PART)
    schema = lakes.of(tx).schema(segments[-1]) if segments else {}
    if names is not None:
        schema = {name: schema.get(name, pl.Null()) for name in ("account_id", *names)}
    taken_at = segments[-1].known_at if segments else None
    newer = deltas.after(tx, segments[-1]) if segments else []
    hot, newest = _hot(tx, account_ids, schema, taken_at=taken_at, newer=newer, only=names is not None)
    if not segments or (newest and account_ids is not None and hot.height == len(set(account_ids))):
        return Snapshot(hot, newest) if newest else None
    base = _fold(tx, segments[-1], newer, account_ids, None if names is None else list(schema))
    known = max(each.known_at for each in (segments[-1], *newer))
    if newest is None:
        return Snapshot(base, known)
    whole = pl.concat([base.join(hot, on="account_id", how="anti"), hot], how="diagonal_relaxed").sort("account_id")
    return Snapshot(whole, max(newest, known))


def known_at(tx: Connection, instant: datetime, names: Sequence[str] | None = None) -> Snapshot | None:
    """What was known at `instant`: the last snapshot that was not later, with the deltas up to then; None when there
    was none.

    `names`: the only facts that are wanted.
    """
    earlier = [segment for segment in lakes.of(tx).visible(tx, "facts", _PART) if segment.known_at <= instant]
    wanted = None if names is None else ["account_id", *names]
    if not earlier:
        return None
    newer = deltas.after(tx, earlier[-1], instant)
    return Snapshot(_fold(tx, earlier[-1], newer, None, wanted), (newer or earlier)[-1].known_at)


def history(tx: Connection) -> list[datetime]:
    """When each snapshot of all accounts was taken, oldest first."""
    return [segment.known_at for segment in lakes.of(tx).visible(tx, "facts", _PART)]


def _fold(
    tx: Connection, base: Segment, newer: Sequence[Segment], account_ids: Sequence[str] | None,
    names: Sequence[str] | None = None,
) -> pl.DataFrame:
    where = None if account_ids is None else pl.col("account_id").is_in(sorted(set(account_ids)))
    return deltas.fold(lakes.of(tx), base, newer, where, names)


def _hot(
    tx: Connection, account_ids: Sequence[str] | None, schema: Mapping[str, pl.DataType], *,
    taken_at: datetime | None, newer: Sequence[Segment], only: bool,
) -> tuple[pl.DataFrame, datetime | None]:
    """The hot rows with the columns of `schema` and, unless `only` these are wanted, those that it does not have.

    One that was derived before the snapshot was `taken_at`, or a delta that has its account, and saved after it knows
    less than that.
    """
    wanted = None if account_ids is None else set(account_ids)
    query = select(hot_account)
    if taken_at is not None:
        query = query.where(hot_account.c.known_at >= to_text(taken_at))
    if wanted is not None and len(wanted) <= _FEW:
        query = query.where(hot_account.c.account_id.in_(sorted(wanted)))
    found = [row for row in tx.execute(query) if wanted is None or row.account_id in wanted]
    if found and newer:
        known = deltas.known_since(lakes.of(tx), newer, [row.account_id for row in found])
        found = [row for row in found
                 if row.account_id not in known or from_text(row.known_at) >= known[row.account_id]]
    rows = [fact_rows.load(row.body) for row in found]
    newest = from_text(max((row.known_at for row in found), default=None))
    return fact_rows.frame(rows, schema, only=only), newest
