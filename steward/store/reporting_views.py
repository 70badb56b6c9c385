"""The views that BI tools read live: schema `reporting` on PostgreSQL, names with `reporting_` on SQLite.

They say what `steward.reporting` describes, column by column and in its order; every export reads them too, so that no
number can differ. PostgreSQL gives numeric(18,2), date, timestamptz and boolean; SQLite, which has none of them, a
number, "2026-03-05", "2026-03-05 08:00:00" (UTC) and 0 or 1.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, exc, text

from steward.model.errors import ConfigError
from steward.model.records import FieldType
from steward.model.star import Star, StarColumn, StarTable
from steward.reporting import STAR

SCHEMA = "reporting"


@dataclass(frozen=True, slots=True)
class _Written:
    """How values are written in the SQL of one dialect; `{}` is the stored column."""

    name: str                                  # of a view
    types: Mapping[FieldType, str]
    own_day: str                               # the company's day of an instant
    day_part: Mapping[str, str]


_POSTGRESQL = _Written(
    SCHEMA + '."{}"',
    {FieldType.TEXT: "CAST({} AS text)", FieldType.INTEGER: "CAST({} AS bigint)",
     FieldType.NUMBER: "CAST({} AS double precision)", FieldType.BOOLEAN: "({} <> 0)",
     FieldType.DATE: "CAST({} AS date)", FieldType.INSTANT: "date_trunc('second', CAST({} AS timestamptz), 'UTC')",
     FieldType.MONEY: "CAST(CAST({} AS numeric) / 100 AS numeric(18, 2))"},
    "CAST((CAST({} AS timestamptz) AT TIME ZONE (SELECT timezone FROM report_about)) AS date)",
    {"iso_year": "CAST(extract(isoyear FROM CAST({} AS date)) AS bigint)",
     "iso_week": "CAST(extract(week FROM CAST({} AS date)) AS bigint)",
     "weekday": "CAST(extract(isodow FROM CAST({} AS date)) AS bigint)",
     "is_month_end": "(extract(day FROM CAST({} AS date) + 1) = 1)"},
)
_SQLITE = _Written(
    '"reporting_{}"',
    {FieldType.TEXT: "{}", FieldType.INTEGER: "{}", FieldType.NUMBER: "{}", FieldType.BOOLEAN: "({} <> 0)",
     FieldType.DATE: "{}", FieldType.INSTANT: "replace(substr({}, 1, 19), 'T', ' ')",
     FieldType.MONEY: "{} / 100.0"},
    "date(substr({0}, 1, 19), (SELECT offset_minutes FROM report_zone WHERE since <= {0} ORDER BY since DESC LIMIT 1) "
    "|| ' minutes')",
    {"iso_year": "CAST(strftime('%Y', {0}, '-3 days', 'weekday 4') AS INTEGER)",      # the year of the week's Thursday
     "iso_week": "(CAST(strftime('%j', {0}, '-3 days', 'weekday 4') AS INTEGER) + 6) / 7",
     "weekday": "(CAST(strftime('%w', {0}) AS INTEGER) + 6) % 7 + 1",
     "is_month_end": "(strftime('%d', {0}, '+1 day') = '01')"},
)
_DIALECTS = {"postgresql": _POSTGRESQL, "sqlite": _SQLITE}

# Where a view's rows come from, and what stands in a column that is not simply the stored one of its name.
_LIVE = "(SELECT r.version FROM release AS r WHERE r.playbook_id = v.playbook_id ORDER BY r.number DESC LIMIT 1)"
_MODE = "(SELECT r.mode FROM release AS r WHERE r.playbook_id = v.playbook_id ORDER BY r.number DESC LIMIT 1)"
_PLAYBOOKS = ("playbook_version AS v "
              "LEFT JOIN report_playbook AS t ON t.playbook_id = v.playbook_id AND t.version = v.version")
_REFUSED = "(SELECT count(*) FROM refusal AS r WHERE r.connection = t.connection AND r.stream = t.stream)"
_SOURCES: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "about": ("report_about AS t", {}),
    "dim_account": ("account AS a LEFT JOIN report_account AS t ON t.account_id = a.id", {
        "account_id": "a.id", "name": "coalesce(t.name, a.name)", "merged_into_account_id": "a.merged_into",
        "first_seen_at": "a.created_at"}),
    "dim_person": ("report_person AS t", {}),
    "dim_playbook": (_PLAYBOOKS, {
        "playbook_key": "v.playbook_id || '@' || v.version", "playbook_id": "v.playbook_id", "version": "v.version",
        "title": "coalesce(t.title, v.playbook_id)", "first_mode": "v.mode", "first_ran_at": "v.applied_at",
        "is_current": f"CASE WHEN {_LIVE} = v.version AND {_MODE} <> 'retired' THEN 1 ELSE 0 END"}),
    "dim_date": ("report_date AS t", {
        "year": "CAST(substr(t.day, 1, 4) AS INTEGER)", "quarter": "(CAST(substr(t.day, 6, 2) AS INTEGER) + 2) / 3",
        "month": "CAST(substr(t.day, 6, 2) AS INTEGER)", "year_month": "substr(t.day, 1, 7)"}),
    "fact_account_day": ("report_account_day AS t", {}),
    "fact_revenue_movement": ("""(
        SELECT account_id, day, currency, arr AS arr_after,
               lag(arr) OVER (PARTITION BY account_id ORDER BY day) AS last_arr,
               lag(currency) OVER (PARTITION BY account_id ORDER BY day) AS last_currency
        FROM report_account_day WHERE arr IS NOT NULL
    ) AS t WHERE t.last_currency IS NULL OR t.last_currency <> t.currency OR t.last_arr <> t.arr_after""", {
        "kind": "CASE WHEN t.last_currency IS NULL THEN 'opening' WHEN t.last_currency <> t.currency THEN 'currency' "
                "WHEN t.arr_after = 0 THEN 'churn' WHEN t.last_arr = 0 THEN 'return' "
                "WHEN t.arr_after > t.last_arr THEN 'expansion' ELSE 'contraction' END",
        "arr_before": "CASE WHEN t.last_currency = t.currency THEN t.last_arr ELSE 0 END",
        "arr_change": "(t.arr_after - CASE WHEN t.last_currency = t.currency THEN t.last_arr ELSE 0 END)"}),
    "fact_enrollment": ("enrollment AS t", {
        "enrollment_id": "t.id", "playbook_key": "t.playbook_id || '@' || t.version",
        "outcome": "CASE WHEN t.state = 'closed' THEN t.reason END",
        "blocked_by": "CASE WHEN t.state = 'blocked' THEN t.reason END"}),
    "fact_decision": ("decision AS t LEFT JOIN enrollment AS e ON e.id = t.enrollment_id", {
        "decision_id": "t.id", "playbook_key": "t.playbook_id || '@' || coalesce(t.version, e.version)"}),
    "fact_action": ("outbox AS t LEFT JOIN receipt AS p ON p.key = t.key WHERE t.enrollment_id <> ''", {
        "action_key": "t.key", "delivered_at": "p.delivered_at", "receipt": "p.external_id", "receipt_url": "p.url",
        "was_found": "p.found"}),
    "fact_feed": ("cursor AS t", {
        "records_read": "t.records", "complete_until": "t.watermark",
        "rows_refused": _REFUSED}),
}
_DAY_OF = {"entered_on": "entered_at", "closed_on": "closed_at", "decided_on": "decided_at", "created_on": "created_at"}


def statements(dialect: str, star: Star = STAR) -> list[str]:
    """The statements that make every view, none of which is there."""
    kind = _DIALECTS[dialect]
    verb = "CREATE OR REPLACE VIEW" if dialect == "postgresql" else "CREATE VIEW"
    made = [f"{verb} {kind.name.format(table.name)} AS {_select(table, kind)}" for table in star.tables]
    return [f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}", *made] if dialect == "postgresql" else made


def fingerprint(dialect: str) -> str:
    """Names the views as they are made today."""
    return hashlib.sha256("\n".join(statements(dialect)).encode()).hexdigest()


def name_of(dialect: str, table: str) -> str:
    """The view that shows `table`, as SQL names it."""
    return _DIALECTS[dialect].name.format(table)


def make(tx: Connection) -> None:
    """Make every view, or bring it to today's shape; what was granted on them on PostgreSQL stays.

    Raises:
        ConfigError: the role may not create the schema.
    """
    if tx.dialect.name == "sqlite":
        _drop(tx)
    try:
        for statement in statements(tx.dialect.name):
            tx.execute(text(statement.replace(":", "\\:")))
    except exc.ProgrammingError as error:
        if getattr(error.orig, "sqlstate", None) != "42501":
            raise
        raise ConfigError(
            f'the database role may not make the schema "{SCHEMA}" that reports read. As an administrator run: '
            f"CREATE SCHEMA {SCHEMA} AUTHORIZATION <the role of store.url>") from None


@contextmanager
def out_of_the_way(tx: Connection) -> Iterator[None]:
    """SQLite alters no table under a view: while migrations run, the views are gone. On PostgreSQL they stay, with
    what was granted on them; a step that alters a column under one must drop that view itself."""
    were_there = tx.dialect.name == "sqlite" and bool(_drop(tx))
    yield
    if were_there:
        make(tx)


def _drop(tx: Connection) -> int:
    found = [name for name in tx.scalars(text("SELECT name FROM sqlite_master WHERE type = 'view'"))
             if name.startswith("reporting_")]
    for name in found:
        tx.execute(text(f'DROP VIEW "{name}"'))
    return len(found)


def _select(table: StarTable, kind: _Written) -> str:
    source, said = _SOURCES[table.name]
    columns = ", ".join(f'{_value(table, column, said, kind)} AS "{column.name}"' for column in table.columns)
    return f"SELECT {columns} FROM {source}"  # noqa: S608  our own names


def _value(table: StarTable, column: StarColumn, said: Mapping[str, str], kind: _Written) -> str:
    if table.name == "dim_date" and column.name in kind.day_part:
        return kind.day_part[column.name].format("t.day")
    if column.name in _DAY_OF:
        return kind.own_day.format(f"t.{_DAY_OF[column.name]}")
    return kind.types[column.type].format(said.get(column.name, f"t.{column.name}"))
