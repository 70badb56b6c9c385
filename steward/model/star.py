"""What reports read: tables with their grain, columns with type, unit and meaning, under one version number."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from steward.model.records import FieldType


@dataclass(frozen=True, slots=True)
class StarColumn:
    """One column. Money is exact to the cent, in the currency that the row names; an instant is UTC, to the second;
    a day is the company's. Null is Missing. `fact` names the line of the catalog that it holds."""

    name: str
    type: FieldType
    meaning: str
    unit: str = ""
    fact: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class StarTable:
    """One table. `grain` says what one row is; `key` names it. `dated_by`: the column by which a part of it can be
    taken, "" where it is small and always taken whole. `links`: column -> "table.column" that it points at.
    `grows`: rows are only ever added, or replaced under their key within the last days."""

    name: str
    grain: str
    meaning: str
    key: tuple[str, ...]
    columns: tuple[StarColumn, ...]
    dated_by: str = ""
    links: Mapping[str, str] = field(default_factory=dict)
    grows: bool = False

    def __getitem__(self, name: str) -> StarColumn:
        return next(column for column in self.columns if column.name == name)


@dataclass(frozen=True, slots=True)
class Star:
    """Every table under a version: a later one only ever has more tables and more columns."""

    version: int
    tables: tuple[StarTable, ...]

    def __getitem__(self, name: str) -> StarTable:
        return next(table for table in self.tables if table.name == name)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(table.name for table in self.tables)
