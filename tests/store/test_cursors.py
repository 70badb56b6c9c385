"""Where every stream stands."""

from __future__ import annotations

from datetime import datetime, timedelta

from steward.contracts import Cursor
from steward.store import cursors
from steward.store.database import Database

DAY = timedelta(days=1)


def test_a_stream_resumes_where_it_stopped(database: Database, now: datetime) -> None:
    """Nothing read twice for nothing, nothing left out."""
    with database.write() as tx:
        assert cursors.get(tx, "crm", "tickets") is None
        cursors.move(tx, "crm", "tickets", Cursor("a"), watermark=None, records=10, now=now)
        cursors.move(tx, "crm", "tickets", Cursor("b"), watermark=now, records=5, now=now)
    with database.read() as tx:
        standing = cursors.list_(tx)[0]
        assert cursors.get(tx, "crm", "tickets") == "b"

    assert (standing.records, standing.watermark) == (15, now)


def test_a_watermark_never_goes_back(database: Database, now: datetime) -> None:
    """A fact's age is told by it: what was fresh cannot become stale by reading on."""
    with database.write() as tx:
        cursors.move(tx, "crm", "tickets", Cursor("a"), watermark=now, records=1, now=now)
        cursors.move(tx, "crm", "tickets", Cursor("b"), watermark=None, records=1, now=now)
        cursors.move(tx, "crm", "tickets", Cursor("c"), watermark=now - DAY, records=1, now=now)
    with database.read() as tx:
        assert cursors.watermarks(tx) == {("crm", "tickets"): now}


def test_trouble_stays_until_a_pull_ends_well(database: Database, now: datetime) -> None:
    """Doctor shows the last error, of a stream that was never read as well."""
    with database.write() as tx:
        cursors.trouble(tx, "crm", "tickets", "may not read Case", now)
    with database.read() as tx:
        before = cursors.list_(tx)[0]
    with database.write() as tx:
        cursors.move(tx, "crm", "tickets", Cursor("a"), watermark=None, records=1, now=now)
        halfway = cursors.list_(tx)[0].trouble
        cursors.end(tx, "crm", "tickets")
        after = cursors.list_(tx)[0].trouble

    assert (before.trouble, before.cursor) == ("may not read Case", None)
    assert (halfway, after) == ("may not read Case", None)
