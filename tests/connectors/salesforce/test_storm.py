"""People work in the org, the weather is bad, pulls stop anywhere; in the end Steward has what Salesforce has."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors.salesforce import CONNECTOR
from connectors.salesforce.sandbox import SalesforceSandbox
from steward.contracts import BatchSink, Connection, Cursor
from steward.kit.sandbox import Weather
from steward.model.actions import IdempotencyKey, Receipt, UpdateRecord
from steward.model.errors import LookFirst, StewardError, TryAgain
from steward.model.records import Record

SEEDS = range(40) if os.environ.get("STEWARD_TORTURE") else range(5)
STREAMS = list(CONNECTOR.streams)
KINDS = ["429", "429_bare", "429_absurd", "5xx", "html", "truncated", "cut", "tokens", "quota"]
Connect = Callable[..., Connection]


class Kept:
    """What a store would hold: the newest word about each record."""

    def __init__(self) -> None:
        self.cursors: dict[str, Cursor | None] = {}
        self.records: dict[tuple[str, str], Record] = {}

    def pull(self, connection: Connection, stream: str, most: int) -> bool:
        """At most so many pages; whether that was all."""
        assert connection.source
        for number, page in enumerate(connection.source.pull(stream, self.cursors.get(stream)), 1):
            for record in page.records:
                known = self.records.get((stream, record.external_id))
                if not known or not known.modified_at or not record.modified_at or record.modified_at >= known.modified_at:
                    self.records[stream, record.external_id] = record
            self.cursors[stream] = page.cursor
            if page.watermark is not None:
                return True
            if number == most:
                return False
        return True

    def live(self) -> dict[tuple[str, str], Any]:
        return {name: record.values for name, record in self.records.items() if not record.deleted}


@pytest.mark.parametrize("seed", SEEDS)
def test_after_a_storm_steward_has_what_salesforce_has(sandbox: SalesforceSandbox, connect: Connect, clock: Any, seed: int) -> None:
    """Nothing lost, nothing that is gone, no value of yesterday; by queries and by bulk, whatever the clocks say."""
    chance = random.Random(seed)
    sandbox.page_size, sandbox.most_results = 7, 9
    sandbox.skew = timedelta(minutes=chance.choice((-10, 0, 10)))
    sandbox.seed(17)
    settings = {"bulk_above": chance.choice((5, 10_000)), "page_size": 200}
    kept, done = Kept(), []
    sandbox.weather = Weather(seed, share=0.1, times=2, kinds=KINDS)
    for _ in range(12):
        clock.move(minutes=chance.choice((1, 5, 20)))
        for stream in STREAMS:
            for _ in range(chance.randint(0, 2)):
                done.append(sandbox.stir(chance))
            with contextlib.suppress(TryAgain):     # and nothing else: nobody took the access away
                kept.pull(connect(**settings), stream, chance.randint(1, 9))
    left, sandbox.weather = sandbox.weather.left(sandbox), None
    for _ in range(2):                          # nobody does anything any more
        clock.move(minutes=30)
        for stream in STREAMS:
            while not kept.pull(connect(**settings), stream, 100):
                pass

    fresh = Kept()
    for stream in STREAMS:
        assert fresh.pull(connect(), stream, 1000)
    assert kept.live() == fresh.live(), "\n".join(map(str, done))
    assert left == 0, "all of the weather came"
    assert len([each for each in done if each]) > 60
    assert sandbox.breaches == []


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_written_in_a_storm_is_there_once(sandbox: SalesforceSandbox, connect: Connect, clock: Any, seed: int) -> None:
    """By the rules of class A: after a doubt the same again, many together. One effect each, and nothing else."""
    chance = random.Random(seed)
    sandbox.seed(20)
    samples = {action.kind: action for action in sandbox.sample_actions()}
    due = {}
    for kind, action in samples.items():
        for number in range(1, 16):
            about = SalesforceSandbox.make_id("Account", number)
            field = "external_id" if isinstance(action, UpdateRecord) else "account_external_id"
            due[IdempotencyKey(f"storm/{number}/1/{kind}")] = action.model_copy(update={field: about})
    wanted, receipts = dict(due), {}
    sandbox.weather = Weather(seed, share=0.4, times=2, kinds=KINDS)
    for _ in range(60):
        clock.move(minutes=6)
        for kind in samples:
            batch = [(action, key) for key, action in due.items() if action.kind == kind][:chance.randint(1, 9)]
            sink = connect().sink
            assert isinstance(sink, BatchSink)
            said: list[Receipt | StewardError] = []
            if batch:
                with contextlib.suppress(TryAgain, LookFirst):
                    said += sink.deliver_many(batch)
            for (_, key), each in zip(batch, said, strict=False):
                if isinstance(each, Receipt):
                    receipts[key] = each
                    del due[key]

    assert due == {}
    assert {len(sandbox.effects_of(action, key)) for key, action in wanted.items()} == {1}
    assert len(sandbox.ledger) == len(wanted)
    for key, action in wanted.items():
        [effect] = sandbox.effects_of(action, key)
        assert effect.detail["id"] == receipts[key].external_id
    assert sandbox.breaches == []


def test_every_kind_of_stirring_happens(sandbox: SalesforceSandbox) -> None:
    """A storm that never merges shows nothing about merges."""
    sandbox.seed(17)
    chance = random.Random(1)
    told = " | ".join(str(sandbox.stir(chance)) for _ in range(300))

    for word in ("edited", "in one instant", "committed now, stamped", "deleted |", "past the recycle bin", "merged into",
                 "created", "out of the recycle bin", "new field", "new value", "is text now"):
        assert word in told


def test_the_same_seed_brings_the_same_days(clock: Any) -> None:
    """A failure that was seen once can be seen again."""
    told = []
    for _ in range(2):
        org = SalesforceSandbox(now=clock)
        org.seed(9)
        chance = random.Random(5)
        told.append([org.stir(chance) for _ in range(80)])

    assert told[0] == told[1]
