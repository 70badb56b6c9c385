"""Sync: every stream of one connection is pulled page by page; a report of what was stored comes back.

A page's records, refusals, usage and cursor are stored in one transaction, so stopping anywhere loses nothing and
pulling again doubles nothing. Two syncs of one connection at once waste work and do no harm.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from steward.contracts import Connection, Connector, Page, Refetch, Source
from steward.model.errors import ConfigError, RateLimited, StewardError, TryAgain, Unavailable
from steward.model.records import Noun
from steward.model.words import meant_or_all
from steward.store import cursors, identity, records, refusals, source_fields
from steward.store.database import Database
from steward.store.identity import Resolved
from steward.store.usage import compact

log = logging.getLogger(__name__)
T = TypeVar("T")

OnPage = Callable[[str, int, float | None], None]
"""Told after each page: the stream, how many of its records are stored by now, and the share of the sync done."""

TRIES = 4                                      # in a row without a page between them
FIRST_WAIT_S = 1.0
LONGEST_WAIT_S = 300.0                         # a target that wants more is pulled by the next sync
MOST_ASKED_AGAIN = 1_000                       # refused records in one sync of a stream; the others come next time


@dataclass(frozen=True, slots=True)
class StreamReport:
    """What one stream brought: `records` read (of usage, rows), of which `changed` were news.

    `again`: records that stood refused and were asked for again, beyond `records`; what of them is refused still is in
    `refusals`.
    """

    stream: str
    records: int = 0
    changed: int = 0
    refusals: int = 0
    again: int = 0
    pages: int = 0
    seconds: float = 0.0
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class SyncReport:
    """What one sync of a connection did. `accounts` is None where nothing was matched, as no account was read."""

    connection: str
    streams: tuple[StreamReport, ...]
    accounts: Resolved | None = None

    @property
    def troubles(self) -> tuple[str, ...]:
        """What went wrong, stream by stream; () when all is well."""
        return tuple(f"{each.stream}: {each.trouble}" for each in self.streams if each.trouble)


def sync(  # noqa: PLR0917  six parts, each of another kind
    db: Database,
    name: str,
    connector: Connector,
    connection: Connection,
    clock: Callable[[], datetime],
    sleep: Callable[[float], None],
    *,
    streams: Sequence[str] | None = None,
    on_page: OnPage | None = None,
    truth: Mapping[str, Sequence[str]] | None = None,
    order: Sequence[str] = (),
) -> SyncReport:
    """Pull what changed since the last time, then give every new account record its account.

    A stream that cannot be read is reported with its trouble and stays at its cursor; the others are still read,
    unless the target is not there at all. `truth` and `order` (of the settings) decide whose account names count.

    Raises:
        ConfigError: `streams` names one that the connector has not, or the connection has no source.
        Exception: a fault of ours, once all else was done.
    """
    wanted = streams_of(name, connector, streams)
    if connection.source is None:
        raise ConfigError(f'"{name}" ({connector.title}) has nothing to pull')
    bug: Exception | None = None
    pulls = [_Pull(db, name, stream, connector.streams[stream].usage, clock) for stream in wanted]
    down = None
    for place, pull in enumerate(pulls):
        if down:
            pull.note(f"not tried: {down}")
            continue
        try:
            pull.run(connection.source, sleep, _of_all(on_page, place, len(pulls)))
        except StewardError as error:
            pull.note(str(error))
            down = str(error) if isinstance(error, Unavailable) else None
        except Exception as error:  # noqa: BLE001  its text may hold anything, so it is not kept
            bug = bug or error
            pull.note(f"{type(error).__name__} while it was read. This is a bug; report it.")
    accounts = None
    if of_accounts := [pull for pull in pulls if connector.streams[pull.report.stream].noun is Noun.ACCOUNT]:
        with db.write() as tx:              # also where nothing came: who read the pages may have died before this
            found = identity.resolve(tx, clock(), truth, order)
        accounts = found if found != Resolved() or any(pull.report.pages for pull in of_accounts) else None
    if bug is not None:
        raise bug
    return SyncReport(name, tuple(pull.report for pull in pulls), accounts)


def _of_all(on_page: OnPage | None, place: int, streams: int) -> OnPage:
    """The share of one stream as a share of the whole sync."""
    def tell(stream: str, done: int, share: float | None) -> None:
        if on_page:
            on_page(stream, done, (place + (share or 0.0)) / streams)
    return tell


def streams_of(name: str, connector: Connector, streams: Sequence[str] | None) -> list[str]:
    """The streams (all, where None is given) in the connector's order: what others point at comes first.

    Raises:
        ConfigError: `streams` names one that the connector has not.
    """
    for stream in streams or ():
        if stream not in connector.streams:
            hint = meant_or_all(stream, connector.streams)
            raise ConfigError(f'"{name}" ({connector.title}) has no stream "{stream}"{hint}')
    return [stream for stream in connector.streams if streams is None or stream in streams]


class _Pull:
    """One stream being pulled; `report` grows with every stored page."""

    def __init__(self, db: Database, name: str, stream: str, usage: bool, clock: Callable[[], datetime]) -> None:
        self.report = StreamReport(stream)
        self._db = db
        self._name = name
        self._usage = usage
        self._clock = clock

    def run(self, source: Source, sleep: Callable[[float], None], on_page: OnPage) -> None:
        """Every page there is, trying again from the cursor while the target asks for patience.

        Raises:
            StewardError: it did not work out; what was stored so far stays stored.
        """
        began = self._clock()
        try:
            with self._db.read() as tx:
                from_start = cursors.get(tx, self._name, self.report.stream) is None
            patiently(lambda: self._read(source, on_page), lambda: self.report.pages, sleep)
            with self._db.write() as tx:
                cursors.end(tx, self._name, self.report.stream)
                refusals.end(tx, self._name, self.report.stream, self._clock(), began if from_start else None)
            if isinstance(source, Refetch):
                self._ask_again(source, sleep, began)
            if self._usage and self.report.pages:
                compact(self._db, self._clock())
        finally:
            seconds = (self._clock() - began).total_seconds()
            self.report = replace(self.report, seconds=seconds)
            log.info("pulled connection=%s stream=%s pages=%d records=%d took_s=%.2f",
                     self._name, self.report.stream, self.report.pages, self.report.records, seconds)

    def note(self, trouble: str) -> None:
        """Keep what went wrong, in the report and in the store."""
        self.report = replace(self.report, trouble=trouble)
        with self._db.write() as tx:
            cursors.trouble(tx, self._name, self.report.stream, trouble, self._clock())

    def _read(self, source: Source, on_page: OnPage) -> None:
        with self._db.read() as tx:
            after = cursors.get(tx, self._name, self.report.stream)
        for page in source.pull(self.report.stream, after):
            self._store(page)
            on_page(self.report.stream, self.report.records, page.progress)

    def _ask_again(self, source: Refetch, sleep: Callable[[float], None], began: datetime) -> None:
        """What stands refused, and did not come with this pull, is asked for by its id."""
        stream = self.report.stream
        with self._db.read() as tx:
            asked = refusals.to_ask_for(tx, self._name, stream, began, MOST_ASKED_AGAIN)
        if not asked:
            return
        pages = patiently(lambda: list(source.fetch(stream, asked)), lambda: 0, sleep)
        now = self._clock()
        found = {record.external_id for page in pages for record in page.records}
        refused, stored = 0, 0
        with self._db.write() as tx:
            for page in pages:
                counts = records.upsert(tx, self._name, stream, page.records, now, page.refusals)
                refused += counts.refused + len(page.refusals)
                stored += counts.changed
            still = set(refusals.to_ask_for(tx, self._name, stream, now)).intersection(asked)
            refusals.gone(tx, self._name, stream, still - found, now)
        self.report = replace(
            self.report, again=len(asked), refusals=self.report.refusals + refused,
            changed=self.report.changed + stored)

    def _store(self, page: Page) -> None:
        """One page, whole or not at all. The file of its usage is written before the transaction begins."""
        now = self._clock()
        stream = self.report.stream
        files = [] if page.usage is None else self._db.lake.write_usage(self._name, page.usage, now)
        rows = len(page.records) + (0 if page.usage is None else page.usage.height)
        with self._db.write() as tx:
            if page.anew:
                refusals.doubt(tx, self._name, stream, page.anew)
            stored = records.upsert(tx, self._name, stream, page.records, now, page.refusals)
            source_fields.see(tx, self._name, stream, page.schema, now)
            self._db.lake.show(tx, files)
            cursors.move(tx, self._name, stream, page.cursor, watermark=page.watermark, records=rows, now=now)
        self.report = replace(
            self.report, pages=self.report.pages + 1, records=self.report.records + rows,
            changed=self.report.changed + stored.changed + sum(file.rows for file in files),
            refusals=self.report.refusals + stored.refused + len(page.refusals),
        )


def patiently(call: Callable[[], T], progress: Callable[[], int], sleep: Callable[[float], None]) -> T:
    """What `call` returns, tried again while the target asks for patience: `TRIES` times without `progress` between.

    Raises:
        StewardError: it did not work out, or the target wants more patience than a sync has.
    """
    tried = 0
    while True:
        before = progress()
        try:
            return call()
        except TryAgain as error:
            tried = 1 if progress() > before else tried + 1
            wait_s = _wait_s(error, tried)
            if tried >= TRIES or wait_s > LONGEST_WAIT_S:
                raise
            sleep(wait_s)


def _wait_s(error: TryAgain, tried: int) -> float:
    """What the target asked for; else 1, 2, 4 seconds."""
    if isinstance(error, RateLimited) and error.retry_after_s is not None:
        return max(error.retry_after_s, 0.0)
    return float(FIRST_WAIT_S * 2 ** (tried - 1))
