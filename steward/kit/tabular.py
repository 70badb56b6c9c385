"""Reads a table out of a CSV, TSV, Parquet or XLSX file, row by row, without guessing what its cells mean."""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, cast

from steward.kit.encoding import encoding_of
from steward.model.errors import ConfigError, RecordRejected

ENDINGS = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz", ".txt.gz", ".parquet", ".xlsx")
MOST_UNPACKED = 1 << 30
_SLICE = 50_000
_DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Dialect:
    """What a file does not say of itself; None where it is to be found out. `header_row` counts from 1."""

    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    header_row: int = 1


@dataclass(frozen=True, slots=True)
class Row:
    """One row: `number` as a spreadsheet shows it (a Parquet file has no header: its first row is 1).

    Cells of CSV are text, those of Parquet and XLSX have types; None is an empty one. `fault` says why the row as
    a whole cannot be used.
    """

    number: int
    cells: Sequence[Any]
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Table:
    """The columns and the rows; `read_as` says how it was read ("utf-8", "sheet "Accounts"")."""

    header: tuple[str, ...]
    rows: Iterator[Row]
    read_as: str


@contextmanager
def open_table(path: Path, name: str, dialect: Dialect) -> Iterator[Table]:
    """The table in `path`, which errors call `name`; open until the block ends.

    Raises:
        RecordRejected: the file is cut short, empty, or not what its name says.
        ConfigError: the dialect does not fit it, or its ending is not one of ENDINGS.
    """
    lower = path.name.lower()
    if not lower.endswith(ENDINGS):
        raise ConfigError(f'{name}: Steward reads {", ".join(ENDINGS)}. Save the file as one of these.')
    if lower.endswith(".parquet"):
        yield _parquet(path, name)
    elif lower.endswith(".xlsx"):
        yield _xlsx(path, name, dialect)
    else:
        opened = _unzipped(path) if lower.endswith(".gz") else lambda: path.open("rb")
        try:
            encoding = encoding_of(name, opened, dialect.encoding)
        except (EOFError, zlib.error, gzip.BadGzipFile):
            raise _broken(name, "the gzip file is cut short or damaged") from None
        # Of UTF-16 and UTF-32, what cannot be decoded cannot be carried; it becomes U+FFFD and is seen as such.
        errors = "replace" if encoding.startswith(("utf-16", "utf_16", "utf-32", "utf_32")) else "surrogateescape"
        with opened() as raw, io.TextIOWrapper(raw, encoding, errors, newline="") as text:
            yield _csv(text, name, dialect, encoding, tabs=lower.startswith(".tsv") or ".tsv" in lower)


def place(name: str, number: int) -> str:
    """Where a row stands, for errors and refusals."""
    return f"{name} row {number}"


# ---- CSV ----

def _unzipped(path: Path) -> Callable[[], IO[bytes]]:
    return lambda: cast("IO[bytes]", gzip.open(path, "rb"))


def _csv(text: io.TextIOWrapper, name: str, dialect: Dialect, encoding: str, *, tabs: bool) -> Table:
    start = text.readline()
    hint = start.strip().lower()
    delimiter = dialect.delimiter or ("\t" if tabs else None)
    if hint.startswith("sep=") and len(hint) == 5:          # Excel's own first line
        delimiter, skipped = delimiter or hint[4], 1
    else:
        text.seek(0)
        skipped = 0
        delimiter = delimiter or _delimiter_of(start)
    lines = _csv_lines(csv.reader(text, delimiter=delimiter, strict=True), name, skipped)
    header = _header(lines, name, dialect, skipped)
    return Table(header, (_fitted(number, cells, len(header)) for number, cells in lines if any(cells)), encoding)


def _delimiter_of(line: str) -> str:
    outside = "".join(part for index, part in enumerate(line.split('"')) if index % 2 == 0)
    return max(_DELIMITERS, key=outside.count)


def _csv_lines(lines: Iterator[list[str]], name: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    number = skipped
    csv.field_size_limit(1 << 24)
    try:
        for number, cells in enumerate(lines, skipped + 1):
            yield number, cells
    except csv.Error as error:
        raise _broken(place(name, number + 1), f"the quotes do not fit ({error})") from None
    except (EOFError, zlib.error, gzip.BadGzipFile):
        raise _broken(place(name, number + 1), "the gzip file is cut short or damaged") from None


def _header(lines: Iterator[tuple[int, list[str]]], name: str, dialect: Dialect, skipped: int) -> tuple[str, ...]:
    for number, cells in lines:
        if number >= dialect.header_row + skipped and any(cells):
            header = [cell.strip().removeprefix("\ufeff") for cell in cells]
            while header and not header[-1]:
                header.pop()
            return tuple(header)
    raise _broken(name, "it has no header row")


def _fitted(number: int, cells: list[str], width: int) -> Row:
    if len(cells) == width:
        return Row(number, cells)
    if len(cells) > width and not any(cells[width:]):
        return Row(number, cells[:width])
    return Row(number, cells, f"the row has {len(cells)} cells and the header {width}; is there a separator in a text "
               "that is not in quotes?")


# ---- Parquet and XLSX ----

def _parquet(path: Path, name: str) -> Table:
    import polars as pl

    def rows() -> Iterator[Row]:
        number = 0
        while True:
            part = _read(frame.slice(number, _SLICE).collect, name)
            for cells in part.iter_rows():
                number += 1
                yield Row(number, cells)
            if part.height < _SLICE:
                return

    frame = pl.scan_parquet(path, glob=False)
    return Table(tuple(_read(frame.collect_schema, name).names()), rows(), "Parquet")


def _read(read: Callable[[], Any], name: str) -> Any:
    from polars.exceptions import PanicException, PolarsError

    try:
        return read()
    except (PolarsError, PanicException, OSError) as error:
        said = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise _broken(name, f"the Parquet file is cut short or damaged ({said})") from None


def _xlsx(path: Path, name: str, dialect: Dialect) -> Table:
    import python_calamine

    try:
        with zipfile.ZipFile(path) as packed:
            unpacked = sum(part.file_size for part in packed.infolist())
        if unpacked > MOST_UNPACKED:
            raise _broken(name, f"it unpacks to {unpacked:,} bytes. Save it as CSV or Parquet")
        book = python_calamine.load_workbook(str(path))
        sheet = _sheet(book, name, dialect)
        cells = sheet.to_python(skip_empty_area=False)
    except python_calamine.PasswordError:
        raise _broken(name, "it is locked with a password. Save it without one") from None
    except (python_calamine.CalamineError, zipfile.BadZipFile, OSError) as error:
        raise _broken(name, f"the workbook is cut short or damaged ({str(error)[:160]})") from None
    lines = ((number, row) for number, row in enumerate(cells, 1) if any(cell not in ("", None) for cell in row))
    header = _header(((number, [str(cell) for cell in row]) for number, row in lines), name, dialect, 0)
    rows = (Row(number, tuple(None if cell == "" else cell for cell in row)) for number, row in lines)
    return Table(header, rows, f'sheet "{sheet.name}"')


def _sheet(book: Any, name: str, dialect: Dialect) -> Any:
    if dialect.sheet is None:
        return book.get_sheet_by_index(0)
    if dialect.sheet not in book.sheet_names:
        raise ConfigError(f'{name} has no sheet "{dialect.sheet}". It has: {", ".join(book.sheet_names)}.')
    return book.get_sheet_by_name(dialect.sheet)


def _broken(where: str, why: str) -> RecordRejected:
    return RecordRejected(
        f"{where}: {why}. Write the file anew under another name, rename it when it is whole, and sync again."
    )
