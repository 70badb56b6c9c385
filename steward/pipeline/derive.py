"""Derive: the records and usage of some accounts or all in, their facts kept, a report of counts out."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from steward.facts import usage as usage_facts
from steward.facts.basis import Basis
from steward.facts.derive import NOUNS, Known
from steward.facts.derive import derive as derive_facts
from steward.model.records import Noun
from steward.store import cursors, identity, records
from steward.store import facts as snapshots
from steward.store.feed_days import feed_days
from steward.store.merged import merged_accounts

if TYPE_CHECKING:
    from steward.contracts import Connector
    from steward.facts.scorecard import Scorecard
    from steward.model.facts import FactSpec
    from steward.settings import Settings
    from steward.store.database import Database

_LOOK_BACK_DAYS = 400                                        # a feed that is older than this says nothing any more
_CHANGE_DAYS, _CHANGE_GRACE_DAYS = 28, 7                     # health.change_28d: a snapshot 28 to 35 days old
_DAYS = {"account_id": pl.String, "day": pl.Date}


@dataclass(frozen=True, slots=True)
class DeriveReport:
    """`accounts` derived, `facts` of them known, and the oldest data of each feed (None: of no account)."""

    accounts: int
    facts: int
    seconds: float
    as_of: Mapping[str, datetime | None]


def derive(
    db: Database, settings: Settings, catalog: Mapping[str, FactSpec], scorecard: Scorecard,
    now: datetime, *, connectors: Mapping[str, Connector], account_ids: Sequence[str] | None = None,
) -> DeriveReport:
    """Derive every fact anew and keep them as a snapshot; of `account_ids` alone, as hot rows until the next one.

    `connectors` by the names of their connections. Doing it again with the same records changes nothing but the date.
    """
    started = time.perf_counter()
    with db.read() as tx:
        known = _known(db, tx, settings, now, connectors=connectors, account_ids=account_ids)
    basis = Basis(now, settings.company.currency, settings.company.timezone, settings.company.rates)
    frame = derive_facts(known, catalog, scorecard, basis)
    if account_ids is None:
        snapshots.save_snapshot(db, frame, now)
    else:
        with db.write() as tx:
            snapshots.save_hot(tx, frame, now)
    groups = [name for name in frame.columns if name.startswith("as_of.")]
    return DeriveReport(
        accounts=frame.height,
        facts=sum(frame.height - frame[name].null_count() for name in catalog),
        seconds=time.perf_counter() - started,
        as_of={name.removeprefix("as_of."): frame.select(pl.col(name).min()).item() for name in groups},
    )


def read_to_the_end(
    marks: Mapping[tuple[str, str], datetime | None], connectors: Mapping[str, Connector],
) -> dict[tuple[str, Noun], datetime]:
    """By connection and noun, up to when its records are read; absent while a stream of it is on its first round."""
    found: dict[tuple[str, Noun], list[datetime | None]] = {}
    for (connection, stream), mark in marks.items():
        manifest = connectors.get(connection)
        noun = manifest.streams[stream].noun if manifest and stream in manifest.streams else None
        if noun is not None:
            found.setdefault((connection, noun), []).append(mark)
    return {key: min(mark for mark in found_marks if mark) for key, found_marks in found.items() if all(found_marks)}


def _known(
    db: Database, tx: Any, settings: Settings, now: datetime, *, connectors: Mapping[str, Connector],
    account_ids: Sequence[str] | None,
) -> Known:
    known_in = [
        (account_id, connection) for account_id, names in identity.external_ids(tx, account_ids).items()
        for connection in names
    ]
    usage, days = _usage(db, tx, now, account_ids)
    return Known(
        records={noun: records.frame(tx, noun, account_ids) for noun in NOUNS},
        accounts=merged_accounts(tx, settings.truth, tuple(settings.connections), account_ids),
        known_in=pl.DataFrame(known_in, schema={"account_id": pl.String, "connection": pl.String}, orient="row"),
        watermarks=read_to_the_end(cursors.watermarks(tx), connectors),
        usage=usage,
        usage_days=days,
        previous=_previous(tx, now, account_ids),
        first={noun: settings.truth[noun.value] for noun in NOUNS if noun.value in settings.truth},
    )


def _usage(
    db: Database, tx: Any, now: datetime, account_ids: Sequence[str] | None,
) -> tuple[pl.DataFrame, list[date]]:
    """Usage by day, events counted in, and the days that the feed brought.

    Where files of usage come, their days are the feed's: some events of a day whose file is late are no whole day.
    """
    days = feed_days(tx, now.date() - timedelta(days=_LOOK_BACK_DAYS))
    events = _by_day(records.frame(tx, Noun.USAGE_EVENT, account_ids))
    if not days:
        everyone = events if account_ids is None else _by_day(records.frame(tx, Noun.USAGE_EVENT))
        days = everyone["day"].unique().to_list()
    last = usage_facts.last_whole_day(days, now)
    if last is None:
        return pl.DataFrame(schema=_DAYS), []
    since = last - timedelta(days=usage_facts.HISTORY_DAYS - 1)
    files = db.lake.scan_usage(tx, since, account_ids)
    return pl.concat([files, events.filter(pl.col("day") >= since)], how="diagonal_relaxed"), days


def _by_day(events: pl.DataFrame) -> pl.DataFrame:
    """The events of each account and UTC day, one column for each metric that an event counts towards."""
    counted = events.drop_nulls(["account_id", "name", "happened_at"]).group_by(
        "account_id", pl.col("happened_at").dt.date().alias("day"), "name",
    ).agg(pl.col("quantity").fill_null(1.0).sum())
    if counted.is_empty():
        return pl.DataFrame(schema=_DAYS)
    return counted.pivot("name", index=["account_id", "day"], values="quantity")


def _previous(tx: Any, now: datetime, account_ids: Sequence[str] | None) -> pl.DataFrame:
    """account_id and `health.score` as known 28 days ago; one account's as the last snapshot remembers it."""
    score, change = pl.col("health.score"), pl.col("health.change_28d")
    if account_ids is not None:
        latest = snapshots.latest(tx, account_ids, ["health.score", "health.change_28d"])
        found = latest.frame.select("account_id", score - change) if latest else None
    else:
        then = now - timedelta(days=_CHANGE_DAYS)
        known = [at for at in snapshots.history(tx) if then - timedelta(days=_CHANGE_GRACE_DAYS) <= at <= then]
        snapshot = snapshots.known_at(tx, then) if known else None
        found = snapshot.frame.select("account_id", score) if snapshot else None
    empty = pl.DataFrame(schema={"account_id": pl.String, "health.score": pl.Float64})
    return empty if found is None else found.cast({"health.score": pl.Float64})
