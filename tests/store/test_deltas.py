"""Deltas: many accounts that are newer than the snapshot."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import polars as pl
import pytest

from steward.store import deltas, facts
from steward.store.database import Database

MINUTE = timedelta(minutes=1)


def frame(**scores: float | None) -> pl.DataFrame:
    return pl.DataFrame([{"account_id": name, "health.score": score, "account.segment": f"of {score}"}
                         for name, score in scores.items()],
                        schema={"account_id": pl.String, "health.score": pl.Float64, "account.segment": pl.String})


def show(database: Database, found: pl.DataFrame, at: datetime) -> None:
    pending = deltas.write(database, found, at)
    with database.write() as tx:
        deltas.show(tx, pending, found["account_id"])


def hot(database: Database, found: pl.DataFrame, at: datetime) -> None:
    with database.write() as tx:
        facts.save_hot(tx, found, at)


def known(database: Database, at: datetime | None = None, account_ids: list[str] | None = None) -> dict[str, float | None]:
    with database.read() as tx:
        found = facts.latest(tx, account_ids) if at is None else facts.known_at(tx, at)
    return dict(found.frame.select("account_id", "health.score").iter_rows()) if found else {}


def test_the_newest_of_snapshot_delta_and_hot_row_counts(database: Database, now: datetime) -> None:
    """A batch of calls changed some accounts, a call after it one of them; all others are as they were."""
    facts.save_snapshot(database, frame(a=1, b=1, c=1, d=1), now)
    hot(database, frame(b=2, c=2), now + MINUTE)
    show(database, frame(b=3, d=3, e=3), now + 2 * MINUTE)
    hot(database, frame(d=4), now + 3 * MINUTE)
    hot(database, frame(b=2.5), now + MINUTE)               # derived before the delta, saved after it

    assert known(database) == {"a": 1, "b": 3, "c": 2, "d": 4, "e": 3}
    assert known(database, account_ids=["b", "d"]) == {"b": 3, "d": 4}
    assert known(database, now + 2 * MINUTE) == {"a": 1, "b": 3, "c": 1, "d": 3, "e": 3}
    assert known(database, now + MINUTE) == {"a": 1, "b": 1, "c": 1, "d": 1}
    facts.save_snapshot(database, frame(a=9), now + 4 * MINUTE)
    assert known(database) == {"a": 9}


def test_a_delta_that_was_slower_than_a_snapshot_is_not_believed(database: Database, now: datetime) -> None:
    """Its worker read the records, was held up, and a sweep that had read newer ones went by."""
    facts.save_snapshot(database, frame(a=9), now + MINUTE)
    show(database, frame(a=1), now)

    assert known(database) == {"a": 9}


def test_grown_deltas_become_one_and_say_the_same(database: Database, now: datetime) -> None:
    """A thousand small files would be read slower than the snapshot."""
    facts.save_snapshot(database, frame(**{f"a{number}": 0 for number in range(10)}), now)
    show(database, frame(a1=1, a2=1), now + MINUTE)
    few = deltas.compact(database, now + MINUTE)
    show(database, frame(a2=2, a3=2), now + 2 * MINUTE)
    before = known(database)
    went = deltas.compact(database, now + 2 * MINUTE)
    with database.read() as tx:
        left = database.lake.visible(tx, "facts", "delta")

    assert (few, went, len(left)) == (0, 2, 1)
    assert known(database) == before == {**{f"a{number}": 0 for number in range(10)}, "a1": 1, "a2": 2, "a3": 2}


def test_old_deltas_go_with_the_days_that_nobody_asks_for(database: Database, now: datetime) -> None:
    """Those of the standing snapshot stay, however old it is."""
    facts.save_snapshot(database, frame(a=1), now)
    show(database, frame(a=2), now + MINUTE)
    facts.save_snapshot(database, frame(a=3), now + 2 * MINUTE)
    show(database, frame(a=4), now + 3 * MINUTE)
    with database.write() as tx:
        gone = facts.thin(tx, now + timedelta(days=9))

    assert gone == 2
    assert known(database) == {"a": 4}


def test_two_rows_of_one_account_are_refused(database: Database, now: datetime) -> None:
    """They would be two decisions."""
    with pytest.raises(ValueError, match="one row for each account"):
        deltas.write(database, pl.concat([frame(a=1), frame(a=2)]), now)


def test_whatever_comes_in_whatever_order_the_latest_is_known(database: Database, now: datetime) -> None:
    """Snapshots, deltas, hot rows and compaction by chance, beside a dictionary that cannot be wrong."""
    chance = random.Random(7)
    names = [f"a{number}" for number in range(6)]
    model: dict[str, float] = dict.fromkeys(names, 0.0)
    facts.save_snapshot(database, frame(**model), now)
    for step in range(1, 40):
        at = now + step * MINUTE
        some = {name: float(step) for name in chance.sample(names, chance.randint(1, 4))}
        what = chance.choice(("snapshot", "delta", "delta", "hot", "hot", "compact"))
        if what == "compact":
            deltas.compact(database, at)
            continue
        model |= some
        {"snapshot": lambda: facts.save_snapshot(database, frame(**model), at),  # noqa: B023  called at once
         "delta": lambda: show(database, frame(**some), at),  # noqa: B023  called at once
         "hot": lambda: hot(database, frame(**some), at)}[what]()  # noqa: B023  called at once

        assert known(database) == model, step
