"""Days of use put together to windows: of each account and metric the sums between the ages at which a window ends.

Feeds come sorted by account and day, so that the rows of one account and bucket of ages lie side by side: a run, and
runs are summed at the speed of memory. Rows in another order make more runs and the same windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import polars as pl

WINDOWS = (7, 28, 90)
HISTORY_DAYS = 180
"""The longest window and the window before it."""
NEVER = 20_000
"""Stands for the age of last use where there was none."""

_EDGES = (0, 7, 14, 28, 56, 90, HISTORY_DAYS)                # ages in days where a window, or the one before it, ends
# The bucket of each age from -1 on: the number of edges at or below it. 0 is today and later, which only tells that
# there was use; the last is longer ago than anybody asks.
_BUCKET_OF = np.searchsorted(_EDGES, np.arange(-1, HISTORY_DAYS + 1), side="right").astype(np.uint8)
_BUCKETS = len(_EDGES)
_EPOCH = date(1970, 1, 1)
_AT_ONCE = 500_000
_UNSAID = 30_000                                             # stands for the age of last use: nobody said


def runs(rows: pl.LazyFrame, metrics: Sequence[str], last: date, *, few: bool) -> pl.DataFrame:
    """One row for each run of equal `id` and bucket: `bucket`, `first` (its greatest age before the day `last`) and of
    each metric the sum, the sum of value times age, and the least age of a day with any. `few`: read all at once."""
    there = rows.select("id", "day", *(pl.col(metric).cast(pl.Float64) for metric in metrics))
    batches = [there.collect()] if few else there.collect_batches(chunk_size=_AT_ONCE, engine="streaming")
    found = [_runs(batch, metrics, last) for batch in batches]
    return pl.concat(found or [_runs(there.collect_schema().to_frame(), metrics, last)])


def _runs(rows: pl.DataFrame, metrics: Sequence[str], last: date) -> pl.DataFrame:
    days = rows["day"].to_physical().to_numpy()
    age = ((last - _EPOCH).days - days).clip(-1, HISTORY_DAYS).astype(np.int16)
    bucket, ids = _BUCKET_OF[age + 1], rows["id"]
    begins = ids.ne_missing(ids.shift()).to_numpy() | (np.diff(bucket, prepend=bucket[:1]) != 0)
    begins[:1] = True
    starts = np.flatnonzero(begins)
    columns = [
        ids.gather(starts), pl.Series("bucket", bucket[starts]),
        pl.Series("first", np.maximum.reduceat(age, starts, dtype=np.int16) if rows.height else age),
    ]
    for metric in metrics:
        told = rows[metric]
        value = (told.fill_null(0.0) if told.has_nulls() else told).to_numpy()
        used = np.where(value <= 0, np.int16(NEVER), age)
        if told.has_nulls():
            used[told.is_null().to_numpy()] = _UNSAID
        for what, ufunc, each in (
            ("sum", np.add, value), ("moment", np.add, value * age), ("last", np.minimum, used),
        ):
            columns.append(pl.Series(f"{what}:{metric}", ufunc.reduceat(each, starts) if rows.height else each))
    within = bucket[starts] < _BUCKETS
    frame = pl.DataFrame(columns)
    return frame if within.all() else frame.filter(within)


def totals(found: pl.DataFrame, metrics: Sequence[str]) -> pl.DataFrame:
    """One row for each account that was named, out of runs with its `account_id`: `first`, the age of its first
    day, and of each metric `sumN` of the last N days, `beforeN` of the N days before, `moment` over the longest window,
    and `last`, the age of its last use (-1: today or later; `NEVER`): None where no day said."""
    ids = found["account_id"].unique(maintain_order=True)
    where = found.select("account_id").join(
        ids.to_frame().with_row_index("at"), on="account_id", how="left", maintain_order="left")["at"].to_numpy()
    first = np.full(len(ids), -1, np.int16)
    np.maximum.at(first, where, found["first"].to_numpy())
    cells = where.astype(np.int64) * _BUCKETS + found["bucket"].to_numpy()
    columns: dict[str, np.ndarray | pl.Series] = {"account_id": ids, "first": first}
    for metric in metrics:
        sums, moments = (_by_bucket(cells, found[f"{what}:{metric}"], len(ids)) for what in ("sum", "moment"))
        for days in WINDOWS:
            end, before = _EDGES.index(days), _EDGES.index(2 * days)
            columns[f"sum{days}:{metric}"] = sums[:, 1:end + 1].sum(axis=1)
            columns[f"before{days}:{metric}"] = sums[:, end + 1:before + 1].sum(axis=1)
        columns[f"moment:{metric}"] = moments[:, 1:_EDGES.index(max(WINDOWS)) + 1].sum(axis=1)
        used = np.full(len(ids), _UNSAID, np.int16)
        np.minimum.at(used, where, found[f"last:{metric}"].fill_null(_UNSAID).to_numpy())
        columns[f"last:{metric}"] = used
    last = pl.col(f"last:{metric}" for metric in metrics)
    return pl.DataFrame(columns).filter(pl.col("first") >= 0).with_columns(pl.when(last < _UNSAID).then(last))


def _by_bucket(cells: np.ndarray, values: pl.Series, accounts: int) -> np.ndarray:
    """Of each account the sum in each bucket."""
    sums = np.bincount(cells, values.fill_null(0.0).to_numpy(), accounts * _BUCKETS)
    return sums.reshape(accounts, _BUCKETS)
