"""The days that the usage feeds brought: they tell a day without use from a day without a feed."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from pathlib import Path

import polars as pl
from sqlalchemy import Connection

from steward.store import lake as lakes


def feed_days(tx: Connection, since: date) -> list[date]:
    """Every day from `since` on for which a visible file of usage names any external id, in order.

    Raises:
        ConfigError: a file is gone or damaged; it must come back from a backup.
    """
    lake = lakes.of(tx)
    found: set[date] = set()
    for segment in lake.visible(tx, "usage"):
        if segment.part.rsplit("/", 1)[-1] < f"{since:%Y-%m}":
            continue
        try:
            found |= _days_in(lake.root / segment.path)
        except (OSError, pl.exceptions.PolarsError):
            lake.read(segment)                 # says in words what is wrong with the file
            raise
    return sorted(day for day in found if day >= since)


@lru_cache(maxsize=8192)
def _days_in(path: Path) -> frozenset[date]:
    """The days in one file; nothing changes a file, so once is enough."""
    return frozenset(pl.scan_parquet(path).select(pl.col("day").unique()).collect()["day"].to_list())
