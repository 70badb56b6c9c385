"""Files that are visible only through their rows."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from steward.model.errors import ConfigError
from steward.store import merging, usage
from steward.store.database import Database

Known = Callable[..., dict[tuple[str, str], str]]
DAY = timedelta(days=1)
SINCE = date(2026, 1, 1)


def frame(*rows: tuple[str, str, float | None], metric: str = "logins") -> pl.DataFrame:
    """Rows of (account, "03-01", value)."""
    return pl.DataFrame({
        "account_external_id": [row[0] for row in rows],
        "day": [date.fromisoformat(f"2026-{row[1]}") for row in rows],
        metric: pl.Series([row[2] for row in rows], dtype=pl.Float64),
    })


def send(database: Database, told: pl.DataFrame, at: datetime, connection: str = "usage") -> None:
    files = database.lake.write_usage(connection, told, at)
    with database.write() as tx:
        database.lake.show(tx, files)


def seen(database: Database, metric: str = "logins", **asked: Any) -> dict[tuple[str, str], float | None]:
    with database.read() as tx:
        rows = database.lake.scan_usage(tx, asked.pop("since", SINCE), **asked)
    return {(row["account_id"], f"{row['day']:%m-%d}"): row[metric] for row in rows.iter_rows(named=True)}


@pytest.fixture
def acme(known: Known) -> str:
    """An account that the usage feed knows as "w1"; Globex is "w2"."""
    who = known({("crm", "1"): {"name": "Acme", "id_in.usage": "w1"}, ("crm", "2"): {"name": "Globex", "id_in.usage": "w2"}})
    return who["usage", "w1"]


def test_a_file_without_its_row_does_not_exist(database: Database, now: datetime, acme: str) -> None:
    """The process died between the file and the transaction: the next sync sends the page again."""
    database.lake.write_usage("usage", frame(("w1", "03-01", 5)), now)

    assert seen(database) == {}


def test_a_transaction_that_fails_leaves_nothing_visible(database: Database, now: datetime, acme: str) -> None:
    """The page's records and its usage are stored together or not at all."""
    files = database.lake.write_usage("usage", frame(("w1", "03-01", 5)), now)
    with suppress(ZeroDivisionError), database.write() as tx:
        database.lake.show(tx, files)
        _ = 1 / 0

    assert seen(database) == {}


def test_a_process_killed_between_file_and_row_leaves_nothing_visible(
    database: Database, database_url: str, now: datetime, tmp_path: Path, acme: str,
) -> None:
    """And the next one that sends the same page has it once."""
    code = (
        "import os, sys; from datetime import *; from pathlib import Path; import polars as pl\n"
        "from steward.store.database import Database\n"
        "db = Database.open(sys.argv[1], Path(sys.argv[2]))\n"
        "told = pl.DataFrame({'account_external_id': ['w1'], 'day': [date(2026, 3, 1)], 'logins': [5.0]})\n"
        "files = db.lake.write_usage('usage', told, datetime.fromisoformat(sys.argv[3]))\n"
        "with db.write() as tx:\n"
        "    db.lake.show(tx, files)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, database_url, str(tmp_path / "data"), now.isoformat()], check=False)
    assert done.returncode == -9
    assert len(list((tmp_path / "data" / "lake").rglob("*.parquet"))) == 1
    assert seen(database) == {}

    send(database, frame(("w1", "03-01", 5)), now)
    assert seen(database) == {(acme, "03-01"): 5.0}
    assert len(list((tmp_path / "data" / "lake").rglob("*.parquet"))) == 1


def test_showing_a_file_again_changes_nothing(database: Database, now: datetime, acme: str) -> None:
    """A retry after an unknown commit."""
    files = database.lake.write_usage("usage", frame(("w1", "03-01", 5)), now)
    for _ in range(2):
        with database.write() as tx:
            database.lake.show(tx, files)

    with database.read() as tx:
        assert len(database.lake.visible(tx, "usage")) == 1
    assert seen(database) == {(acme, "03-01"): 5.0}


def test_a_day_that_is_sent_again_replaces_that_day(database: Database, now: datetime, acme: str) -> None:
    """Feeds correct yesterday; adding the two up would double the use."""
    send(database, frame(("w1", "03-01", 5), ("w1", "03-02", 6), ("w2", "03-01", 7)), now)
    send(database, frame(("w1", "03-01", 9)), now)
    send(database, frame(("w1", "03-02", 1), ("w1", "03-02", 2)), now - DAY)

    rows = seen(database, account_ids=[acme])
    assert rows == {(acme, "03-01"): 9.0, (acme, "03-02"): 2.0}
    assert len(seen(database)) == 3


def test_usage_of_ids_nobody_knows_waits(database: Database, now: datetime, acme: str, known: Known) -> None:
    """The workspace is new, the CRM does not name it yet; when it does, its history is there."""
    send(database, frame(("w1", "03-01", 5), ("w3", "03-01", 8)), now)
    assert seen(database) == {(acme, "03-01"): 5.0}
    with database.read() as tx:
        assert usage.unknown_ids(tx) == {"usage": 1}

    who = known({("crm", "3"): {"name": "Initech", "id_in.usage": "w3"}})
    assert seen(database)[who["usage", "w3"], "03-01"] == 8.0


def test_the_usage_of_merged_accounts_is_added_up(database: Database, now: datetime, known: Known) -> None:
    """Two workspaces, one customer; and what nobody reported stays unknown."""
    who = known({("crm", "1"): {"name": "Acme", "id_in.usage": "w1"}, ("crm", "2"): {"name": "Globex", "id_in.usage": "w2"}})
    send(database, frame(("w1", "03-01", 5), ("w2", "03-01", 7), ("w2", "03-02", None)), now)
    with database.write() as tx:
        merging.merge(tx, who["crm", "1"], who["crm", "2"], "jo", now)

    acme = who["crm", "1"]
    assert seen(database) == {(acme, "03-01"): 12.0, (acme, "03-02"): None}


def test_two_feeds_stand_side_by_side(database: Database, now: datetime, known: Known) -> None:
    """One counts log-ins, the other exports; each metric in its column, the same metric added up."""
    who = known({("crm", "1"): {"name": "Acme", "id_in.usage": "w1", "id_in.app": "a1"}})
    acme = who["crm", "1"]
    send(database, frame(("w1", "03-01", 5)), now)
    send(database, frame(("a1", "03-01", 2)), now, "app")
    send(database, frame(("a1", "04-02", 3), metric="exports"), now, "app")

    assert seen(database) == {(acme, "03-01"): 7.0, (acme, "04-02"): None}
    assert seen(database, "exports") == {(acme, "03-01"): None, (acme, "04-02"): 3.0}


def test_only_the_days_asked_for_are_read(database: Database, now: datetime, acme: str) -> None:
    """Two years are kept, a window needs ninety days."""
    send(database, frame(("w1", "02-27", 1), ("w1", "02-28", 2), ("w1", "03-01", 3)), now)

    assert seen(database, since=date(2026, 2, 28)) == {(acme, "02-28"): 2.0, (acme, "03-01"): 3.0}
    assert seen(database, since=date(2026, 5, 1)) == {}
    assert seen(database, account_ids=[]) == {}


@pytest.mark.parametrize("bad", [
    pl.DataFrame({"account": ["w1"], "day": [date(2026, 3, 1)], "logins": [1]}),
    pl.DataFrame({"account_external_id": ["w1"], "day": ["2026-03-01"], "logins": [1]}),
    pl.DataFrame({"account_external_id": ["w1"], "day": [date(2026, 3, 1)], "logins": ["1"]}),
])
def test_a_usage_frame_of_another_shape_is_a_mistake_in_the_connector(
    database: Database, now: datetime, bad: pl.DataFrame,
) -> None:
    """It must fail in the connector's tests."""
    with pytest.raises(ValueError, match="usage"):
        database.lake.write_usage("usage", bad, now)


def test_many_small_files_become_one_and_say_the_same(database: Database, now: datetime, acme: str) -> None:
    """A feed that drops a file every hour must not slow reading down for ever."""
    for number in range(6):
        send(database, frame(("w1", f"03-0{number % 3 + 1}", number), ("w2", "03-01", number)), now + number * DAY)
    before = seen(database)
    retired = usage.compact(database, now + 10 * DAY, more_than=3)
    after = seen(database)
    send(database, frame(("w1", "03-01", 99)), now)

    with database.read() as tx:
        assert len(database.lake.visible(tx, "usage")) == 2
    assert (retired, after) == (6, before)
    assert seen(database) == {**before, (acme, "03-01"): 99.0}
    assert usage.compact(database, now, more_than=3) == 0


def test_sweeping_takes_what_nobody_can_see_and_nothing_else(
    database: Database, now: datetime, acme: str, tmp_path: Path,
) -> None:
    """A reader may still be in a file that was retired a moment ago; a writer may not have its row in yet."""
    for number in range(3):
        send(database, frame(("w1", "03-01", number)), now + number * DAY)
    usage.compact(database, now, more_than=1)
    [stray] = database.lake.write_usage("usage", frame(("w1", "07-01", 1)), now)
    [young] = database.lake.write_usage("usage", frame(("w1", "08-01", 1)), now)
    path = database.lake.root / stray.path
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 2 * 86400))

    with database.write() as tx:
        early = database.lake.sweep(tx, now)
    with database.write() as tx:
        late = database.lake.sweep(tx, now + 2 * DAY)

    assert (early, late) == (1, 3)
    left = {file.relative_to(database.lake.root).as_posix() for file in database.lake.root.rglob("*") if file.is_file()}
    with database.read() as tx:
        assert left == {young.path, *(segment.path for segment in database.lake.visible(tx, "usage"))}
    assert seen(database) == {(acme, "03-01"): 2.0}


@pytest.mark.parametrize("harm", ["cut", "gone"])
def test_a_damaged_file_is_named(database: Database, now: datetime, acme: str, harm: str) -> None:
    """Facts from half a history would be wrong without a word."""
    send(database, frame(("w1", "03-01", 5)), now)
    [path] = database.lake.root.rglob("*.parquet")
    if harm == "cut":
        path.write_bytes(path.read_bytes()[:-100])
    else:
        path.unlink()

    with pytest.raises(ConfigError, match=f'"{path}" .* Bring the data directory back from a backup'):
        seen(database)


def test_a_connection_cannot_write_outside_the_lake(database: Database, now: datetime) -> None:
    """A connection is called what the operator likes."""
    [file] = database.lake.write_usage("../../etc", frame(("w1", "03-01", 5)), now)

    assert (database.lake.root / file.path).resolve().is_relative_to(database.lake.root.resolve())
    assert (database.lake.root / file.path).stat().st_mode & 0o777 == 0o600


def test_a_later_word_counts_even_if_the_clock_went_back(database: Database, now: datetime, acme: str) -> None:
    """Clocks of servers are set back; a correction must still correct."""
    send(database, frame(("w1", "03-01", 5)), now)
    send(database, frame(("w1", "03-01", 6)), now - DAY)

    assert seen(database) == {(acme, "03-01"): 6.0}
