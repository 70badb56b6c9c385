"""People work in the portal, the weather is bad, pulls stop anywhere; in the end Steward has what HubSpot has."""

from __future__ import annotations

import contextlib
import os
import random
from datetime import timedelta
from typing import Any

import pytest

from connectors.hubspot import CONNECTOR
from connectors.hubspot.sandbox import HubSpotSandbox
from steward.contracts import Cursor
from steward.kit.sandbox import Weather
from steward.model.errors import TryAgain
from steward.model.records import Record

SEEDS = range(40) if os.environ.get("STEWARD_TORTURE") else range(4)
STREAMS = [each for each in CONNECTOR.streams if each != "persons"]


class Kept:
    """What a store would hold: the newest word about each record, tombstones left out."""

    def __init__(self) -> None:
        self.cursors: dict[str, Cursor | None] = {}
        self.records: dict[tuple[str, str], Record] = {}

    def take(self, stream: str, records: Any) -> None:
        for record in records:
            known = self.records.get((stream, record.external_id))
            newer = not known or None in (known.modified_at, record.modified_at) or record.modified_at >= known.modified_at
            if newer:
                self.records[stream, record.external_id] = record

    def live(self) -> dict[tuple[str, str], Any]:
        return {name: record.values for name, record in self.records.items()
                if not record.deleted and record.merged_into is None}

    def pull(self, connection: Any, stream: str, most: int) -> bool:
        """At most so many pages; whether that was all."""
        for number, page in enumerate(connection.source.pull(stream, self.cursors.get(stream)), 1):
            self.take(stream, page.records)
            self.cursors[stream] = page.cursor
            if page.watermark is not None:
                return True
            if number == most:
                return False
        return True


@pytest.mark.parametrize("seed", SEEDS)
def test_after_a_storm_steward_has_what_hubspot_has(sandbox: HubSpotSandbox, connect: Any, seed: int) -> None:
    """Nothing lost, nothing that is gone, no value of yesterday."""
    chance = random.Random(seed)
    sandbox.page_size, sandbox.skew = 7, timedelta(minutes=chance.choice((-10, 0, 10)))
    sandbox.seed(17)
    api, kept, done = chance.choice(("v3", "2026-03")), Kept(), []
    sandbox.weather = Weather(seed, share=0.1, times=2, kinds=[
        "429", "429_bare", "429_absurd", "5xx", "html", "truncated", "cut", "tokens", "quota"])
    for _ in range(12):
        for stream in STREAMS:
            for _ in range(chance.randint(0, 2)):
                done.append(sandbox.stir(chance))
            with contextlib.suppress(TryAgain):     # and nothing else: nobody took the access away
                kept.pull(connect(api=api), stream, chance.randint(1, 9))
    left, sandbox.weather = sandbox.weather.left(sandbox), None
    for _ in range(3):                          # the index learns, and nobody does anything any more
        for stream in STREAMS:
            while not kept.pull(connect(api=api), stream, 100):
                pass

    fresh = Kept()
    for stream in STREAMS:
        assert fresh.pull(connect(api=api), stream, 1000)
    assert kept.live() == fresh.live(), "\n".join(map(str, done))
    assert left == 0, "all of the weather came"
    assert len([each for each in done if each]) > 60
    assert sandbox.breaches == []


def test_every_kind_of_stirring_happens(sandbox: HubSpotSandbox) -> None:
    """A storm that never merges shows nothing about merges."""
    sandbox.seed(17)
    chance = random.Random(1)
    told = " | ".join(str(sandbox.stir(chance)) for _ in range(200))

    for word in ("became", "imported in one instant", "no search shows it yet", "were made", "was deleted", "was restored",
                 "was merged into", "went over to", "new property", "new option", "is text now"):
        assert word in told
