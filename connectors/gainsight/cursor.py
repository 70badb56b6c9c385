"""Where a pull stands, as the text that is stored between two of its pages."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import orjson

from steward.contracts import Cursor
from steward.model.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Walk:
    """One object walked by the time of its changes, in seconds since 1970 by Gainsight's clock.

    `at`: every change before it was given. `drain`: of the second `at` itself, every row up to this Gsid as well;
    None where that second is not gone through row by row. `seen`: the newest change that was given.
    """

    at: int = 0
    drain: str | None = None
    seen: int = 0

    def anew(self, overlap_s: int) -> Walk:
        """Where the next pull begins: a little before the newest change, as some become visible late."""
        return Walk(max(0, self.seen - overlap_s), None, self.seen)


@dataclass(frozen=True, slots=True)
class Place:
    """`phase` is the part of the pull that is under way, `page` that part's page where it has numbered ones.

    `began`: when this pull started, by our clock, in milliseconds; 0 between two pulls. `mark`: when the last one did.
    """

    phase: str = ""
    began: int = 0
    mark: int = 0
    page: int = 1
    walks: dict[str, Walk] = field(default_factory=dict)

    def walk(self, name: str) -> Walk:
        return self.walks.get(name, Walk())

    def at(self, name: str, walk: Walk) -> Place:
        return replace(self, walks={**self.walks, name: walk})

    def cursor(self) -> Cursor:
        walks = {name: [walk.at, walk.drain, walk.seen] for name, walk in self.walks.items()}
        return Cursor(orjson.dumps([self.phase, self.began, self.mark, self.page, walks]).decode())


def read(cursor: Cursor | None) -> Place:
    """The place that `cursor` names; the beginning where there is none.

    Raises:
        ConfigError: it was not written by this connector.
    """
    if cursor is None:
        return Place()
    try:
        phase, began, mark, page, walks = orjson.loads(cursor)
        place = Place(phase, began, mark, page, {name: Walk(*walk) for name, walk in walks.items()})
        numbers = (began, mark, page, *(each for walk in place.walks.values() for each in (walk.at, walk.seen)))
        if isinstance(phase, str) and all(isinstance(each, int) for each in numbers):
            return place
    except (ValueError, TypeError, AttributeError):
        pass
    raise ConfigError(f'gainsight: "{cursor[:80]}" is no cursor of this connector. Forget it to load the stream anew.')
