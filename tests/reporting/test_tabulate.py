"""What reports read, on both databases: right to the cent, right to the day, safe to do again."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from sqlalchemy import text

from steward.pipeline.tabulate import _offsets, tabulate
from steward.reporting import STAR
from steward.settings import Company, Settings
from steward.store import reporting, reporting_views
from steward.store.database import Database

D = Decimal


def _frame(told: Any, name: str, since: date | None = None) -> pl.DataFrame:
    with told.db.read() as tx:
        return reporting.frame(tx, STAR[name], since)


def test_money_is_exact_to_the_cent(told: Any) -> None:
    """Finance compares the sum with its own: floats that nearly add up are found out."""
    rows = _frame(told, "fact_account_day")
    found = {day: rows.filter(day=day)["arr"].to_list() for day in rows["day"].unique()}
    by_id = dict(zip(told.ids, range(6), strict=True))
    order = [by_id[each] for each in rows.filter(day=date(2026, 3, 31))["account_id"]]
    last = dict(zip(order, found[date(2026, 3, 31)], strict=True))

    assert rows.schema["arr"] == pl.Decimal(18, 2)
    assert last == {0: D("1234567.90"), 1: D("59999.99"), 2: D("10.10"), 3: D("7.00"), 4: D("12.34"), 5: None}
    assert sum(each for each in found[date(2026, 3, 29)] if each) == D("100000060012.63")
    assert set(rows["currency"]) == {"EUR"}


def test_movements_add_up_to_what_is(told: Any) -> None:
    """The waterfall of the board deck must end where ARR stands."""
    rows = _frame(told, "fact_revenue_movement")
    days = _frame(told, "fact_account_day")
    for account in told.ids:
        moved = rows.filter(account_id=account)
        stands = days.filter(account_id=account)["arr"].drop_nulls()

        assert (moved["arr_change"].sum() or 0) == (stands[-1] if len(stands) else 0), account
    kinds = {at: rows.filter(account_id=each)["kind"].to_list() for at, each in enumerate(told.ids)}
    assert kinds == {0: ["opening", "expansion"], 1: ["opening", "contraction"], 2: ["opening", "churn", "return"],
                     3: ["opening"], 4: ["opening"], 5: []}


def test_missing_is_null_and_never_zero(told: Any) -> None:
    """An account whose health is not known must not drag the average to the floor."""
    last = _frame(told, "fact_account_day", date(2026, 3, 31))
    unknown = last.filter(pl.col("account_id") == told.ids[5]).to_dicts()[0]

    assert last.height == 6
    assert [unknown[name] for name in ("arr", "health_score", "open_tickets", "renewal_on", "csm_email")] == [None] * 5
    assert last.filter(pl.col("account_id") == told.ids[2])["health_score"].to_list() == [0.0]


def test_days_are_the_companys_and_instants_utc(told: Any) -> None:
    """An alert at half past midnight in Berlin belongs to that day, not to the day before."""
    enrollment = _frame(told, "fact_enrollment").filter(pl.col("outcome") == "goal_met").to_dicts()[0]

    assert enrollment["entered_at"] == datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    assert enrollment["entered_on"] == date(2026, 3, 29)
    assert enrollment["closed_on"] == date(2026, 4, 1)      # summer time since the 29th
    assert enrollment["acknowledged_at"] == datetime(2026, 3, 29, 0, 30, tzinfo=UTC)
    assert _frame(told, "fact_decision")["decided_on"].to_list() == [date(2026, 3, 29)]


def test_what_was_done_stands_with_its_proof(told: Any) -> None:
    """Who asks what the tool did sees the target's own name of it and how safely it was done."""
    action = _frame(told, "fact_action").to_dicts()[0]
    blocked = _frame(told, "fact_enrollment").filter(pl.col("state") == "blocked").to_dicts()[0]
    feed = _frame(told, "fact_feed").to_dicts()[0]
    playbooks = {each["version"]: each for each in _frame(told, "dim_playbook").to_dicts()}

    assert (action["state"], action["delivery_class"], action["receipt"], action["was_found"]) == ("delivered", "C", "C1/17", False)
    assert (blocked["blocked_by"], blocked["outcome"], blocked["entered_on"]) == ("silenced", None, None)
    assert (feed["records_read"], feed["rows_refused"], feed["complete_until"]) == (6, 1, told.now)
    assert [(each["title"], each["is_current"], each["has_goal"]) for each in playbooks.values()
            if each["version"] == "0ld"] == [("drop", False, True)]
    assert [each["title"] for each in playbooks.values() if each["is_current"]] == ["Health drops"]


def test_people_and_days_of_the_calendar(told: Any) -> None:
    """Dimensions are what every chart is grouped by."""
    people = _frame(told, "dim_person").rows()
    days = {each["day"]: each for each in _frame(told, "dim_date").to_dicts()}

    assert people == [("ana@us.test", "Ana", None, True), ("ben@us.test", "Ben", "=Boss", False)]
    assert [days[date(2026, 4, day)]["is_workday"] for day in (2, 3, 6, 7)] == [True, False, False, True]   # Easter
    for day, row in days.items():
        year, week, weekday = day.isocalendar()
        assert (row["iso_year"], row["iso_week"], row["weekday"]) == (year, week, weekday), day
        assert (row["year"], row["month"], row["quarter"]) == (day.year, day.month, (day.month + 2) // 3)
        assert row["is_month_end"] is ((day + timedelta(days=1)).day == 1)


def test_doing_it_again_changes_nothing(told: Any) -> None:
    """A flow may run twice."""
    before = {name: _frame(told, name) for name in STAR.names if name != "about"}

    report = tabulate(told.db, told.settings, told.now + timedelta(hours=1))

    assert (report.days, report.account_days, report.made_views) == (0, 0, False)
    assert all(_frame(told, name).equals(before[name]) for name in before)


def test_a_later_snapshot_of_the_day_counts_and_an_earlier_one_never(told: Any) -> None:
    """The last word of a day stands, also after the snapshots of that day were thinned out."""
    told.snapshot(datetime(2026, 3, 31, 21, tzinfo=UTC), 1)
    assert tabulate(told.db, told.settings, told.now).days == 1
    with told.db.write() as tx:
        tx.execute(text("UPDATE segment SET retired_at = known_at WHERE known_at > '2026-03-31T07'"))

    again = tabulate(told.db, told.settings, told.now)

    assert again.days == 0
    assert D("1234567.90") in _frame(told, "fact_account_day", date(2026, 3, 31))["arr"].to_list()


def test_another_currency_is_a_movement_of_its_own(told: Any) -> None:
    """After the company changes its currency nobody must read a growth of eight per cent."""
    company = told.settings.company.model_copy(update={"currency": "USD"})
    told.snapshot(datetime(2026, 4, 1, 20, tzinfo=UTC), 2)
    tabulate(told.db, told.settings.model_copy(update={"company": company}), told.now + timedelta(days=1))

    rows = _frame(told, "fact_revenue_movement").filter(pl.col("account_id") == told.ids[4]).to_dicts()

    assert [(row["kind"], row["currency"], row["arr_change"]) for row in rows] == [
        ("opening", "EUR", D("12.34")), ("currency", "USD", D("12.34"))]


def test_views_show_exactly_what_is_described(told: Any) -> None:
    """BI tools bind to names and types."""
    dialect = told.db.dialect
    types = {"text": "text", "integer": "int8", "number": "float8", "boolean": "bool", "date": "date",
             "instant": "timestamptz", "money": "numeric"}
    for table in STAR.tables:
        with told.db.read() as tx:
            found = tx.execute(text(f"SELECT * FROM {reporting_views.name_of(dialect, table.name)}"))
            assert list(found.keys()) == [column.name for column in table.columns], table.name
            if dialect == "postgresql":
                described = {name: str(kind) for name, kind in tx.execute(text(
                    "SELECT column_name, udt_name FROM information_schema.columns WHERE table_schema = 'reporting' "
                    "AND table_name = :name"), {"name": table.name})}
                assert described == {column.name: types[column.type] for column in table.columns}, table.name


def test_an_empty_store_has_every_table(database: Database) -> None:
    """The first day's dashboard opens, empty."""
    report = tabulate(database, Settings(), datetime(2026, 3, 5, tzinfo=UTC))
    with database.read() as tx:
        found = {table.name: reporting.frame(tx, table).height for table in STAR.tables}

    assert (report.days, report.made_views) == (0, True)
    assert {name for name, rows in found.items() if rows} == {"about", "dim_date"}


def test_migrations_pass_by_the_views(told: Any) -> None:
    """SQLite renames no table under a view; an upgrade must neither fail nor take the views away."""
    with told.db.write() as tx, reporting_views.out_of_the_way(tx):
        tx.execute(text("ALTER TABLE silence RENAME TO quiet"))
        tx.execute(text("ALTER TABLE quiet RENAME TO silence"))

    assert _frame(told, "fact_account_day").height == 18


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe", "UTC"])
def test_the_clocks_of_a_zone_are_kept_to_the_minute(zone: str) -> None:
    """SQLite knows no time zones, so they are laid down in a table."""
    from zoneinfo import ZoneInfo

    kept = _offsets(ZoneInfo(zone), 2028)
    for hour in range(0, 24 * 365 * 4, 5):
        at = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=hour)
        since = max(each for each in kept if each <= at)

        assert at.astimezone(ZoneInfo(zone)).utcoffset() == timedelta(minutes=kept[since]), at


def test_a_company_of_another_zone(database: Database) -> None:
    """A snapshot at 22:30 UTC is known on the next day in Auckland."""
    from steward.store import facts

    facts.save_snapshot(database, pl.DataFrame({"account_id": ["a"], "account.arr": [1.0]}),
                        datetime(2026, 3, 31, 22, 30, tzinfo=UTC))
    tabulate(database, Settings(company=Company(timezone="Pacific/Auckland")), datetime(2026, 3, 31, 23, tzinfo=UTC))
    with database.read() as tx:
        assert reporting.first_day(tx) == date(2026, 4, 1)
        assert list(reporting.known_of(tx, [date(2026, 3, 31), date(2026, 4, 1)])) == [date(2026, 4, 1)]


def test_two_at_once_write_one_after_the_other(told: Any) -> None:
    """The nightly flow, a publication and an export may run at the same time."""
    from concurrent.futures import ThreadPoolExecutor

    for day in range(1, 4):
        told.snapshot(datetime(2026, 4, day, 20, tzinfo=UTC), 2)
    later = told.now + timedelta(days=4)
    with ThreadPoolExecutor(4) as pool:
        done = [each.result() for each in [pool.submit(tabulate, told.db, told.settings, later) for _ in range(4)]]

    assert max(each.days for each in done) == 3
    assert _frame(told, "fact_account_day").height == 6 * 6
    assert _frame(told, "dim_person").height == 2


def test_a_role_for_bi_reads_the_views_and_nothing_else(told: Any) -> None:
    """What the README says to grant is enough, and opens no table with what customers wrote."""
    if told.db.dialect == "sqlite":
        pytest.skip("SQLite has no roles")
    from sqlalchemy.exc import ProgrammingError

    role = "bi_of_a_test"
    with pytest.raises(ProgrammingError, match="permission denied for table outbox"), told.db.write() as tx:  # noqa: PT012  undone by what is raised
        tx.execute(text(f"CREATE ROLE {role}"))
        tx.execute(text(f"GRANT USAGE ON SCHEMA reporting TO {role}"))
        tx.execute(text(f"GRANT SELECT ON ALL TABLES IN SCHEMA reporting TO {role}"))
        tx.execute(text(f"SET LOCAL ROLE {role}"))
        for table in STAR.tables:
            tx.execute(text(f'SELECT count(*) FROM reporting."{table.name}"'))
        assert tx.scalar(text("SELECT sum(arr) FROM reporting.fact_account_day WHERE day = '2026-03-31'")) == D("1294597.33")
        tx.execute(text("SELECT body FROM outbox"))


def test_a_role_that_may_make_no_schema_is_told_what_to_grant(told: Any) -> None:
    """The first run on a locked-down server ends in a sentence."""
    if told.db.dialect == "sqlite":
        pytest.skip("SQLite has no roles")
    from steward.model.errors import ConfigError

    with pytest.raises(ConfigError, match="CREATE SCHEMA reporting AUTHORIZATION"), told.db.write() as tx:  # noqa: PT012  undone by what is raised
        tx.execute(text("DROP SCHEMA reporting CASCADE"))
        tx.execute(text("CREATE ROLE steward_of_a_test"))
        tx.execute(text("SET LOCAL ROLE steward_of_a_test"))
        reporting_views.make(tx)
