"""Audit: what is stored of a connection beside what its source says now; how far they agree comes out, by field.

The source is read afresh, as a whole or for a sample of ids, and nothing is stored. A value that both have, and alike,
is agreement; so is a record that both call deleted. Each disagreement has a reason, as far as one can be told.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from steward.contracts import Connection, Connector, Page, Refetch, Source
from steward.model.errors import ConfigError, StewardError
from steward.pipeline.sync import patiently, streams_of
from steward.store import cursors, refusals, stored, usage
from steward.store.database import Database
from steward.store.instants import to_text
from steward.store.record_body import Unstorable
from steward.store.stored import Stored

GOAL = 0.95
MOST_EXAMPLES = 10
REASONS: Mapping[str, str] = {
    "refused": "the source's value cannot be read; it is asked for again with each sync",
    "changed_since": "changed at the source since the last sync",
    "late": "older than what was read, but came into sight after it",
    "told_later": "a webhook told it later than the source does",
    "not_deleted": "deleted at the source, and still here",
    "not_at_source": "here, and not at the source",
    "undated": "the source does not say when it changed; the next sync will bring it if it changed since",
    "unexplained": "the same version, and another value",
}
_WHOLE = "(record)"


@dataclass(frozen=True, slots=True)
class Example:
    """One disagreement: what the source says, what is stored, and why they differ (a key of `REASONS`)."""

    external_id: str
    field: str
    theirs: Any
    ours: Any
    reason: str


@dataclass(slots=True)
class StreamAudit:
    """How far one stream agrees: values compared and those alike, by field; why the others differ, with examples."""

    stream: str
    records: int = 0
    compared: Counter[str] = field(default_factory=Counter)
    agreed: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    examples: list[Example] = field(default_factory=list)
    trouble: str | None = None

    @property
    def ratio(self) -> float | None:
        """The share that agrees, 0 to 1; None where nothing was compared."""
        whole = self.compared.total()
        return self.agreed.total() / whole if whole else None

    def same(self, name: str) -> None:
        self.compared[name] += 1
        self.agreed[name] += 1

    def differs(self, example: Example) -> None:
        self.compared[example.field] += 1
        self.reasons[example.reason] += 1
        if len(self.examples) < MOST_EXAMPLES or self.reasons[example.reason] == 1:
            self.examples.append(example)


@dataclass(frozen=True, slots=True)
class AuditReport:
    """The audit of one connection; `sampled` is None where the whole source was read."""

    connection: str
    streams: tuple[StreamAudit, ...]
    sampled: int | None = None

    @property
    def ratio(self) -> float | None:
        """The share of all values that agree, 0 to 1; None where nothing was compared."""
        whole = sum(each.compared.total() for each in self.streams)
        return sum(each.agreed.total() for each in self.streams) / whole if whole else None

    @property
    def is_well(self) -> bool:
        """Whether every stream could be read and agrees as far as is promised."""
        return all(not each.trouble and (each.ratio is None or each.ratio >= GOAL) for each in self.streams)


def audit(
    db: Database, name: str, connector: Connector, connection: Connection, sleep: Callable[[float], None], *,
    streams: Sequence[str] | None = None, sample: int | None = None,
) -> AuditReport:
    """Compare every stream, or those named; of each `sample` records by id, all where it is None.

    A sample is of what is stored: it cannot find what was never read. Usage is always compared as a whole.

    Raises:
        ConfigError: there is no such stream, or nothing to read.
    """
    wanted = streams_of(name, connector, streams)
    source = connection.source
    if source is None:
        raise ConfigError(f'"{name}" ({connector.title}) has nothing to pull')
    if sample is not None and sample < 1:
        raise ConfigError(f"a sample of {sample} records says nothing. Give --sample a number from 1 on")
    audits = []
    for stream in wanted:
        found = StreamAudit(stream)
        try:
            if connector.streams[stream].usage:
                _usage(db, name, source, found, sleep)
            else:
                _records(db, name, source, found, sample, sleep)
        except StewardError as error:
            found.trouble = str(error)
        audits.append(found)
    return AuditReport(name, tuple(audits), sample)


# ---- records ----

def _records(  # noqa: PLR0917  as above
    db: Database, name: str, source: Source, found: StreamAudit, sample: int | None, sleep: Callable[[float], None],
) -> None:
    stream = found.stream
    ids: list[str] | None = None
    if sample is not None:
        with db.read() as tx:
            ids = _sample(stored.live_ids(tx, name, stream), sample)
    pages = patiently(lambda: list(_pages(source, stream, ids)), lambda: 0, sleep)
    theirs: dict[str, Stored] = {}
    unreadable: set[tuple[str, str, str]] = set()
    for page in pages:
        for record in page.records:
            if ids is not None and record.external_id not in ids:
                continue
            try:
                one = stored.as_stored(record)
            except Unstorable as fault:
                unreadable.add((record.external_id, fault.field or _WHOLE, record.external_id))
                continue
            known = theirs.get(one.external_id)
            if known is None or (one.modified_at or "") >= (known.modified_at or ""):
                theirs[one.external_id] = one
        if ids is None:
            unreadable |= {
                (each.where, each.field or _WHOLE, each.external_id or each.where.partition(" ")[2])
                for each in page.refusals}
    with db.read() as tx:
        ours = stored.of_stream(tx, name, stream) if ids is None else stored.some(tx, name, stream, ids)
        refused = refusals.ids(tx, name, stream)
        merged = stored.merged(tx, name)
        read_until = next((to_text(each.moved_at) for each in cursors.list_(tx)
                           if (each.connection, each.stream) == (name, stream)), "")
    for where, what, external_id in sorted(unreadable):
        found.differs(Example(where, what, "cannot be read", None, "refused"))
        refused.add(external_id)
    found.records = len(theirs)
    judge = _Judge(found, refused, read_until or "", merged)
    for external_id, one in sorted(theirs.items()):
        judge.compare(one, ours.get(external_id))
    for external_id in sorted(set(ours) - set(theirs)):
        if ours[external_id].is_live:
            reason = "refused" if external_id in refused else "not_at_source"
            found.differs(Example(external_id, _WHOLE, None, "live", reason))


def _pages(source: Source, stream: str, ids: Sequence[str] | None) -> Iterator[Page]:
    if ids is None or not isinstance(source, Refetch):
        return source.pull(stream, None)
    return source.fetch(stream, ids)


def _sample(ids: Sequence[str], size: int) -> list[str]:
    """Spread over all by a hash: ids that follow one another were often made, and break, together."""
    return sorted(ids, key=lambda each: hashlib.sha256(each.encode()).digest())[:size]


@dataclass(frozen=True, slots=True)
class _Judge:
    """Compares one record with what is stored of it."""

    found: StreamAudit
    refused: set[str]
    read_until: str
    merged: Mapping[str, str]               # a record may point at one that was merged away: that is the same account

    def compare(self, theirs: Stored, ours: Stored | None) -> None:
        if not theirs.is_live:
            self._tombstone(theirs, ours)
            return
        known = ours.body if ours is not None and ours.is_live else {}
        if not known and not theirs.body and ours is not None and ours.is_live:
            self.found.same(_WHOLE)
        for name in sorted({*theirs.body, *known}):
            if name in theirs.body and name in known and self._alike(name, theirs.body[name], known[name]):
                self.found.same(name)
                continue
            self.found.differs(Example(theirs.external_id, name, theirs.body.get(name), known.get(name),
                                       self._why(theirs, ours, name)))
        if not theirs.body and (ours is None or not ours.is_live):
            self.found.differs(Example(theirs.external_id, _WHOLE, "live", "deleted" if ours else None,
                                       self._why(theirs, ours, _WHOLE)))

    def _alike(self, name: str, there: Any, here: Any) -> bool:
        if name.endswith("_external_id"):
            there, here = self._survivor(there), self._survivor(here)
        return bool(there == here)

    def _survivor(self, external_id: Any) -> Any:
        for _ in self.merged:
            if external_id not in self.merged:
                break
            external_id = self.merged[external_id]
        return external_id

    def _tombstone(self, theirs: Stored, ours: Stored | None) -> None:
        if ours is None or not ours.is_live:
            self.found.same(_WHOLE)         # what was never here need not be deleted
            return
        reason = self._why(theirs, ours, _WHOLE)
        self.found.differs(Example(theirs.external_id, _WHOLE, "merged away" if theirs.merged_into else "deleted",
                                   "live", "not_deleted" if reason == "unexplained" else reason))

    def _why(self, theirs: Stored, ours: Stored | None, name: str) -> str:
        at, known_at = theirs.modified_at or "", (ours.modified_at or "") if ours else ""
        if at > self.read_until:
            return "changed_since"
        if theirs.external_id in self.refused:
            return "refused"
        if ours is not None and (known_at > at or ours.told.get(name, "") > at):
            return "told_later"
        if not at:
            return "undated"
        if ours is None or at > known_at:
            return "late"
        return "unexplained"


# ---- usage ----

def _usage(db: Database, name: str, source: Source, found: StreamAudit, sleep: Callable[[float], None]) -> None:
    pages = patiently(lambda: list(source.pull(found.stream, None)), lambda: 0, sleep)
    theirs = _cells(page.usage for page in pages if page.usage is not None)
    with db.read() as tx:
        ours = _cells([usage.of_connection(tx, name)])
    for page in pages:
        for refusal in page.refusals:
            found.differs(Example(refusal.where, refusal.field or _WHOLE, "cannot be read", None, "refused"))
    found.records = len(theirs)
    for key in sorted({*theirs, *ours}):
        is_there, is_here = theirs.get(key, {}), ours.get(key, {})
        for metric in sorted({*is_there, *is_here}):
            if metric in is_there and metric in is_here and is_there[metric] == is_here[metric]:
                found.same(metric)
                continue
            reason = "unexplained" if key in theirs and key in ours else "late" if key in theirs else "not_at_source"
            found.differs(Example(" ".join(key), metric, is_there.get(metric), is_here.get(metric), reason))


def _cells(frames: Iterable[pl.DataFrame]) -> dict[tuple[str, str], dict[str, float]]:
    """By account and day the metrics that were told; a later frame's word on a day replaces the earlier one's."""
    cells: dict[tuple[str, str], dict[str, float]] = {}
    for frame in frames:
        for row in frame.iter_rows(named=True):
            key = (str(row.pop("account_external_id")), row.pop("day").isoformat())
            cells[key] = {metric: float(value) for metric, value in row.items() if value is not None}
    return cells
