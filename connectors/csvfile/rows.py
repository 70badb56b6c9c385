"""Rows become records, as a mapping of the settings says; a row that cannot is refused by place, field and reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from connectors.csvfile import amounts, cells, dates
from connectors.csvfile.cells import Locale, Unreadable
from connectors.csvfile.settings import Column, FileMapping
from steward.kit.tabular import Row, place
from steward.model.errors import ConfigError
from steward.model.records import FIELDS, FieldType, Record, Refusal, Value
from steward.model.words import nearest

MOST_ID = 255
_DOMAIN = re.compile(r"(?!-)[a-z0-9äöüéèàçñß-]+(\.[a-z0-9äöüéèàçñß-]+)+")
Cells = Sequence[Any]
Read = Callable[[Cells], Value | None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a row became. `id` is its external id, known even of some refused rows; "" where it is not.

    Neither record nor refusal: the row has no id and the mapping says to leave such rows out.
    """

    id: str
    record: Record | None = None
    refusal: Refusal | None = None


class Reader:
    """Reads the rows of one file. `name` is the file in errors, `header` its columns.

    Raises:
        ConfigError: a column of the mapping is not there, or is there twice.
    """

    def __init__(self, name: str, header: Sequence[str], mapping: FileMapping) -> None:
        self._name, self._mapping = name, mapping
        known = FIELDS[mapping.noun]
        columns = Columns(name, header)
        self._id = [columns.index(column) for column in mapping.external_id]
        self._fields = {
            field: reader(columns, column, known.get(field) or column.type or FieldType.TEXT, mapping.locale, field)
            for field, column in mapping.columns.items()
        }
        modified, deleted = mapping.modified_at, mapping.deleted
        self._modified_at = reader(columns, modified, FieldType.INSTANT, mapping.locale) if modified else None
        self._deleted = reader(columns, deleted, FieldType.BOOLEAN, mapping.locale) if deleted else None

    def read(self, row: Row) -> Outcome:
        """The record of `row`, or why there is none."""
        where = place(self._name, row.number)
        if row.fault:
            return Outcome("", refusal=Refusal(where, None, row.fault))
        try:
            name = external_id(row.cells, self._id)
        except Unreadable as error:
            return Outcome("", refusal=Refusal(where, "external_id", str(error)))
        if not name:
            skip = self._mapping.skip_without_id
            return Outcome("", refusal=None if skip else Refusal(where, "external_id", "the row has no id"))
        field = ""
        values: dict[str, Value] = {}
        try:
            for field, read in self._fields.items():
                value = read(row.cells)
                if value is not None:
                    values[field] = value
            field = "modified_at"
            modified_at: Any = self._modified_at(row.cells) if self._modified_at else None
            field = "deleted"
            gone = self._deleted(row.cells) is True if self._deleted else False
        except Unreadable as error:
            return Outcome(name, refusal=Refusal(where, field, str(error), name))
        return Outcome(name, Record(self._mapping.noun, name, values, modified_at, deleted=gone))


class Columns:
    """The columns of a file by their names, however they are written."""

    def __init__(self, file: str, header: Sequence[str]) -> None:
        self._file, self._header = file, header
        self._plain = [_plain(name) for name in header]

    def index(self, name: str) -> int:
        """Where the column stands.

        Raises:
            ConfigError: it is not there, or twice.
        """
        found = [at for at, header in enumerate(self._header) if header == name]
        found = found or [at for at, header in enumerate(self._plain) if header == _plain(name)]
        if len(found) == 1:
            return found[0]
        if found:
            raise ConfigError(f'csvfile: {self._file} has {len(found)} columns "{name}". Rename one of them.')
        near = nearest(name, self._header)
        hint = f'Did you mean "{near}"?' if near else f"It has: {', '.join(self._header)}."
        raise ConfigError(f'csvfile: {self._file} has no column "{name}". {hint} Correct the mapping.')


def external_id(row: Cells, columns: Sequence[int]) -> str:
    """The id of a row: the text of its columns, with "|" between them; "" where one of them is empty."""
    parts = ["" if cells.is_empty(row[at], text=True) else cells.text(row[at]) for at in columns]
    if not all(parts):
        return ""
    joined = parts[0] if len(parts) == 1 else "|".join(part.replace("\\", "\\\\").replace("|", "\\|") for part in parts)
    if len(joined) > MOST_ID:
        raise Unreadable(f"the id has {len(joined)} letters; at most {MOST_ID} can be kept")
    return joined


def reader(columns: Columns, column: Column, kind: FieldType, locale: Locale, field: str = "") -> Read:
    """What reads the value of `field` out of a row's cells; None where the row does not say."""
    convert = _converter(columns, column, kind, locale, field)
    if column.column is None:
        constant = column.constant
        return lambda row: convert(constant, row)
    at, is_text = columns.index(column.column), kind is FieldType.TEXT
    if column.values:
        return lambda row: _translated(row[at], row, column, convert)

    def read(row: Cells) -> Value | None:
        return None if cells.is_empty(row[at], text=is_text) else convert(row[at], row)

    return read


def _translated(cell: Any, row: Cells, column: Column, convert: Callable[[Any, Cells], Value | None]) -> Value | None:
    given = "" if cell is None else cells.text(cell)
    for theirs in (given, given.lower()):
        for said, ours in column.values.items():
            if (said if theirs is given else said.lower()) == theirs:
                return convert(ours, row)
    if cells.is_empty(cell, text=True):
        return None
    raise Unreadable(f'"{cells.shown(cell)}" is not among the "values" of the mapping; add it')


def _converter(
    columns: Columns, column: Column, kind: FieldType, locale: Locale, field: str,
) -> Callable[[Any, Cells], Value | None]:
    if kind is FieldType.MONEY:
        at = columns.index(column.currency_column) if column.currency_column else None
        return lambda cell, row: amounts.money(cell, locale, column.currency if at is None else _code(row[at]))
    simple: dict[FieldType, Callable[[Any], Value | None]] = {
        FieldType.TEXT: _TEXTS.get(field, lambda cell: cells.text(cell) or None),
        FieldType.INTEGER: lambda cell: amounts.whole(cell, locale),
        FieldType.NUMBER: lambda cell: float(amounts.number(cell, locale)),
        FieldType.BOOLEAN: cells.boolean,
        FieldType.DATE: lambda cell: dates.day(cell, locale, column.format),
        FieldType.INSTANT: lambda cell: dates.instant(cell, locale, column.format),
    }
    convert = simple[kind]
    return lambda cell, _: convert(cell)


def _code(cell: Any) -> str | None:
    if cells.is_empty(cell):
        return None
    code = cells.text(cell).upper()
    if not re.fullmatch(r"[A-Z]{3}", code):
        raise Unreadable(f'"{cells.shown(cell)}" is no code of a currency; write one such as USD')
    return code


def _domain(cell: Any) -> str:
    """ "https://www.Acme.com/x" as "acme.com"."""
    given = cells.text(cell).lower()
    host = re.split(r"[/?#:]", given.partition("://")[2] or given, maxsplit=1)[0].removeprefix("www.").rstrip(".")
    if not _DOMAIN.fullmatch(host):
        raise Unreadable(f'"{cells.shown(cell)}" is no domain; write it as acme.com')
    return host


def _country(cell: Any) -> str:
    given = cells.text(cell).upper()
    if not re.fullmatch(r"[A-Z]{2}", given):
        raise Unreadable(f'"{cells.shown(cell)}" is no country code of two letters; translate it with "values"')
    return "GB" if given == "UK" else given


def _timezone(cell: Any) -> str:
    given = cells.text(cell)
    try:
        return ZoneInfo(given).key
    except (KeyError, ValueError, OSError):
        raise Unreadable(f'"{cells.shown(cell)}" is no time zone; write one such as Europe/Berlin') from None


_TEXTS: dict[str, Callable[[Any], str | None]] = {"domain": _domain, "country": _country, "timezone": _timezone}


def _plain(name: str) -> str:
    return re.sub(r"[\s_\u00a0-]+", " ", name).strip().lower()
