"""Calls that vendors make to us: acknowledged means durable."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from steward.model.errors import SignatureRejected, Unavailable
from steward.model.records import Record
from steward.pipeline.receive import InboxWriter, ReceiveOutcome, receive
from steward.store import inbox

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
KILLS = 20 if os.environ.get("STEWARD_TORTURE") else 2


class Signed:
    """An inbox whose calls are signed JSON with an id; it breaks as careless ones do."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        expected = hmac.new(b"secret", body, hashlib.sha256).digest()
        if not hmac.compare_digest(bytes.fromhex(headers["x-signature"]), expected):
            raise SignatureRejected("vendor: not signed by the vendor")

    def delivery_id(self, headers: Mapping[str, str], body: bytes) -> str:
        return str(json.loads(body)["id"])

    def parse(self, body: bytes) -> Sequence[Record]:
        return ()


def signed(body: bytes) -> dict[str, str]:
    return {"x-signature": hmac.new(b"secret", body, hashlib.sha256).hexdigest()}


def take(database: Any, body: bytes, headers: Mapping[str, str] | None = None, **more: Any) -> ReceiveOutcome:
    return receive(database, "vendor", Signed(), signed(body) if headers is None else headers, body, now=NOW, **more)


def stored(database: Any) -> dict[str, int]:
    with database.read() as tx:
        return inbox.counts(tx)


def test_a_signed_call_is_stored_once(database: Any) -> None:
    """The vendor repeats what it did not hear us confirm."""
    assert take(database, b'{"id": 7}') == ReceiveOutcome("vendor", "7", "new")
    assert take(database, b'{"id": 7}').stored == "duplicate"
    assert take(database, b'{"id": 7, "other": 1}').stored == "conflict"
    assert stored(database) == {"pending": 1, "conflict": 1}


@pytest.mark.parametrize("headers", [{}, {"x-signature": "zz"}, {"x-signature": "é"}, {"x-signature": "00"}])
def test_whatever_is_wrong_with_a_signature_the_call_is_refused(database: Any, headers: dict[str, str]) -> None:
    """A verifier that crashes on hostile input must not turn into a 500, which a vendor repeats for a day."""
    with pytest.raises(SignatureRejected):
        take(database, b'{"id": 7}', headers)
    assert stored(database) == {}


@pytest.mark.parametrize("body", [b"", b"not json", b"{}", b"\xff\x00"])
def test_a_verified_call_without_an_id_is_known_by_its_body(database: Any, body: bytes) -> None:
    """The vendor signed it, so it is kept, and once."""
    assert take(database, body).delivery_id == hashlib.sha256(body).hexdigest()
    assert take(database, body).stored == "duplicate"


def test_many_callers_share_a_commit(database: Any) -> None:
    """A burst of calls must not wait for a disk flush each; each hears of its own outcome."""
    writer = InboxWriter(database)
    bodies = [b'{"id": %d}' % (number % 300) for number in range(600)]
    with ThreadPoolExecutor(16) as callers:
        outcomes = list(callers.map(lambda body: take(database, body, writer=writer).stored, bodies))
    writer.close()

    assert outcomes.count("new") == 300
    assert outcomes.count("duplicate") == 300
    assert stored(database) == {"pending": 300}


def test_what_cannot_be_stored_is_not_acknowledged(database: Any) -> None:
    """Better the vendor sends it again than that it is lost behind a 200."""
    class Broken:
        def write(self) -> Any:
            raise OSError("the disk is gone")

    writer = InboxWriter(Broken())  # type: ignore[arg-type]  # a database that fails
    with pytest.raises(Unavailable, match="send it again"):
        take(database, b'{"id": 7}', writer=writer)
    writer.close()
    with pytest.raises(Unavailable, match="stopping"):
        take(database, b'{"id": 8}', writer=writer)


def test_a_writer_that_hangs_does_not_hold_its_callers(database: Any) -> None:
    """A caller is answered 503 in time, and too many waiting ones at once."""
    gate = threading.Event()

    class Slow:
        def write(self) -> Any:
            gate.wait(30)
            return database.write()

    writer = InboxWriter(Slow(), waiting=1, deadline_s=0.05)  # type: ignore[arg-type]  # a database that is slow
    for number, said in ((1, "within"), (2, "within"), (3, "too many")):
        with pytest.raises(Unavailable, match=said):
            take(database, b'{"id": %d}' % number, writer=writer)
    gate.set()
    writer.close()
    assert stored(database) == {"pending": 2}, "what was taken in is stored all the same; the repetition is a duplicate"


def test_nothing_acknowledged_is_lost_when_the_receiver_is_killed(database: Any, database_url: str) -> None:
    """kill -9 under load: every id that a caller was told is stored is there."""
    program = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("three_classes.py"))], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, bufsize=1,
    )
    assert program.stdin
    assert program.stdout
    acknowledged: set[str] = set()
    pids = []
    for kill in range(KILLS):
        program.stdin.write(f"receive {database_url} {database.data_dir} run{kill}\n")
        heard = 0
        while heard < 40 + 25 * (kill % 4):
            said = json.loads(program.stdout.readline())
            if "ready" in said:
                pids.append(said["ready"])
            elif said["acknowledged"].startswith(f"run{kill}-"):
                heard += 1
                acknowledged.add(said["acknowledged"])
            else:
                acknowledged.add(said["acknowledged"])
        os.kill(pids[-1], signal.SIGKILL)
    program.stdin.close()
    acknowledged |= {json.loads(line)["acknowledged"] for line in program.stdout}
    program.wait(30)
    program.stdout.close()

    with database.read() as tx:
        kept = {each.delivery_id for each in inbox.list_(tx, limit=100_000)}
    assert acknowledged <= kept
    assert len(acknowledged) >= 40 * KILLS
