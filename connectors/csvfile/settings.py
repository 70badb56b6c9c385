"""What the operator sets: which file is which noun, which column is which field, and how the file writes things."""

from __future__ import annotations

import hashlib
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from connectors.csvfile.cells import Locale
from steward.kit.tabular import Dialect
from steward.model.records import FIELDS, FieldType, Noun
from steward.model.words import nearest

Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$")]
Metric = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class _Block(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Column(_Block):
    """Where a field comes from: `column`, or the same `constant` for every row."""

    column: str | None = None
    constant: str | int | float | bool | None = None
    values: dict[str, str | int | float | bool] = Field(default_factory=dict)   # theirs -> ours
    format: str | None = None                # strptime's, or epoch_s, epoch_ms
    currency: Currency | None = None
    currency_column: str | None = None
    type: FieldType | None = None            # of custom fields only

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise ValueError("give either column or constant")
        if self.currency and self.currency_column:
            raise ValueError("give either currency or currency_column")
        return self


def _column(given: Any) -> Any:
    return {"column": given} if isinstance(given, str) else given


def _names(given: Any) -> Any:
    return [given] if isinstance(given, str) else given


ColumnOrName = Annotated[Column, BeforeValidator(_column)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names), Field(min_length=1)]


class FileBlock(_Block):
    """A file, or all that a pattern such as "exports/*.csv" names, and how it writes things."""

    path: str
    encoding: str | None = None
    delimiter: Annotated[str, Field(min_length=1, max_length=1)] | None = None
    sheet: str | None = None
    header_row: int = Field(1, ge=1)
    decimal: Literal[".", ","] = "."
    day_first: bool | None = None
    timezone: str = "UTC"

    @field_validator("path")
    @classmethod
    def _inside(cls, path: str) -> str:
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts or "\\" in path or not path:
            raise ValueError('write a path within the folder, with "/" between its parts and without ".."')
        return path

    @field_validator("timezone")
    @classmethod
    def _is_a_zone(cls, timezone: str) -> str:
        try:
            ZoneInfo(timezone)
        except (KeyError, ValueError, OSError):
            raise ValueError(f'there is no time zone "{timezone}"; write one such as Europe/Berlin') from None
        return timezone

    @property
    def is_pattern(self) -> bool:
        return any(mark in self.path for mark in "*?[")

    @property
    def dialect(self) -> Dialect:
        return Dialect(self.encoding, self.delimiter, self.sheet, self.header_row)

    @property
    def locale(self) -> Locale:
        return Locale(ZoneInfo(self.timezone), self.decimal, self.day_first)

    @property
    def fingerprint(self) -> str:
        """Changes with any of these settings: a file is read again when it is read otherwise."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:12]


class FileMapping(FileBlock):
    """One file's rows as records of one noun."""

    noun: Noun
    external_id: Names
    columns: dict[str, ColumnOrName]
    modified_at: ColumnOrName | None = None
    deleted: ColumnOrName | None = None
    skip_without_id: bool = False            # leave out rows without an id instead of refusing them
    deletions: bool | None = None            # rows that are gone are deleted; None: where the file is the whole list
    deletions_at_most: int | None = Field(None, ge=0)

    @model_validator(mode="after")
    def _known_fields(self) -> Self:
        known = FIELDS[self.noun]
        for name, column in self.columns.items():
            free = name.startswith("custom.") or (self.noun is Noun.ACCOUNT and name.startswith("id_in."))
            if name not in known and not free:
                near = nearest(name, known)
                hint = f'did you mean "{near}"?' if near else f"it has {', '.join(known)}, and custom.<name>"
                raise ValueError(f'columns: a {self.noun} has no field "{name}"; {hint}')
            if column.type and not name.startswith("custom."):
                raise ValueError(f'columns: "{name}" has its own type; only custom fields take one')
        if "account_external_id" in known and "account_external_id" not in self.columns:
            raise ValueError(f"columns: a {self.noun} needs account_external_id, the id of the account it belongs to")
        if self.deletions and self.is_pattern:
            raise ValueError("deletions: a pattern names parts, none of which is the whole list; use deleted")
        return self


class UsageMapping(FileBlock):
    """One file's rows as usage: wide (a column for each metric) or long (`metric` and `value` columns)."""

    account: Names
    day: ColumnOrName
    bucket: Literal["day", "week_starting", "week_ending"] = "day"
    metrics: dict[Metric, str] = Field(default_factory=dict)   # ours -> their column, or their word where long
    metric: str | None = None
    value: str | None = None
    repeat: tuple[Metric, ...] = ()          # of a week, the same on each day; others are divided by seven

    @model_validator(mode="after")
    def _wide_or_long(self) -> Self:
        if (self.metric is None) != (self.value is None):
            raise ValueError("metric and value go together: the columns of a long file")
        if not self.metrics and self.metric is None:
            raise ValueError("name the metrics: our name, then their column")
        return self


class CsvfileSettings(_Block):
    """A folder and what its files are. Nothing outside `folder` is read."""

    folder: Path
    files: tuple[FileMapping, ...] = ()
    usage: tuple[UsageMapping, ...] = ()
    rows_on_a_page: int = Field(2_000, ge=1, le=50_000)

    @model_validator(mode="after")
    def _something_once(self) -> Self:
        if not (self.files or self.usage):
            raise ValueError("map at least one file in files or usage")
        seen = set()
        for file in self.files:
            if (file.path, file.noun) in seen:
                raise ValueError(f'files: "{file.path}" is mapped twice as {file.noun}')
            seen.add((file.path, file.noun))
        return self

    def of(self, noun: Noun) -> tuple[FileMapping, ...]:
        """The files whose rows are records of `noun`."""
        return tuple(file for file in self.files if file.noun is noun)

    def deletes(self, noun: Noun) -> bool:
        """Whether rows that are gone from the files of `noun` are deleted: each of them must be a whole list."""
        return all(not file.is_pattern and file.deletions is not False for file in self.of(noun))
