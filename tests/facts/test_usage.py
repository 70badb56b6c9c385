"""Windows over daily usage, held against a plain reading of their definitions."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from statistics import median
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from steward.facts import usage
from steward.facts.catalog import catalog

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
LAST = date(2026, 3, 4)
METRIC = "active_users"
Days = dict[int, float | None]                               # age in days -> value; None: the row is there, empty


def facts(accounts: dict[str, Days], feed: set[int] | None = None, metric: str = METRIC) -> dict[str, dict[str, Any]]:
    """The usage facts of each account; the feed's days are those of all accounts and `feed`."""
    rows = [(name, LAST - timedelta(days=age), value) for name, days in accounts.items() for age, value in days.items()]
    frame = pl.DataFrame(rows, schema={"account_id": pl.String, "day": pl.Date, metric: pl.Float64}, orient="row")
    ages = {age for days in accounts.values() for age in days} | (feed or set())
    found = usage.facts(frame, [metric], [LAST - timedelta(days=age) for age in ages], NOW)
    return {row["account_id"]: row for row in found.iter_rows(named=True)}


def steady(value: float, ages: range) -> Days:
    return dict.fromkeys(ages, value)


def test_the_windows_end_with_the_last_whole_day() -> None:
    """Today is not over: counting it would show a drop every morning."""
    found = facts({"a": {**steady(2.0, range(180)), -1: 1.0}})["a"]

    assert found["as_of.usage"] == datetime(2026, 3, 5, tzinfo=UTC)
    assert (found[f"usage.{METRIC}.sum_7d"], found[f"usage.{METRIC}.sum_28d"], found[f"usage.{METRIC}.sum_90d"]) == (14, 56, 180)
    assert (found[f"usage.{METRIC}.avg_28d"], found[f"usage.{METRIC}.change_90d"]) == (2, 0)
    assert found[f"usage.{METRIC}.slope_90d"] == pytest.approx(0)


def test_a_day_that_names_others_is_a_day_without_use() -> None:
    """Quiet decline is silence in the feed; it must read as zero, not as nothing."""
    found = facts({"quiet": steady(4.0, range(28, 180)), "other": steady(1.0, range(180))})["quiet"]

    assert (found[f"usage.{METRIC}.sum_28d"], found[f"usage.{METRIC}.change_28d"]) == (0, -1)
    assert found[f"usage.{METRIC}.days_since_last"] == 28


def test_a_day_that_names_nobody_is_a_gap_and_not_zero() -> None:
    """When the feed breaks for ten days, no customer has stopped working."""
    gap = set(range(3, 13))
    found = facts({"a": {age: 4.0 for age in range(180) if age not in gap}})["a"]

    assert (found[f"usage.{METRIC}.avg_28d"], found[f"usage.{METRIC}.change_28d"]) == (4, 0)
    assert found[f"usage.{METRIC}.slope_90d"] == pytest.approx(0)
    assert found[f"usage.{METRIC}.sum_7d"] is None           # 3 days of 7 are too few to say anything


def test_an_account_younger_than_the_window_before_has_no_change() -> None:
    """A customer of five weeks did not grow by 400 %; it began."""
    found = facts({"new": steady(5.0, range(35)), "old": steady(1.0, range(180))})["new"]

    assert (found[f"usage.{METRIC}.change_28d"], found[f"usage.{METRIC}.avg_90d"]) == (None, 5)
    assert (found[f"usage.{METRIC}.change_7d"], found["usage.history_days"]) == (0, 35)


def test_from_zero_there_is_no_change() -> None:
    """No division by zero, no infinite growth."""
    found = facts({"a": {**steady(0.0, range(28, 180)), **steady(3.0, range(28))}})["a"]

    assert found[f"usage.{METRIC}.change_28d"] is None


def test_an_account_that_the_feed_never_named_is_unknown() -> None:
    """A wrong id in the CRM must not look like a customer who left."""
    assert "b" not in facts({"a": steady(1.0, range(180))})
    assert "b" not in facts({"a": steady(1.0, range(180)), "b": {200: 3.0}})


def test_a_metric_that_only_another_feed_has_is_unknown() -> None:
    """Two products, two feeds: an account of one is not at zero in the other."""
    found = facts({"a": dict.fromkeys(range(180)), "b": steady(1.0, range(180))})["a"]

    assert found[f"usage.{METRIC}.sum_28d"] is None
    assert found[f"usage.{METRIC}.days_since_last"] is None


def test_a_weekly_feed_is_read_by_its_own_pace() -> None:
    """A company may count once a week; six days in seven are then no gap."""
    found = facts({"a": {age: 10.0 if age < 28 else 20.0 for age in range(0, 180, 7)}})["a"]

    assert (found[f"usage.{METRIC}.sum_28d"], found[f"usage.{METRIC}.avg_28d"]) == (40, 10)
    assert found[f"usage.{METRIC}.change_28d"] == pytest.approx(-0.5)


def test_two_rows_of_a_day_are_added_up() -> None:
    """Two workspaces of one account are one customer."""
    frame = pl.DataFrame({"account_id": ["a", "a"], "day": [LAST, LAST], METRIC: [2, 3]})
    days = [LAST - timedelta(days=age) for age in range(7)]

    assert usage.facts(frame, [METRIC], days, NOW)[f"usage.{METRIC}.sum_7d"].to_list() == [5]


def test_features_used_leaves_out_who_came() -> None:
    """Breadth is what people do; logging in is not a feature."""
    frame = pl.DataFrame([(LAST - timedelta(days=age), 5, 1, 0, int(age > 28)) for age in range(40)], orient="row",
                         schema=["day", "logins", "reports", "exports", "api_calls"])
    found = usage.facts(frame.with_columns(account_id=pl.lit("a")), ["logins", "reports", "exports", "api_calls"],
                        frame["day"].to_list(), NOW)

    assert found["usage.features_used_28d"].to_list() == [1]


def test_no_feed_means_no_facts() -> None:
    """Before the first drop arrives nothing is known, and nothing breaks."""
    empty = pl.DataFrame(schema={"account_id": pl.String, "day": pl.Date, METRIC: pl.Float64})

    assert usage.facts(empty, [METRIC], [], NOW).height == 0
    assert usage.facts(empty, [METRIC], [LAST], NOW).height == 0


def plainly(days: Days, feed: set[int]) -> dict[str, float | None]:
    """The same facts, read off their definitions one by one."""
    within = sorted(age for age in feed if 0 <= age < 180)
    gaps = [right - left for left, right in pairwise(within)]
    pace = median(gaps) if gaps else 1

    def there(start: int, end: int) -> bool:
        return len([age for age in within if start <= age < end]) >= max(1, (end - start) / pace / 2)

    first = max(age for age in days if 0 <= age < 180)
    seen = {age: days.get(age) or 0.0 for age in within if age <= first}
    named = any(value is not None for age, value in days.items() if age < 180)
    found: dict[str, float | None] = {}
    for size in (7, 28, 90):
        now = [value for age, value in seen.items() if age < size]
        before = [value for age, value in seen.items() if size <= age < 2 * size]
        known = named and there(0, size)
        found[f"sum_{size}d"] = sum(now) if known else None
        found[f"avg_{size}d"] = sum(now) / len(now) if known else None
        long = there(0, size) and there(size, 2 * size) and first >= 2 * size - 1 - size // 4
        comparable = named and long and sum(before) > 0
        found[f"change_{size}d"] = sum(now) / len(now) / (sum(before) / len(before)) - 1 if comparable else None
    points = [(-age, value) for age, value in seen.items() if age < 90]
    found["slope_90d"] = None
    if named and there(0, 90) and len(points) > 2 and first >= 27:
        mean_x, mean_y = (sum(part) / len(points) for part in zip(*points, strict=True))
        found["slope_90d"] = sum((x - mean_x) * (y - mean_y) for x, y in points) / sum((x - mean_x) ** 2 for x, _ in points)
    used = [max(0, age) for age, value in days.items() if value and value > 0 and age < 180]
    found["days_since_last"] = min(used, default=None)
    return found


ACCOUNT = st.dictionaries(st.integers(-2, 200), st.one_of(st.none(), st.integers(0, 50).map(float)), min_size=1, max_size=200)
FEED = st.one_of(
    st.just(set(range(180))), st.just(set(range(0, 180, 7))), st.sets(st.integers(0, 185)),
    st.tuples(st.integers(0, 170), st.integers(1, 40)).map(lambda gap: set(range(180)) - set(range(gap[0], sum(gap)))),
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(accounts=st.lists(ACCOUNT, min_size=1, max_size=4), feed=FEED)
def test_every_window_agrees_with_its_definition(accounts: list[Days], feed: set[int]) -> None:
    """A wrong change of usage is a wrong call to a customer; so an oracle that is too simple to be wrong decides."""
    named = {str(number): days for number, days in enumerate(accounts)}
    feed = feed | {0} | {age for days in accounts for age in days}
    found = facts(named, feed)

    assert set(found) == {name for name, days in named.items() if any(0 <= age < 180 for age in days)}
    for name, row in found.items():
        for what, expected in plainly(named[name], feed).items():
            wanted = expected if expected is None else pytest.approx(expected, rel=1e-9, abs=1e-9)
            assert row[f"usage.{METRIC}.{what}"] == wanted, (name, what)


def test_every_usage_fact_of_the_catalog_is_made() -> None:
    """What the catalog promises for a metric, the feed with that metric brings."""
    found = facts({"a": steady(3.0, range(180))}, metric="exports")["a"]
    promised = {name for name, spec in catalog(["exports"]).items() if name.startswith("usage.")}

    assert promised == {name for name in found if name.startswith("usage.")}
    assert all(found[name] is not None for name in promised)
