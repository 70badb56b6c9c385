"""Deltas: rows of many accounts that are newer than the snapshot, as files; what hot rows are for a few.

A delta holds whole rows and counts for the snapshot that was the last as it was shown; the next one takes its place.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import polars as pl
from sqlalchemy import Connection, select

from steward.store import lake as lakes
from steward.store.database import Database, alone
from steward.store.instants import to_text
from steward.store.lake import Lake, PendingSegment, Segment
from steward.store.schema import hot_account

PART = "delta"
MOST_SHARE = 0.3
"""Deltas of more rows than this share of the snapshot become one."""
_AT_ONCE = 500


def write(db: Database, frame: pl.DataFrame, known_at: datetime) -> PendingSegment:
    """Only the file, outside any transaction; `show` makes it visible within one."""
    rows = coded(frame)
    if not one_row_each(rows):
        raise ValueError("a delta has one row for each account")
    return db.lake.write("facts", PART, rows, known_at, in_haste=True)


def show(tx: Connection, pending: PendingSegment, account_ids: pl.Series) -> None:
    """Make the file visible when `tx` commits; hot rows of its accounts that are not newer go."""
    lakes.of(tx).show(tx, [pending])
    at = to_text(pending.known_at)
    older = tx.scalars(select(hot_account.c.account_id).where(hot_account.c.known_at <= at)).all()
    gone = sorted(set(older) & set(account_ids)) if older else []
    for start in range(0, len(gone), _AT_ONCE):
        tx.execute(hot_account.delete().where(hot_account.c.account_id.in_(gone[start:start + _AT_ONCE])))


def after(tx: Connection, base: Segment, until: datetime | None = None) -> list[Segment]:
    """The deltas that count for the snapshot `base` (at `until`), what was known earliest first."""
    found = [each for each in lakes.of(tx).visible(tx, "facts", PART) if each.known_at > base.known_at]
    return found if until is None else [each for each in found if each.known_at <= until]


def fold(
    lake: Lake, base: Segment, deltas: Sequence[Segment], where: pl.Expr | None = None,
    names: Sequence[str] | None = None,
) -> pl.DataFrame:
    """The rows of `base` with the deltas in them; `where` may look at account_id only. Sorted by account."""
    rows = lake.read(base, where, names)
    if not deltas:
        return rows
    newer = newest(lake, deltas, where, names)
    kept = rows.join(newer.select("account_id"), on="account_id", how="anti")
    return pl.concat([kept, newer], how="diagonal_relaxed").sort("account_id")


def newest(
    lake: Lake, deltas: Sequence[Segment], where: pl.Expr | None = None, names: Sequence[str] | None = None,
) -> pl.DataFrame:
    """The last row of each account in the deltas."""
    frames = [lake.read(each, where, names) for each in deltas]
    if len(frames) == 1:
        return frames[0]
    return pl.concat(frames, how="diagonal_relaxed").unique("account_id", keep="last", maintain_order=True)


def known_since(lake: Lake, deltas: Sequence[Segment], account_ids: Sequence[str]) -> dict[str, datetime]:
    """By account, when the last delta that has it was known."""
    found: dict[str, datetime] = {}
    for each in deltas:
        ids = lake.read(each, pl.col("account_id").is_in(sorted(set(account_ids))), ["account_id"])
        found |= dict.fromkeys(ids["account_id"], each.known_at)
    return found


def compact(db: Database, now: datetime) -> int:
    """Make one delta of those of the standing snapshot where they have grown to `MOST_SHARE` of it; how many went."""
    with db.read() as tx:
        bases = db.lake.visible(tx, "facts", "base")
        deltas = after(tx, bases[-1]) if bases else []
    if len(deltas) < 2 or sum(each.rows for each in deltas) <= MOST_SHARE * bases[-1].rows:
        return 0
    whole = db.lake.write("facts", PART, coded(newest(db.lake, deltas)), deltas[-1].known_at, instead_of=deltas,
                          in_haste=True)
    with db.write() as tx:
        alone(tx, "compact")
        still = {each.id for each in db.lake.visible(tx, "facts", PART)}
        if not still >= {each.id for each in deltas}:
            return 0                           # another process was faster
        db.lake.swap(tx, deltas, whole, now)
    return len(deltas)


def coded(frame: pl.DataFrame) -> pl.DataFrame:
    """Texts as codes, sorted by account: as every file of facts of accounts is."""
    texts = pl.col(pl.String).exclude("account_id").cast(pl.Categorical)
    rows = frame.with_columns(texts)
    return rows if rows["account_id"].is_sorted() else rows.sort("account_id")


def one_row_each(coded: pl.DataFrame) -> bool:
    """Whether every row names its account, and no other row names the same."""
    ids = coded["account_id"]
    return not ids.has_nulls() and not (ids == ids.shift()).any()
