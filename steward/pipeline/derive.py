"""Derive: the records and usage of some accounts or all in, their facts kept, a report of counts out."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from steward.facts import events as happenings
from steward.facts import subjects as subject_themes
from steward.facts import usage as usage_facts
from steward.facts.basis import Basis
from steward.facts.derive import NOUNS, Known, derive_subjects
from steward.facts.derive import derive as derive_facts
from steward.facts.windows import HISTORY_DAYS
from steward.model.records import Noun
from steward.store import cursors, deltas, families, identity, records, subject_facts
from steward.store import events as event_store
from steward.store import facts as snapshots
from steward.store.feed_days import feed_days
from steward.store.merged import merged_accounts
from steward.store.usage import scan_parts

if TYPE_CHECKING:
    from steward.contracts import Connector
    from steward.facts.scorecard import Scorecard
    from steward.model.events import Event
    from steward.model.facts import FactSpec
    from steward.settings import Settings
    from steward.store.database import Database

_FEW = 500                                                   # accounts that are kept as rows of the database
_LOOK_BACK_DAYS = 400                                        # a feed that is older than this says nothing any more
_CHANGES = {"health.score": (28, 7), "score_7d": (7, 3)}     # what the score was so many days ago, or a few more
_REMEMBERED = ("health.score", "health.change_28d", "health.change_7d")
_DAYS = {"account_id": pl.String, "day": pl.Date}


@dataclass(frozen=True, slots=True)
class DeriveReport:
    """`accounts` derived, `facts` of them known, `subjects` (contacts and opportunities) derived, `events` that are
    new, and the oldest data of each feed (None: of no account)."""

    accounts: int
    facts: int
    seconds: float
    as_of: Mapping[str, datetime | None]
    subjects: int = 0
    events: int = 0


def derive(
    db: Database, settings: Settings, catalog: Mapping[str, FactSpec], scorecard: Scorecard,
    now: datetime, *, connectors: Mapping[str, Connector], account_ids: Sequence[str] | None = None,
    events: Collection[str] = (), subjects: Collection[str] = (),
) -> DeriveReport:
    """Derive every fact anew and keep them as a snapshot; of `account_ids` alone, as hot rows until the next one.

    `connectors` by the names of their connections. `events`: the names that live playbooks wait for, with or without
    a connection; `subjects`: "contact" and "opportunity", where a live playbook enrols these. Doing it again with the
    same records changes nothing but the date.
    """
    started = time.perf_counter()
    kinds = sorted(set(subjects) & set(subject_themes.KINDS))
    with db.read() as tx:
        known = _known(tx, settings, now, connectors=connectors, account_ids=account_ids,
                       more=happenings.nouns_of(events))
        rounds = event_store.rounds(tx, account_ids) if events else {}
    basis = Basis(now, settings.company.currency, settings.company.timezone, settings.company.rates)
    frame = derive_facts(known, catalog, scorecard, basis)
    theirs = {kind: derive_subjects(kind, known, catalog, frame, basis) for kind in kinds}
    happened = happenings.events(known.records, events, basis, rounds)
    new = _keep_all(db, frame, theirs, happened, now) if account_ids is None else _keep_some(
        db, frame, theirs, happened, now)
    return _report(frame, catalog, time.perf_counter() - started, sum(each.height for each in theirs.values()), new)


def _keep_all(
    db: Database, frame: pl.DataFrame, subjects: Mapping[str, pl.DataFrame], happened: Sequence[Event], now: datetime,
) -> int:
    """Everything at once, or nothing; how many events are new."""
    file = snapshots.write_snapshot(db, frame, now)
    files = [subject_facts.write(db, kind, found, now) for kind, found in subjects.items()]
    with db.write() as tx:
        snapshots.show_snapshot(tx, file)
        for each in files:
            subject_facts.show(tx, each)
        return event_store.add(tx, happened)


def _keep_some(
    db: Database, frame: pl.DataFrame, subjects: Mapping[str, pl.DataFrame], happened: Sequence[Event], now: datetime,
) -> int:
    """Likewise of some accounts: few as hot rows, many as a file."""
    file = deltas.write(db, frame, now) if frame.height > _FEW else None
    with db.write() as tx:
        if file is not None:
            deltas.show(tx, file, frame["account_id"])
        else:
            snapshots.save_hot(tx, frame, now)
        for kind, found in subjects.items():
            subject_facts.save_hot(tx, kind, frame["account_id"].to_list(), found, now)
        new = event_store.add(tx, happened)
    if file is not None:
        deltas.compact(db, now)
    return new


def _report(
    frame: pl.DataFrame, catalog: Mapping[str, FactSpec], seconds: float, subjects: int, events: int,
) -> DeriveReport:
    facts = [name for name in frame.columns if name in catalog]
    groups = [name for name in frame.columns if name.startswith("as_of.")]
    oldest = frame.select(pl.col(groups).min()).row(0) if groups else ()
    return DeriveReport(
        accounts=frame.height, facts=sum(frame.select(pl.col(facts).count()).row(0)), seconds=seconds,
        as_of={name.removeprefix("as_of."): at for name, at in zip(groups, oldest, strict=True)},
        subjects=subjects, events=events,
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
    tx: Any, settings: Settings, now: datetime, *, connectors: Mapping[str, Connector],
    account_ids: Sequence[str] | None, more: Collection[Noun] = (),
) -> Known:
    known_in = [
        (account_id, connection) for account_id, names in identity.external_ids(tx, account_ids).items()
        for connection in names
    ]
    usage, days = _usage(tx, now, account_ids)
    accounts = merged_accounts(tx, settings.truth, tuple(settings.connections), account_ids)
    return Known(
        records={noun: records.frame(tx, noun, account_ids) for noun in {*NOUNS, *more}},
        accounts=accounts,
        known_in=pl.DataFrame(known_in, schema={"account_id": pl.String, "connection": pl.String}, orient="row"),
        watermarks=read_to_the_end(cursors.watermarks(tx), connectors),
        usage=usage,
        usage_days=days,
        previous=_previous(tx, now, account_ids),
        first={noun: settings.truth[noun.value] for noun in NOUNS if noun.value in settings.truth},
        parents=families.parents(tx, accounts, settings.truth, tuple(settings.connections)),
        own=settings.facts,
    )


def _usage(
    tx: Any, now: datetime, account_ids: Sequence[str] | None,
) -> tuple[list[usage_facts.Feed], list[date]]:
    """The feeds of usage, events as one of them, and the days that they brought.

    Where files of usage come, their days are the feed's: some events of a day whose file is late are no whole day.
    """
    days = feed_days(tx, now.date() - timedelta(days=_LOOK_BACK_DAYS))
    events = _by_day(records.frame(tx, Noun.USAGE_EVENT, account_ids))
    if not days:
        everyone = events if account_ids is None else _by_day(records.frame(tx, Noun.USAGE_EVENT))
        days = everyone["day"].unique().to_list()
    last = usage_facts.last_whole_day(days, now)
    if last is None:
        return [], []
    since = last - timedelta(days=HISTORY_DAYS - 1)
    feeds = [usage_facts.Feed(rows, accounts) for rows, accounts in scan_parts(tx, since, account_ids)]
    if not events.is_empty():
        feeds.append(usage_facts.Feed.of(events.filter(pl.col("day") >= since)))
    return feeds, days


def _by_day(events: pl.DataFrame) -> pl.DataFrame:
    """The events of each account and UTC day, one column for each metric that an event counts towards."""
    if events.is_empty():
        return pl.DataFrame(schema=_DAYS)
    counted = events.drop_nulls(["account_id", "name", "happened_at"]).group_by(
        "account_id", pl.col("happened_at").dt.date().alias("day"), "name",
    ).agg(pl.col("quantity").fill_null(1.0).sum())
    if counted.is_empty():
        return pl.DataFrame(schema=_DAYS)
    return counted.pivot("name", index=["account_id", "day"], values="quantity")


def _previous(tx: Any, now: datetime, account_ids: Sequence[str] | None) -> pl.DataFrame:
    """account_id, `health.score` as known 28 days ago and `score_7d` as 7 days ago; one account's as the last snapshot
    remembers them."""
    if account_ids is not None:
        latest = snapshots.latest(tx, account_ids, _REMEMBERED)
        found = _remembered(latest.frame) if latest else None
    else:
        found = _as_it_was(tx, now)
    empty = pl.DataFrame(schema={"account_id": pl.String, **dict.fromkeys(_CHANGES, pl.Float64)})
    return empty if found is None else found.cast(dict.fromkeys(_CHANGES, pl.Float64))


def _remembered(frame: pl.DataFrame) -> pl.DataFrame:
    """What the scores were, out of their changes; a snapshot from before a change was reckoned does not have it."""
    absent = [pl.lit(None, pl.Float64).alias(name) for name in _REMEMBERED if name not in frame.columns]
    score, by_28d, by_7d = (pl.col(name) for name in _REMEMBERED)
    return frame.with_columns(absent).select("account_id", score - by_28d, (score - by_7d).alias("score_7d"))


def _as_it_was(tx: Any, now: datetime) -> pl.DataFrame | None:
    taken, found = snapshots.history(tx), None
    for name, (days, grace) in _CHANGES.items():
        then = now - timedelta(days=days)
        before = [at for at in taken if then - timedelta(days=grace) <= at <= then]
        snapshot = snapshots.known_at(tx, then, ["health.score"]) if before else None
        known = pl.DataFrame(schema={"account_id": pl.String, name: pl.Float64}) if snapshot is None else (
            snapshot.frame.select("account_id", pl.col("health.score").alias(name)))
        found = known if found is None else found.join(known, on="account_id", how="full", coalesce=True)
    return found
