"""What is too old is not known: facts beyond their `fresh_within` become null, and NaN too."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

import polars as pl

from steward.model.facts import FactSpec


def freshen(frame: pl.DataFrame, facts: Iterable[str], catalog: Mapping[str, FactSpec], now: datetime) -> pl.DataFrame:
    """`frame` with those of `facts` null that are older than their spec allows; the other columns as they are.

    A fact with a bound whose as-of instant is not known is null as well: nobody can say that it is fresh. Columns in
    which nothing is to be changed are not copied.
    """
    wanted = sorted(set(facts) & set(frame.columns) & set(catalog))
    bounds = {name: (catalog[name].group, within) for name in wanted
              if (within := catalog[name].fresh_within) is not None}
    stale = _stale(frame, set(bounds.values()), now)
    floats = [name for name in wanted if frame.schema[name].is_float()]
    has_nan = frame.select(pl.col(floats).is_nan().any()).row(0) if floats else ()
    broken = {name for name, found in zip(floats, has_nan, strict=True) if found}
    changed = []
    for name in wanted:
        old = stale.get(bounds[name]) if name in bounds else None
        if name not in broken and old is None:
            continue
        column = pl.col(name).fill_nan(None) if name in broken else pl.col(name)
        changed.append((column if old is None else pl.when(~old).then(column)).alias(name))
    return frame.with_columns(changed)


def _stale(
    frame: pl.DataFrame, bounds: Collection[tuple[str, timedelta]], now: datetime,
) -> dict[tuple[str, timedelta], pl.Expr]:
    """Of the bounds (a group, how old it may be), those that some row exceeds: whether each row does."""
    groups = [name for name in {f"as_of.{group}" for group, _ in bounds} if name in frame.columns]
    oldest: dict[str, datetime] = {}
    if groups and frame.height:
        nulls = (pl.col(name).has_nulls().alias(f"{name} has nulls") for name in groups)
        seen = frame.select(*(pl.col(name).min() for name in groups), *nulls).row(0, named=True)
        oldest = {name: seen[name] for name in groups if not seen[f"{name} has nulls"]}
    found = {}
    for group, within in bounds:
        name, bound = f"as_of.{group}", now - within
        if name not in oldest or oldest[name] < bound:
            known = name in frame.columns
            found[group, within] = (pl.col(name) < bound).fill_null(True) if known else pl.lit(True)
    return found


def freshen_row(row: Mapping[str, Any], catalog: Mapping[str, FactSpec], now: datetime) -> dict[str, Any]:
    """The same for one account; only facts of the catalog are in the answer, with `account_id`."""
    fresh = {
        name: None if why_unknown(row, spec, now) else row[name] for name, spec in catalog.items() if name in row
    }
    return {"account_id": row.get("account_id"), **fresh}


def why_unknown(row: Mapping[str, Any], spec: FactSpec, now: datetime) -> str:
    """Why the fact of `spec` is unknown in `row`: "no value", "41h old, fresh within 26h"; "" where it is known."""
    return why_not_known(row.get(spec.name), row.get(f"as_of.{spec.group}"), spec, now)


def why_not_known(value: Any, as_of: datetime | None, spec: FactSpec, now: datetime) -> str:
    """The same of a value and the instant that its group is of."""
    if value is None or value != value:  # noqa: PLR0124  # only NaN differs from itself
        return "no value"
    if spec.fresh_within is None:
        return ""
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
