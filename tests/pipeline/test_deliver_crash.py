"""Workers that are killed, doubled and put to sleep while they deliver: nothing lost, nothing of A or B twice.

STEWARD_TORTURE=1 kills fifty times instead of ten.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import queue
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from steward.kit.sandbox import Fault
from steward.pipeline.deliver import deliver
from steward.store import outbox, receipts
from steward.store.outbox import OutboxRow

_PROGRAM = Path(__file__).with_name("three_classes.py")
_spec = importlib.util.spec_from_file_location("three_classes", _PROGRAM)
assert _spec
assert _spec.loader
three = importlib.util.module_from_spec(_spec)
sys.modules["three_classes"] = three
_spec.loader.exec_module(three)

KILLS = 50 if os.environ.get("STEWARD_TORTURE") else 10
SEED = int(os.environ.get("STEWARD_SEED", "7"))
WRITE = "PUT|POST"


class Workers:
    """Real processes that deliver; each start takes milliseconds, as a parent that has imported everything forks."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._parent = subprocess.Popen(
            [sys.executable, str(_PROGRAM)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
        )
        self.said: queue.Queue[dict[str, Any]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        self.alive: list[int] = []

    def start(self) -> int:
        assert self._parent.stdin
        self._parent.stdin.write(" ".join(self._arguments) + "\n")
        while "ready" not in (said := self.said.get(timeout=60)):
            pass
        self.alive.append(said["ready"])
        return int(said["ready"])

    def kill_all(self) -> int:
        """Kill them at once, and return how many there were to kill."""
        killed = 0
        for pid in self.alive:
            with contextlib.suppress(ProcessLookupError):  # it had nothing left to do
                os.kill(pid, signal.SIGKILL)
                killed += 1
        wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in self.alive))
        self.alive = []
        return killed

    def close(self) -> None:
        self.kill_all()
        assert self._parent.stdin
        self._parent.stdin.close()
        self._parent.wait(30)
        if self._parent.stdout:
            self._parent.stdout.close()

    def _listen(self) -> None:
        assert self._parent.stdout
        try:
            for line in self._parent.stdout:
                self.said.put(json.loads(line))
        except ValueError:
            return                             # closed


def wait_until(true: Callable[[], bool], within_s: float = 30.0) -> None:
    ends, pause = time.monotonic() + within_s, threading.Event()
    while not true():
        assert time.monotonic() < ends, "it did not happen in time"
        pause.wait(0.005)


@pytest.fixture
def vendor() -> Iterator[Any]:
    with three.Vendor() as started:
        yield started


@pytest.fixture
def began() -> float:
    return time.time()


@pytest.fixture
def many() -> str:
    """One at a time; "many": as many as the target takes in one call."""
    return ""


@pytest.fixture
def workers(database: Any, database_url: str, vendor: Any, began: float, many: str) -> Iterator[Workers]:
    started = Workers("deliver", database_url, str(database.data_dir), vendor.url, str(began), *filter(None, [many]))
    yield started
    started.close()


def finish(db: Any, vendor: Any, began: float) -> None:
    """Deliver what is left, the clock jumping to whatever is due next."""
    at = [three.fast_clock(began)()]
    for _ in range(200):
        report = deliver(
            db, three.connections(vendor.url, lambda: at[0]), three.connectors(), lambda: at[0], lambda _: None,
        )
        if report.next_due_at is None:
            return
        at[0] = max(at[0], report.next_due_at)
    raise AssertionError("it never comes to an end")


def stored(db: Any) -> list[OutboxRow]:
    with db.read() as tx:
        assert outbox.conservation(tx).holds
        return outbox.list_(tx, limit=100_000)


@pytest.mark.parametrize("many", ["", "many"])
def test_workers_killed_at_random_lose_nothing_and_double_nothing(
    database: Any, vendor: Any, workers: Workers, began: float, many: str,
) -> None:
    """The promise of the whole hub: kill -9 at any instant, under faults, with two workers at once."""
    chance = random.Random(SEED)
    asked: list[OutboxRow] = []
    rounds = kills = hits = 0
    while kills < KILLS or hits < KILLS // 3:
        rounds += 1
        assert rounds < 10 * KILLS, "the kills hit nothing"
        fresh = [
            three.row(name, f"a{chance.randrange(12)}", rounds * 100 + number, created_at=three.fast_clock(began)())
            for number in range(5) for name in three.CLASSES
        ]
        with database.write() as tx:
            outbox.add(tx, fresh)
        asked += fresh
        kind = chance.choice(["cut", "cut", "status", "drip"])
        status = chance.choice([500, 502, 503, 429])
        vendor.faults.append(Fault(kind, WRITE, skip=chance.randrange(4), status=status, retry_after="1"))
        workers.start()
        workers.start()
        threading.Event().wait(chance.uniform(0, 0.2))
        kills += workers.kill_all()
        with database.read() as tx:
            hits += sum(each.connection != "messages" for each in outbox.list_(tx, "sending"))  # its journal says more
    vendor.faults.clear()
    finish(database, vendor, began)

    ended = {each.key: each.state for each in stored(database)}
    applied = Counter(effect.key for effect in vendor.ledger)
    assert set(ended) == {each.key for each in asked}
    for each in asked:
        times, state = applied[each.key], ended[each.key]
        if each.connection == "messages":
            assert (state, times) in (("delivered", 1), ("unknown", 0), ("unknown", 1)), each.key
        else:
            assert (state, times) == ("delivered", 1), each.key
    with database.read() as tx:
        died = sum(attempt.trouble == receipts.DIED for each in asked for attempt in receipts.attempts(tx, each.key))
    assert died > 0
    assert set(applied) <= set(ended), "nothing was sent that was not asked for"


def test_a_worker_that_slept_through_its_lease_is_fenced(
    database: Any, vendor: Any, workers: Workers, began: float,
) -> None:
    """A laptop's lid, a paused container: what wakes up late must not overwrite what is known by then."""
    rows = [three.row(name) for name in three.CLASSES]
    with database.write() as tx:
        outbox.add(tx, rows)
    vendor.faults += [Fault("drip", f"(PUT|POST) /{name}") for name in three.CLASSES]
    zombie = workers.start()
    wait_until(lambda: len(vendor.ledger) == 3)
    os.kill(zombie, signal.SIGSTOP)
    finish(database, vendor, began)
    before = stored(database)

    os.kill(zombie, signal.SIGCONT)
    reports = [workers.said.get(timeout=30)]
    wait_until(lambda: not Path(f"/proc/{zombie}").exists())
    assert reports[0]["fenced"] == 3
    assert stored(database) == before
    assert {each.connection: each.state for each in before} == {
        "keyed": "delivered", "tasks": "delivered", "messages": "unknown",
    }
    assert Counter(effect.key for effect in vendor.ledger) == {each.key: 1 for each in rows}
    with database.read() as tx:
        assert receipts.of(tx, [rows[1].key])[rows[1].key].found


def test_two_workers_share_the_work(database: Any, vendor: Any, workers: Workers) -> None:
    """More workers make it faster, and never twice; each account's order holds."""
    rows = [three.row(name, f"a{number}", step) for number in range(8) for step in range(3) for name in three.CLASSES]
    with database.write() as tx:
        outbox.add(tx, rows)
    pids = [workers.start(), workers.start()]
    wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in pids))

    assert Counter(each.state for each in stored(database)) == {"delivered": len(rows)}
    arrived = [effect.key for effect in vendor.ledger]
    assert sorted(arrived) == sorted(each.key for each in rows)
    place = {key: number for number, key in enumerate(arrived)}
    for each in rows:
        step = int(each.key.split("/")[3])
        if step:
            assert place[three.row(each.connection, each.account_id, step - 1).key] < place[each.key]
