"""What is too old is not known: facts beyond their `fresh_within` become null, and NaN too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from steward.model.facts import FactSpec


def freshen(frame: pl.DataFrame, facts: Iterable[str], catalog: Mapping[str, FactSpec], now: datetime) -> pl.DataFrame:
    """`frame` with those of `facts` null that are older than their spec allows; the other columns as they are.

    A fact with a bound whose as-of instant is not known is null as well: nobody can say that it is fresh.
    """
    changed = []
    bounds: dict[tuple[str, timedelta], pl.Expr] = {}   # polars takes a millisecond to make a literal of an instant
    for name in sorted(set(facts) & set(frame.columns) & set(catalog)):
        spec, column = catalog[name], pl.col(name)
        if frame.schema[name].is_float():
            column = column.fill_nan(None)
        if spec.fresh_within is not None:
            as_of, bound = f"as_of.{spec.group}", (spec.group, spec.fresh_within)
            if bound not in bounds:
                known = as_of in frame.columns
                bounds[bound] = pl.col(as_of) >= now - spec.fresh_within if known else pl.lit(False)
            column = pl.when(bounds[bound]).then(column)
        changed.append(column.alias(name))
    return frame.with_columns(changed)


def freshen_row(row: Mapping[str, Any], catalog: Mapping[str, FactSpec], now: datetime) -> dict[str, Any]:
    """The same for one account; only facts of the catalog are in the answer, with `account_id`."""
    fresh = {
        name: None if why_unknown(row, spec, now) else row[name] for name, spec in catalog.items() if name in row
    }
    return {"account_id": row.get("account_id"), **fresh}


def why_unknown(row: Mapping[str, Any], spec: FactSpec, now: datetime) -> str:
    """Why the fact of `spec` is unknown in `row`: "no value", "41h old, fresh within 26h"; "" where it is known."""
    value = row.get(spec.name)
    if value is None or value != value:  # noqa: PLR0124  # only NaN differs from itself
        return "no value"
    if spec.fresh_within is None:
        return ""
    as_of = row.get(f"as_of.{spec.group}")
    if as_of is None:
        return f"no date on the {spec.group} data"
    age = now - as_of
    return f"{age_text(age)} old, fresh within {age_text(spec.fresh_within)}" if age > spec.fresh_within else ""


def age_text(age: timedelta) -> str:
    """ "40min", "6h", "12d": the whole part in the unit that fits."""
    minutes = max(0, int(age.total_seconds() // 60))
    if minutes < 60:
        return f"{minutes}min"
    return f"{minutes // 60}h" if minutes < 72 * 60 else f"{minutes // (24 * 60)}d"
