"""Files: every number and name as it stands in the store, read back by programs that others wrote."""

from __future__ import annotations

import json
import os
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest
import python_calamine

from steward.model.errors import ConfigError
from steward.reporting import STAR
from steward.store import reporting
from steward.views import files
from steward.views.export import MANIFEST, connection_files, export

ROW_23 = [mark + "cmd" for mark in ("=", "+", "-", "@", "\t=", "\r=", "\x00=", "|", "\uff1d", '"=', "a\n=", "  =", "-1", "\t")]

on_one = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)     # the views are held equal elsewhere


def _stored(told: Any, name: str) -> pl.DataFrame:
    with told.db.read() as tx:
        return reporting.frame(tx, STAR[name])


def test_parquet_is_read_by_duckdb_as_it_stands(told: Any, tmp_path: Path) -> None:
    """Types must survive: money as decimals, instants with their zone, what is not known as null."""
    export(told.db, tmp_path, "parquet", told.now)
    with duckdb.connect() as db:
        for table in STAR.tables:
            file = tmp_path / f"{table.name}.parquet"
            db.execute("SET TimeZone = 'UTC'")
            found = db.execute(f"SELECT * FROM '{file}'").fetchall()

            assert found == _instants(_stored(told, table.name).rows()), table.name
        kinds = dict(db.execute(f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM '{tmp_path}/fact_account_day.parquet')").fetchall())
    assert (kinds["arr"], kinds["day"], kinds["known_at"]) == ("DECIMAL(18,2)", "DATE", "TIMESTAMP WITH TIME ZONE")


def _instants(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    return [tuple(each.astimezone(UTC) if isinstance(each, datetime) else each for each in row) for row in rows]


@on_one
def test_csv_is_read_by_duckdb_to_the_cent(told: Any, tmp_path: Path) -> None:
    """A list that is opened in any tool adds up."""
    export(told.db, tmp_path, "csv", told.now)
    stored = _stored(told, "fact_account_day")
    with duckdb.connect() as db:
        found = db.execute(f"SELECT account_id, day, arr FROM read_csv('{tmp_path}/fact_account_day.csv', types={{'arr': 'DECIMAL(18,2)'}})").fetchall()
        names = [row[0] for row in db.execute(f"SELECT name FROM read_csv('{tmp_path}/dim_account.csv')").fetchall()]

    assert found == stored.select("account_id", "day", "arr").rows()
    assert sorted(names)[0].startswith("'+1 @Ltd")
    assert not [name for name in names if name.lstrip().startswith(("=", "+", "-", "@", "\uff1d"))]


@on_one
def test_a_workbook_is_read_by_calamine_to_the_cent(told: Any, tmp_path: Path) -> None:
    """Excel gets real tables of typed cells, the header frozen, and the definitions beside them."""
    export(told.db, tmp_path, "xlsx", told.now)
    book = python_calamine.load_workbook(str(tmp_path / "steward.xlsx"))

    assert book.sheet_names == ["Definitions", *STAR.names]
    for table in STAR.tables:
        header, *rows = book.get_sheet_by_name(table.name).to_python()
        stored = _stored(told, table.name)
        assert header == [column.name for column in table.columns]
        assert len(rows) == max(stored.height, 0)
    header, *rows = book.get_sheet_by_name("fact_account_day").to_python()
    found = [Decimal(str(row[header.index("arr")])).quantize(Decimal("0.01")) if row[header.index("arr")] != "" else None for row in rows]
    assert found == _stored(told, "fact_account_day")["arr"].to_list()
    assert rows[0][header.index("day")] == date(2026, 3, 29)
    entered = [row[5] for row in book.get_sheet_by_name("Definitions").to_python() if row[1] == "account_id"]
    assert entered
    with zipfile.ZipFile(tmp_path / "steward.xlsx") as packed:
        sheets = [packed.read(name).decode() for name in packed.namelist() if name.startswith("xl/worksheets/sheet")]
        tables = [name for name in packed.namelist() if name.startswith("xl/tables/")]
    assert len(tables) == len(STAR.tables) + 1
    assert all('state="frozen"' in sheet for sheet in sheets)
    assert not [sheet for sheet in sheets if "<f>" in sheet or "<hyperlink" in sheet]


@on_one
def test_instants_say_that_they_are_utc(told: Any, tmp_path: Path) -> None:
    """A sheet has no time zones; a time without one is read as local."""
    export(told.db, tmp_path, "xlsx", told.now, tables=["fact_enrollment"])
    export(told.db, tmp_path, "csv", told.now, tables=["fact_enrollment"])
    header, *rows = python_calamine.load_workbook(str(tmp_path / "steward.xlsx")).get_sheet_by_name("fact_enrollment").to_python()
    entered = next(row[header.index("entered_at")] for row in rows if row[header.index("outcome")])

    assert entered.isoformat() == "2026-03-28T23:30:00"
    assert '"2026-03-28T23:30:00Z"' in (tmp_path / "fact_enrollment.csv").read_text()
    with zipfile.ZipFile(tmp_path / "steward.xlsx") as packed:
        assert "UTC" in packed.read("xl/styles.xml").decode()


@pytest.mark.parametrize("text", ROW_23, ids=repr)
def test_no_text_becomes_a_formula(text: str, tmp_path: Path) -> None:
    """What a customer typed as its name must not run on the CFO's machine (security row 23)."""
    table = STAR["dim_person"]
    frame = pl.DataFrame([("a@us.test", text, f'{text}"', True)], schema=["email", "name", "title", "is_active"], orient="row")
    files.csv(frame, tmp_path / "it.csv")
    files.xlsx({table: frame}, STAR, tmp_path / "it.xlsx", datetime(2026, 3, 5, tzinfo=UTC))
    with duckdb.connect() as db:
        _, name, title, active = db.execute(f"SELECT * FROM read_csv('{tmp_path}/it.csv', header=true, all_varchar=false)").fetchall()[0]
    row = python_calamine.load_workbook(str(tmp_path / "it.xlsx")).get_sheet_by_name("dim_person").to_python()[1]

    for shown in (name, title, row[1], row[2]):
        for line in shown.split("\n"):
            assert not line.lstrip(" \t\"'" if not line.startswith("'") else "").startswith(("=", "+", "-", "@", "|", "\uff1d")), shown
    assert row[3] is True
    assert active in (True, "true")
    with zipfile.ZipFile(tmp_path / "it.xlsx") as packed:
        assert b"<f>" not in b"".join(packed.read(each) for each in packed.namelist())


def test_a_part_of_the_past_and_some_tables(told: Any, tmp_path: Path) -> None:
    """Who loads every night loads what is new."""
    tmp_path = tmp_path / "out"
    report = export(told.db, tmp_path, "parquet", told.now, tables=["fact_account_day", "dim_person"], since=date(2026, 3, 31))

    assert report.tables == {"fact_account_day": 6, "dim_person": 2}
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "dictionary.md", "dim_person.parquet", "fact_account_day.parquet", MANIFEST]
    assert json.loads((tmp_path / MANIFEST).read_text())["tables"] == report.tables


@on_one
def test_all_or_nothing(told: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half an export under yesterday's names is a report that does not add up."""
    tmp_path = tmp_path / "out"
    export(told.db, tmp_path, "parquet", told.now)
    (tmp_path / "fact_feed.parquet").unlink()
    (tmp_path / "fact_feed.parquet").mkdir()
    (tmp_path / "fact_feed.parquet" / "mine").touch()
    before = {each.name: each.stat().st_ino for each in tmp_path.iterdir()}
    os.chmod(tmp_path / "fact_feed.parquet", 0o700)
    real, calls = Path.rename, []

    def rename(self: Path, target: Path) -> Path:
        calls.append(self)
        if len(calls) == 9:
            raise OSError(28, "No space left on device")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(ConfigError, match="nothing was exported"):
        export(told.db, tmp_path, "parquet", told.now)

    assert {each.name: each.stat().st_ino for each in tmp_path.iterdir()} == before


@on_one
def test_what_is_wrong_is_said(told: Any, tmp_path: Path) -> None:
    """Which table, which folder, and what to do."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r'there is no table "fact_acount_day". Did you mean "fact_account_day"'):
        export(told.db, tmp_path, "csv", told.now, tables=["fact_acount_day"])
    with pytest.raises(ConfigError, match="cannot be written"):
        export(told.db, tmp_path / "file" / "x", "csv", told.now)


def test_connection_files_open_the_views_and_hold_no_password() -> None:
    """One double click in Power BI or Tableau, and each asks for the password itself."""
    found = connection_files("db.example.test", 5433, 'a"b')

    assert json.loads(found["steward.pbids"])["connections"][0]["details"] == {
        "protocol": "postgresql", "address": {"server": "db.example.test:5433", "database": 'a"b'}}
    assert "dbname='a\"b'" in found["steward.tds"]
    assert "password" not in "".join(found.values()).lower()
