"""Days of use put together to windows: of each account and metric the sums between the ages at which a window ends.

Feeds come sorted by account and day, so that the rows of one account and bucket of ages lie side by side: a run, and
runs are summed at the speed of memory. Rows in another order make more runs and the same windows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
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
_LONGEST = _EDGES.index(max(WINDOWS))                       # the last bucket within the longest window
_FEW_IDLE = 8                                                # one run in so many may end without use
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
    within = _Runs.of(age, begins)
    columns = [
        ids.gather(within.starts), pl.Series("bucket", bucket[within.starts]), pl.Series("first", within.first()),
    ]
    old = rows.height > 0 and bucket.min() > _LONGEST        # no day of it counts for a slope
    for metric in metrics:
        told = rows[metric]
        value = (told.fill_null(0.0) if told.has_nulls() else told).to_numpy()
        columns += [
            pl.Series(f"sum:{metric}", within.sum(value)),
            pl.Series(f"moment:{metric}", np.zeros(len(within.starts)) if old else within.sum(value * age)),
            pl.Series(f"last:{metric}", within.last(value, told.is_null().to_numpy() if told.has_nulls() else None)),
        ]
    counted = bucket[within.starts] < _BUCKETS
    frame = pl.DataFrame(columns)
    return frame if counted.all() else frame.filter(counted)


@dataclass(frozen=True, slots=True)
class _Runs:
    """Where the runs of a batch begin and end. `falls`: within each the days follow each other, the newest last."""

    age: np.ndarray
    starts: np.ndarray
    ends: np.ndarray
    falls: bool

    @classmethod
    def of(cls, age: np.ndarray, begins: np.ndarray) -> _Runs:
        starts = np.flatnonzero(begins)
        return cls(age, starts, np.append(starts[1:], len(age)) - 1 if len(age) else starts,
                   bool(((np.diff(age) < 0) | begins[1:]).all()))

    def sum(self, each: np.ndarray) -> np.ndarray:
        return np.add.reduceat(each, self.starts) if len(each) else each

    def first(self) -> np.ndarray:
        """The greatest age of each run."""
        return self.age[self.starts] if self.falls else np.maximum.reduceat(self.age, self.starts)

    def last(self, value: np.ndarray, unsaid: np.ndarray | None) -> np.ndarray:
        """The least age of each run at which there was use."""
        if unsaid is None and self.falls:
            idle = np.flatnonzero(value[self.ends] <= 0)
            if idle.size * _FEW_IDLE <= self.ends.size:
                return self._last_back_from_ends(value, idle)
        used = np.where(value <= 0, np.int16(NEVER), self.age)
        if unsaid is not None:
            used[unsaid] = _UNSAID
        return np.minimum.reduceat(used, self.starts) if len(used) else used

    def _last_back_from_ends(self, value: np.ndarray, idle: np.ndarray) -> np.ndarray:
        """The same where most runs end with use: only from the others one goes back, day by day."""
        used: np.ndarray = self.age[self.ends]
        at = self.ends[idle]
        used[idle] = NEVER
        while idle.size:
            at = at - 1
            idle, at = idle[there := at >= self.starts[idle]], at[there]
            some = ~(value[at] <= 0)
            used[idle[some]] = self.age[at[some]]
            idle, at = idle[~some], at[~some]
        return used


def totals(found: pl.DataFrame, ids: pl.Series, metrics: Sequence[str]) -> pl.DataFrame:
    """One row for each account of `ids` that was named, out of runs with its place in them (`at`): `first`, the age of
    its first day, and of each metric `sumN` of the last N days, `beforeN` of the N days before, `moment` over the
    longest window, and `last`, the age of its last use (-1: today or later; `NEVER`): None where no day said."""
    where = found["at"].to_numpy()
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
        columns[f"moment:{metric}"] = moments[:, 1:_LONGEST + 1].sum(axis=1)
        used = np.full(len(ids), _UNSAID, np.int16)
        np.minimum.at(used, where, found[f"last:{metric}"].fill_null(_UNSAID).to_numpy())
        columns[f"last:{metric}"] = used
    last = pl.col(f"last:{metric}" for metric in metrics)
    return pl.DataFrame(columns).filter(pl.col("first") >= 0).with_columns(pl.when(last < _UNSAID).then(last))


def _by_bucket(cells: np.ndarray, values: pl.Series, accounts: int) -> np.ndarray:
    """Of each account the sum in each bucket."""
    sums = np.bincount(cells, values.fill_null(0.0).to_numpy(), accounts * _BUCKETS)
    return sums.reshape(accounts, _BUCKETS)
