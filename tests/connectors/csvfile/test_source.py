"""Files pulled: read when they change, refused row by row, deleted with care, and never beyond their folder."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import xlsxwriter
from pydantic import ValidationError
from ruamel.yaml import YAML

from connectors.csvfile import CONNECTOR
from connectors.csvfile.settings import CsvfileSettings
from steward.contracts import Connection, Cursor, Page, Tools
from steward.model.errors import ConfigError, RecordRejected
from steward.model.records import Record

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
TOOLS = Tools(now=lambda: NOW, sleep=lambda _: None)
ACCOUNTS: dict[str, Any] = {"path": "accounts.csv", "noun": "account", "external_id": "id", "columns": {"name": "name"}}

Connect = Callable[..., Connection]


@pytest.fixture
def connect(tmp_path: Path) -> Connect:
    def connected(*files: dict[str, Any], **settings: Any) -> Connection:
        given = {"folder": str(tmp_path), "files": list(files) or [ACCOUNTS], **settings}
        return CONNECTOR.connect(CsvfileSettings.model_validate(given), TOOLS)

    return connected


def write(folder: Path, rows: int, *, without: range = range(0), name: str = "accounts.csv") -> None:
    lines = ["id,name", *(f"A-{n},Acme {n}" for n in range(rows) if n not in without)]
    (folder / name).write_text("\n".join(lines) + "\n")


def pull(connection: Connection, after: Cursor | None = None, stream: str = "accounts") -> list[Page]:
    assert connection.source
    return list(connection.source.pull(stream, after))


def records(pages: list[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def refusals(pages: list[Page]) -> list[tuple[str, str | None]]:
    return [(refusal.where, refusal.field) for page in pages for refusal in page.refusals]


def test_a_touched_file_with_the_same_content_is_not_read_again(tmp_path: Path, connect: Connect) -> None:
    """A nightly export that changes nothing must not make a night of work."""
    write(tmp_path, 5)
    first = pull(connect())
    os.utime(tmp_path / "accounts.csv", (1, 1))

    assert len(records(first)) == 5
    assert records(pull(connect(), first[-1].cursor)) == []


def test_a_changed_mapping_reads_the_file_again(tmp_path: Path, connect: Connect) -> None:
    """Who corrects the mapping wants to see it corrected."""
    write(tmp_path, 5)
    first = pull(connect())

    again = pull(connect({**ACCOUNTS, "columns": {"name": "name", "custom.id": "id"}}), first[-1].cursor)

    assert records(again)[0].values == {"name": "Acme 0", "custom.id": "A-0"}


def test_a_row_that_is_gone_is_deleted(tmp_path: Path, connect: Connect) -> None:
    """A customer that left the list has left."""
    write(tmp_path, 30)
    first = pull(connect())
    write(tmp_path, 30, without=range(3, 5))

    again = pull(connect(), first[-1].cursor)

    assert [(record.external_id, record.deleted) for record in records(again) if record.deleted] == [("A-3", True), ("A-4", True)]
    assert [record for record in records(pull(connect(), again[-1].cursor)) if record.deleted] == []


def test_a_list_that_shrinks_suddenly_deletes_nothing_until_somebody_agrees(tmp_path: Path, connect: Connect) -> None:
    """An export that broke off must not end half of all customers."""
    write(tmp_path, 100)
    first = pull(connect())
    write(tmp_path, 40)

    again = pull(connect(), first[-1].cursor)
    assert not any(record.deleted for record in records(again))
    assert "60 of 100 rows are gone, more than 20: nothing was deleted" in again[-1].refusals[0].reason

    agreed = pull(connect({**ACCOUNTS, "deletions_at_most": 60}), again[-1].cursor)
    assert sum(record.deleted for record in records(agreed)) == 60


@pytest.mark.parametrize("content", ["id,name\n", "id,name\n,Acme\n"])
def test_an_empty_list_deletes_nothing(tmp_path: Path, connect: Connect, content: str) -> None:
    """A header without rows is a failed export, not the end of the company."""
    write(tmp_path, 5)
    first = pull(connect())
    (tmp_path / "accounts.csv").write_text(content)

    again = pull(connect(), first[-1].cursor)

    assert not any(record.deleted for record in records(again))


def test_a_row_that_came_to_another_file_is_not_deleted(tmp_path: Path, connect: Connect) -> None:
    """A customer that moved from the list of Europe to that of America is still one."""
    files = ({**ACCOUNTS, "path": "eu.csv"}, {**ACCOUNTS, "path": "us.csv"})
    write(tmp_path, 5, name="eu.csv")
    (tmp_path / "us.csv").write_text("id,name\nU-1,Us\n")
    first = pull(connect(*files))
    write(tmp_path, 4, name="eu.csv")
    (tmp_path / "us.csv").write_text("id,name\nU-1,Us\nA-4,Acme 4\n")

    again = pull(connect(*files), first[-1].cursor)

    assert not any(record.deleted for record in records(again))


def test_rows_of_a_pattern_are_never_deleted(tmp_path: Path, connect: Connect) -> None:
    """A day's file does not name those of yesterday."""
    daily = {**ACCOUNTS, "path": "day-*.csv"}
    write(tmp_path, 5, name="day-1.csv")
    first = pull(connect(daily))
    write(tmp_path, 2, name="day-1.csv")
    write(tmp_path, 2, name="day-2.csv")

    again = pull(connect(daily), first[-1].cursor)

    assert [record.deleted for record in records(again)] == [False] * 4


def test_deletions_wait_until_every_file_was_read(tmp_path: Path, connect: Connect) -> None:
    """A pull that stops between two files must not forget what was gone from the first."""
    files = ({**ACCOUNTS, "path": "eu.csv"}, {**ACCOUNTS, "path": "us.csv"})
    write(tmp_path, 5, name="eu.csv")
    (tmp_path / "us.csv").write_text("id,name\nU-1,Us\n")
    first = pull(connect(*files))
    write(tmp_path, 4, name="eu.csv")
    (tmp_path / "us.csv").write_text("id,name\nU-1,Us!\n")
    stopped = pull(connect(*files), first[-1].cursor)[0]

    rest = pull(connect(*files), stopped.cursor)

    assert [record.external_id for record in records(rest) if record.deleted] == ["A-4"]


def test_each_refused_row_has_its_place_field_and_reason(tmp_path: Path, connect: Connect) -> None:
    """Whoever keeps the spreadsheet must find the cell."""
    mapping = {**ACCOUNTS, "columns": {
        "name": "name", "arr": {"column": "arr", "currency": "EUR"}, "created_at": "since", "employees": "staff",
        "country": "land", "segment": {"column": "size", "values": {"L": "enterprise"}},
    }}
    (tmp_path / "accounts.csv").write_text(
        "id,name,arr,since,staff,land,size\n"
        "1,ok,1000,2026-01-01,10,DE,L\n"
        "2,comma,\"12,5\",2026-01-01,10,DE,L\n"
        "3,date,1,01/02/2026,10,DE,L\n"
        "4,staff,1,2026-01-01,ten,DE,L\n"
        "5,land,1,2026-01-01,10,Germany,L\n"
        "6,size,1,2026-01-01,10,DE,XL\n"
        ",no id,1,2026-01-01,10,DE,L\n"
        "8,Acme, Inc.,1,2026-01-01,10,DE,L\n"
        "9,nothing,,,,,\n"
    )

    pages = pull(connect(mapping))

    assert [record.external_id for record in records(pages)] == ["1", "9"]
    assert records(pages)[1].values == {"name": "nothing"}
    assert refusals(pages) == [
        ("accounts.csv row 3", "arr"), ("accounts.csv row 4", "created_at"), ("accounts.csv row 5", "employees"),
        ("accounts.csv row 6", "country"), ("accounts.csv row 7", "segment"), ("accounts.csv row 8", "external_id"),
        ("accounts.csv row 9", None),
    ]
    assert pages[0].anew == "accounts.csv"


def test_a_broken_file_is_named_and_the_others_are_read(tmp_path: Path, connect: Connect) -> None:
    """One bad copy must not stop what is good, nor pass for it."""
    files = ({**ACCOUNTS, "path": "a.parquet"}, {**ACCOUNTS, "path": "b.csv"})
    pl.DataFrame({"id": ["P-1"], "name": ["Parquet"]}).write_parquet(tmp_path / "a.parquet")
    whole = (tmp_path / "a.parquet").read_bytes()
    (tmp_path / "a.parquet").write_bytes(whole[:len(whole) // 2])
    write(tmp_path, 2, name="b.csv")
    source = connect(*files).source
    assert source
    got: list[Page] = []

    with pytest.raises(RecordRejected, match=r"csvfile: a\.parquet: the Parquet file is cut short"):
        got.extend(source.pull("accounts", None))            # keeps what came before the error

    assert len(records(got)) == 2
    assert all(page.watermark is None for page in got)
    (tmp_path / "a.parquet").write_bytes(whole)
    assert [record.external_id for record in records(pull(connect(*files), got[-1].cursor))] == ["P-1"]


def test_a_workbook_with_a_title_is_read(tmp_path: Path, connect: Connect) -> None:
    """Most companies' CRM is a workbook."""
    book = xlsxwriter.Workbook(str(tmp_path / "a.xlsx"))
    sheet = book.add_worksheet("Customers")
    sheet.write(0, 0, "Customers of 2026")
    sheet.write_row(2, 0, ["No.", "Name", "ARR", "Since"])
    sheet.write_row(3, 0, [17, "Acme", 1200.5])
    sheet.write_datetime(3, 3, datetime(2026, 3, 4).replace(tzinfo=None), book.add_format({"num_format": "dd/mm/yy"}))  # noqa: DTZ001  Excel knows no zones
    book.close()
    mapping = {"path": "a.xlsx", "sheet": "Customers", "header_row": 3, "noun": "account", "external_id": "No.",
               "timezone": "Europe/Berlin",
               "columns": {"name": "Name", "arr": {"column": "ARR", "currency": "EUR"}, "created_at": "Since"}}

    (record,) = records(pull(connect(mapping)))

    assert record.external_id == "17"
    assert str(record.values["arr"]) == "1200.5 EUR"
    assert record.values["created_at"] == datetime(2026, 3, 3, 23, tzinfo=UTC)


def test_a_missing_file_or_column_says_what_there_is(tmp_path: Path, connect: Connect) -> None:
    """The most frequent mistakes, with the correction beside them."""
    (tmp_path / "acounts.csv").write_text("id,nmae\n1,x\n")

    with pytest.raises(ConfigError, match=r'no file "accounts\.csv".*It holds: acounts\.csv'):
        pull(connect())
    with pytest.raises(ConfigError, match='no column "name". Did you mean "nmae"'):  # noqa: RUF043  plain words
        pull(connect({**ACCOUNTS, "path": "acounts.csv"}))


def test_nothing_outside_of_the_folder_is_read(tmp_path: Path, connect: Connect) -> None:
    """A mapping, or a link that somebody put there, must not read the server's own files."""
    for path in ("../secret.csv", "/etc/passwd.csv", "a/../../secret.csv", "a\\secret.csv"):
        with pytest.raises(ValidationError, match="within the folder"):
            connect({**ACCOUNTS, "path": path})
    inside = tmp_path / "inside"
    inside.mkdir()
    write(tmp_path, 1, name="secret.csv")
    (inside / "accounts.csv").symlink_to(tmp_path / "secret.csv")
    settings = CsvfileSettings.model_validate({"folder": str(inside), "files": [ACCOUNTS]})

    with pytest.raises(ConfigError, match="leads out of the folder"):
        pull(CONNECTOR.connect(settings, TOOLS))


@pytest.mark.parametrize(("changed", "said"), [
    ({"columns": {"nmae": "x"}}, 'did you mean "name"'), ({"noun": "ticket", "columns": {"subject": "x"}}, "needs account_external_id"),
    ({"path": "*.csv", "deletions": True}, "a pattern names parts"), ({"timezone": "Mars"}, "no time zone"),
    ({"columns": {"arr": {"column": "a", "currency": "euro"}}}, "currency"), ({"columns": {"name": {}}}, "column or constant"),
    ({"nuon": "account"}, "nuon"),
])
def test_a_mistake_in_the_mapping_is_said_before_anything_is_read(connect: Connect, changed: dict[str, Any], said: str) -> None:
    """A typing error must not look like missing data."""
    with pytest.raises(ValidationError, match=said):
        connect({**ACCOUNTS, **changed})


def test_the_example_of_the_readme_is_valid() -> None:
    """People copy it."""
    assert CONNECTOR.folder
    readme = (CONNECTOR.folder / "README.md").read_text()
    block = readme.split("```yaml\n")[1].split("```")[0]

    told = YAML(typ="safe", pure=True).load(block)["connections"]["files"]["settings"]

    assert len(CsvfileSettings.model_validate(told).files) == 2


def test_check_names_the_first_row_that_would_be_refused(tmp_path: Path, connect: Connect) -> None:
    """Better before the first sync than after it."""
    (tmp_path / "accounts.csv").write_text("id,name\n1,x\n,y\n")

    (finding,) = connect().check()

    assert not finding.ok
    assert "accounts.csv row 3" in finding.remedy
