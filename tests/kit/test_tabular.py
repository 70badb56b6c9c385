"""Tables as people really save them."""

from __future__ import annotations

import gzip
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from steward.kit.tabular import Dialect, Row, open_table
from steward.model.errors import ConfigError, RecordRejected

NAMES = "id,name\n1,Müller\n2,Señor\n"


def read(path: Path, dialect: Dialect | None = None) -> tuple[tuple[str, ...], list[Row], str]:
    with open_table(path, path.name, dialect or Dialect()) as table:
        return table.header, list(table.rows), table.read_as


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"])
def test_the_usual_encodings_are_seen_without_being_told(tmp_path: Path, encoding: str) -> None:
    """Excel alone writes four of them, and nobody knows which."""
    file = tmp_path / "accounts.csv"
    file.write_bytes(NAMES.encode(encoding))

    header, rows, _ = read(file)

    assert header == ("id", "name")
    assert [row.cells for row in rows] == [["1", "Müller"], ["2", "Señor"]]


def test_eastern_european_text_is_not_guessed_to_be_western(tmp_path: Path) -> None:
    """"Łódź" read as Western is another town; better to ask than to misname a customer."""
    file = tmp_path / "accounts.csv"
    file.write_bytes("id,name\n1,Łódź\n2,plain\n".encode("cp1250"))

    _, rows, _ = read(file)
    assert "\udca3" in rows[0].cells[1]
    assert rows[1].cells == ["2", "plain"]

    assert read(file, Dialect(encoding="cp1250"))[1][0].cells == ["1", "Łódź"]


def test_an_encoding_that_is_none_is_named(tmp_path: Path) -> None:
    """A typing error in a setting must not be a traceback."""
    file = tmp_path / "accounts.csv"
    file.write_bytes(b"id\n\xff\n")

    with pytest.raises(ConfigError, match='no encoding "klingon"'):
        read(file, Dialect(encoding="klingon"))


@pytest.mark.parametrize(("name", "text"), [
    ("a.csv", "id,name\n1,x\n"), ("a.csv", "id;name\n1;x\n"), ("a.tsv", "id\tname\n1\tx\n"), ("a.csv", "id|name\n1|x\n"),
    ("a.csv", "sep=;\r\nid;name\r\n1;x\r\n"), ("a.txt", "id\tname\n1\tx\n"), ("a.csv", '"id";"name"\r\n"1";"x"\r\n\r\n'),
    ("a.csv", "id,name,,\n1,x,,\n"),
])
def test_the_separator_is_found(tmp_path: Path, name: str, text: str) -> None:
    """A German Excel writes semicolons and calls it comma separated."""
    file = tmp_path / name
    file.write_text(text, newline="")

    header, rows, _ = read(file)

    assert header == ("id", "name")
    assert [list(row.cells) for row in rows] == [["1", "x"]]


def test_a_ragged_row_has_a_fault_and_its_number(tmp_path: Path) -> None:
    """A comma in a name that is not in quotes would move every value one column on."""
    file = tmp_path / "a.csv"
    file.write_text('id,name\n1,"two\nlines"\n2,Acme, Inc.\n3\n')

    rows = read(file)[1]

    assert [(row.number, row.fault is None) for row in rows] == [(2, True), (3, False), (4, False)]
    assert "3 cells" in str(rows[1].fault)


def test_a_quote_that_never_closes_is_said_and_swallows_nothing(tmp_path: Path) -> None:
    """Python's reader would take the rest of the file for one cell."""
    file = tmp_path / "a.csv"
    file.write_text('id,name\n1,x\n2,"y\n3,z\n4,w\n')

    with pytest.raises(RecordRejected, match=r"a\.csv row 3: the quotes"):
        read(file)


def test_gzip_is_read_and_a_cut_one_is_refused(tmp_path: Path) -> None:
    """Exports come packed, and copies break off."""
    file = tmp_path / "a.csv.gz"
    packed = gzip.compress(NAMES.encode() * 2000)
    file.write_bytes(packed)
    assert len(read(file)[1]) == 5999
    file.write_bytes(packed[:len(packed) // 2])

    with pytest.raises(RecordRejected, match="cut short"):
        read(file)


def test_a_parquet_file_cut_in_half_is_named_with_what_to_do(tmp_path: Path) -> None:
    """Whoever is called at night must know which file to copy again."""
    file = tmp_path / "a.parquet"
    pl.DataFrame({"id": [1, 2], "on": [date(2026, 1, 1), None]}).write_parquet(file)
    header, rows, _ = read(file)
    assert header == ("id", "on")
    assert rows[0].cells == (1, date(2026, 1, 1))
    file.write_bytes(file.read_bytes()[:200])

    with pytest.raises(RecordRejected, match=r"a\.parquet: the Parquet file is cut short.*Write the file anew"):
        read(file)


def test_a_workbook_is_read_by_sheet_with_its_row_numbers(tmp_path: Path) -> None:
    """People put a title above the table and the table on the second sheet."""
    file = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(str(file))
    book.add_worksheet("Notes").write(0, 0, "nothing here")
    sheet = book.add_worksheet("Accounts")
    for row, cells in enumerate([["Our accounts"], [], ["id", "name"], [1, "x"], [], [2, "y"]]):
        sheet.write_row(row, 0, cells)
    book.close()

    header, rows, read_as = read(file, Dialect(sheet="Accounts", header_row=3))

    assert header == ("id", "name")
    assert [(row.number, tuple(row.cells)) for row in rows] == [(4, (1.0, "x")), (6, (2.0, "y"))]
    assert read_as == 'sheet "Accounts"'
    with pytest.raises(ConfigError, match="It has: Notes, Accounts"):
        read(file, Dialect(sheet="accounts"))


@pytest.mark.parametrize("name", ["a.xlsx", "a.parquet", "a.csv", "a.csv.gz"])
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"\x00" * 50, b"\xff\xfe", b"PAR1PAR1", b"\x1f\x8b\x08"])
def test_a_file_of_rubbish_gives_an_error_in_words(tmp_path: Path, name: str, content: bytes) -> None:
    """An empty or half-copied file is an everyday thing."""
    file = tmp_path / name
    file.write_bytes(content)

    said = name
    try:
        read(file)
    except (RecordRejected, ConfigError) as error:
        said = str(error)

    assert name in said


def test_another_kind_of_file_is_refused(tmp_path: Path) -> None:
    """The message says what can be read."""
    file = tmp_path / "a.xls"
    file.write_bytes(b"x")

    with pytest.raises(ConfigError, match=r"\.xlsx"):
        read(file)
