"""Facts of contacts and opportunities: snapshots of all, newer rows of single accounts."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from steward.store import facts, subject_facts
from steward.store.database import Database

MINUTE = timedelta(minutes=1)
SCHEMA = {"account_id": pl.String, "subject_id": pl.String, "connection": pl.String, "external_id": pl.String,
          "opportunity.stage": pl.String, "opportunity.amount": pl.Float64, "opportunity.close_on": pl.Date,
          "as_of.crm": pl.Datetime("us", "UTC")}


def deals(now: datetime, **stages: str) -> pl.DataFrame:
    """ "a1" is the first opportunity of account "a"."""
    rows: list[dict[str, Any]] = [
        {"account_id": name[0], "subject_id": f"opp_{name}", "connection": "crm", "external_id": name, "as_of.crm": now,
         "opportunity.stage": stage, "opportunity.close_on": date(2026, 4, 1)} for name, stage in stages.items()]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def keep(database: Database, frame: pl.DataFrame, now: datetime) -> None:
    pending = subject_facts.write(database, "opportunity", frame, now)
    with database.write() as tx:
        subject_facts.show(tx, pending)


def stages(database: Database, account_ids: list[str] | None = None) -> dict[str, str] | None:
    with database.read() as tx:
        found = facts.subjects(tx, "opportunity", account_ids)
    return None if found is None else dict(found.select("external_id", "opportunity.stage").iter_rows())


def test_nothing_is_known_before_the_first_derivation(database: Database) -> None:
    """A playbook over opportunities waits; it does not see an empty company."""
    assert stages(database) is None


def test_one_account_is_newer_than_the_snapshot_also_where_it_has_none_left(database: Database, now: datetime) -> None:
    """A webhook closed the only deal of "b" and opened a second one at "a"; "c" is as it was."""
    keep(database, deals(now, a1="open", b1="open", c1="open"), now)
    with database.write() as tx:
        subject_facts.save_hot(tx, "opportunity", ["a", "b"], deals(now, a1="won", a2="open"), now + MINUTE)
        subject_facts.save_hot(tx, "opportunity", ["a"], deals(now, a1="older"), now)

    assert stages(database) == {"a1": "won", "a2": "open", "c1": "open"}
    assert stages(database, ["b"]) == {}
    assert stages(database, ["a"]) == {"a1": "won", "a2": "open"}
    keep(database, deals(now, a1="lost"), now + 2 * MINUTE)
    assert stages(database) == {"a1": "lost"}


def test_types_and_missing_values_come_back(database: Database, now: datetime) -> None:
    """Days stay days, and what is not known is not zero."""
    keep(database, deals(now, a1="open"), now)
    with database.write() as tx:
        subject_facts.save_hot(tx, "opportunity", ["b"], deals(now, b1="open"), now)
    with database.read() as tx:
        found = facts.subjects(tx, "opportunity")

    assert found is not None
    assert found["opportunity.close_on"].to_list() == [date(2026, 4, 1)] * 2
    assert found["opportunity.amount"].to_list() == [None, None]
    assert found["as_of.crm"].to_list() == [now, now]
    assert found["subject_id"].to_list() == ["opp_a1", "opp_b1"]


def test_only_hot_rows_are_known_until_the_first_snapshot(database: Database, now: datetime) -> None:
    """The playbook was switched on between two sweeps, and a webhook came first."""
    with database.write() as tx:
        subject_facts.save_hot(tx, "opportunity", ["a"], deals(now, a1="open"), now)

    assert stages(database) == {"a1": "open"}


def test_one_subject_stands_once(database: Database, now: datetime) -> None:
    """Two rows would be two decisions."""
    with pytest.raises(ValueError, match="one row for each opportunity"):
        subject_facts.write(database, "opportunity", pl.concat([deals(now, a1="x")] * 2), now)


def test_old_days_of_each_kind_keep_their_last(database: Database, now: datetime) -> None:
    """An explanation of last month's alert about a deal shows what was known then."""
    for hour in (0, 1, 96):
        keep(database, deals(now, a1=str(hour)), now.replace(hour=1) + timedelta(hours=hour))
    with database.write() as tx:
        assert facts.thin(tx, now + timedelta(days=5)) == 1
