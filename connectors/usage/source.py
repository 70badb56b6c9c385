"""Pulls usage out of drops: each once, and again when its content changed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from connectors.usage.drops import Drop, Drops
from connectors.usage.settings import UsageSettings
from steward.contracts import Cursor, Page, Tools
from steward.model.errors import ConfigError

if TYPE_CHECKING:
    import polars as pl

ROWS_ON_A_PAGE = 250_000                   # each page makes a file for each month in it


@dataclass
class _Place:
    """Which drops were read whole, by name and etag, and how far the one in hand was read."""

    read: dict[str, str] = field(default_factory=dict)
    name: str = ""
    etag: str = ""
    row: int = 0

    def cursor(self) -> Cursor:
        return Cursor(json.dumps({"read": self.read, "in_hand": [self.name, self.etag, self.row]}))


@dataclass(frozen=True, slots=True)
class UsageSource:
    """The stream `daily`."""

    drops: Drops
    settings: UsageSettings
    tools: Tools
    rows_on_a_page: int = ROWS_ON_A_PAGE

    def pull(self, stream: str, after: Cursor | None) -> Iterator[Page]:
        """Pages of usage out of every drop that is new or changed, by name; the last has the watermark."""
        place, began = _place(after), self.tools.now()
        drops = self.drops.names()
        place.read = {drop.name: place.read[drop.name] for drop in drops if drop.name in place.read}
        todo = [drop for drop in drops if place.read.get(drop.name) != _short(drop)]
        for number, drop in enumerate(todo):
            yield from self._drop(drop, place, number / len(todo))
        yield Page((), place.cursor(), watermark=began, progress=1.0)

    def _drop(self, drop: Drop, place: _Place, progress: float) -> Iterator[Page]:
        from connectors.usage.frames import frame_of

        frame, refusals = frame_of(drop.name, self.drops.read(drop), self.settings)
        if (place.name, place.etag) != (drop.name, _short(drop)):
            place.name, place.etag, place.row = drop.name, _short(drop), 0
        while True:
            anew = "" if place.row else drop.name
            part: pl.DataFrame = frame.slice(place.row, self.rows_on_a_page)
            place.row += part.height
            last = place.row >= frame.height
            if last:
                place.read[drop.name] = place.etag
                place.name, place.etag, place.row = "", "", 0
            yield Page(
                (), place.cursor(), refusals=refusals if last else (), usage=None if part.is_empty() else part,
                progress=progress, anew=anew,
            )
            if last:
                return


def _short(drop: Drop) -> str:
    return hashlib.sha256(drop.etag.encode()).hexdigest()[:12]


def _place(after: Cursor | None) -> _Place:
    if after is None:
        return _Place()
    try:
        told = json.loads(after)
        return _Place(dict(told["read"]), *told["in_hand"])
    except (ValueError, KeyError, TypeError):
        raise ConfigError("usage: the stored cursor is of another version. Sync from the beginning.") from None
