"""Reconcile: the source is read whole, and what it has no more becomes a tombstone; for sources that tell no deletions.

What was not among all rows is asked for by its id before it counts as gone, since rows move while pages are read. A
source that lost much at once is more likely broken than right: then nothing is written before a person says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from steward.contracts import Connection, Connector, Page, Refetch, Source
from steward.model.errors import ConfigError, StewardError
from steward.model.records import Noun, Record
from steward.pipeline.sync import patiently, streams_of
from steward.store import records, stored
from steward.store.database import Database

MOST_SHARE = 0.05
AT_LEAST = 20                               # so few may always go
AT_ONCE = 100
_KEPT_FOR_EVER = (Noun.USAGE_EVENT, Noun.RESPONSE)  # what happened stays happened


@dataclass(frozen=True, slots=True)
class StreamReconciled:
    """Of `live` records, `gone` are not at the source any more; `held`: so many that a person must say so."""

    stream: str
    live: int = 0
    gone: int = 0
    held: bool = False
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What one reconciliation of a connection found."""

    connection: str
    streams: tuple[StreamReconciled, ...]

    @property
    def is_well(self) -> bool:
        return not any(each.held or each.trouble for each in self.streams)


def reconcile(
    db: Database, name: str, connector: Connector, connection: Connection, clock: Callable[[], datetime],
    *, sleep: Callable[[float], None], streams: Sequence[str] | None = None, confirmed: bool = False,
) -> Reconciled:
    """Compare ids, stream by stream. `confirmed`: a person has seen how many are gone, and they are.

    Raises:
        ConfigError: the source cannot be asked for single records, or has no such stream.
    """
    source = connection.source
    if source is None or not isinstance(source, Refetch):
        raise ConfigError(
            f'"{name}" ({connector.title}) cannot be asked for single records; it tells itself what is deleted')
    found = []
    for stream in streams_of(name, connector, streams):
        spec = connector.streams[stream]
        if spec.usage or spec.noun is None or spec.noun in _KEPT_FOR_EVER:
            continue
        try:
            found.append(_stream(db, name, stream, spec.noun, source, clock, sleep, confirmed=confirmed))
        except StewardError as error:
            found.append(StreamReconciled(stream, trouble=str(error)))
    return Reconciled(name, tuple(found))


def _stream(  # noqa: PLR0917  whose, which and how
    db: Database, name: str, stream: str, noun: Noun, source: Source, clock: Callable[[], datetime],
    sleep: Callable[[float], None], *, confirmed: bool,
) -> StreamReconciled:
    with db.read() as tx:
        live = set(stored.live_ids(tx, name, stream))
    there = patiently(lambda: _ids(source.pull(stream, None)), lambda: 0, sleep)
    missed = sorted(live - there)
    for start in range(0, len(missed), AT_ONCE):
        asked = missed[start:start + AT_ONCE]
        there |= patiently(lambda asked=asked: _ids(_fetch(source, stream, asked)), lambda: 0, sleep)  # type: ignore[misc]  # bound now
    gone = [each for each in missed if each not in there]
    if len(gone) > max(AT_LEAST, MOST_SHARE * len(live)) and not confirmed:
        return StreamReconciled(stream, len(live), len(gone), held=True)
    if gone:
        with db.write() as tx:
            records.upsert(tx, name, stream, [Record(noun, each, {}, deleted=True) for each in gone], clock())
    return StreamReconciled(stream, len(live), len(gone))


def _fetch(source: Source, stream: str, external_ids: Sequence[str]) -> Iterator[Page]:
    assert isinstance(source, Refetch)
    return source.fetch(stream, external_ids)


def _ids(pages: Iterator[Page]) -> set[str]:
    """Every id that stands in them, also of rows that cannot be read; not of those that are told as deleted."""
    found: set[str] = set()
    for page in pages:
        found |= {record.external_id for record in page.records if not record.deleted}
        found |= {each.external_id or each.where.partition(" ")[2] for each in page.refusals}
    return found
