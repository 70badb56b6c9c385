"""Sync: page by page, each whole or not at all."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from steward.contracts import Connection, Connector, Cursor, Page, Stream, Tools
from steward.kit.sandbox import Sandbox
from steward.model.errors import AccessDenied, ConfigError, RateLimited, StewardError, Unavailable
from steward.model.records import Noun, Record, Refusal
from steward.pipeline import sync as verb
from steward.pipeline.sync import SyncReport
from steward.store import cursors, identity, records, refusals
from steward.store.database import Database

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)


@dataclass
class ListSource:
    """Pages out of a list; the cursor is how many were given. `faults`: what is raised before a page, in turn."""

    pages: Mapping[str, Sequence[Page]]
    faults: dict[tuple[str, int], list[BaseException]] = field(default_factory=dict)
    asked: list[tuple[str, Cursor | None]] = field(default_factory=list)

    def pull(self, stream: str, after: Cursor | None) -> Iterator[Page]:
        self.asked.append((stream, after))
        for number, page in enumerate(self.pages[stream]):
            if after is not None and number < int(after):
                continue
            for fault in self.faults.get((stream, number), ())[:1]:
                self.faults[stream, number].pop(0)
                raise fault
            yield page


CONNECTOR = Connector(
    name="list", title="A list", load_settings=lambda: pytest.fail("not needed"), load_sandbox=lambda: Sandbox,
    connect=lambda settings, tools: Connection(), streams={
        "accounts": Stream(Noun.ACCOUNT, "companies"), "tickets": Stream(Noun.TICKET, "cases"),
        "daily": Stream(None, "usage", usage=True),
    },
)


def accounts(*ids: str) -> list[Record]:
    return [Record(Noun.ACCOUNT, id_, {"name": f"Company {id_}"}, NOW) for id_ in ids]


def page(number: int, told: Sequence[Record] = (), **more: Any) -> Page:
    return Page(told, Cursor(str(number)), **more)


def three_pages() -> dict[str, list[Page]]:
    used = pl.DataFrame({"account_external_id": ["a1"], "day": [date(2026, 3, 1)], "logins": [5]})
    return {
        "accounts": [page(1, accounts("a1", "a2"), progress=0.5), page(2, accounts("a3"), watermark=NOW, progress=1.0)],
        "tickets": [page(1, [Record(Noun.TICKET, "t1", {"account_external_id": "a1"})], watermark=NOW)],
        "daily": [page(1, usage=used, watermark=NOW)],
    }


@pytest.fixture
def run(database: Database) -> Callable[..., SyncReport]:
    """Sync the connection "crm" out of a source; `waits` gets what it slept."""
    def sync(source: Any, waits: list[float] | None = None, **asked: Any) -> SyncReport:
        ticks = count()
        return verb.sync(database, "crm", asked.pop("connector", CONNECTOR), Connection(source=source),
                         lambda: NOW + timedelta(seconds=next(ticks)), (waits if waits is not None else []).append, **asked)
    return sync


def stored(database: Database) -> tuple[list[str], dict[str, str | None]]:
    with database.read() as tx:
        ids = records.frame(tx, Noun.ACCOUNT)["external_id"].to_list()
        return ids, {row.stream: row.cursor for row in cursors.list_(tx)}


def test_a_sync_stores_everything_and_says_how_much(database: Database, run: Callable[..., SyncReport]) -> None:
    """Records, usage, cursors, accounts: one call, and a report with numbers."""
    heard: list[tuple[str, int, float | None]] = []
    report = run(ListSource(three_pages()), on_page=lambda *said: heard.append(said))
    with database.read() as tx:
        used = database.lake.scan_usage(tx, date(2026, 1, 1))
        known = identity.accounts(tx)

    assert [(each.stream, each.records, each.changed, each.pages, each.trouble) for each in report.streams] == [
        ("accounts", 3, 3, 2, None), ("tickets", 1, 1, 1, None), ("daily", 1, 1, 1, None)]
    assert all(each.seconds > 0 for each in report.streams)
    assert report.accounts == identity.Resolved(new=3)
    assert [(used["account_id"][0] in known, used["logins"][0])] == [(True, 5.0)]
    assert stored(database) == (["a1", "a2", "a3"], {"accounts": "2", "tickets": "1", "daily": "1"})
    assert heard[:2] == [("accounts", 2, 0.5 / 3), ("accounts", 3, 1 / 3)]
    with database.read() as tx:
        assert set(cursors.watermarks(tx).values()) == {NOW}


def test_a_second_sync_begins_where_the_first_ended(database: Database, run: Callable[..., SyncReport]) -> None:
    """Only what changed is asked for."""
    source = ListSource(three_pages())
    run(source)
    again = run(source)

    assert source.asked[3:] == [("accounts", "2"), ("tickets", "1"), ("daily", "1")]
    assert again.accounts is None
    assert sum(each.records for each in again.streams) == 0


def test_a_crash_between_pages_loses_nothing(database: Database, run: Callable[..., SyncReport]) -> None:
    """The process dies; the next one goes on after the last page that was stored."""
    source = ListSource(three_pages(), faults={("accounts", 1): [KeyboardInterrupt()]})
    with pytest.raises(KeyboardInterrupt):
        run(source)
    before = stored(database)
    run(source)

    assert before == (["a1", "a2"], {"accounts": "1"})
    assert stored(database)[0] == ["a1", "a2", "a3"]
    assert source.asked[1] == ("accounts", "1")


def test_accounts_that_a_killed_sync_left_are_matched_by_the_next(database: Database, run: Callable[..., SyncReport]) -> None:
    """The process dies after the last page of accounts; no account changes for weeks, and all must be known."""
    source = ListSource(three_pages(), faults={("tickets", 0): [KeyboardInterrupt()]})
    with pytest.raises(KeyboardInterrupt):
        run(source)
    report = run(source)

    with database.read() as tx:
        assert len(identity.accounts(tx)) == 3
    assert report.accounts == identity.Resolved(new=3)


def test_a_bug_while_one_stream_is_read_keeps_the_others_from_nothing(
    database: Database, run: Callable[..., SyncReport],
) -> None:
    """A vendor answers what a connector cannot read: that is seen, without its words, and no customer is unknown for it."""
    with pytest.raises(KeyError):
        run(ListSource(three_pages(), faults={("tickets", 0): [KeyError("a secret")]}))

    assert stored(database)[1] == {"accounts": "2", "tickets": None, "daily": "1"}
    with database.read() as tx:
        (trouble,) = [row.trouble for row in cursors.list_(tx) if row.trouble]
        assert len(identity.accounts(tx)) == 3
    assert "KeyError" in trouble
    assert "secret" not in trouble


def test_a_page_that_cannot_be_stored_is_not_half_stored(database: Database, run: Callable[..., SyncReport]) -> None:
    """Its cursor must not move on without its records, nor its records be there without its cursor."""
    wrong = Record(Noun.ACCOUNT, "a9", {"no_such_field": "x"})
    pages = three_pages()
    pages["accounts"][1] = page(2, [*accounts("a3"), wrong], usage=pages["daily"][0].usage, refusals=[Refusal("x", None, "y")])
    with pytest.raises(ValueError, match="no_such_field"):
        run(ListSource(pages), streams=["accounts"])

    assert stored(database) == (["a1", "a2"], {"accounts": "1"})
    with database.read() as tx:
        assert refusals.list_(tx) == []
        assert database.lake.visible(tx, "usage") == []


def test_a_killed_process_leaves_whole_pages_only(
    database: Database, database_url: str, tmp_path: Path, run: Callable[..., SyncReport],
) -> None:
    """kill -9 within the transaction of the second page."""
    code = f"""
import os, sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
from datetime import UTC, datetime
from steward.contracts import Connection
from steward.store import cursors
from steward.store.database import Database
from steward.pipeline.sync import sync
import test_sync as told
moved = cursors.move
def dying(tx, name, stream, cursor, **rest):
    moved(tx, name, stream, cursor, **rest)
    if cursor == "2":
        os.kill(os.getpid(), 9)
cursors.move = dying
db = Database.open(sys.argv[1], Path(sys.argv[2]))
sync(db, "crm", told.CONNECTOR, Connection(source=told.ListSource(told.three_pages())), lambda: told.NOW, lambda s: None)
"""
    done = subprocess.run([sys.executable, "-c", code, database_url, str(tmp_path / "data")], check=False,
                          env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    assert done.returncode == -9
    assert stored(database) == (["a1", "a2"], {"accounts": "1"})

    run(ListSource(three_pages()))
    assert stored(database)[0] == ["a1", "a2", "a3"]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["crash", "cut", "limit"])), max_size=6))
def test_whatever_interrupts_it_the_store_ends_as_the_source(
    database: Database, run: Callable[..., SyncReport], faults: list[tuple[int, str]],
) -> None:
    """Crashes, cut lines and rate limits between any pages: nothing lost, nothing double."""
    pages = [page(n + 1, accounts(f"a{n}", f"b{n}")) for n in range(6)]
    kinds: dict[str, Callable[[], BaseException]] = {
        "crash": lambda: SystemExit(9), "cut": lambda: Unavailable("the line was cut"), "limit": lambda: RateLimited("slow", 7),
    }
    source = ListSource({"accounts": pages})
    for number, kind in faults:
        source.faults.setdefault(("accounts", number), []).append(kinds[kind]())
    with database.write() as tx:
        for table in ("identity", "match_review", "account", "record", "cursor"):
            tx.execute(text(f"DELETE FROM {table}"))

    for _ in range(len(faults) + 1):
        try:
            run(source, streams=["accounts"])
        except SystemExit:
            continue
    ids, at = stored(database)

    assert ids == sorted(f"{letter}{n}" for n in range(6) for letter in "ab")
    assert at == {"accounts": "6"}
    with database.read() as tx:
        assert cursors.list_(tx)[0].records == 12
        assert cursors.list_(tx)[0].trouble is None


def test_a_rate_limit_is_waited_out_as_long_as_the_target_says(database: Database, run: Callable[..., SyncReport]) -> None:
    """Asking sooner would make it worse."""
    source = ListSource(three_pages(), faults={("accounts", 1): [RateLimited("slow down", 17.0), RateLimited("slow down")]})
    waits: list[float] = []
    report = run(source, waits)

    assert waits == [17.0, 2.0]
    assert report.troubles == ()
    assert stored(database)[0] == ["a1", "a2", "a3"]


def test_a_wait_of_an_hour_is_left_to_the_next_sync(database: Database, run: Callable[..., SyncReport]) -> None:
    """A daily limit is used up: the flow ends and says so, the other streams are tried."""
    source = ListSource(three_pages(), faults={("accounts", 1): [RateLimited("the daily limit is used up", 3600.0)]})
    waits: list[float] = []
    report = run(source, waits)

    assert waits == []
    assert report.troubles == ("accounts: the daily limit is used up",)
    assert [each.pages for each in report.streams] == [1, 1, 1]


def test_a_target_that_is_down_is_tried_again_and_then_left(database: Database, run: Callable[..., SyncReport]) -> None:
    """Seconds are waited here; minutes are the scheduler's. The other streams would only wait in vain."""
    source = ListSource(three_pages(), faults={("tickets", 0): [Unavailable("crm does not answer")] * 9})
    waits: list[float] = []
    report = run(source, waits)

    assert waits == [1.0, 2.0, 4.0]
    assert report.troubles == ("tickets: crm does not answer", "daily: not tried: crm does not answer")
    assert report.accounts == identity.Resolved(new=3)
    with database.read() as tx:
        assert [row.trouble for row in cursors.list_(tx)] == [None, "not tried: crm does not answer", "crm does not answer"]


def test_a_stream_we_may_not_read_does_not_stop_the_others(database: Database, run: Callable[..., SyncReport]) -> None:
    """One permission is missing; it is reported at once, and gone once it is granted."""
    source = ListSource(three_pages(), faults={("accounts", 0): [AccessDenied('may not read "Account". Grant "View All"')]})
    waits: list[float] = []
    denied = run(source, waits)
    granted = run(source)

    assert waits == []
    assert denied.troubles == ('accounts: may not read "Account". Grant "View All"',)
    assert [each.pages for each in denied.streams] == [0, 1, 1]
    assert granted.troubles == ()
    with database.read() as tx:
        assert [row.trouble for row in cursors.list_(tx)] == [None, None, None]


def test_refusals_are_kept_and_counted_and_go_when_put_right(database: Database, run: Callable[..., SyncReport]) -> None:
    """Every row is accepted or refused with a reason, never dropped."""
    refused = [Refusal("Account a8", "arr", '"12 apples" is no amount'), Refusal("b.csv row 2", None, "too short")]
    pages = {"accounts": [page(1, accounts("a1"), refusals=refused)]}
    first = run(ListSource(pages), streams=["accounts"])
    with database.read() as tx:
        standing = [row.where for row in refusals.list_(tx, "crm")]
    pages["accounts"].append(page(2, accounts("a8"), anew="b.csv"))
    run(ListSource(pages), streams=["accounts"])

    assert first.streams[0].refusals == 2
    assert standing == ["Account a8", "b.csv row 2"]
    with database.read() as tx:
        assert refusals.list_(tx) == []


def test_only_the_streams_asked_for_are_pulled_in_the_connectors_order(run: Callable[..., SyncReport]) -> None:
    """A person tries one stream; what others point at still comes first."""
    source = ListSource(three_pages())
    run(source, streams=["tickets", "accounts"])

    assert [stream for stream, _ in source.asked] == ["accounts", "tickets"]


def test_a_stream_that_is_not_there_is_answered_with_the_nearest(database: Database, run: Callable[..., SyncReport]) -> None:
    """A typo on the command line."""
    with pytest.raises(ConfigError, match=r'has no stream "acounts"\. Did you mean "accounts"\?'):
        run(ListSource({}), streams=["acounts"])
    with pytest.raises(ConfigError, match="has nothing to pull"):
        run(None)


def test_every_error_we_raise_on_purpose_ends_in_the_report(run: Callable[..., SyncReport]) -> None:
    """A flow shows it; nobody has to read a traceback."""
    source = ListSource(three_pages(), faults={("tickets", 0): [StewardError("odd")]})

    assert run(source).troubles == ("tickets: odd",)


def test_a_company_in_spreadsheets_is_synced_by_the_connector_for_files(
    database: Database, run: Callable[..., SyncReport], tmp_path: Path,
) -> None:
    """The real connector, real files: accounts, a row that is wrong, the row put right."""
    from connectors.csvfile import CONNECTOR as FILES
    from connectors.csvfile.settings import CsvfileSettings

    folder = tmp_path / "files"
    folder.mkdir()
    (folder / "accounts.csv").write_text("id,name,arr\n1,Acme,1200 EUR\n2,Globex,twelve\n")
    told = CsvfileSettings.model_validate({"folder": str(folder), "files": [
        {"path": "accounts.csv", "noun": "account", "external_id": "id", "columns": {"name": "name", "arr": "arr"}}]})
    source = FILES.connect(told, Tools(now=lambda: NOW, sleep=lambda _: None)).source
    first = run(source, connector=FILES, streams=["accounts"])
    with database.read() as tx:
        wrong = [(row.where, row.field) for row in refusals.list_(tx)]
    (folder / "accounts.csv").write_text("id,name,arr\n1,Acme,1200 EUR\n2,Globex,1300 EUR\n")
    second = run(source, connector=FILES, streams=["accounts"])

    assert (first.streams[0].records, first.streams[0].refusals, first.troubles) == (1, 1, ())
    assert wrong == [("accounts.csv row 3", "arr")]
    assert (second.streams[0].refusals, second.streams[0].changed) == (0, 1)
    assert stored(database)[0] == ["1", "2"]
    with database.read() as tx:
        assert refusals.list_(tx) == []
