"""`steward deliver` is killed at any moment and started again: nothing lost, nothing of class A or B twice."""

from __future__ import annotations

import os
import random
import subprocess
import threading
import time
from collections import Counter
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from steward.store import outbox, receipts
from steward.wiring import open_hub, utc_now

LONG = bool(os.environ.get("STEWARD_TORTURE"))
KILLS, ACCOUNTS, PLAYBOOKS = (50, 200, 8) if LONG else (8, 60, 5)
SEED = int(os.environ.get("STEWARD_SEED", "11"))
LEASE_S = 200                               # longer than any lease: so far is the clock set ahead after each kill
WRITES = {"slack": "chat.postMessage", "salesforce": "(PATCH|POST) .*/(Task|composite|sobjects)",
          "hubspot": "POST .*/tasks"}


def _trouble(chance: random.Random, vendors: Any) -> None:
    """All answer late, so that kills hit what is done and not yet recorded; the CRMs break now and then.

    Most rows are tasks: messages to one person are folded into one.
    """
    for late, write in WRITES.items():
        vendors.fault(late, {"kind": "slow", "on": write, "skip": chance.randrange(4), "times": 3, "delay_s": 0.4})
    name = chance.choice(["salesforce", "hubspot"])
    kind = chance.choice(["cut", "slow", "status", "status"])
    vendors.fault(name, {"kind": kind, "on": WRITES[name], "skip": chance.randrange(4),
                         "status": chance.choice([500, 503, 429]), "retry_after": "1"})


def _kill_again_and_again(config: Path, vendors: Any, story: Any) -> tuple[int, int, int]:
    """How many kills, how many of them hit a row that was being sent, and how far ahead the clock is then."""
    chance = random.Random(SEED)
    kills = hits = rounds = ahead = 0
    while kills < KILLS or hits < KILLS // 3:
        rounds += 1
        assert rounds < 4 * KILLS, f"{kills} kills hit {hits} times in {rounds} rounds"
        _trouble(chance, vendors)
        before = vendors.applied_bytes()
        process = story.programs.start("deliver", "--config", config, log="deliver.log", ahead_s=ahead + 1)
        if chance.random() < 0.85:          # mostly while it sends; now and then before it has begun
            story.wait_until(partial(_has_begun, vendors, before, process), 120)
        threading.Event().wait(chance.uniform(0, 0.5) if chance.random() < 0.7 else chance.uniform(0.5, 2.5))
        process.kill()
        kills += process.wait(30) == -9
        with open_hub(config) as hub, hub.db.read() as tx:
            hits += bool(outbox.list_(tx, "sending"))
            assert outbox.conservation(tx).holds
        ahead += LEASE_S
    return kills, hits, ahead


def _has_begun(vendors: Any, bytes_before: int, process: subprocess.Popen[bytes]) -> bool:
    return vendors.applied_bytes() > bytes_before or process.poll() is not None


def _finish(config: Path, ahead_s: int) -> None:
    """Deliver what is left; the clock jumps to what is due next."""
    ahead = timedelta(seconds=ahead_s)
    for _ in range(50):
        with open_hub(config, clock=lambda ahead=ahead: utc_now() + ahead) as hub:
            report = hub.deliver()
            if report.next_due_at is None:
                return
            ahead = max(ahead, report.next_due_at - utc_now() + timedelta(seconds=1))
    raise AssertionError("it never comes to an end")


def _retry_dead_letters(config: Path, story: Any) -> int:
    """What killed its worker ten times is set aside with the command that brings it back: give that, as a person would."""
    with open_hub(config) as hub, hub.db.read() as tx:
        dead = outbox.list_(tx, "failed", limit=100_000)
    for row in dead:
        assert str(row.trouble).startswith(receipts.DIED)
        assert f'steward outbox retry "{row.key}"' in str(row.trouble)
        assert story.steward("outbox", "retry", row.key, "--config", config).code == 0
    return len(dead)


@pytest.mark.parametrize("store", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def test_a_killed_delivery_loses_nothing_and_doubles_nothing(
    story: Any, store: str, request: pytest.FixtureRequest,
) -> None:
    """A customer's CSM must get each task once, and never none, however often the machine dies."""
    if store == "postgresql" and not LONG:
        pytest.skip("STEWARD_TORTURE=1 runs this on PostgreSQL too")
    url = request.getfixturevalue("_postgres_shelf").make() if store == "postgresql" else ""
    began = time.monotonic()
    vendors = story.vendors(ACCOUNTS)
    names = [f"check_in_{number}" for number in range(PLAYBOOKS)]
    config = story.write_config(
        story.folder, vendors.settings(), story.write_everyone(story.folder / "playbooks", *names), url)
    with open_hub(config) as hub:
        for name in ("salesforce", "hubspot", "usage"):
            assert not hub.sync(name).troubles
        hub.derive()
        hub.apply(hub.draft(), "test")
        hub.evaluate()
        with hub.db.read() as tx:
            decided = {row.key: row for row in outbox.list_(tx, limit=100_000)}
    assert {row.delivery_class for row in decided.values()} >= {"A", "C"}

    kills, hits, ahead = _kill_again_and_again(config, vendors, story)
    _finish(config, ahead)
    dead = _retry_dead_letters(config, story)
    _finish(config, ahead)

    applied = Counter(vendors.keys())
    with open_hub(config) as hub, hub.db.read() as tx:
        ended = {row.key: row.state for row in outbox.list_(tx, limit=100_000)}
        kept = outbox.conservation(tx)
        died = sum(str(each.trouble).startswith(receipts.DIED) for key in decided for each in receipts.attempts(tx, key))
    assert kept.holds
    assert kept.total == len(decided)
    assert set(ended) == set(decided), "conservation by id"
    assert set(applied) <= set(decided), "nothing was sent that was not decided"
    for key, row in decided.items():
        if row.delivery_class in ("A", "B"):
            assert (ended[key], applied[key]) == ("delivered", 1), key
        else:
            assert (ended[key], applied[key]) in (("delivered", 1), ("unknown", 0), ("unknown", 1)), key
    unknown = story.steward("outbox", "list", "--state", "unknown", "--limit", 10_000, "--json", "--config", config)
    listed = {each["key"] for each in unknown.json()["actions"]}
    assert listed == {key for key, state in ended.items() if state == "unknown"}
    assert died > 0
    assert "Traceback" not in (story.folder / "deliver.log").read_text()
    story.tell(f"{store}: {len(decided)} actions, {kills} kills, {hits} hit a row being sent, {died} attempts died, {dead} "
               f"set aside and asked for again, {dict(Counter(ended.values()))}, {sum(applied.values())} applied, {time.monotonic() - began:.0f} s")
