"""What is published, when, and in which way; the rows go through the outbox as every action does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from steward.contracts import Connector
from steward.kit.published import rows_of
from steward.model.actions import DeliveryClass, ExtendTable, PublishTable, Receipt, RefreshDataset
from steward.model.errors import ConfigError, RecordRejected
from steward.pipeline.publish import due, publish
from steward.pipeline.tabulate import tabulate
from steward.settings import PublishBlock, Settings
from steward.store import facts, outbox, publications
from steward.store.database import Database

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
A, B, C = DeliveryClass.A, DeliveryClass.B, DeliveryClass.C

on_one = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)     # nothing in it depends on the database


def _connector(name: str, **actions: DeliveryClass) -> Connector:
    def absent(*_: object) -> Any:
        raise AssertionError("publishing connects to nothing")

    return Connector(name, name.title(), absent, absent, absent, actions=actions)


CONNECTORS = {"tableau": _connector("tableau", publish_table=A, extend_table=A),
              "powerbi": _connector("powerbi", publish_table=B, refresh_dataset=C), "slack": _connector("slack", message=C)}


def settings(**blocks: PublishBlock) -> Settings:
    return Settings(publish=blocks)


@pytest.fixture
def db(database: Database) -> Database:
    """A company of two accounts with 20 days behind it."""
    for back in range(20):
        facts.save_snapshot(database, pl.DataFrame({"account_id": ["a", "b"], "account.arr": [100.0 + back, 5.25]}),
                            NOW - timedelta(days=19 - back))
    tabulate(database, Settings(), NOW)
    return database


def queued(db: Database, connection: str = "tableau") -> list[Any]:
    with db.read() as tx:
        return [row.action for row in outbox.list_(tx, connection=connection)]


def deliver_all(db: Database, now: datetime, *, but: str = "") -> None:
    """As the sink would: everything arrives, except the table `but`."""
    while True:
        with db.write() as tx:
            claims = outbox.claim(tx, now, 10, 30, slow=True)
            for claimed in claims:
                begun = outbox.sending(tx, claimed, now, 60)
                assert begun
                if claimed.row.action.table == but:
                    outbox.fail(tx, begun, now, "no")
                else:
                    outbox.complete(tx, begun, Receipt(external_id="1", delivered_at=now), now)
        if not claims:
            return


def test_a_period_is_published_once(db: Database) -> None:
    """A flow that runs every hour, or twice at once, sends a dashboard its data once a day."""
    company = settings(tableau=PublishBlock(tables=("dim_person", "fact_account_day")))

    first = publish(db, company, CONNECTORS, NOW)
    again = publish(db, company, CONNECTORS, NOW + timedelta(hours=3))
    tomorrow = publish(db, company, CONNECTORS, NOW + timedelta(hours=17))

    assert first.queued == {"tableau": {"dim_person": 0, "fact_account_day": 40}}
    assert again.queued == {}
    assert list(tomorrow.queued) == ["tableau"]
    assert publish(db, company, CONNECTORS, NOW + timedelta(hours=3), anew=True).queued["tableau"]["fact_account_day"] == 40
    with db.read() as tx:
        assert outbox.conservation(tx).holds
        assert {row.delivery_class for row in outbox.list_(tx)} == {A}


@on_one
def test_each_connection_has_its_own_tables_days_and_pace(db: Database) -> None:
    """Power BI takes a year of the accounts, Tableau all of it every hour."""
    company = settings(tableau=PublishBlock(tables=("fact_account_day",), every=timedelta(hours=1)),
                       powerbi=PublishBlock(tables=("fact_account_day", "dim_date"), days=3))

    assert publish(db, company, CONNECTORS, NOW).queued == {
        "tableau": {"fact_account_day": 40}, "powerbi": {"fact_account_day": 6, "dim_date": 735}}
    assert list(due(db, company, CONNECTORS, NOW + timedelta(hours=1))) == ["tableau"]
    assert publish(db, company, CONNECTORS, NOW + timedelta(hours=1), names=["powerbi"]).queued == {}


@on_one
def test_the_rows_are_those_of_one_moment_and_never_change(db: Database) -> None:
    """What is sent again after a crash must be what was sent before."""
    publish(db, settings(tableau=PublishBlock(tables=("fact_account_day",))), CONNECTORS, NOW)
    facts.save_snapshot(db, pl.DataFrame({"account_id": ["a"], "account.arr": [1.0]}), NOW + timedelta(hours=1))
    tabulate(db, Settings(), NOW + timedelta(hours=2))
    [action] = queued(db)

    frame = rows_of(action)
    assert isinstance(action, PublishTable)
    assert (frame.height, action.rows, action.as_of) == (40, 40, NOW)
    assert frame.filter(pl.col("day") == NOW.date())["arr"].sum() == frame["arr"].max() + frame["arr"].min()

    Path(action.file).write_bytes(b"other")
    with pytest.raises(RecordRejected, match="is gone or damaged"):
        rows_of(action)


def test_what_only_grows_is_extended_and_goes_whole_once_a_week(db: Database) -> None:
    """Two years of days need not travel every night; what drifted apart is whole again after a week."""
    company = settings(tableau=PublishBlock(tables=("fact_account_day", "dim_person")))
    made = []
    for day in range(9):
        publish(db, company, CONNECTORS, NOW + timedelta(days=day))
        made += [type(action).__name__ for action in queued(db)[-2:] if action.table == "fact_account_day"]
        last = next(action for action in reversed(queued(db)) if action.table == "fact_account_day")
        deliver_all(db, NOW + timedelta(days=day))
        if day == 1:
            assert isinstance(last, ExtendTable)
            assert last.since == NOW.date() - timedelta(days=3)
            assert rows_of(last)["day"].min() == last.since

    assert made == ["PublishTable", *["ExtendTable"] * 6, "PublishTable", "ExtendTable"]
    assert {type(action).__name__ for action in queued(db) if action.table == "dim_person"} == {"PublishTable"}


@on_one
def test_what_did_not_arrive_is_not_built_upon(db: Database) -> None:
    """After a gap the whole goes out."""
    company = settings(tableau=PublishBlock(tables=("fact_account_day",)))
    publish(db, company, CONNECTORS, NOW)
    deliver_all(db, NOW)
    publish(db, company, CONNECTORS, NOW + timedelta(days=1))
    deliver_all(db, NOW + timedelta(days=1), but="fact_account_day")
    publish(db, company, CONNECTORS, NOW + timedelta(days=2))

    assert [type(action).__name__ for action in queued(db)] == ["PublishTable", "ExtendTable", "PublishTable"]


@on_one
def test_a_refresh_is_asked_for_instead_of_rows(db: Database) -> None:
    """A dataset that reads the views by itself needs only a word."""
    company = settings(powerbi=PublishBlock(refresh=True))

    assert publish(db, company, CONNECTORS, NOW).queued == {"powerbi": {"": 0}}
    [action] = queued(db, "powerbi")
    assert isinstance(action, RefreshDataset)
    assert not list(publications.folder(db.data_dir).glob("*"))


def test_no_message_waits_behind_a_table(db: Database) -> None:
    """A table takes minutes; an escalation must not."""
    publish(db, settings(tableau=PublishBlock(tables=("dim_person",))), CONNECTORS, NOW)
    with db.write() as tx:
        assert outbox.claim(tx, NOW, 10, 30) == []
        assert outbox.next_due(tx) is None
        assert outbox.next_due(tx, slow=True) == NOW
        assert [claimed.row.action.table for claimed in outbox.claim(tx, NOW, 10, 30, slow=True)] == ["dim_person"]


@on_one
@pytest.mark.parametrize(("blocks", "names", "said"), [
    ({}, (), "publishes to nobody"),
    ({"tablau": PublishBlock()}, (), r'publish.tablau: there is no connection "tablau". Did you mean "tableau"\?'),
    ({"slack": PublishBlock()}, (), 'publish.slack: Slack cannot do "publish_table"'),
    ({"tableau": PublishBlock(refresh=True)}, (), 'Tableau cannot do "refresh_dataset"'),
    ({"tableau": PublishBlock(tables=("dim_acount",))}, (), 'there is no table "dim_acount". Did you mean "dim_account"'),
    ({"tableau": PublishBlock()}, ("powerbi",), '`publish` has no "powerbi"'),
])
def test_what_is_wrong_in_the_settings_is_said(db: Database, blocks: Any, names: Any, said: str) -> None:
    """Which key, and what to write."""
    with pytest.raises(ConfigError, match=said):
        publish(db, settings(**blocks), CONNECTORS, NOW, names=names)

    assert queued(db) == []


@on_one
def test_files_that_nobody_needs_go(db: Database) -> None:
    """A year of nights must not fill the disk; what may still be sent stays."""
    import os

    company = settings(tableau=PublishBlock(tables=("fact_account_day",)))
    publish(db, company, CONNECTORS, NOW)
    deliver_all(db, NOW)
    publish(db, company, CONNECTORS, NOW + timedelta(days=30))
    old, new = (Path(action.file) for action in queued(db))
    os.utime(old, (1, 1))
    with db.write() as tx:
        assert publications.sweep(tx, db.data_dir, NOW + timedelta(days=30)) == 1

    assert not old.exists()
    assert new.exists()


@on_one
def test_days_are_counted_in_the_companys_zone(db: Database) -> None:
    """The last day is today, where the company is."""
    from steward.settings import Company

    company = Settings(company=Company(timezone="Pacific/Auckland"),
                       publish={"tableau": PublishBlock(tables=("fact_account_day",), days=1)})
    late = datetime(2026, 3, 5, 12, tzinfo=UTC)             # already the sixth there

    assert publish(db, company, CONNECTORS, late).queued == {"tableau": {"fact_account_day": 0}}

