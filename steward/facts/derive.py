"""Records in, the snapshot of all facts out: one row for each account, null where a fact is not known.

What is not known is never zero. An account without tickets has 0 open tickets only where a connection that knows the
account has read its tickets to the end; else `support.open_tickets` is Missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache

import polars as pl

from steward.facts import (
    company,
    expansion,
    feeds,
    health,
    identity,
    onboarding,
    relationship,
    renewal,
    sentiment,
    subjects,
    support,
    usage,
)
from steward.facts.basis import COLUMN, INSTANT, Basis, columns_of
from steward.facts.catalog import metrics_of, of_subject
from steward.facts.scorecard import Scorecard
from steward.facts.spec import GROUPS
from steward.model.facts import FactSpec, FactType
from steward.model.records import Noun

_GROUP_OF = {
    Noun.ACCOUNT: "crm", Noun.SUBSCRIPTION: "crm", Noun.CONTACT: "crm", Noun.TOUCHPOINT: "crm", Noun.OPPORTUNITY: "crm",
    Noun.TICKET: "support", Noun.SURVEY_RESPONSE: "survey", Noun.MILESTONE: "onboarding",
}
_THEMES: Mapping[Noun, tuple[Callable[[pl.DataFrame, Basis], pl.DataFrame], Mapping[str, int | float | bool]]] = {
    Noun.SUBSCRIPTION: (renewal.facts, renewal.WITHOUT_RECORDS),
    Noun.TICKET: (support.facts, support.WITHOUT_RECORDS),
    Noun.SURVEY_RESPONSE: (sentiment.facts, sentiment.WITHOUT_RECORDS),
    Noun.CONTACT: (relationship.facts, relationship.WITHOUT_CONTACTS),
    Noun.TOUCHPOINT: (relationship.touchpoint_facts, relationship.WITHOUT_TOUCHPOINTS),
    Noun.MILESTONE: (onboarding.facts, onboarding.WITHOUT_RECORDS),
    Noun.OPPORTUNITY: (expansion.facts, expansion.WITHOUT_RECORDS),
}
_Bounds = tuple[FactType, float | None, float | None, tuple[str, ...]]
NOUNS = (Noun.ACCOUNT, Noun.PERSON, *_THEMES)
"""The nouns whose records make facts, besides usage."""


@dataclass(frozen=True, slots=True)
class Known:
    """Everything that facts are made of.

    `records`: frames as `steward.store.records.frame` gives them; an absent noun has no records.
    `accounts`: one row for each account as `steward.store.merged.merged_accounts` gives it: each field from the source
    that is trusted for it, and `csm_connection`, whose id `csm_external_id` is.
    `known_in`: account_id and connection, one row for each system that an account is known in.
    `watermarks`: up to when a connection's records of a noun are read to the end; absent where they never were.
    `usage`: the feeds, or one frame of account_id, day and one column for each metric; `usage_days`: every day on
    which a feed named any account.
    `previous`: account_id, `health.score` as known 28 days ago, and `score_7d` as known 7 days ago.
    `first`: of a noun, the connections whose records count, best first; others where an account has none in these.
    `parents`: the parent of each account that has one, and theirs, up to the top.
    `own`: the company's own facts, as its settings write them.
    """

    records: Mapping[Noun, pl.DataFrame]
    accounts: pl.DataFrame
    known_in: pl.DataFrame
    watermarks: Mapping[tuple[str, Noun], datetime]
    usage: pl.DataFrame | Sequence[usage.Feed]
    usage_days: Sequence[date]
    previous: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"account_id": pl.String, "health.score": pl.Float64}))
    first: Mapping[Noun, Sequence[str]] = field(default_factory=dict)
    parents: Mapping[str, str] = field(default_factory=dict)
    own: company.Own = field(default_factory=dict)


def derive(known: Known, catalog: Mapping[str, FactSpec], card: Scorecard, basis: Basis) -> pl.DataFrame:
    """The snapshot: `account_id`, every fact of an account in the catalog, and `as_of.<group>`; sorted by account."""
    facts = of_subject(catalog)
    records = {noun: _whole(known.records.get(noun), noun) for noun in NOUNS}
    accounts = _with_columns_of(known.accounts, Noun.ACCOUNT)
    marks = _marks(known, records).lazy()
    themes = identity.facts(accounts, records[Noun.ACCOUNT], records[Noun.PERSON], basis, known.parents).lazy()
    for noun, (theme, without_records) in _THEMES.items():
        found = theme(_best_source(records[noun], known.first.get(noun, ())), basis).lazy()
        themes = themes.join(_for_all(found, without_records, marks, noun), on="account_id", how="left")
    used = usage.facts(known.usage, metrics_of(facts), known.usage_days, basis.now).lazy()
    themes = themes.join(used, on="account_id", how="left").join(_as_of(marks), on="account_id", how="left")
    if known.own:
        themes = themes.join(company.fields(known.own, accounts, facts, basis).lazy(), on="account_id", how="left")
    snapshot = _with_utilization(themes.collect(optimizations=pl.QueryOptFlags.none()))  # whole frames: nothing to gain
    last = usage.last_whole_day(known.usage_days, basis.now)
    snapshot = snapshot.with_columns(feeds.facts(snapshot, basis, usage.end_of(last) if last else None))
    of_health = {name: fact for name, fact in facts.items() if fact.group == "health"}
    reckoned = {name: fact for name, fact in facts.items() if name in known.own and not known.own[name].field}
    snapshot = _in_range(snapshot, {name: facts[name] for name in facts if name not in {**of_health, **reckoned}})
    if known.own:
        snapshot = _in_range(company.with_reckoned(snapshot, known.own, facts), reckoned)
    scored = health.score(snapshot, card, facts, known.previous)
    snapshot = snapshot.join(_in_range(scored, of_health), on="account_id", how="left")
    return snapshot.select("account_id", *facts, *(f"as_of.{group}" for group in groups_of(facts))).sort("account_id")


def derive_subjects(
    kind: str, known: Known, catalog: Mapping[str, FactSpec], snapshot: pl.DataFrame, basis: Basis,
) -> pl.DataFrame:
    """One row for each contact, or opportunity, of the accounts of `snapshot`: `account_id`, `subject_id`,
    `connection`, `external_id`, its facts of the catalog, and `as_of.<group>`; sorted by account and subject."""
    facts = of_subject(catalog, kind)
    records = {noun: _whole(known.records.get(noun), noun) for noun in subjects.NOUNS[kind]}
    dated = snapshot.select("account_id", *(f"as_of.{group}" for group in groups_of(facts)))
    found = _in_range(subjects.facts(kind, records, known.first, basis), facts).join(
        dated, on="account_id", maintain_order="left")
    unread = [name for name in dated.columns if name.startswith("as_of.")]
    return found.select(*subjects.KEYS, *facts, *unread)


def groups_of(facts: Mapping[str, FactSpec]) -> list[str]:
    """The feeds of `facts`: those of the house in their order, then the mixed ones of the company's own facts. Whole
    accounts have all of the house."""
    named = {fact.group for fact in facts.values()}
    whole = any(fact.subject == "account" for fact in facts.values())
    return [*(group for group in GROUPS if whole or group in named), *sorted(named - set(GROUPS))]


def _whole(frame: pl.DataFrame | None, noun: Noun) -> pl.DataFrame:
    """The frame with every column of its noun; records of nobody's account are left out."""
    if frame is None:
        return pl.DataFrame(schema=columns_of(noun))
    unowned = noun is not Noun.PERSON and frame["account_id"].has_nulls()
    ours = frame.filter(pl.col("account_id").is_not_null()) if unowned else frame
    return _with_columns_of(ours, noun)


def _with_columns_of(frame: pl.DataFrame, noun: Noun) -> pl.DataFrame:
    absent = [pl.lit(None, kind).alias(name) for name, kind in columns_of(noun).items() if name not in frame.columns]
    return frame.with_columns(absent) if absent else frame


def _marks(known: Known, records: Mapping[Noun, pl.DataFrame]) -> pl.DataFrame:
    """account_id, noun, watermark: one row for each noun that is read to the end in a system that knows the account."""
    read = pl.DataFrame(
        [(connection, noun.value, at) for (connection, noun), at in known.watermarks.items()],
        schema={"connection": pl.String, "noun": pl.String, "watermark": INSTANT}, orient="row",
    )
    seen = [known.known_in.select("account_id", "connection")]
    seen += [frame.select("account_id", "connection") for frame in records.values() if frame.height]
    return pl.concat(seen).drop_nulls().unique().join(read, on="connection").select("account_id", "noun", "watermark")


def _as_of(marks: pl.LazyFrame) -> pl.LazyFrame:
    """One row for each account: of each group of records, the oldest watermark behind it."""
    groups = {noun.value: group for noun, group in _GROUP_OF.items()}
    group = pl.col("noun").replace_strict(groups, default=None)
    return marks.group_by("account_id").agg(
        pl.col("watermark").filter(group == name).min().alias(f"as_of.{name}") for name in sorted(set(groups.values()))
    )


def _best_source(frame: pl.DataFrame, order: Sequence[str]) -> pl.DataFrame:
    """Where `order` ranks connections: of each account only the records of the best that has any."""
    if not order:
        return frame
    ranks = {name: rank for rank, name in enumerate(order)}
    rank = pl.col("connection").replace_strict(ranks, default=len(ranks), return_dtype=pl.Int64)
    return frame.filter(rank == rank.min().over("account_id"))


def _for_all(
    found: pl.LazyFrame, without_records: Mapping[str, int | float | bool], marks: pl.LazyFrame, noun: Noun,
) -> pl.LazyFrame:
    """The facts of all accounts whose `noun` is read to the end, also of those that have no record of it."""
    read = marks.filter(pl.col("noun") == noun.value).select("account_id").unique()
    there = found.with_columns(pl.lit(value=True).alias("_has_records"))
    return read.join(there, on="account_id", how="left").with_columns(
        pl.when(pl.col("_has_records").is_null()).then(pl.lit(value)).otherwise(pl.col(name)).alias(name)
        for name, value in without_records.items()
    ).drop("_has_records")


def _with_utilization(snapshot: pl.DataFrame) -> pl.DataFrame:
    average = "usage.active_users.avg_28d"
    if average not in snapshot.columns:
        return snapshot
    seats = pl.col("subscription.seats")
    return snapshot.with_columns(pl.when(seats > 0).then(pl.col(average) / seats).alias("seats.utilization"))


def _in_range(snapshot: pl.DataFrame, facts: Mapping[str, FactSpec]) -> pl.DataFrame:
    """Every fact in its type; what a source wrote outside a fact's range or words is not known."""
    there = set(snapshot.columns)
    absent = [_null(name, fact.type) for name, fact in facts.items() if name not in there]
    whole = snapshot.with_columns(absent) if absent else snapshot
    return whole.with_columns(_checks(tuple(
        (name, (fact.type, fact.low, fact.high, fact.one_of)) for name, fact in facts.items())))


@lru_cache(maxsize=4096)
def _null(name: str, kind: FactType) -> pl.Expr:
    return pl.lit(None, COLUMN[kind]).alias(name)


@lru_cache(maxsize=16)
def _checks(facts: tuple[tuple[str, _Bounds], ...]) -> tuple[pl.Expr, ...]:
    alike: dict[_Bounds, list[str]] = {}
    for name, bounds in facts:
        alike.setdefault(bounds, []).append(name)
    return tuple(_within(pl.col(names), bounds) for bounds, names in alike.items())


def _within(given: pl.Expr, bounds: _Bounds) -> pl.Expr:
    kind, low, high, one_of = bounds
    value = given.cast(COLUMN[kind])
    allowed = value.is_finite() if COLUMN[kind] is pl.Float64 else pl.lit(value=True)
    if low is not None:
        allowed &= value >= low
    if high is not None:
        allowed &= value <= high
    if kind is FactType.TEXT:
        allowed &= value.is_in(one_of) if one_of else value != ""
    return pl.when(allowed).then(value)
