"""Snapshots of facts."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from steward.store import facts
from steward.store.database import Database

DAY = timedelta(days=1)


def snapshot(now: datetime, **of: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(
        [{"account_id": account_id, "as_of.usage": now, **values} for account_id, values in of.items()],
        schema={"account_id": pl.String, "health.score": pl.Float64, "account.segment": pl.String, "support.open": pl.Int64,
                "renewal.on": pl.Date, "account.vip": pl.Boolean, "as_of.usage": pl.Datetime("us", "UTC")},
    )


def scores(found: facts.Snapshot | None) -> dict[str, float | None]:
    assert found
    return dict(found.frame.select("account_id", "health.score").iter_rows())


def test_what_was_saved_is_what_is_known(database: Database, now: datetime) -> None:
    """Types and Missing come back; texts are coded, so that conditions on them are quick."""
    frame = snapshot(now, b={"health.score": 60.5, "account.segment": "smb", "support.open": 3, "renewal.on": date(2026, 7, 1),
                             "account.vip": True}, a={})
    with database.read() as tx:
        assert facts.latest(tx) is None
    facts.save_snapshot(database, frame, now)
    with database.read() as tx:
        found = facts.latest(tx)

    assert found
    assert found.known_at == now
    assert found.frame.schema["account.segment"] == pl.Categorical
    assert_frame_equal(found.frame.with_columns(pl.col("account.segment").cast(pl.String)), frame.sort("account_id"))


def test_hot_rows_are_newer_than_the_snapshot_until_the_next(database: Database, now: datetime) -> None:
    """A webhook changed one account; the other 20,000 are as they were."""
    facts.save_snapshot(database, snapshot(now, a={"health.score": 1}, b={"health.score": 2}), now)
    hot = snapshot(now + DAY, b={"health.score": 22.5, "account.segment": "new", "renewal.on": date(2026, 7, 1)},
                   c={"support.open": 4})
    with database.write() as tx:
        facts.save_hot(tx, hot, now + DAY)
    with database.read() as tx:
        between = facts.latest(tx)
        one = facts.latest(tx, ["b"])
    facts.save_snapshot(database, snapshot(now, a={"health.score": 5}), now + 2 * DAY)
    with database.read() as tx:
        after = facts.latest(tx)

    assert between
    assert between.known_at == now + DAY
    assert scores(between) == {"a": 1, "b": 22.5, "c": None}
    row = between.frame.row(1, named=True)
    assert (row["account.segment"], row["renewal.on"], row["as_of.usage"]) == ("new", date(2026, 7, 1), now + DAY)
    assert scores(one) == {"b": 22.5}
    assert scores(after) == {"a": 5}


def test_a_hot_row_that_came_during_a_derivation_outlives_it(database: Database, now: datetime) -> None:
    """The snapshot was read before the webhook came; it must not undo what the webhook said."""
    pending = facts.write_snapshot(database, snapshot(now, a={"health.score": 1}), now)
    with database.write() as tx:
        facts.save_hot(tx, snapshot(now, a={"health.score": 9}), now + timedelta(seconds=1))
    with database.write() as tx:
        facts.show_snapshot(tx, pending)
    with database.read() as tx:
        assert scores(facts.latest(tx)) == {"a": 9}


def test_an_older_hot_row_does_not_overwrite_a_newer(database: Database, now: datetime) -> None:
    """Two webhooks of one account, handled by two workers, the slower one with the older news."""
    with database.write() as tx:
        facts.save_hot(tx, snapshot(now, a={"health.score": 2}), now + DAY)
        facts.save_hot(tx, snapshot(now, a={"health.score": 1}), now)
    with database.read() as tx:
        found = facts.latest(tx)

    assert scores(found) == {"a": 2}


def test_a_hot_row_that_was_slower_than_a_snapshot_is_not_believed(database: Database, now: datetime) -> None:
    """A webhook's worker read the records, was held up, and a sweep that had read newer ones went by."""
    facts.save_snapshot(database, snapshot(now, a={"health.score": 9}), now + DAY)
    with database.write() as tx:
        facts.save_hot(tx, snapshot(now, a={"health.score": 1}), now)
    with database.read() as tx:
        assert scores(facts.latest(tx)) == {"a": 9}
        assert scores(facts.latest(tx, ["a"])) == {"a": 9}


def test_every_snapshot_is_kept(database: Database, now: datetime) -> None:
    """An explanation of last month's alert shows what was known then."""
    for number in range(3):
        facts.save_snapshot(database, snapshot(now, a={"health.score": number}), now + number * DAY)
    with database.read() as tx:
        history = facts.history(tx)
        then = facts.known_at(tx, now + DAY + timedelta(hours=1))
        never = facts.known_at(tx, now - DAY)
        latest = facts.latest(tx)

    assert history == [now, now + DAY, now + 2 * DAY]
    assert (scores(then), scores(latest), never) == ({"a": 1}, {"a": 2}, None)


def test_a_snapshot_has_one_row_for_each_account(database: Database, now: datetime) -> None:
    """Two rows would be two decisions."""
    twice = pl.concat([snapshot(now, a={}), snapshot(now, a={})])

    with pytest.raises(ValueError, match="one row for each account"):
        facts.save_snapshot(database, twice, now)


def test_a_file_that_was_not_shown_is_not_known(database: Database, now: datetime) -> None:
    """The evaluation died before its transaction."""
    facts.write_snapshot(database, snapshot(now, a={}), now)
    with database.read() as tx:
        assert facts.latest(tx) is None


def test_of_old_days_the_last_snapshot_stays(database: Database, now: datetime) -> None:
    """A sweep every quarter of an hour would fill the disk; a backtest asks for days."""
    hours = [0, 5, 24, 30, 24 * 5, 24 * 5 + 1]
    start = now.replace(hour=1)
    for hour in hours:
        facts.save_snapshot(database, snapshot(now, a={"health.score": float(hour)}), start + timedelta(hours=hour))

    with database.write() as tx:
        gone = facts.thin(tx, start + timedelta(hours=24 * 5 + 2))
        kept = facts.history(tx)
        standing = facts.latest(tx)

    assert gone == 2
    assert kept == [start + timedelta(hours=hour) for hour in (5, 30, 24 * 5, 24 * 5 + 1)]
    assert scores(standing) == {"a": float(24 * 5 + 1)}
