"""Who did what."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from steward.store import audit

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)


def test_the_newest_line_comes_first_and_each_can_be_asked_for(database: Any) -> None:
    """"Who acknowledged this?" is answered from here."""
    with database.write() as tx:
        audit.write(tx, NOW, "ana@example.com", "acknowledge", "drop/a/1", {"updates": 1})
        audit.write(tx, NOW, "cli", "retry", "drop/a/1/0", {})

    with database.read() as tx:
        assert [each.what for each in audit.list_(tx)] == ["retry", "acknowledge"]
        [line] = audit.list_(tx, about="drop/a/1")
        assert (line.by, line.at, line.detail) == ("ana@example.com", NOW, {"updates": 1})


def test_what_is_undone_leaves_no_line(database: Any) -> None:
    """The audit tells what happened, not what was tried in a transaction that failed."""
    try:
        with database.write() as tx:
            audit.write(tx, NOW, "cli", "retry", "drop/a/1/0", {})
            raise RuntimeError("the rest fails")
    except RuntimeError:
        pass

    with database.read() as tx:
        assert audit.list_(tx) == []
