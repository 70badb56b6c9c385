"""Pulls a subscription: accounts and users in the order of their changes, usage day by day."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

import orjson

from connectors.gainsight_px.client import BEGINNING, Client, Row, Scroll, ScrollLost
from connectors.gainsight_px.days import Days, days_since
from connectors.gainsight_px.mapping import Reader, modified_at
from connectors.gainsight_px.settings import GainsightPxSettings
from connectors.gainsight_px.shapes import CUSTOM, SHAPES
from steward.contracts import Cursor, Page, SourceField, Tools
from steward.kit.reading import instant, milliseconds
from steward.model.errors import ConfigError, GiveUp
from steward.model.records import Record, Refusal

_MOST_TRIES = 3
_NEVER = 2**62


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a list stands, times in milliseconds. `began`: when this pull did, by our clock; 0 between two pulls.

    `since`: every change before it was given, by PX's clock; `seen`: the newest that was given. A scroll is not kept:
    PX may give the next page to whoever asks for one a second time.
    """

    began: int = 0
    since: int = 0
    seen: int = 0

    def cursor(self) -> Cursor:
        return _written("list", self.began, self.since, self.seen)


class GainsightPxSource:
    """Reads one subscription."""

    def __init__(self, client: Client, settings: GainsightPxSettings, tools: Tools) -> None:
        self._client, self._settings, self._tools = client, settings, tools

    def pull(self, stream: str, after: Cursor | None) -> Iterator[Page]:
        """Every page of `stream` that changed since `after`; not what was deleted, of which PX does not tell."""
        return self._days(after) if stream == "daily" else self._list(stream, after)

    def fetch(self, stream: str, external_ids: Sequence[str]) -> Iterator[Page]:
        """Those accounts or users as they are now, one call each; days are not asked for by an id."""
        if stream == "daily":
            return
        shape, reader = SHAPES[stream], Reader(self._settings, stream)
        for external_id in external_ids:
            row = self._client.one(shape.listing, shape.key[0], external_id)
            if row is not None:
                records, refusals = _read(reader, [row])
                yield Page(records, Cursor(""), refusals)

    # ---- accounts and users ----

    def _list(self, stream: str, after: Cursor | None) -> Iterator[Page]:
        place = _place(after)
        schema = {} if place.began else self._schema(stream)
        place = replace(place, began=place.began or milliseconds(self._tools.now()))
        for left in reversed(range(_MOST_TRIES)):
            try:
                for page, reached in self._scrolled(stream, place):
                    place = reached
                    yield replace(page, schema=schema)
                    schema = {}
                return
            except ScrollLost as lost:
                if not left:
                    raise lost.error from None

    def _schema(self, stream: str) -> Mapping[str, Mapping[str, SourceField]]:
        """The custom attributes of accounts, where the key may see them; PX's own fields do not change."""
        if stream != "accounts":
            return {}
        try:
            known = self._client.attributes()
        except GiveUp:
            return {}
        return {"account": {f"{CUSTOM}.{name}": SourceField(kind) for name, kind in known.items()}}

    def _scrolled(self, stream: str, place: _Place) -> Iterator[tuple[Page, _Place]]:
        """Pages in the order of changes, and where the list stands after each."""
        shape, reader = SHAPES[stream], Reader(self._settings, stream)
        where = f"lastModifiedDate>={place.since}" if place.since else ""
        began, start, latest, overlap = place.began, place.since, 0, self._settings.overlap_s * 1000
        scroll: Scroll | None = BEGINNING
        while scroll:
            rows, scroll = self._client.page(shape.listing, scroll, where=where, sort="lastModifiedDate")
            records, refusals = _read(reader, rows)
            for changed in map(_changed, rows):
                # Out of order, nothing is known to be given whole.
                latest = changed if changed >= latest else _NEVER
            place = replace(place, seen=max([place.seen, *map(_changed, rows)]))
            if scroll:
                place = replace(place, since=max(start, latest - overlap) if latest < _NEVER else start)
                yield Page(records, place.cursor(), refusals), place
        place = _Place(since=max(0, place.seen - overlap), seen=place.seen)
        mark = instant(began) - timedelta(milliseconds=overlap)
        yield Page(records, place.cursor(), refusals, watermark=mark, progress=1.0), place

    # ---- usage ----

    def _days(self, after: Cursor | None) -> Iterator[Page]:
        """A page for each day until today, whose numbers are told anew by the next pull."""
        now = self._tools.now().astimezone(UTC)
        oldest = now.date() - timedelta(days=self._settings.history_days - 1)
        began, first = _day(after, milliseconds(now)) if after else (milliseconds(now), oldest)
        days, counted = days_since(min(first, now.date()), now), Days(self._client, self._settings)
        for number, day in enumerate(days, 1):
            frame, last = counted.frame(day), number == len(days)
            following = max(oldest, day - timedelta(days=self._settings.overlap_days)) if last else (
                day + timedelta(days=1))
            cursor = _written("days", 0 if last else began, following.isoformat())
            yield Page((), cursor, usage=frame, watermark=instant(began) if last else None, progress=number / len(days))


def _read(reader: Reader, rows: list[Row]) -> tuple[list[Record], list[Refusal]]:
    records: list[Record] = []
    refusals: list[Refusal] = []
    for row in rows:
        record, refused = reader.record(row)
        records += [record] if record else []
        refusals += refused
    return records, refusals


def _changed(row: Row) -> int:
    at = modified_at(row)
    return milliseconds(at) if at else 0


# ---- cursors ----

def _written(*parts: object) -> Cursor:
    return Cursor(orjson.dumps(parts).decode())


def _place(after: Cursor | None) -> _Place:
    if after is None:
        return _Place()
    try:
        kind, *numbers = orjson.loads(after)
        if kind == "list" and all(isinstance(each, int) for each in numbers):
            return _Place(*numbers)
    except (ValueError, TypeError):
        pass
    raise _no_cursor(after)


def _day(after: Cursor, now: int) -> tuple[int, date]:
    """When the pull began that `after` is of, and the day that comes next."""
    try:
        kind, began, day = orjson.loads(after)
        if kind == "days":
            return int(began) or now, datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC).date()
    except (ValueError, TypeError):
        pass
    raise _no_cursor(after)


def _no_cursor(after: Cursor) -> ConfigError:
    return ConfigError(f'gainsight_px: "{after[:80]}" is no cursor of this connector. Forget it to load it anew.')
