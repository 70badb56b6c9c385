"""The same numbers, to the cent, wherever somebody reads them: files, Tableau, Power BI and the database's views."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import python_calamine
from sqlalchemy import text

from steward import reports
from steward.model.records import FieldType
from steward.reporting import STAR
from steward.settings import ConnectionBlock, PublishBlock
from steward.store import reporting, reporting_views
from steward.wiring import Hub, installed

CENT = Decimal("0.01")
SOME = ("dim_account", "fact_account_day", "fact_revenue_movement")   # on PostgreSQL: .hyper files take a second each
Rows = dict[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True)
class Everywhere:
    """The hub of the company, and the vendors that it publishes to."""

    hub: Hub
    boxes: Mapping[str, Any]


@pytest.fixture
def everywhere(told: Any) -> Iterator[Everywhere]:
    """The company with Tableau and Power BI in its `publish`."""
    pytest.importorskip("pantab")
    pytest.importorskip("tableauserverclient")
    boxes = {name: installed()[name].load_sandbox()() for name in ("tableau", "powerbi")}
    for box in boxes.values():
        box.start()
    settings = told.settings.model_copy(update={
        "connections": {name: ConnectionBlock(connector=name, settings=box.settings()) for name, box in boxes.items()},
        "publish": {name: PublishBlock(tables=() if told.db.dialect == "sqlite" else SOME) for name in boxes}})
    yield Everywhere(Hub(settings, told.db, lambda: told.now, lambda _: None), boxes)
    for box in boxes.values():
        box.stop()


def test_every_number_is_the_same_everywhere(everywhere: Everywhere, told: Any, tmp_path: Path) -> None:
    """Two dashboards with two sums end the trust in both."""
    queued, done = reports.publish(everywhere.hub)
    for kind in ("parquet", "csv", "xlsx"):
        reports.export(everywhere.hub, tmp_path / "out", kind)

    names = list(queued.queued["tableau"])
    assert len(names) == (len(STAR.tables) if told.db.dialect == "sqlite" else len(SOME))
    assert (done.delivered, done.failed, done.unknown, done.later) == (2 * len(names), 0, 0, 0)
    boxes = everywhere.boxes
    seen: dict[str, Callable[[str], list[dict[str, Any]]]] = {
        "views": lambda name: _views(told.db, name), "parquet": lambda name: _duckdb(tmp_path / "out" / f"{name}.parquet"),
        "csv": lambda name: _duckdb(tmp_path / "out" / f"{name}.csv"),
        "xlsx": lambda name: _sheet(tmp_path / "out" / "steward.xlsx", name),
        "hyper": lambda name: boxes["tableau"].rows(f"Steward {name}").to_dicts(),
        "powerbi": boxes["powerbi"].rows,
    }
    with told.db.read() as tx:
        stored = {name: reporting.frame(tx, STAR[name]).to_dicts() for name in STAR.names}
    for name in names:
        expected = _by_key(name, stored[name])
        for place, read in seen.items():
            found = _by_key(name, read(name))

            assert found.keys() == expected.keys(), (place, name)
            for key, row in expected.items():
                assert found[key] == row, (place, name, key)
    total = sum(row["arr"] for row in stored["fact_account_day"] if row["arr"] is not None)
    assert total == Decimal("100002589190.20")     # by hand, from ARR in conftest.py
    for place, read in seen.items():
        assert sum(_money(row["arr"]) for row in read("fact_account_day") if row["arr"] not in (None, "")) == total, place
    assert not any(box.breaches for box in boxes.values())

    # The flow runs every hour; the data sources are published once a day.
    effects = {name: len(box.ledger) for name, box in boxes.items()}
    queued, done = reports.publish(everywhere.hub)
    assert (queued.queued, done.delivered) == ({}, 0)
    assert {name: len(box.ledger) for name, box in boxes.items()} == effects


# ---- what each reader gives, brought to one form ----

def _by_key(name: str, rows: list[dict[str, Any]]) -> Rows:
    table = STAR[name]
    shaped = [{column.name: _plain(column.type, row[column.name]) for column in table.columns} for row in rows]
    found = {tuple(row[part] for part in table.key): row for row in shaped}
    assert len(found) == len(rows), f"{name}: a key stands there twice"
    return found


def _plain(kind: FieldType, value: Any) -> Any:
    """The value as all readers can say it: texts as they are harmless, money as cents, numbers to 12 digits."""
    from steward.kit.untrusted import for_cell

    if value is None or value == "":
        return None
    if kind is FieldType.MONEY:
        return _money(value)
    if kind is FieldType.TEXT:
        return for_cell(value).replace("''", "'")
    if kind is FieldType.BOOLEAN:
        return value if isinstance(value, bool) else {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]
    if kind is FieldType.DATE:
        return value.isoformat()[:10] if isinstance(value, date) else str(value)[:10]
    if kind is FieldType.INSTANT:
        return _instant(value)
    return round(float(value), 9)


def _money(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(CENT)


def _instant(value: Any) -> str:
    if isinstance(value, datetime):
        return (value.astimezone(UTC) if value.tzinfo else value).strftime("%Y-%m-%d %H:%M:%S")
    return str(value).replace("T", " ").removesuffix("Z")[:19]


def _views(db: Any, name: str) -> list[dict[str, Any]]:
    with db.read() as tx:
        return [dict(row) for row in tx.execute(text(f"SELECT * FROM {reporting_views.name_of(db.dialect, name)}")).mappings()]


def _duckdb(file: Path) -> list[dict[str, Any]]:
    with duckdb.connect() as db:
        db.execute("SET TimeZone = 'UTC'")
        source = f"read_csv('{file}', all_varchar = true, header = true)" if file.suffix == ".csv" else f"'{file}'"
        found = db.execute(f"SELECT * FROM {source}")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _sheet(file: Path, name: str) -> list[dict[str, Any]]:
    header, *rows = python_calamine.load_workbook(str(file)).get_sheet_by_name(name).to_python()
    return [dict(zip(header, row, strict=True)) for row in rows if any(cell != "" for cell in row)]
