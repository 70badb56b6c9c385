"""The rows of a pull: by query below the setting `bulk_above`, by Bulk API 2.0 above it; wide objects in parts.

Each page comes with the position after it. A query's pages are in the order of (SystemModstamp, Id), so that any row
can be gone on after; a bulk query's are not, so its position is the job and a place in its results.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from connectors.salesforce.bulk import LAST, Bulk, JobGone
from connectors.salesforce.client import Client
from connectors.salesforce.mapping import Mapper
from connectors.salesforce.position import Position, fitting, soql
from connectors.salesforce.settings import SalesforceSettings
from steward.contracts import SourceField, Tools
from steward.model.errors import GiveUp, Unavailable
from steward.model.records import Noun

log = logging.getLogger(__name__)

Row = dict[str, Any]
AT_ONCE = 200                               # ids in one list of a query


@dataclass(frozen=True, slots=True)
class Object:
    """An object as this pull found it described. `kinds`: the type of each field."""

    table: str
    noun: Noun
    mapper: Mapper
    columns: tuple[str, ...]
    tracks_deletes: bool
    kinds: Mapping[str, str]
    schema: Mapping[str, SourceField]

    @property
    def archived(self) -> bool:
        """Whether rows of all the years are read: activities are moved away after one."""
        return "IsArchived" not in self.columns


@dataclass(frozen=True, slots=True)
class Read:
    """Some rows, the position after them, whether they are the last, and the share that is read where known."""

    rows: Sequence[Row]
    position: Position
    is_last: bool
    progress: float | None = None


class Rows:
    """Reads the rows of one org's objects."""

    def __init__(self, client: Client, settings: SalesforceSettings, tools: Tools) -> None:
        self._client, self._settings = client, settings
        self._bulk = Bulk(client, settings, tools)

    def after(self, about: Object, position: Position) -> Iterator[Read]:
        """Every row of `about` after `position`."""
        if position.job is not None:
            yield from self._by_bulk(about, position)
            return
        groups = fitting(about.columns)
        pages = _Pages(self._client, soql(about.table, groups[0], position, archived=about.archived),
                       about.table, deleted=about.tracks_deletes)
        beside = [_Beside(self, about, group, position) for group in groups[1:]]
        seen = 0
        for rows in pages:
            seen += len(rows)
            whole = rows
            for other in beside:
                whole = other.joined(whole)
            position = position.past(rows)
            progress = min(1.0, seen / pages.total) if pages.total else None
            yield Read(whole, position, pages.is_last, progress)
            if seen == len(rows) and not pages.is_last and pages.total > self._settings.bulk_above:
                begun = self._begin(about, position)
                if begun is not None:
                    yield Read((), begun, is_last=False)
                    yield from self._by_bulk(about, begun, fresh=True)
                    return

    def by_ids(self, about: Object, columns: Sequence[str], ids: Sequence[str]) -> list[Row]:
        """The rows with these ids as they are now, deleted ones too while the recycle bin has them."""
        found: dict[str, Row] = {}
        for start in range(0, len(ids), AT_ONCE):
            listed = ", ".join(f"'{each}'" for each in ids[start:start + AT_ONCE])
            for group in fitting(columns):
                asked = f"SELECT {', '.join(group)} FROM {about.table} WHERE Id IN ({listed})"  # noqa: S608  letters and digits
                for rows in _Pages(self._client, asked, about.table, deleted=about.tracks_deletes):
                    for row in rows:
                        found.setdefault(str(row.get("Id")), {}).update(row)
        return list(found.values())

    # ---- bulk ----

    def _begin(self, about: Object, position: Position) -> Position | None:
        """The position at the beginning of a new job; None where the org does not let us, and queries go on."""
        asked = soql(about.table, about.columns, position, archived=about.archived, ordered=False)
        try:
            job = self._bulk.begin(asked, deleted=about.tracks_deletes)
        except GiveUp as error:
            log.warning("no bulk query object=%s why=%s", about.table, type(error).__name__)
            return None
        return replace(position, job=job, locator="", skip=0)

    def _by_bulk(self, about: Object, position: Position, *, fresh: bool = False) -> Iterator[Read]:
        while True:
            try:
                yield from self._parts(about, position)
                return
            except JobGone as gone:
                if fresh:
                    raise Unavailable(f"salesforce: the bulk query of {about.table} came to nothing: {gone}. "
                                      "Steward begins another one later.") from None
            # It was begun in another pull, days ago perhaps; what it had read is read again, and changes nothing.
            begun = self._begin(about, replace(position, job=None, locator=None, skip=None))
            if begun is None:
                raise Unavailable(f"salesforce: a bulk query of {about.table} is gone, and no other may be begun. "
                                  "Allow it to the user, or raise `bulk_above`.")
            position, fresh = begun, True
            yield Read((), begun, is_last=False)

    def _parts(self, about: Object, position: Position) -> Iterator[Read]:
        job, locator, skip = str(position.job), position.locator or "", position.skip or 0
        self._bulk.wait(job)
        size = self._settings.page_size
        while True:
            rows, following = self._bulk.part(job, locator, about.columns, about.kinds)
            seen = sum(1 for _ in islice(rows, skip))
            page = list(islice(rows, size))
            while page or following == LAST:
                seen += len(page)
                more = list(islice(rows, size))         # read ahead: a part that is cut short is noticed here
                after = replace(position, locator=locator, skip=seen) if more else replace(
                    position, locator=following, skip=0)
                is_last = not more and following == LAST
                if is_last:
                    after = replace(position, job=None, locator=None, skip=None)
                yield Read(page, after, is_last)
                if not more:
                    break
                page = more
            if following == LAST:
                return
            locator, skip = following, 0


class _Pages:
    """The pages of one query: every iteration one call."""

    def __init__(self, client: Client, asked: str, table: str, *, deleted: bool) -> None:
        self._client, self._asked, self._table, self._deleted = client, asked, table, deleted
        self.total, self.is_last = 0, False

    def __iter__(self) -> Iterator[list[Row]]:
        body = self._client.query(self._asked, deleted=self._deleted)
        total = body.get("totalSize")
        self.total = total if isinstance(total, int) else 0
        while True:
            following = body.get("nextRecordsUrl")
            self.is_last = bool(body.get("done", True)) or not isinstance(following, str)
            yield list_of(body, "records", self._table)
            if self.is_last:
                return
            body = self._client.more(str(following))


class _Beside:
    """The other fields of a wide object's rows, by a query of their own in the same order."""

    def __init__(self, rows: Rows, about: Object, columns: Sequence[str], position: Position) -> None:
        self._rows, self._about, self._columns = rows, about, columns
        asked = soql(about.table, columns, position, archived=about.archived)
        self._pages = iter(_Pages(rows._client, asked, about.table, deleted=about.tracks_deletes))
        self._known: dict[str, Row] = {}

    def joined(self, rows: Sequence[Row]) -> list[Row]:
        """`rows` with these fields. One that is gone meanwhile is left out: the delete log tells of it."""
        wanted = [str(row.get("Id")) for row in rows]
        while any(each not in self._known for each in wanted):
            page = next(self._pages, None)
            if page is None:
                break
            self._known |= {str(row.get("Id")): row for row in page}
        missing = [each for each in wanted if each not in self._known and each.isalnum()]
        if missing:                         # changed since the one query, before the other
            self._known |= {str(row["Id"]): row for row in self._rows.by_ids(self._about, self._columns, missing)}
        return [{**row, **self._known.pop(each)} for each, row in zip(wanted, rows, strict=True)
                if each in self._known]


def list_of(body: Mapping[str, Any], name: str, table: str) -> list[Row]:
    """The objects in `body[name]`. Raises Unavailable where the answer has no such list."""
    found = body.get(name)
    if not isinstance(found, list):
        raise Unavailable(f'salesforce: the answer about {table} has no list "{name}". Steward tries again later.')
    return [each for each in found if isinstance(each, dict)]
