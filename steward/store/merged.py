"""One row per account: for each field the value of the source that is believed, and the values that lost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import polars as pl
from sqlalchemy import Connection

from steward.model.records import FIELDS, FieldType, Noun
from steward.store import records

_NAMES = ("account_id", "connection", "external_id", "modified_at")


def merged_accounts(
    tx: Connection, truth: Mapping[str, Sequence[str]] | None = None, order: Sequence[str] = (),
    account_ids: Iterable[str] | None = None,
) -> pl.DataFrame:
    """`account_id` and every field of an account, `custom.*` too; one row for each account with a live record.

    The first source that has a value wins: as `truth` orders them for the field, else as `order` does; of two
    records in one source the one changed last. `csm_connection` says whose id `csm_external_id` is; likewise
    for the other fields that end in `_external_id`.
    """
    rows = _ranked(tx, order, account_ids)
    by_order: dict[tuple[str, ...], list[str]] = {}
    for name in _fields(rows):
        by_order.setdefault(tuple((truth or {}).get(f"account.{name}", ())), []).append(name)
    merged = rows.select("account_id").unique()
    for first, names in by_order.items():
        merged = merged.join(_first(_by_truth(rows, first) if first else rows, names), on="account_id", how="left")
    columns = [column for name in _fields(rows) for column in _columns(name)]
    return merged.select("account_id", *columns).sort("account_id")


def conflicts(
    tx: Connection, truth: Mapping[str, Sequence[str]] | None = None, order: Sequence[str] = (),
    account_ids: Iterable[str] | None = None,
) -> pl.DataFrame:
    """`account_id, field, connection, external_id, value, wins` of every field that sources disagree about."""
    rows = _ranked(tx, order, account_ids)
    found = [_disagreeing(_by_truth(rows, (truth or {}).get(f"account.{name}", ())), name)
             for name in _fields(rows) if not name.endswith("_external_id")]
    return pl.concat(found).sort("account_id", "field", "wins", "connection", "external_id",
                             descending=[False, False, True, False, False])


def _ranked(tx: Connection, order: Sequence[str], account_ids: Iterable[str] | None) -> pl.DataFrame:
    """The account records, of each account the one to believe first on top."""
    rows = records.frame(tx, Noun.ACCOUNT, account_ids).filter(pl.col("account_id").is_not_null())
    return rows.sort(_place(order), "connection", "modified_at", "external_id",
                     descending=[False, False, True, False], nulls_last=True)


def _by_truth(rows: pl.DataFrame, first: Sequence[str]) -> pl.DataFrame:
    return rows.sort(_place(first), maintain_order=True)


def _place(first: Sequence[str]) -> pl.Expr:
    """The place of the row's connection in `first`; those not in it come after, alike."""
    places = {name: place for place, name in enumerate(first)}
    return pl.col("connection").replace_strict(places, default=len(places), return_dtype=pl.Int32)


def _fields(rows: pl.DataFrame) -> list[str]:
    custom = [name for name in rows.columns if name.startswith("custom.")]
    return [*FIELDS[Noun.ACCOUNT], *custom]


def _columns(name: str) -> list[str]:
    if FIELDS[Noun.ACCOUNT].get(name) is FieldType.MONEY:
        return [name, f"{name}_currency"]
    return [name, _whose(name)] if name.endswith("_external_id") else [name]


def _whose(name: str) -> str:
    return name.removesuffix("_external_id") + "_connection"


def _first(rows: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    """The topmost value of each; a currency and a connection come from the row that the value came from."""
    wanted = []
    for name in names:
        known = pl.col(name).is_not_null()
        wanted.append(pl.col(name).filter(known).first())
        if FIELDS[Noun.ACCOUNT].get(name) is FieldType.MONEY:
            wanted.append(pl.col(f"{name}_currency").filter(known).first())
        if name.endswith("_external_id"):
            wanted.append(pl.col("connection").filter(known).first().alias(_whose(name)))
    return rows.group_by("account_id", maintain_order=True).agg(wanted)


def _disagreeing(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    value = pl.col(name).cast(pl.String)
    if FIELDS[Noun.ACCOUNT].get(name) is FieldType.MONEY:
        value = value + " " + pl.col(f"{name}_currency")
    return rows.select(
        "account_id", pl.lit(name).alias("field"), "connection", "external_id", value.alias("value")
    ).drop_nulls("value").with_columns(
        wins=pl.col("value") == pl.col("value").first().over("account_id")
    ).filter((~pl.col("wins")).any().over("account_id"))
