"""An object read in the order of its changes, without offsets, so that nothing is skipped while people edit.

Each page asks anew for what changed since the last second that was read whole; a second with more rows than a page is
gone through by Gsid. Filters are in whole seconds, which is all that the documented form can say.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from connectors.gainsight.client import Client, Condition, Row
from connectors.gainsight.cursor import Walk
from steward.kit.reading import instant, text
from steward.model.errors import Unavailable


@dataclass(frozen=True, slots=True)
class Walker:
    """Reads `object_name` by `modified` and `key`; `also` are further conditions."""

    client: Client
    object_name: str
    select: Sequence[str]
    limit: int
    zone: str = ""
    modified: str = "ModifiedDate"
    key: str = "Gsid"
    also: Sequence[Condition] = ()

    def pages(self, walk: Walk) -> Iterator[tuple[list[Row], Walk, bool]]:
        """Rows, where to go on after them, and whether they are the last; the last page may be empty."""
        while True:
            rows = self._rows(walk)
            full = len(rows) >= self.limit
            if walk.drain is not None:
                given, walk = rows, self._drained(walk, rows, full)
                full = True                 # what comes after that second is not read yet
            elif not full:
                given = rows
            else:
                given, walk = self._before_the_last_second(walk, rows)
            seen = max((each for each in map(self.second, given) if each is not None), default=0)
            walk = replace(walk, seen=max(walk.seen, seen))
            if given or not full:
                yield given, walk, not full
            if not full:
                return

    def newest(self) -> int:
        """The second of the latest change there is; 0 without rows."""
        rows = self.client.rows(self.object_name, self._selected(), self.also, {self.modified: "desc"}, 1)
        return max((each for each in map(self.second, rows) if each is not None), default=0)

    def among(self, name: str, values: Sequence[str]) -> Iterator[list[Row]]:
        """The rows whose field `name` holds one of `values`, page by page in the order of their Gsid."""
        last = ""
        while values:
            conditions: list[Condition] = [(name, "IN", list(values)), *self.also]
            if last:
                conditions.append((self.key, "GT", [last]))
            rows = self.client.rows(self.object_name, self._selected(), conditions, {self.key: "asc"}, self.limit)
            yield rows
            following = text(rows[-1].get(self.key)) if rows else ""
            if len(rows) < self.limit:
                return
            if not following or following == last:
                raise self._stuck()
            last = following

    def second(self, row: Row) -> int | None:
        try:
            return int(instant(row.get(self.modified)).timestamp())
        except ValueError:
            return None

    def said(self, second: int) -> str:
        """The second as a filter takes it: with its offset from UTC, else in the tenant's own zone."""
        at = datetime.fromtimestamp(second, UTC)
        return at.astimezone(ZoneInfo(self.zone)).strftime("%Y-%m-%d %H:%M:%S") if self.zone else at.isoformat()

    def _rows(self, walk: Walk) -> list[Row]:
        conditions: list[Condition] = list(self.also)
        order = {self.modified: "asc", self.key: "asc"}
        if walk.drain is not None:
            conditions.append((self.modified, "GTE", [self.said(walk.at)]))
            conditions.append((self.modified, "LT", [self.said(walk.at + 1)]))
            conditions += [(self.key, "GT", [walk.drain])] if walk.drain else []
            order = {self.key: "asc"}
        elif walk.at:
            conditions.append((self.modified, "GTE", [self.said(walk.at)]))
        return self.client.rows(self.object_name, self._selected(), conditions, order, self.limit)

    def _drained(self, walk: Walk, rows: Sequence[Row], full: bool) -> Walk:
        if not full:
            return replace(walk, at=walk.at + 1, drain=None)
        last = text(rows[-1].get(self.key))
        if not last or last == walk.drain:
            raise self._stuck()
        return replace(walk, drain=last)

    def _before_the_last_second(self, walk: Walk, rows: Sequence[Row]) -> tuple[list[Row], Walk]:
        """The rows that are certainly whole: rows of the page's last second may stand on the next page too."""
        last = max((each for each in map(self.second, rows) if each is not None), default=0)
        if last < walk.at or not last:
            raise self._stuck()
        if last == walk.at:
            return [], replace(walk, drain="")
        given = [row for row in rows if self.second(row) != last]
        return given, replace(walk, at=last, drain=None if any(map(self.second, given)) else "")

    def _selected(self) -> list[str]:
        return list(dict.fromkeys((self.key, self.modified, *self.select)))

    def _stuck(self) -> Unavailable:
        return Unavailable(
            f"gainsight: reading {self.object_name} does not move on: its rows lack {self.modified} or {self.key}. "
            "Steward tries again later.")
