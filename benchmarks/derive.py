"""Usage windows from Parquet beside the best DuckDB query, and 100,000 changed of a million accounts stored.

Ours makes 59 facts of 5 metrics and maps the feed's ids to accounts; DuckDB makes 37 (sums and sums before of 7, 28 and
90 days, the slope, active days, the last day), by the feed's ids. Both read the same files.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import polars as pl
from sqlalchemy import insert

from benchmarks.measure import apart, figures, grown, interleaved, peak_mb, show
from steward.facts import usage as themes
from steward.store import deltas, facts
from steward.store.database import Database
from steward.store.schema import account, identity
from steward.store.usage import scan_parts

METRICS = ("active_users", "logins", "reports", "exports", "api_calls")
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
LAST = NOW.date() - timedelta(days=1)
DAYS = 180
_AT_ONCE = 50_000
_OF_A_MILLION = 0.1


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.derive", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="without peers; for the growth")
    parser.add_argument("--json", action="store_true", help="one line instead of an indented object")
    chosen = parser.parse_args()
    if chosen.alone:
        show(alone(chosen.accounts, chosen.rounds), chosen.json)
        return
    sizes = tuple(dict.fromkeys((max(1000, chosen.accounts // 10), chosen.accounts)))
    growth = grown("benchmarks.derive", sizes, "--accounts") if len(sizes) > 1 else None
    show({**measure(chosen.accounts, chosen.rounds), "growth": growth}, chosen.json)


def alone(accounts: int, rounds: int) -> dict[str, Any]:
    """Ours and nothing else, with what is in memory before."""
    with _filled(accounts) as db:
        before = peak_mb()
        took = interleaved({"ours": lambda: ours(db)}, rounds)
    return {"ours_s": took["ours"], "peak_mb": peak_mb(), "before_mb": before}


def measure(accounts: int, rounds: int) -> dict[str, Any]:
    """Both, in turns, on the same files; then the upsert."""
    with _filled(accounts) as db:
        mine, memory = ours(db), peak_mb()
        with db.read() as tx:
            files = [str(db.lake.root / each.path) for each in db.lake.visible(tx, "usage")]
        query = _query(files)
        equal = _equal(mine, _duck(query))
        took = interleaved({"ours": lambda: ours(db), "duckdb": lambda: _duck(query)}, rounds)
        changed = _upsert(db, accounts * 10, accounts, rounds)
    found = figures("derive", took.pop("ours"), took, equal, accounts=accounts, days=DAYS, facts=mine.width - 2,
                    rounds=rounds, upsert=changed)
    return {**found, "peak_mb": memory}         # before the peer


def ours(db: Database) -> pl.DataFrame:
    """The usage facts of all accounts, as `steward derive` makes them."""
    days = [LAST - timedelta(days=age) for age in range(DAYS)]
    with db.read() as tx:
        feeds = [themes.Feed(rows, accounts) for rows, accounts in scan_parts(tx, days[-1])]
        return themes.facts(feeds, METRICS, days, NOW)


def _upsert(db: Database, accounts: int, changed: int, rounds: int) -> dict[str, Any]:
    """`changed` of `accounts` accounts with 64 facts: a delta written, synced and shown."""
    draw = np.random.default_rng(7)
    whole = pl.DataFrame({
        "account_id": [f"acct_{number:08d}" for number in range(accounts)],
        **{f"fact.number_{place}": draw.random(accounts) for place in range(52)},
        **{f"fact.text_{place}": draw.choice(["smb", "mid_market", "enterprise"], accounts) for place in range(8)},
        **{f"fact.count_{place}": draw.integers(0, 1000, accounts) for place in range(4)},
    })
    facts.save_snapshot(db, whole, NOW)
    some = whole.sample(changed, seed=7).sort("account_id")
    turns = iter(range(1, 1_000))

    def write() -> None:
        at = NOW + timedelta(minutes=next(turns))
        pending = deltas.write(db, some, at)
        with db.write() as tx:
            deltas.show(tx, pending, some["account_id"])

    return {"accounts": accounts, "changed": changed, "cpu_s": round(interleaved({"ours": write}, rounds)["ours"], 4)}


@contextmanager
def _filled(accounts: int) -> Iterator[Database]:
    """A store with so many accounts and their use of 180 days, one file a month."""
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as folder:
        apart(_fill, folder, accounts)
        db = _open(folder)
        yield db
        db.close()


def _open(folder: str) -> Database:
    return Database.open(f"sqlite:///{folder}/steward.db", Path(folder))


def _fill(folder: str, accounts: int) -> None:
    db = _open(folder)
    with db.write() as tx:
        at = NOW.isoformat()
        for start in range(0, accounts, _AT_ONCE):
            numbers = range(start, min(start + _AT_ONCE, accounts))
            tx.execute(insert(account), [{"id": f"acct_{n:08d}", "name": "", "created_at": at} for n in numbers])
            tx.execute(insert(identity), [
                {"connection": "usage", "external_id": f"ws-{n:08d}", "account_id": f"acct_{n:08d}", "how": "new",
                 "matched_at": at} for n in numbers])
    for month in _months():
        segments = db.lake.write_usage("usage", _use(accounts, month), NOW)
        with db.write() as tx:
            db.lake.show(tx, segments)
    db.close()


def _months() -> Iterator[list[date]]:
    days = [LAST - timedelta(days=age) for age in reversed(range(DAYS))]
    for month in sorted({day.replace(day=1) for day in days}):
        yield [day for day in days if day.replace(day=1) == month]


def _use(accounts: int, days: list[date]) -> pl.DataFrame:
    draw = np.random.default_rng(days[0].toordinal())
    names = pl.Series([f"ws-{number:08d}" for number in range(accounts)])
    here = draw.random(accounts * len(days)) < 0.85          # nobody works every day
    if days[0] == LAST - timedelta(days=DAYS - 1):
        here[::len(days)] = True                             # and everybody began as the history does
    rows = np.flatnonzero(here)
    ordinals = np.array([(day - date(1970, 1, 1)).days for day in days], np.int32)
    return pl.DataFrame({
        "account_external_id": names.gather((rows // len(days)).astype(np.uint32)),
        "day": pl.Series(ordinals[rows % len(days)]).cast(pl.Date),
        **{metric: draw.integers(0, 200, rows.size).astype(float) for metric in METRICS},
    })


def _query(files: list[str]) -> str:
    """By buckets of ages first, then the windows out of them: three times as fast as one filter for each window."""
    edges = (0, 7, 14, 28, 56, 90)
    bucket = "case " + " ".join(f"when age >= {edge} then {place}" for place, edge in reversed(
        list(enumerate(edges)))) + " end"
    inner, outer = [], []
    for metric in METRICS:
        inner += [f"sum({metric}) as s_{metric}", f"sum({metric} * age) as m_{metric}"]
        for days, (end, before) in {7: (0, 1), 28: (2, 3), 90: (4, 5)}.items():
            between = f"case when bucket between {end + 1} and {before} then s_{metric} else 0 end"
            outer += [f"sum(case when bucket <= {end} then s_{metric} else 0 end) as {metric}_sum_{days}",
                      f"sum({between}) as {metric}_before_{days}"]
        outer.append(
            f"(4005 * sum(case when bucket <= 4 then s_{metric} else 0 end) - 90 * sum(case when bucket <= 4 then "
            f"m_{metric} else 0 end)) / (90.0 * 238965 - 4005.0 * 4005) as {metric}_slope")
    listed = ", ".join(f"'{file}'" for file in files)
    columns = ", ".join(METRICS)
    return f"""
        with days as (select account_external_id as id, date '{LAST}' - day as age, {columns}
                      from read_parquet([{listed}], union_by_name = true)),
        buckets as (select id, {bucket} as bucket, count(*) as active, min(age) as last, {', '.join(inner)}
                    from days where age < {DAYS} group by id, bucket)
        select id, sum(active) as active_days, min(last) as days_since_last, {', '.join(outer)} from buckets group by id
    """


def _duck(query: str) -> pl.DataFrame:
    return pl.DataFrame(dict(duckdb.execute(query).fetchnumpy()))


def _equal(mine: pl.DataFrame, theirs: pl.DataFrame) -> bool:
    """Whether sums, changes and slopes are the same to nine digits."""
    both = mine.with_columns(id="ws-" + pl.col("account_id").str.strip_prefix("acct_")).join(theirs, on="id")
    checks = [pl.lit(both.height == mine.height == theirs.height)]
    for metric in METRICS:
        name = f"usage.{metric}."
        checks.append(((pl.col(f"{name}slope_90d") - pl.col(f"{metric}_slope")).abs() < 1e-9).all())
        for days in (7, 28, 90):
            total, before = pl.col(f"{metric}_sum_{days}"), pl.col(f"{metric}_before_{days}")
            checks += [((pl.col(f"{name}sum_{days}d") - total).abs() < 1e-6).all(),
                       ((pl.col(f"{name}change_{days}d") - (total / before - 1)).abs() < 1e-9).all()]
    return bool(both.select(pl.all_horizontal(checks)).item())


if __name__ == "__main__":
    main()
