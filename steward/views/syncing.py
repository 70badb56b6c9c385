"""How the syncs stand: each stream's place and trouble, what is refused, and what changed of status lately."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from steward.store import cursors, notices, records, refusals
from steward.store.cursors import Standing
from steward.store.notices import Notice
from steward.store.refusals import Refused

if TYPE_CHECKING:
    from steward.store.database import Database

LATELY = timedelta(days=7)
_MOST = 2_000


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream: `records` live, `refused` rows that stand, up to when all is stored, and the last trouble."""

    connection: str
    stream: str
    records: int
    refused: int
    watermark: datetime | None
    read_at: datetime
    trouble: str | None


@dataclass(frozen=True, slots=True)
class SyncStatus:
    """The streams, the rows that stand refused, and the notices of the last seven days, the newest first."""

    streams: tuple[StreamStatus, ...]
    refusals: tuple[Refused, ...]
    notices: tuple[Notice, ...]

    @property
    def drift(self) -> tuple[Notice, ...]:
        """What changed in the schema of the sources."""
        return tuple(each for each in self.notices if each.what.is_drift)


def sync_status(db: Database, now: datetime, connections: Collection[str]) -> SyncStatus:
    """How the syncs of `connections` stand."""
    with db.read() as tx:
        standing: list[Standing] = [each for each in cursors.list_(tx) if each.connection in connections]
        live = records.counts(tx)
        refused = [each for each in refusals.list_(tx) if each.connection in connections]
        lately = [each for each in notices.list_(tx, since=now - LATELY, limit=_MOST) if each.connection in connections]
    number = Counter((each.connection, each.stream) for each in refused)
    return SyncStatus(
        tuple(StreamStatus(
            each.connection, each.stream, live.get(each.connection, {}).get(each.stream, 0),
            number[each.connection, each.stream], each.watermark, each.moved_at, each.trouble) for each in standing),
        tuple(refused), tuple(lately))
