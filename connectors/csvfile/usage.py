"""Pulls usage out of files: wide or long, by day or by week, from one mapping or from several that belong together."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from connectors.csvfile import amounts, cells
from connectors.csvfile.cells import Unreadable
from connectors.csvfile.folder import find, stat_of
from connectors.csvfile.rows import Columns, external_id, reader
from connectors.csvfile.settings import CsvfileSettings, UsageMapping
from steward.contracts import Cursor, Page, Tools
from steward.kit.tabular import Row, Table, open_table, place
from steward.model.errors import ConfigError, Unavailable
from steward.model.records import FieldType, Refusal

ROWS_ON_A_PAGE = 50_000
ACCOUNT, DAY = "account_external_id", "day"
_LONG = {ACCOUNT: pl.String, DAY: pl.Date, "metric": pl.String, "value": pl.Float64}


@dataclass
class _Found:
    """A file that a mapping names, and its size and time."""

    mapping: UsageMapping
    name: str
    path: Path
    state: str


@dataclass
class _Place:
    """The states of the files that were read whole; of the pull in hand, `of` which states it is, how many files'
    refusals were `told`, and up to which row usage was given."""

    read: dict[str, str] = field(default_factory=dict)
    of: str = ""
    told: int = 0
    row: int = 0

    def cursor(self) -> Cursor:
        return Cursor(json.dumps({"read": self.read, "of": self.of, "told": self.told, "row": self.row}))


def pull_usage(settings: CsvfileSettings, tools: Tools, after: Cursor | None) -> Iterator[Page]:
    """Pages of usage out of the files that changed; nothing at all where none is mapped.

    Several mappings may speak of one account and day, and a day that is sent again replaces that day: so where
    there are several, a change in one file reads all of them.
    """
    if not settings.usage:
        return
    began, place_ = tools.now(), _place_of(after)
    files = _find(settings)
    now = {_key(file): file.state for file in files}
    todo = [file for file in files if place_.read.get(_key(file)) != file.state]
    if todo and len(settings.usage) > 1:
        todo = files
    if todo:
        yield from _pages(todo, place_, now)
    place_ = _Place(read=now)
    yield Page((), place_.cursor(), watermark=began, progress=1.0)


def _pages(todo: list[_Found], place_: _Place, now: dict[str, str]) -> Iterator[Page]:
    of = hashlib.sha256(json.dumps(now, sort_keys=True).encode()).hexdigest()[:16]
    if place_.of != of:
        place_.of, place_.told, place_.row = of, 0, 0
    frames: list[tuple[UsageMapping, pl.DataFrame]] = []
    for number, file in enumerate(todo):
        frame, refusals = read_usage(file.path, file.name, file.mapping)
        if stat_of(file.path, file.name) != file.state:
            raise Unavailable(f"csvfile: {file.name} changed while it was read. Steward reads it again later.")
        frames.append((file.mapping, frame))
        if number >= place_.told:
            place_.told = number + 1
            yield Page((), place_.cursor(), refusals, anew=file.name)
    whole = merged(frames)
    while place_.row < whole.height:
        part = whole.slice(place_.row, ROWS_ON_A_PAGE)
        place_.row += part.height
        yield Page((), place_.cursor(), usage=part, progress=place_.row / whole.height)


def read_usage(path: Path, name: str, mapping: UsageMapping) -> tuple[pl.DataFrame, list[Refusal]]:
    """The usage in one file, one row for each account and day, and the rows that were refused.

    Several rows of one account, day and metric are added up; of a week, see `UsageMapping.repeat`.
    """
    with open_table(path, f"csvfile: {name}", mapping.dialect) as table:
        found = _Cells(name, table, mapping)
        for row in table.rows:
            found.read(row)
    rows = pl.DataFrame([found.accounts, found.days, found.metrics, found.values], schema=_LONG)
    return _daily(rows, mapping), found.refusals


def merged(frames: Sequence[tuple[UsageMapping, pl.DataFrame]]) -> pl.DataFrame:
    """One row for each account and day. Of one mapping, the later file's day counts; mappings are added up."""
    by_mapping: dict[int, list[pl.DataFrame]] = {}
    for mapping, frame in frames:
        by_mapping.setdefault(id(mapping), []).append(frame)
    whole = pl.concat([
        pl.concat(parts, how="diagonal").unique([ACCOUNT, DAY], keep="last", maintain_order=True)
        for parts in by_mapping.values()
    ], how="diagonal")
    return whole.group_by(ACCOUNT, DAY).agg(_sum(pl.exclude(ACCOUNT, DAY))).sort(ACCOUNT, DAY)


class _Cells:
    """The readable cells of a file as columns of a long frame."""

    def __init__(self, name: str, table: Table, mapping: UsageMapping) -> None:
        columns, self._name, self._locale = Columns(name, table.header), name, mapping.locale
        self._account = [columns.index(column) for column in mapping.account]
        self._day = reader(columns, mapping.day, FieldType.DATE, mapping.locale)
        self._day_at = columns.index(mapping.day.column) if mapping.day.column else None
        if mapping.metric is not None and mapping.value is not None:
            self._metric, self._value = columns.index(mapping.metric), columns.index(mapping.value)
            self._wide: list[tuple[str, int]] = []
        else:
            self._wide = [(ours, columns.index(theirs)) for ours, theirs in mapping.metrics.items()]
        self._words = {theirs: ours for ours, theirs in mapping.metrics.items()}
        self._known_days: dict[object, object] = {}
        self._known_names: dict[object, str | None] = {}
        self.accounts: list[str] = []
        self.days: list[object] = []
        self.metrics: list[str] = []
        self.values: list[float] = []
        self.refusals: list[Refusal] = []

    def read(self, row: Row) -> None:
        where = place(self._name, row.number)
        if row.fault:
            self.refusals.append(Refusal(where, None, row.fault))
            return
        at = ACCOUNT
        try:
            account = external_id(row.cells, self._account)
            if not account:
                raise Unreadable("the account is empty")
            at = DAY
            day = self._day_of(row)
            at = "value"
            numbers = [(name, amounts.number(row.cells[index], self._locale)) for name, index in self._cells(row)
                       if not cells.is_empty(row.cells[index])]
        except Unreadable as error:
            self.refusals.append(Refusal(where, at, str(error)))
            return
        for name, value in numbers:
            self.accounts.append(account)
            self.days.append(day)
            self.metrics.append(name)
            self.values.append(float(value))

    def _day_of(self, row: Row) -> object:
        said = None if self._day_at is None else row.cells[self._day_at]
        if said not in self._known_days:                 # few days in many rows
            self._known_days[said] = self._day(row.cells)
        if self._known_days[said] is None:
            raise Unreadable("the day is empty")
        return self._known_days[said]

    def _cells(self, row: Row) -> Sequence[tuple[str, int]]:
        if self._wide:
            return self._wide
        said = row.cells[self._metric]
        if cells.is_empty(said):
            raise Unreadable("the name of the metric is empty")
        if said not in self._known_names:                # few metrics in many rows
            word = cells.text(said)
            self._known_names[said] = self._words.get(word) if self._words else _slug(word)
        name = self._known_names[said]
        return [(name, self._value)] if name else []


def _slug(word: str) -> str:
    name = "".join(each if each.isascii() and each.isalnum() else "_" for each in word.lower()).strip("_")
    if not name[:1].isalpha():
        raise Unreadable(f'"{word[:60]}" cannot be the name of a metric; give it one in "metrics"')
    return name


def _daily(rows: pl.DataFrame, mapping: UsageMapping) -> pl.DataFrame:
    if rows.is_empty():
        return pl.DataFrame(schema={ACCOUNT: pl.String, DAY: pl.Date})
    summed = rows.group_by(ACCOUNT, DAY, "metric").agg(pl.col("value").sum())
    if mapping.bucket != "day":
        first = -6 if mapping.bucket == "week_ending" else 0
        share = pl.when(pl.col("metric").is_in(list(mapping.repeat))).then(1.0).otherwise(1 / 7)
        offsets = pl.DataFrame({"offset": range(first, first + 7)})
        summed = summed.with_columns(pl.col("value") * share).join(offsets, how="cross").select(
            ACCOUNT, (pl.col(DAY) + pl.duration(days="offset")).cast(pl.Date).alias(DAY), "metric", "value",
        )
    wide = summed.pivot(on="metric", index=[ACCOUNT, DAY], values="value", aggregate_function="sum")
    return wide.select(ACCOUNT, DAY, *sorted(set(wide.columns) - {ACCOUNT, DAY}))


def _sum(columns: pl.Expr) -> pl.Expr:
    """A sum of nothing is not zero: it is not known."""
    return pl.when(columns.count() > 0).then(columns.sum())


def _find(settings: CsvfileSettings) -> list[_Found]:
    found = []
    for mapping in settings.usage:
        for name, path in find(settings.folder, mapping.path):
            found.append(_Found(mapping, name, path, stat_of(path, name)))
    return found


def _key(file: _Found) -> str:
    return f"{file.name}/{file.mapping.fingerprint}"


def _place_of(after: Cursor | None) -> _Place:
    if after is None:
        return _Place()
    try:
        told = json.loads(after)
        return _Place(dict(told["read"]), told["of"], told["told"], told["row"])
    except (ValueError, KeyError, TypeError):
        raise ConfigError("csvfile: the stored cursor is of another version. Sync from the beginning.") from None
