"""Snapshots by the block: the verdicts of many days at once, and only those rows that differ from the day before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

import polars as pl

from steward.engine.batch import verdicts
from steward.engine.expression import Expression
from steward.model.facts import FactSpec

AT, DAY = "at", "day"
_IN_ONE = 39                                # verdicts that one 64-bit number holds: 3**39 < 2**63


@dataclass(frozen=True)
class Block:
    """Snapshots in order. `frame` has their rows, one snapshot after the other; `at` and `day` (0, 1, …) say of which.

    `subject_id` is there where the subjects are not accounts.
    """

    instants: tuple[datetime, ...]
    frame: pl.DataFrame

    @property
    def ids(self) -> str:
        """The column that names the subject."""
        return "subject_id" if "subject_id" in self.frame.columns else "account_id"

    @cached_property
    def heights(self) -> list[int]:
        """The number of rows of each snapshot."""
        counted = dict(self.frame.group_by(DAY).len().iter_rows())
        return [counted.get(day, 0) for day in range(len(self.instants))]


def block(frames: Sequence[tuple[datetime, pl.DataFrame]]) -> Block:
    """Put snapshots together."""
    dated = [frame.with_columns(_instant(at).alias(AT), pl.lit(day, dtype=pl.Int32).alias(DAY))
             for day, (at, frame) in enumerate(frames)]
    return Block(tuple(at for at, _ in frames), pl.concat(dated, how="diagonal_relaxed"))


def freshen_block(
    frame: pl.DataFrame, facts: frozenset[str], catalog: Mapping[str, FactSpec],
) -> pl.DataFrame:
    """As `freshness.freshen`, each row at its own instant."""
    changed, bounds = [], dict[tuple[str, timedelta], pl.Expr]()
    for name in sorted(facts & set(frame.columns) & set(catalog)):
        spec, column = catalog[name], pl.col(name)
        if frame.schema[name].is_float():
            column = column.fill_nan(None)
        if spec.fresh_within is not None:
            as_of, bound = f"as_of.{spec.group}", (spec.group, spec.fresh_within)
            known = as_of in frame.columns
            bounds.setdefault(bound, pl.col(as_of) >= pl.col(AT) - spec.fresh_within if known else pl.lit(False))
            column = pl.when(bounds[bound]).then(column)
        changed.append(column.alias(name))
    return frame.with_columns(changed)


class Packing:
    """The verdicts of several conditions as a few whole numbers, and back."""

    def __init__(self, conditions: Mapping[str, Expression]) -> None:
        self.conditions = dict(conditions)
        names = list(conditions)
        self._parts = [names[start:start + _IN_ONE] for start in range(0, len(names), _IN_ONE)]
        self._known: dict[tuple[int, ...], dict[str, bool | None]] = {}
        self.columns = [f"code_{at}" for at in range(len(self._parts))]
        """The names of the columns with the numbers."""

    def pack(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The numbers for each row of `frame`, which must be freshened."""
        found = verdicts(frame, self.conditions)
        digits = [[pl.col(name).cast(pl.Int64).fill_null(2) * 3**at for at, name in enumerate(part)]
                  for part in self._parts]
        return found.select(pl.sum_horizontal(part).alias(f"code_{at}") for at, part in enumerate(digits))

    def unpack(self, codes: tuple[int, ...]) -> dict[str, bool | None]:
        """The verdicts by name; the same object for the same numbers."""
        if codes not in self._known:
            self._known[codes] = {
                name: (False, True, None)[code // 3**at % 3]
                for code, part in zip(codes, self._parts, strict=True) for at, name in enumerate(part)}
        return self._known[codes]


@dataclass
class Changes:
    """What differs from the snapshot before, from block to block."""

    ids: str
    names: Sequence[str]                    # the columns that are compared
    _last: pl.DataFrame | None = field(default=None)

    def of(self, rows: pl.DataFrame, days: int) -> Iterator[tuple[dict[str, tuple[object, ...]], list[str]]]:
        """For each of the `days`: the changed and the new rows by subject (`names` only), and who is gone.

        `rows` has `day`, the ids and `names`.
        """
        keys = [self.ids, DAY]
        whole = rows.select(*keys, *self.names)
        if self._last is not None:
            before_all = self._last.with_columns(pl.lit(-1, dtype=pl.Int32).alias(DAY))
            whole = pl.concat([before_all.select(whole.columns), whole])
        before = [pl.col(name).shift().over(self.ids) for name in (*self.names, DAY)]
        told = whole.with_columns(expr.alias(f"{name} before")
                                  for name, expr in zip((*self.names, DAY), before, strict=True))
        was = pl.col(f"{DAY} before")
        absent = was < pl.col(DAY) - 1
        differs = pl.any_horizontal(
            was.is_null(), absent, *(pl.col(name).ne_missing(pl.col(f"{name} before")) for name in self.names))
        changed = told.filter(differs, pl.col(DAY) >= 0).select(DAY, self.ids, *self.names)
        last = whole.group_by(self.ids, maintain_order=True).last()
        gone = pl.concat([
            told.filter(absent).select(pl.col(self.ids), (was + 1).alias(DAY)),
            last.filter(pl.col(DAY) < days - 1).select(pl.col(self.ids), (pl.col(DAY) + 1).alias(DAY)),
        ])
        self._last = last.filter(pl.col(DAY) == days - 1).drop(DAY)
        return self._by_day(changed, gone, days)

    def _by_day(
        self, changed: pl.DataFrame, gone: pl.DataFrame, days: int,
    ) -> Iterator[tuple[dict[str, tuple[object, ...]], list[str]]]:
        rows: list[dict[str, tuple[object, ...]]] = [{} for _ in range(days)]
        left: list[list[str]] = [[] for _ in range(days)]
        for day, subject, *values in changed.iter_rows():
            rows[day][subject] = tuple(values)
        for subject, day in gone.iter_rows():
            left[day].append(subject)
        return zip(rows, left, strict=True)


def _instant(at: datetime) -> pl.Expr:
    return pl.lit(at).cast(pl.Datetime("us", "UTC"))
