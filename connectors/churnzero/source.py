"""Reads an instance in the order of last changes, each page from the last instant that it saw.

ChurnZero pages by `$skip` and cannot filter by id. A row that is edited meanwhile moves to the end, and one behind it
would be skipped: so each page begins anew at the last instant seen, and `$skip` is used only within one instant that
has more rows than a page. What ChurnZero deletes it does not tell: the nightly round compares ids.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from connectors.churnzero.client import Client, Row
from connectors.churnzero.entities import ENTITIES
from connectors.churnzero.reading import Reader
from connectors.churnzero.settings import ChurnZeroSettings
from steward.contracts import Cursor, Page, SourceField, Tools
from steward.model.errors import ConfigError
from steward.model.records import Record, Refusal

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Place:
    """`at`: all that changed before is given; of what changed in that instant, `skip` rows. `until`: the last change
    that was seen, by ChurnZero's own clock, from which the next pull begins, less the overlap."""

    at: datetime
    skip: int = 0
    until: datetime = _BEGINNING
    under_way: bool = False

    def cursor(self) -> Cursor:
        return Cursor(json.dumps({
            "at": self.at.isoformat(), "skip": self.skip, "until": self.until.isoformat(), "on": self.under_way}))


class ChurnZeroSource:
    """The streams of one instance."""

    def __init__(self, client: Client, settings: ChurnZeroSettings, tools: Tools) -> None:
        self._client, self._settings, self._tools = client, settings, tools

    def pull(self, stream: str, after: Cursor | None) -> Iterator[Page]:
        """Every page of `stream` that changed since `after`."""
        began = self._tools.now()
        entity = ENTITIES[stream]
        reader = Reader(stream, entity, self._settings)
        modified = self._settings.modified.get(stream, entity.modified)
        place = self._begin(_place(after))
        while True:
            rows, more = self._client.rows(entity.name, _options(place, modified))
            records, refusals = _read(reader, rows)
            last = max((at for at in map(reader.modified_at, rows) if at), default=place.at)
            schema = {entity.name: _schema(rows)} if rows else {}
            if not more or not rows:
                done = Place(_BEGINNING, until=max(place.until, last))
                yield Page(records, done.cursor(), refusals, watermark=began - self._overlap, schema=schema)
                return
            skip = place.skip + len(rows) if last <= place.at else 0
            place = Place(max(last, place.at), skip, max(place.until, last), under_way=True)
            yield Page(records, place.cursor(), refusals, schema=schema)

    def fetch(self, stream: str, external_ids: Sequence[str]) -> Iterator[Page]:
        """Those of the rows as they are now, one call each: ChurnZero filters by no id."""
        entity = ENTITIES[stream]
        reader = Reader(stream, entity, self._settings)
        for external_id in external_ids:
            row = self._client.one(entity.name, external_id)
            if row is not None:
                records, refusals = _read(reader, [row])
                yield Page(records, Cursor(""), refusals)

    @property
    def _overlap(self) -> timedelta:
        return timedelta(seconds=self._settings.overlap_s)

    def _begin(self, place: Place) -> Place:
        if place.under_way or place.until == _BEGINNING:
            return place
        return replace(place, at=max(place.until - self._overlap, _BEGINNING), skip=0)


def _options(place: Place, modified: str) -> dict[str, str]:
    options = {"$orderby": modified}
    if place.at > _BEGINNING:
        options["$filter"] = f"{modified} ge {place.at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}"
    if place.skip:
        options["$skip"] = str(place.skip)
    return options


def _read(reader: Reader, rows: Sequence[Row]) -> tuple[list[Record], list[Refusal]]:
    records, refusals = [], []
    for row in rows:
        record, refused = reader.record(row)
        records += [record] if record else []
        refusals += refused
    return records, refusals


def _schema(rows: Sequence[Row]) -> dict[str, SourceField]:
    """The fields of the page's rows, custom ones as "Cf.X": ChurnZero describes none, so they are as they are seen."""
    seen: dict[str, SourceField] = {}
    for row in rows:
        own = row.get("Cf")
        named = {**{name: value for name, value in row.items() if name != "Cf"},
                 **({f"Cf.{name}": value for name, value in own.items()} if isinstance(own, dict) else {})}
        for name, value in named.items():
            if value is not None and not name.startswith("@"):
                seen.setdefault(name, SourceField(_KINDS.get(type(value), "other")))
    return seen


_KINDS = {str: "text", int: "number", float: "number", bool: "boolean", list: "list", dict: "object"}


def _place(after: Cursor | None) -> Place:
    if after is None:
        return Place(_BEGINNING)
    try:
        told = json.loads(after)
        return Place(datetime.fromisoformat(told["at"]), int(told["skip"]), datetime.fromisoformat(told["until"]),
                     bool(told["on"]))
    except (ValueError, KeyError, TypeError):
        raise ConfigError("churnzero: the stored cursor is of another version. Sync from the beginning.") from None
