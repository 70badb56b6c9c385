"""What all facts are reckoned from: the company's day, its currency, and how a fact's column is typed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl

from steward.model.facts import FactType
from steward.model.records import FIELDS, FieldType, Noun

INSTANT = pl.Datetime("us", "UTC")

COLUMN: Mapping[FactType, type[pl.DataType]] = {
    FactType.NUMBER: pl.Float64,
    FactType.INTEGER: pl.Int64,
    FactType.RATIO: pl.Float64,
    FactType.MONEY: pl.Float64,
    FactType.DAYS: pl.Int64,
    FactType.TEXT: pl.String,
    FactType.BOOLEAN: pl.Boolean,
    FactType.DATE: pl.Date,
}

_FIELD: Mapping[FieldType, pl.DataType | type[pl.DataType]] = {
    FieldType.TEXT: pl.String,
    FieldType.INTEGER: pl.Int64,
    FieldType.NUMBER: pl.Float64,
    FieldType.BOOLEAN: pl.Boolean,
    FieldType.DATE: pl.Date,
    FieldType.INSTANT: INSTANT,
    FieldType.MONEY: pl.Float64,
}


@dataclass(frozen=True, slots=True)
class Basis:
    """An instant as one company sees it. `rates`: what one unit of another currency is worth in `currency`.

    Days are calendar days in the company's time zone `timezone`: "in the last 28 days" is today and the 27 before.
    """

    now: datetime
    currency: str = "USD"
    timezone: str = "UTC"
    rates: Mapping[str, float] = field(default_factory=dict)

    @property
    def today(self) -> date:
        return self.now.astimezone(ZoneInfo(self.timezone)).date()

    def money(self, name: str) -> pl.Expr:
        """The money field `name` in the company's currency; Missing where there is no rate, never a guess."""
        rates = {**self.rates, self.currency: 1.0}
        rate = pl.col(f"{name}_currency").replace_strict(rates, default=None, return_dtype=pl.Float64)
        return pl.col(name) * rate

    def day(self, name: str) -> pl.Expr:
        """The company's calendar day of the instant `name`."""
        return pl.col(name).dt.convert_time_zone(self.timezone).dt.date()

    def days_since(self, day: pl.Expr) -> pl.Expr:
        """Days from `day` to today; negative where `day` is to come."""
        return (pl.lit(self.today) - day).dt.total_days()

    def within(self, day: pl.Expr, days: int, before: int = 0) -> pl.Expr:
        """True where `day` is one of the `days` days that end `before` days before today."""
        return self.days_since(day).is_between(before, before + days - 1)


def columns_of(noun: Noun) -> dict[str, pl.DataType | type[pl.DataType]]:
    """The columns of `noun`'s frame and their types, as `steward.store.records.frame` gives them."""
    columns: dict[str, pl.DataType | type[pl.DataType]] = {
        "account_id": pl.String, "connection": pl.String, "external_id": pl.String, "modified_at": INSTANT,
    }
    for name, kind in FIELDS[noun].items():
        columns[name] = _FIELD[kind]
        if kind is FieldType.MONEY:
            columns[f"{name}_currency"] = pl.String
    return columns


def known_sum(value: pl.Expr) -> pl.Expr:
    """The sum in a group; Missing where one of its values is."""
    return pl.when(value.is_null().any()).then(None).otherwise(value.sum())


def sum_of_known(value: pl.Expr) -> pl.Expr:
    """The sum of the values in a group that are known; Missing where it has values and none is known."""
    return pl.when((value.count() == 0) & (value.len() > 0)).then(None).otherwise(value.sum())
