"""A drop's bytes become usage: one row for each account and day, and a refusal for each row that cannot be one."""

from __future__ import annotations

import io
from collections.abc import Iterator

import polars as pl
from polars.exceptions import PanicException, PolarsError

from connectors.usage.settings import UsageSettings
from steward.model.errors import ConfigError, RecordRejected
from steward.model.records import Refusal
from steward.model.words import nearest

ACCOUNT, DAY = "account_external_id", "day"
MOST_REFUSALS = 1_000
_ROW = "zz_row"


def frame_of(name: str, content: bytes, settings: UsageSettings) -> tuple[pl.DataFrame, list[Refusal]]:
    """The usage in `content`, sorted by account and day; several rows of one account and day are added up.

    Raises:
        RecordRejected: the bytes are not the Parquet or CSV file that the name promises, or no row can be used.
        ConfigError: a column that the settings name is not there.
    """
    raw = _raw(name, content)
    wanted = _columns(name, raw, settings)
    first = 2 if name.endswith(".csv") else 1                # a CSV file has a header
    read = raw.select(
        pl.int_range(first, raw.height + first).alias(_ROW),
        _account(raw.schema[settings.columns.account], settings.columns.account).alias(ACCOUNT),
        _day(raw.schema[settings.columns.day], settings.columns.day).alias(DAY),
        *(_number(theirs).alias(ours) for ours, theirs in wanted.items()),
        *((pl.col(theirs).is_not_null() & (pl.col(theirs).cast(pl.String) != "") & _number(theirs).is_null())
          .alias(f"bad:{ours}") for ours, theirs in wanted.items()),
    )
    bad = pl.any_horizontal(pl.col(ACCOUNT).is_null(), pl.col(DAY).is_null(), *(f"bad:{ours}" for ours in wanted))
    refusals = list(_refusals(name, read.filter(bad), list(wanted)))
    good = read.filter(~bad)
    if raw.height and good.is_empty():
        raise RecordRejected(f"usage: {name}: no row can be used; the first: {refusals[0].reason}", refusals[0].field)
    # A sum of nothing is zero, but a metric that no row gave is not known.
    sums = [pl.when(pl.col(ours).count() > 0).then(pl.col(ours).sum()).alias(ours) for ours in wanted]
    return good.group_by(ACCOUNT, DAY).agg(sums).sort(ACCOUNT, DAY), refusals


def _raw(name: str, content: bytes) -> pl.DataFrame:
    try:
        if name.endswith(".csv"):
            return pl.read_csv(io.BytesIO(content.removeprefix(b"\xef\xbb\xbf")), infer_schema=False)
        return pl.read_parquet(io.BytesIO(content))
    except (PolarsError, PanicException, OSError, ValueError) as error:
        kind = "CSV" if name.endswith(".csv") else "Parquet"
        said = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise RecordRejected(
            f"usage: {name}: the {kind} file is cut short or damaged ({said}). Upload it again: write it under another "
            "name and rename it when it is whole."
        ) from None


def _columns(name: str, raw: pl.DataFrame, settings: UsageSettings) -> dict[str, str]:
    """Our metric -> their column; every column that can be a metric where the settings name none."""
    named = (settings.columns.account, settings.columns.day)
    rest = {column: column for column in raw.columns if column not in named and column.isidentifier()}
    wanted = settings.metrics or rest
    for column in (*named, *wanted.values()):
        if column not in raw.columns:
            near = nearest(column, raw.columns)
            hint = f'Did you mean "{near}"?' if near else f"It has: {', '.join(raw.columns)}."
            raise ConfigError(f'usage: {name} has no column "{column}". {hint} Correct columns or metrics.')
    if not wanted:
        raise ConfigError(f"usage: {name} has no column but account and day. Add one for each metric.")
    return dict(wanted)


def _account(kind: pl.DataType, column: str) -> pl.Expr:
    text = pl.col(column)
    if kind.is_float():                     # 17.0 is how a spreadsheet library writes the id 17
        whole = text.cast(pl.Int64, strict=False)
        text = pl.when(whole == text).then(whole)
    text = text.cast(pl.String, strict=False).str.strip_chars()
    return pl.when(text != "").then(text)


def _day(kind: pl.DataType, column: str) -> pl.Expr:
    if kind == pl.String:
        text = pl.col(column).str.strip_chars()
        iso = pl.when(text.str.contains(r"^\d{4}-\d{2}-\d{2}")).then(text.str.head(10))
        return iso.str.to_date("%Y-%m-%d", strict=False)
    if kind.is_temporal():
        zoned = getattr(kind, "time_zone", None)
        day = pl.col(column).dt.convert_time_zone("UTC") if zoned else pl.col(column)
        return day.cast(pl.Date, strict=False)
    return pl.lit(None, pl.Date)


def _number(column: str) -> pl.Expr:
    number = pl.col(column).cast(pl.Float64, strict=False)
    return pl.when(number.is_finite()).then(number)


def _refusals(name: str, bad: pl.DataFrame, metrics: list[str]) -> Iterator[Refusal]:
    for row in bad.head(MOST_REFUSALS).iter_rows(named=True):
        where = f"{name} row {row[_ROW]}"
        if row[ACCOUNT] is None:
            yield Refusal(where, ACCOUNT, "the account is empty")
        elif row[DAY] is None:
            yield Refusal(where, DAY, "the day is empty or no date; write it as 2026-03-31")
        else:
            wrong = next(metric for metric in metrics if row[f"bad:{metric}"])
            yield Refusal(where, wrong, "the number cannot be read; write it as 1234.5")
    if bad.height > MOST_REFUSALS:
        yield Refusal(name, None, f"{bad.height - MOST_REFUSALS:,} rows more were refused for reasons like those above")
