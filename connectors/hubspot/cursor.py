"""Where a pull stands, as the text that is stored between two of its pages."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields

import orjson

from steward.contracts import Cursor
from steward.model.errors import ConfigError

LOAD, SEARCH, ARCHIVED = "load", "search", "archived"


@dataclass(frozen=True, slots=True)
class Place:
    """All times are milliseconds since 1970.

    `phase`: `load` lists everything by id, `search` walks the changes by (time, id), `archived` lists what was deleted.
    `began`: when this pull started; 0 between two pulls. `start`: changes since then belong to this pull.
    `at`: every change before it has been given; at `at` itself, the ids in `given`, or with `drain` every id up to it.
    `after`: the listing's own place. `mark`: the watermark of the last finished pull.
    """

    phase: str = LOAD
    began: int = 0
    start: int = 0
    at: int = 0
    given: tuple[str, ...] = ()
    drain: int | None = None
    after: str | None = None
    mark: int = 0

    def cursor(self) -> Cursor:
        told = {name: value for name, value in asdict(self).items() if value not in (0, None, ())}
        return Cursor(orjson.dumps(told).decode())


def read(cursor: Cursor | None) -> Place:
    """The place that `cursor` names; the beginning where there is none.

    Raises:
        ConfigError: it was not written by this connector.
    """
    if cursor is None:
        return Place()
    try:
        told = orjson.loads(cursor)
        kinds = {"phase": str, "after": str, "given": list}
        known = {each.name for each in fields(Place)}
        if set(told) <= known and all(isinstance(value, kinds.get(name, int)) for name, value in told.items()):
            place = Place(**{**told, "given": tuple(told.get("given", ()))})
            if place.phase in (LOAD, SEARCH, ARCHIVED) and all(isinstance(each, str) for each in place.given):
                return place
    except (ValueError, TypeError):
        pass
    raise ConfigError(f'hubspot: "{cursor[:80]}" is no cursor of this connector. Forget it to load the stream anew.')
