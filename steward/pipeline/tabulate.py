"""Tabulate: what is known and was done in, the tables that reports read brought up to date, a report of counts out.

Of every calendar day the last snapshot is kept, each account in a row. Doing it again changes nothing; a day is
written anew only by a later snapshot of that day.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from steward.facts.basis import COLUMN
from steward.model.facts import FactType
from steward.model.records import FieldType, Noun
from steward.model.star import StarTable
from steward.reporting import STAR
from steward.store import facts, records, reporting
from steward.store.instants import to_text

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

    from steward.settings import Settings
    from steward.store.database import Database

_AHEAD = timedelta(days=2 * 366)
_FIRST_YEAR = 1990                          # what is older than all that a CRM tells of
_ACCOUNT, _ACCOUNT_DAY = STAR["dim_account"], STAR["fact_account_day"]
_COLUMNS: Mapping[FieldType, pl.DataType | type[pl.DataType]] = {
    FieldType.TEXT: pl.String, FieldType.NUMBER: pl.Float64, FieldType.INTEGER: pl.Int64,
}


@dataclass(frozen=True, slots=True)
class TabulateReport:
    """Days and rows of accounts that were written anew, accounts and people that stand, and whether views were made."""

    days: int
    account_days: int
    accounts: int
    people: int
    made_views: bool


def tabulate(db: Database, settings: Settings, now: datetime) -> TabulateReport:
    """Bring the tables that reports read up to date with what stands in the store.

    Raises:
        ConfigError: the database role may not make the views.
    """
    zone = ZoneInfo(settings.company.timezone)
    with db.read() as tx:
        ends = _last_of_each_day(tx, zone)
        known, earliest = reporting.known_of(tx, ends), reporting.first_day(tx)
        people = _people(records.frame(tx, Noun.PERSON))
        playbooks = [_playbook(*each) for each in reporting.untold_playbooks(tx)]
        latest = facts.latest(tx, names=[column.fact for column in _ACCOUNT.columns if column.fact])
    written = rows = 0
    for day, end in sorted(ends.items()):
        if day in known and known[day] >= end:
            continue
        found = _day(db, day, end, settings.company.currency)
        with db.write() as tx:
            rows += reporting.put_day(tx, day, found)
        written += 1
    first = min((*ends, earliest or now.date(), now.astimezone(zone).date()))
    accounts = _accounts(latest)
    with db.write() as tx:
        reporting.put_calendar(tx, _workdays(settings, first, now.astimezone(zone).date() + _AHEAD),
                               _offsets(zone, (now + _AHEAD).year))
        reporting.put_people(tx, people)
        reporting.put_playbooks(tx, playbooks)
        reporting.put_accounts(tx, accounts)
        made = reporting.put_about(
            tx, schema_version=STAR.version, company=settings.company.name, currency=settings.company.currency,
            timezone=settings.company.timezone, now=now)
    return TabulateReport(written, rows, accounts.height, people.height, made)


def _last_of_each_day(tx: Transaction, zone: ZoneInfo) -> dict[date, datetime]:
    """By the company's day, when its last snapshot was taken."""
    return {at.astimezone(zone).date(): at for at in facts.history(tx)}


def _day(db: Database, day: date, end: datetime, currency: str) -> pl.DataFrame:
    """The rows of `report_account_day` as known at `end`."""
    wanted = [column.fact for column in _ACCOUNT_DAY.columns if column.fact]
    with db.read() as tx:
        snapshot = facts.known_at(tx, end, wanted)
    assert snapshot is not None
    return snapshot.frame.select("account_id", *_stored(_ACCOUNT_DAY, snapshot.frame)).with_columns(
        pl.lit(day.isoformat()).alias("day"), pl.lit(to_text(end)).alias("known_at"),
        pl.lit(currency).alias("currency"))


def _accounts(latest: facts.Snapshot | None) -> pl.DataFrame:
    if latest is None:
        return pl.DataFrame(schema=["account_id", *(each.name for each in _ACCOUNT.columns if each.fact), "known_at"])
    return latest.frame.select("account_id", *_stored(_ACCOUNT, latest.frame)).with_columns(
        pl.lit(to_text(latest.known_at)).alias("known_at"))


def _stored(table: StarTable, frame: pl.DataFrame) -> list[pl.Expr]:
    """The columns of `table` that are facts, as the store keeps them: money in cents, days as text."""
    return [_as_stored(frame, column.fact, column.type).alias(column.name) for column in table.columns if column.fact]


def _as_stored(frame: pl.DataFrame, fact: str, kind: FieldType) -> pl.Expr:
    if fact not in frame.columns:
        return pl.lit(None, pl.String)         # a metric that this company has not
    value = pl.col(fact)
    if kind is FieldType.MONEY:
        cents = (value.cast(COLUMN[FactType.MONEY]) * 100).round()
        return pl.when(cents.is_finite()).then(cents).cast(pl.Int64)
    if kind is FieldType.DATE:
        return value.cast(pl.Date).dt.to_string("%Y-%m-%d")
    if kind is FieldType.NUMBER:
        return pl.when(value.cast(pl.Float64).is_finite()).then(value.cast(pl.Float64))
    return value.cast(_COLUMNS[kind])


def _people(found: pl.DataFrame) -> pl.DataFrame:
    """One row per e-mail address; of several records, what the first that says something says."""
    named = found.with_columns(pl.col("email").str.strip_chars().str.to_lowercase()).filter(
        pl.col("email").str.len_chars().is_between(3, 320))
    return named.group_by("email", maintain_order=True).agg(
        pl.col("name").drop_nulls().first(), pl.col("title").drop_nulls().first(),
        pl.col("active").max().cast(pl.Int64).alias("is_active")).sort("email")


def _playbook(playbook_id: str, version: str, body: str) -> dict[str, Any]:
    said = json.loads(body)                    # the canonical form
    return {"playbook_id": playbook_id, "version": version, "title": str(said.get("title") or playbook_id),
            "why": str(said.get("why") or ""), "has_goal": int("goal" in said)}


def _workdays(settings: Settings, first: date, last: date) -> dict[date, bool]:
    years = range(first.year, last.year + 1)
    calendar = settings.calendar_for("owner", None, years)
    days = [first + timedelta(days=at) for at in range((last - first).days + 1)]
    return {day: day.weekday() in calendar.workdays and day not in calendar.holidays for day in days}


def _offsets(zone: ZoneInfo, last_year: int) -> dict[datetime, int]:
    """Since when the clocks of `zone` are how many minutes ahead of UTC: found to the hour, as all changes are since
    1990; before them, as they were then."""
    at, end = datetime(_FIRST_YEAR, 1, 1, tzinfo=UTC), datetime(last_year + 1, 1, 1, tzinfo=UTC)
    found = {datetime(1, 1, 1, tzinfo=UTC): _minutes(zone, at)}
    last = _minutes(zone, at)
    while at < end:
        following = at + timedelta(days=7)
        if _minutes(zone, following) != last:
            while _minutes(zone, at) == last:
                at += timedelta(minutes=15)
            last = _minutes(zone, at)
            found[at] = last
        else:
            at = following
    return found


def _minutes(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return round(offset.total_seconds() / 60)
