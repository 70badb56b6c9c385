"""Accounts that a call changed are not forgotten before somebody looked at them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from steward.store import touched

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)


def test_what_changes_again_during_the_look_stays_noted(database: Any) -> None:
    """A second call, while the first is worked off, must be looked at too."""
    with database.write() as tx:
        touched.note(tx, {"acct_a", "acct_b"}, NOW)
    with database.read() as tx:
        seen = touched.list_(tx)
    with database.write() as tx:
        touched.note(tx, {"acct_b"}, NOW + timedelta(seconds=1))
        struck = touched.strike(tx, seen)

    assert struck == 1
    with database.read() as tx:
        assert list(touched.list_(tx)) == ["acct_b"]


def test_what_a_rolled_back_change_touched_is_not_noted(database: Any) -> None:
    """The note lives and dies with the change."""
    class GaveUp(Exception):
        """As a worker does that dies."""

    try:
        with database.write() as tx:
            touched.note(tx, {"acct_a"}, NOW)
            raise GaveUp
    except GaveUp:
        pass

    with database.read() as tx:
        assert touched.list_(tx) == {}
