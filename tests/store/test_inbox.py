"""Calls that vendors made to us."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from steward.store import inbox

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_call_that_is_made_again_is_stored_once(database: Any) -> None:
    """Vendors send again whenever they did not hear us; one event has one effect."""
    with database.write() as tx:
        assert inbox.put(tx, "hubspot", "e1", b'{"a": 1}', NOW) == "new"
        assert inbox.put(tx, "hubspot", "e1", b'{"a": 1}', after(60)) == "duplicate"
        assert inbox.put(tx, "slack", "e1", b'{"a": 1}', NOW) == "new"

        assert inbox.counts(tx) == {"pending": 2}


def test_the_same_id_with_another_body_is_kept_for_a_person(database: Any) -> None:
    """Dropping it would lose an event; acting on it might act twice."""
    with database.write() as tx:
        inbox.put(tx, "hubspot", "e1", b'{"a": 1}', NOW)
        assert inbox.put(tx, "hubspot", "e1", b'{"a": 2}', after(1)) == "conflict"
        assert inbox.put(tx, "hubspot", "e1", b'{"a": 2}', after(2)) == "conflict"

        assert inbox.counts(tx) == {"pending": 1, "conflict": 1}
        [conflict] = inbox.list_(tx, "conflict")
        assert conflict.body == b'{"a": 2}'
        assert conflict.trouble
        assert "another body" in conflict.trouble
        assert [each.delivery_id for each in inbox.claim(tx, NOW, 10, 30)] == ["e1"]


def test_an_id_made_of_the_content_names_the_same_call_whatever_the_body(database: Any) -> None:
    """HubSpot counts its attempts in the body; a second attempt is no case for a person."""
    with database.write() as tx:
        assert inbox.put(tx, "hubspot", "content:e1", b'{"attempt": 0}', NOW) == "new"
        assert inbox.put(tx, "hubspot", "content:e1", b'{"attempt": 1}', after(60)) == "duplicate"

        assert inbox.counts(tx) == {"pending": 1}


@pytest.mark.parametrize("delivery_id", ["nul \x00", "half \ud800", "line\nbreak", ""])
def test_an_id_that_no_database_can_hold_is_stored_as_well(database: Any, delivery_id: str) -> None:
    """One hostile sender must not fail the calls of others that are committed with its own."""
    with database.write() as tx:
        assert inbox.put(tx, "usage", delivery_id, b"{}", NOW) == "new"
        assert inbox.put(tx, "usage", delivery_id, b"{}", NOW) == "duplicate"


@pytest.mark.parametrize("body", [b"", b"\x00\xff\xfe", b"nul \x00 in text", "é🚀".encode(), b"base64:AAAA", b"\xed\xa0\x80"])
def test_any_bytes_come_back_as_they_were(database: Any, body: bytes) -> None:
    """Signatures and parsers work on the raw bytes."""
    with database.write() as tx:
        inbox.put(tx, "usage", "e" * 400, body, NOW)

        [delivery] = inbox.claim(tx, NOW, 10, 30)
        assert delivery.body == body
        assert inbox.put(tx, "usage", "e" * 400, body, NOW) == "duplicate"


def test_a_call_is_worked_off_by_one_worker(database: Any) -> None:
    """The epoch decides whose work is committed."""
    with database.write() as tx:
        inbox.put(tx, "hubspot", "e1", b"{}", NOW)
        [first] = inbox.claim(tx, NOW, 10, 30)
        assert inbox.claim(tx, after(29), 10, 30) == []
        [second] = inbox.claim(tx, after(30), 10, 30)

        assert not inbox.done(tx, first)
        assert inbox.done(tx, second)
        assert inbox.counts(tx) == {"done": 1}
        assert inbox.claim(tx, after(300), 10, 30) == []


def test_a_call_that_kills_its_worker_is_parked_after_three_times(database: Any) -> None:
    """One poisonous event must not stop every event behind it, and must stay to be looked at."""
    with database.write() as tx:
        inbox.put(tx, "hubspot", "poison", b"{}", NOW)
        for number in range(3):
            [claimed] = inbox.claim(tx, after(60 * number), 10, 30)
            assert claimed.attempts == number + 1
        assert inbox.claim(tx, after(300), 10, 30) == []

        assert inbox.counts(tx) == {"parked": 1}
        assert "died 3 times" in str(inbox.list_(tx, "parked")[0].trouble)
        assert inbox.retry(tx, "hubspot", "poison")
        assert not inbox.retry(tx, "hubspot", "poison")
        assert len(inbox.claim(tx, after(300), 10, 30)) == 1


def test_a_call_in_trouble_waits_and_is_tried_again(database: Any) -> None:
    """A parser that needs a record which comes a second later gets its second chance."""
    with database.write() as tx:
        inbox.put(tx, "hubspot", "e1", b"{}", NOW)
        [claimed] = inbox.claim(tx, NOW, 10, 30)
        assert inbox.again(tx, claimed, NOW, 5, trouble="not yet")
        assert inbox.claim(tx, after(4), 10, 30) == []

        [claimed] = inbox.claim(tx, after(5), 10, 30)
        assert claimed.trouble == "not yet"
        assert inbox.park(tx, claimed, "never")
        assert inbox.list_(tx, "parked")[0].trouble == "never"


def test_a_call_long_done_is_forgotten_and_what_waits_is_not(database: Any) -> None:
    """Ninety days a call is known again; after that it only fills the disk."""
    with database.write() as tx:
        for name in ("done", "waits"):
            inbox.put(tx, "hubspot", name, b"{}", NOW)
        claimed = next(each for each in inbox.claim(tx, NOW, 10, 30) if each.delivery_id == "done")
        inbox.done(tx, claimed)

        assert inbox.forget(tx, NOW + inbox.KEEP_DONE) == 0
        assert inbox.forget(tx, after(1) + inbox.KEEP_DONE) == 1
        assert inbox.counts(tx) == {"pending": 1}
