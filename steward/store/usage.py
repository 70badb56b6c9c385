"""Usage history in the lake: one part per connection and month, and a day that is sent again replaces that day."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING

import polars as pl
from sqlalchemy import Connection

from steward.store import bulk
from steward.store import lake as lakes
from steward.store.database import alone

if TYPE_CHECKING:
    from steward.store.database import Database
    from steward.store.lake import Lake, Segment

_KEYS = ("account_external_id", "day")
_FEW = 200
_MANY = 12                                     # segments of one part, before they become one


def split_by_month(usage: pl.DataFrame) -> Iterator[tuple[str, pl.DataFrame]]:
    """("2026-03", rows of that month) in order; metrics as floats, the last of equal account and day.

    Raises:
        ValueError: a column is missing or no number; the connector's code is wrong.
    """
    schema = usage.schema
    if schema.get("account_external_id") != pl.String or schema.get("day") != pl.Date:
        raise ValueError('a usage frame needs "account_external_id" (text) and "day" (date)')
    metrics = [name for name in schema if name not in _KEYS]
    for name in metrics:
        if not (schema[name].is_numeric() or schema[name] == pl.Null):
            raise ValueError(f'the usage metric "{name}" is no number but {schema[name]}')
    rows = (usage.drop_nulls(list(_KEYS)).with_columns(pl.col(metrics).cast(pl.Float64))
            .unique(_KEYS, keep="last", maintain_order=True)
            .select(*_KEYS, *metrics).sort(_KEYS)
            .with_columns(month=pl.col("day").dt.strftime("%Y-%m")))
    for frame in rows.partition_by("month", maintain_order=False):
        yield frame["month"][0], frame.drop("month")


def scan_usage(tx: Connection, since: date, account_ids: Iterable[str] | None = None) -> pl.DataFrame:
    """`account_id, day` and one column per metric, for every day from `since` on; one row per account and day.

    What several external ids of one account report is added up. Ids that belong to no account are left out
    (`unknown_ids` names them). All of it stands in memory: for many accounts, see `scan_parts`.
    """
    feeds = scan_parts(tx, since, account_ids)
    if not feeds:
        return pl.DataFrame(schema={"account_id": pl.String, "day": pl.Date})
    frames = pl.collect_all([rows.join(accounts.lazy(), on="id").drop("id") for rows, accounts in feeds])
    ids = pl.concat([accounts["account_id"] for _, accounts in feeds])
    return _added_up(pl.concat(frames, how="diagonal_relaxed").select("account_id", "day", pl.exclude(
        "account_id", "day")), ids.filter(ids.is_duplicated()).unique())


def scan_parts(
    tx: Connection, since: date, account_ids: Iterable[str] | None = None,
) -> list[tuple[pl.LazyFrame, pl.DataFrame]]:
    """By connection: rows still to be read, `id` (the feed's own), `day` and one column per metric, from `since` on;
    and the ids' accounts, `id` and `account_id`. For reading far more than fits into memory."""
    lake = lakes.of(tx)
    who = _who(tx, account_ids)
    by_feed: dict[str, list[list[Segment]]] = {}
    for part in _parts(lake.visible(tx, "usage")):
        connection, month = part[0].part.rsplit("/", 1)
        if month >= f"{since:%Y-%m}":
            by_feed.setdefault(connection, []).append(part)
    found = []
    for connection, parts in by_feed.items():
        ours = who.filter(pl.col("connection") == connection).select(pl.col("external_id").alias("id"), "account_id")
        # Few are found by the files' own statistics.
        theirs = pl.col("account_external_id").is_in(ours["id"].to_list()) if ours.height <= _FEW else None
        rows = pl.concat([_newest(lake, part, _all_of(theirs, _later(part, since))) for part in parts],
                         how="diagonal_relaxed")
        found.append((rows.rename({"account_external_id": "id"}), ours))
    return found


def of_connection(tx: Connection, connection: str) -> pl.DataFrame:
    """What one connection reported: `account_external_id`, `day` and one column per metric, the newest word of each."""
    parts = [part for part in _parts(lakes.of(tx).visible(tx, "usage"))
             if part[0].part.rsplit("/", 1)[0] == connection]
    rows = [_newest(lakes.of(tx), part).collect() for part in parts]
    return pl.concat(rows, how="diagonal_relaxed") if rows else pl.DataFrame()


def unknown_ids(tx: Connection) -> dict[str, int]:
    """By connection, how many external ids report usage and belong to no account."""
    lake = lakes.of(tx)
    who = _who(tx, None)
    found: dict[str, set[str]] = {}
    for part in _parts(lake.visible(tx, "usage")):
        connection = part[0].part.rsplit("/", 1)[0]
        ids = _newest(lake, part).select("account_external_id").unique().collect()
        known = who.filter(pl.col("connection") == connection)
        strangers = ids.join(known, left_on="account_external_id", right_on="external_id", how="anti")
        found.setdefault(connection, set()).update(strangers["account_external_id"])
    return {connection: len(ids) for connection, ids in sorted(found.items()) if ids}


def compact(db: Database, now: datetime, more_than: int = _MANY) -> int:
    """Make one segment of each part that has more than `more_than`; the number of segments retired."""
    with db.read() as tx:
        parts = [part for part in _parts(db.lake.visible(tx, "usage")) if len(part) > more_than]
    retired = 0
    for part in parts:
        frame = _newest(db.lake, part).collect().sort(_KEYS)
        whole = db.lake.write("usage", part[0].part, frame, part[-1].known_at, instead_of=part)
        with db.write() as tx:
            alone(tx, "compact")
            still = {segment.id for segment in db.lake.visible(tx, "usage", part[0].part)}
            if not still >= {segment.id for segment in part}:
                continue                       # another process was faster
            db.lake.swap(tx, part, whole, now)
        retired += len(part)
    return retired


def _parts(segments: Sequence[Segment]) -> list[list[Segment]]:
    """Segments by part, sorted by part; within one, what was known earliest first."""
    ordered = sorted(segments, key=lambda segment: (segment.part, segment.known_at, segment.id))
    return [list(group) for _, group in groupby(ordered, key=lambda segment: segment.part)]


def _newest(lake: Lake, part: Sequence[Segment], where: pl.Expr | None = None) -> pl.LazyFrame:
    """The rows of a part that count; `where` looks at a whole row's key only, so it may come before that."""
    rows = lake.scan(part, where)
    return rows if len(part) == 1 else rows.unique(_KEYS, keep="last", maintain_order=False)


def _later(part: Sequence[Segment], since: date) -> pl.Expr | None:
    """The condition that a row is of `since` or later; None where that part has no others."""
    return pl.col("day") >= since if part[0].part.endswith(f"/{since:%Y-%m}") else None


def _all_of(*conditions: pl.Expr | None) -> pl.Expr | None:
    told = [each for each in conditions if each is not None]
    return pl.all_horizontal(told) if told else None


def _added_up(rows: pl.DataFrame, several: pl.Series) -> pl.DataFrame:
    """One row per account and day, where of the accounts `several` there may be more; what nobody reported stays
    null."""
    if several.is_empty():
        return rows
    theirs = pl.col("account_id").is_in(several.implode())
    metric = pl.exclude("account_id", "day")
    sums = rows.filter(theirs).group_by("account_id", "day").agg(
        pl.when(metric.is_not_null().any()).then(metric.sum()))
    return pl.concat([rows.filter(~theirs), sums])


def _who(tx: Connection, account_ids: Iterable[str] | None) -> pl.DataFrame:
    wanted = None if account_ids is None else sorted(set(account_ids))
    query = "SELECT connection, external_id, account_id FROM identity"
    if wanted is not None and len(wanted) <= _FEW:
        among, ids = bulk.among(tx, "account_id", wanted)
        rows = bulk.fetch(tx, f"{query} WHERE {among}", ids)
    else:
        rows = bulk.fetch(tx, query)
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    who = pl.DataFrame({
        name: pl.Series(column, dtype=pl.String)
        for name, column in zip(("connection", "external_id", "account_id"), columns, strict=True)
    })
    return who if wanted is None else who.filter(pl.col("account_id").is_in(wanted))
