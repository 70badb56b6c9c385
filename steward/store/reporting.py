"""What reports read: rows of the account days and dimensions in, typed frames of every table of the star out."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, func, select, text

from steward.model.records import FieldType
from steward.model.star import StarTable
from steward.store import bulk, reporting_views
from steward.store.database import alone
from steward.store.instants import from_text, to_text
from steward.store.report_tables import (
    report_about,
    report_account,
    report_account_day,
    report_date,
    report_person,
    report_playbook,
    report_zone,
)
from steward.store.schema import metadata, playbook_version

_BATCH = 50_000
_PURPOSE = "tabulate"                       # two at once write one after the other
TYPES: Mapping[FieldType, pl.DataType] = {
    FieldType.TEXT: pl.String(), FieldType.INTEGER: pl.Int64(), FieldType.NUMBER: pl.Float64(),
    FieldType.BOOLEAN: pl.Boolean(), FieldType.DATE: pl.Date(), FieldType.INSTANT: pl.Datetime("us", "UTC"),
    FieldType.MONEY: pl.Decimal(18, 2),
}


# ---- what tabulate writes ----

def known_of(tx: Connection, days: Collection[date]) -> dict[date, datetime]:
    """When what is kept of each of `days` was known; absent where nothing is. All rows of a day are of one instant."""
    table, found = report_account_day.c, {}
    for day in days:                           # one look into the index each: a year of days has millions of rows
        at = tx.scalar(select(table.known_at).where(table.day == day.isoformat()).limit(1))
        if at is not None:
            found[day] = from_text(at)
    return found


def first_day(tx: Connection) -> date | None:
    """The earliest day that is kept."""
    day = tx.scalar(select(func.min(report_account_day.c.day)))
    return date.fromisoformat(day) if day else None


def put_day(tx: Connection, day: date, frame: pl.DataFrame) -> int:
    """Keep `frame` (the columns of `report_account_day`) as what was last known on `day`; how many rows."""
    alone(tx, _PURPOSE)
    tx.execute(report_account_day.delete().where(report_account_day.c.day == day.isoformat()))
    return _insert(tx, "report_account_day", frame)


def put_accounts(tx: Connection, frame: pl.DataFrame) -> int:
    """Keep `frame` as what is known of all accounts now."""
    alone(tx, _PURPOSE)
    tx.execute(report_account.delete())
    return _insert(tx, "report_account", frame)


def put_people(tx: Connection, frame: pl.DataFrame) -> int:
    """Keep `frame` as all people there are."""
    alone(tx, _PURPOSE)
    tx.execute(report_person.delete())
    return _insert(tx, "report_person", frame)


def put_playbooks(tx: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    """Keep what these versions say."""
    names = [column.name for column in report_playbook.columns]
    bulk.upsert(tx, report_playbook, [tuple([row[name] for name in names]) for row in rows], "ON CONFLICT DO NOTHING")


def untold_playbooks(tx: Connection) -> list[tuple[str, str, str]]:
    """(playbook id, version, canonical body) of the versions that `put_playbooks` was never told of."""
    known, version = report_playbook, playbook_version
    told = select(known.c.version).where(
        known.c.playbook_id == version.c.playbook_id, known.c.version == version.c.version)
    found = tx.execute(select(version.c.playbook_id, version.c.version, version.c.body).where(~told.exists()))
    return [(row.playbook_id, row.version, row.body) for row in found]


def put_calendar(tx: Connection, workdays: Mapping[date, bool], offsets: Mapping[datetime, int]) -> None:
    """Keep the company's days, and what its clocks are ahead of UTC in minutes, since when."""
    alone(tx, _PURPOSE)
    tx.execute(report_date.delete())
    bulk.upsert(tx, report_date, [(day.isoformat(), int(works)) for day, works in workdays.items()], "")
    tx.execute(report_zone.delete())
    bulk.upsert(tx, report_zone, [(to_text(since), minutes) for since, minutes in offsets.items()], "")


def put_about(
    tx: Connection, *, schema_version: int, company: str, currency: str, timezone: str, now: datetime,
) -> bool:
    """Keep whose numbers these are, and make the views where they are not as they should be; whether they were made."""
    views = reporting_views.fingerprint(tx.dialect.name)
    known = tx.scalar(select(report_about.c.views))
    tx.execute(report_about.delete())
    tx.execute(report_about.insert().values(
        id=1, schema_version=schema_version, company=company, currency=currency, timezone=timezone,
        tabulated_at=to_text(now), views=views))
    if known == views:
        return False
    reporting_views.make(tx)
    return True


def _insert(tx: Connection, name: str, frame: pl.DataFrame) -> int:
    table = metadata.tables[name]
    return bulk.upsert(tx, table, frame.select([column.name for column in table.columns]).rows(), "")


# ---- what everybody reads ----

def is_tabulated(tx: Connection) -> bool:
    """Whether there are views to read."""
    return tx.scalar(select(report_about.c.id)) is not None


def frame(tx: Connection, table: StarTable, since: date | None = None) -> pl.DataFrame:
    """Every row of `table`, or those dated `since` then; by its key. Types as TYPES says."""
    parts = list(_batches(tx, table, since))
    return pl.concat(parts) if parts else pl.DataFrame(schema=_schema(table))


def counts(tx: Connection, tables: Collection[StarTable]) -> dict[str, int]:
    """How many rows each has."""
    return {each.name: tx.scalar(text(
        f"SELECT count(*) FROM {reporting_views.name_of(tx.dialect.name, each.name)}")) or 0 for each in tables}  # noqa: S608  ours


def _batches(tx: Connection, table: StarTable, since: date | None) -> Iterator[pl.DataFrame]:
    names = ", ".join(f'"{column.name}"' for column in table.columns)
    key = ", ".join(f'"{name}"' for name in table.key)
    where, values = "", {}
    if since is not None and table.dated_by:
        where, values = f'WHERE "{table.dated_by}" >= :since', {"since": _since(tx, table, since)}
    statement = text(f"SELECT {names} FROM {reporting_views.name_of(tx.dialect.name, table.name)} {where} "  # noqa: S608  ours
                     f"ORDER BY {key}")
    found = tx.execute(statement, values, execution_options={"stream_results": True})
    for part in found.partitions(_BATCH):
        columns = zip(*part, strict=True)
        yield pl.DataFrame([_series(column.name, column.type, values) for column, values in
                            zip(table.columns, columns, strict=True)])


def _since(tx: Connection, table: StarTable, since: date) -> Any:
    """`since` as the column that dates the table holds it."""
    if tx.dialect.name == "postgresql" or table[table.dated_by].type is FieldType.DATE:
        return since if tx.dialect.name == "postgresql" else since.isoformat()
    return f"{since.isoformat()} 00:00:00"


def _schema(table: StarTable) -> dict[str, pl.DataType]:
    return {column.name: TYPES[column.type] for column in table.columns}


def _series(name: str, kind: FieldType, values: Sequence[Any]) -> pl.Series:
    if kind is FieldType.MONEY:                # SQLite gives the float nearest to the cents
        exact = [None if value is None else f"{value:.2f}" for value in values]
        return pl.Series(name, exact, dtype=pl.String).cast(TYPES[kind])
    if kind is FieldType.BOOLEAN:
        return pl.Series(name, [None if value is None else bool(value) for value in values], dtype=pl.Boolean)
    told = next((value for value in values if value is not None), None)
    if kind is FieldType.DATE and isinstance(told, str):
        return pl.Series(name, values, dtype=pl.String).str.to_date("%Y-%m-%d")
    if kind is FieldType.INSTANT and isinstance(told, str):
        return pl.Series(name, values, dtype=pl.String).str.to_datetime(
            "%Y-%m-%d %H:%M:%S", time_unit="us").dt.replace_time_zone("UTC")
    return pl.Series(name, values, dtype=TYPES[kind], strict=False)
