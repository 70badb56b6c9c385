"""Tables as files: frames typed as the star says in, Parquet, CSV or a workbook out. No text becomes a formula."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from steward.kit.untrusted import for_cell
from steward.model.errors import ConfigError
from steward.model.records import FieldType
from steward.model.star import Star, StarTable
from steward.reporting.dictionary import HEADER, lines

if TYPE_CHECKING:
    from xlsxwriter import Workbook
    from xlsxwriter.worksheet import Worksheet

Frames = Mapping[StarTable, pl.DataFrame]

_MOST_ROWS = 1_048_575                     # of a sheet, under its header
_MOST_TEXT = 32_767                        # of a cell
_FORMATS = {FieldType.MONEY: "#,##0.00", FieldType.DATE: "yyyy-mm-dd", FieldType.INSTANT: 'yyyy-mm-dd hh:mm:ss" UTC"',
            FieldType.NUMBER: "General", FieldType.INTEGER: "0"}
_WIDTHS = {FieldType.MONEY: 16, FieldType.DATE: 12, FieldType.INSTANT: 24, FieldType.NUMBER: 12, FieldType.INTEGER: 12,
           FieldType.BOOLEAN: 10, FieldType.TEXT: 24}


def parquet(frame: pl.DataFrame, path: Path) -> None:
    """Typed as the frame: money is decimal(18,2), instants are UTC."""
    frame.write_parquet(path, compression="zstd")


def csv(frame: pl.DataFrame, path: Path) -> None:
    """UTF-8 with a header, texts in quotes and harmless in a spreadsheet, numbers bare, instants as ISO 8601 in UTC;
    what is not known is empty without quotes."""
    texts = [name for name, kind in frame.schema.items() if kind == pl.String]
    shown = frame.with_columns(pl.col(texts).map_elements(for_cell, return_dtype=pl.String))
    written = io.BytesIO()
    shown.write_csv(written, quote_style="non_numeric", datetime_format="%Y-%m-%dT%H:%M:%SZ", date_format="%Y-%m-%d",
                    null_value="")
    path.write_bytes(written.getvalue())


def xlsx(frames: Frames, star: Star, path: Path, as_of: datetime) -> None:
    """One sheet for each table, a real table with a frozen header, and "Definitions": what every column means.

    Raises:
        ConfigError: a table has more rows than a sheet.
    """
    from xlsxwriter import Workbook

    for table, frame in frames.items():
        if frame.height > _MOST_ROWS:
            raise ConfigError(f"{table.name} has {frame.height:,} rows and a sheet takes {_MOST_ROWS:,}. Take a part "
                              "with --since, or write --format parquet")
    with Workbook(str(path), {
        "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False,
        "nan_inf_to_errors": False,
    }) as book:
        book.set_properties({"title": f"Steward, star schema {star.version}", "created": as_of.replace(tzinfo=None)})
        _definitions(book, star, as_of)
        for table, frame in frames.items():
            _sheet(book, table, frame)


def _definitions(book: Workbook, star: Star, as_of: datetime) -> None:
    sheet = book.add_worksheet("Definitions")
    bold = book.add_format({"bold": True})
    wrapped = book.add_format({"text_wrap": True, "valign": "top"})
    said = lines(star)
    sheet.set_column(0, 1, 26)
    sheet.set_column(2, len(HEADER) - 2, 18)
    sheet.set_column(len(HEADER) - 1, len(HEADER) - 1, 90, wrapped)
    sheet.write_string(0, 0, f"Star schema version {star.version}, as of {as_of:%Y-%m-%d %H:%M} UTC. Empty is not "
                             "known, never zero.", bold)
    sheet.add_table(2, 0, 2 + len(said), len(HEADER) - 1, {
        "name": "definitions", "columns": [{"header": name} for name in HEADER], "style": "Table Style Light 9"})
    for row, line in enumerate(said, 3):
        for column, text in enumerate(line):
            sheet.write_string(row, column, text)
    sheet.freeze_panes(3, 0)


def _sheet(book: Workbook, table: StarTable, frame: pl.DataFrame) -> None:
    sheet = book.add_worksheet(table.name)
    formats = {kind: book.add_format({"num_format": written}) for kind, written in _FORMATS.items()}
    for at, column in enumerate(table.columns):
        sheet.set_column(at, at, max(_WIDTHS[column.type], len(column.name) + 3), formats.get(column.type))
    sheet.add_table(0, 0, max(frame.height, 1), len(table.columns) - 1, {
        "name": table.name, "columns": [{"header": column.name} for column in table.columns],
        "style": "Table Style Light 9"})
    sheet.freeze_panes(1, 0)
    kinds = [column.type for column in table.columns]
    for row, cells in enumerate(frame.iter_rows(), 1):
        for at, (value, kind) in enumerate(zip(cells, kinds, strict=True)):
            if value is not None:
                _cell(sheet, (row, at), value, kind, formats.get(kind))


def _cell(sheet: Worksheet, place: tuple[int, int], value: Any, kind: FieldType, shown: Any) -> None:
    if kind is FieldType.TEXT:
        sheet.write_string(*place, for_cell(value)[:_MOST_TEXT])
    elif kind is FieldType.BOOLEAN:
        sheet.write_boolean(*place, value)
    elif kind is FieldType.INSTANT:            # a sheet knows no time zones: the format says that this is UTC
        sheet.write_datetime(*place, value.replace(tzinfo=None), shown)
    elif kind is FieldType.DATE:
        sheet.write_datetime(*place, value, shown)
    else:
        sheet.write_number(*place, float(value), shown)
