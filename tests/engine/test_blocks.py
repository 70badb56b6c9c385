"""Many days in one go say what each day by itself would have said."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from steward.engine.batch import verdicts
from steward.engine.blocks import Changes, Packing, block, freshen_block
from steward.engine.expression import Expression, Leaf
from steward.engine.freshness import freshen
from steward.model.facts import FactSpec, FactType

START, DAY = datetime(2026, 3, 5, 8, tzinfo=UTC), timedelta(days=1)
BOUND = timedelta(hours=26)
CATALOG = {
    "health.score": FactSpec("health.score", FactType.NUMBER, "", "", "health", fresh_within=BOUND),
    "health.trend": FactSpec("health.trend", FactType.NUMBER, "", "", "health", fresh_within=BOUND),
    "crm.size": FactSpec("crm.size", FactType.INTEGER, "", "", "crm", fresh_within=timedelta(days=3)),
    "ageless": FactSpec("ageless", FactType.NUMBER, "", "", "none"),
    "lost.feed": FactSpec("lost.feed", FactType.NUMBER, "", "", "lost", fresh_within=BOUND),
}


def test_each_row_is_freshened_at_its_own_instant_to_the_microsecond() -> None:
    """What is as old as its bound is fresh still, in a backtest as in the nightly run."""
    ages = [timedelta(0), BOUND, BOUND + timedelta(microseconds=1), None]
    days = []
    for day in range(4):
        now = START + day * DAY
        as_of = pl.Series([None if age is None else now - age for age in ages], dtype=pl.Datetime("us", "UTC"))
        days.append((now, pl.DataFrame({
            "account_id": list("abcd"), "health.score": [1.0, 2.0, 3.0, float("nan")], "health.trend": [None, 1.0, 2.0, 3.0],
            "crm.size": [1, 2, 3, 4], "ageless": [float("nan"), 1.0, 2.0, None], "lost.feed": [1.0] * 4,
            "as_of.health": as_of, "as_of.crm": as_of - timedelta(days=2)})))
    played = block(days)
    whole = freshen_block(played.frame, frozenset(CATALOG), CATALOG)

    for day, (now, frame) in enumerate(days):
        alone = freshen(frame, CATALOG, CATALOG, now).select("account_id", *CATALOG)
        assert whole.filter(pl.col("day") == day).select(alone.columns).equals(alone)


@pytest.mark.parametrize("count", [1, 39, 40, 100])
def test_verdicts_come_back_from_the_numbers_they_were_packed_into(count: int) -> None:
    """A number holds 39 of them; the fortieth must not run into the first."""
    chance = random.Random(7)
    frame = pl.DataFrame({"ageless": [chance.choice([None, 0.0, 1.0, 2.0]) for _ in range(200)]})
    conditions: dict[str, Expression] = {
        f"c{at}": Leaf("ageless", "<", (chance.choice([0.0, 1.0, 2.0]),), "") for at in range(count)}
    packing = Packing(conditions)
    rows = packing.pack(frame).select(packing.columns).rows()

    assert [packing.unpack(codes) for codes in rows] == verdicts(frame, conditions).to_dicts()
    assert packing.unpack(rows[0]) is packing.unpack(rows[0])


@pytest.mark.parametrize("size", [1, 2, 5])
def test_who_comes_changes_goes_and_comes_back_is_told_on_its_day(size: int) -> None:
    """Whether the days come in one block or in many."""
    told = {"same": "aaaaa", "once": "abbbb", "late": "__aab", "left": "aa___", "back": "a__aa", "gap": "ab_b_"}
    changes, out = Changes("account_id", ("value",)), []
    for first in range(0, 5, size):
        days = range(first, min(first + size, 5))
        rows = [(name, day - first, each[day]) for day in days for name, each in told.items() if each[day] != "_"]
        frame = pl.DataFrame(rows, schema={"account_id": pl.String, "day": pl.Int32, "value": pl.String}, orient="row")
        out += list(changes.of(frame, len(days)))

    assert [{name: value for name, (value,) in changed.items()} for changed, _ in out] == [
        {"same": "a", "once": "a", "left": "a", "back": "a", "gap": "a"}, {"once": "b", "gap": "b"}, {"late": "a"},
        {"back": "a", "gap": "b"}, {"late": "b"}]
    assert [sorted(gone) for _, gone in out] == [[], ["back"], ["gap", "left"], [], ["gap"]]


def test_contacts_are_told_apart_by_their_own_id() -> None:
    """Two people of one customer are two subjects."""
    day = pl.DataFrame({"account_id": ["a", "a"], "subject_id": ["p", "q"]})

    assert block([(START, day)]).ids == "subject_id"
    assert block([(START, day.drop("subject_id"))]).ids == "account_id"
    assert block([(START, day), (START + DAY, day.head(0)), (START + 2 * DAY, day.head(1))]).heights == [2, 0, 1]
