"""Where a pull stands: which version of each file was read, how far into the one in hand, which ids it had."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from connectors.csvfile.folder import Version
from steward.contracts import Cursor
from steward.model.errors import ConfigError


@dataclass
class FileState:
    """What is remembered of a file that was read whole.

    `ids`: the external ids that were in it, where rows that go are deleted. `gone`: ids that were in it before and
    are not any more, but are not deleted yet. `tracked` is False where there are too many ids to remember.
    """

    stat: str
    sha: str
    mapping: str                             # the mapping's fingerprint
    ids: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    tracked: bool = True

    def is_of(self, version: Version, mapping: str) -> bool:
        return (self.sha, self.mapping) == (version.sha, mapping)


@dataclass
class Place:
    """`files` by name; `name`, `sha`, `mapping` and `row` of the file in hand, up to which row it was given."""

    files: dict[str, FileState] = field(default_factory=dict)
    name: str = ""
    sha: str = ""
    mapping: str = ""
    row: int = 0

    def in_hand(self, name: str, version: Version, mapping: str) -> int:
        """The last row that was given of this version of the file; 0 where it is to be read from its beginning."""
        same = (self.name, self.sha, self.mapping) == (name, version.sha, mapping)
        return self.row if same else 0

    def finished(self, name: str, state: FileState) -> None:
        """The file in hand was read whole."""
        self.files[name] = state
        self.name, self.sha, self.mapping, self.row = "", "", "", 0

    def cursor(self) -> Cursor:
        files = {
            name: [state.stat, state.sha, state.mapping, _pack(state.ids), _pack(state.gone), state.tracked]
            for name, state in self.files.items()
        }
        return Cursor(json.dumps({"files": files, "in_hand": [self.name, self.sha, self.mapping, self.row]}))


def place_of(after: Cursor | None) -> Place:
    """The place that a cursor says.

    Raises:
        ConfigError: another version wrote it.
    """
    if after is None:
        return Place()
    try:
        told = json.loads(after)
        files = {
            name: FileState(stat, sha, mapping, _unpack(ids), _unpack(gone), tracked)
            for name, (stat, sha, mapping, ids, gone, tracked) in told["files"].items()
        }
        return Place(files, *told["in_hand"])
    except (ValueError, KeyError, TypeError, zlib.error):
        raise ConfigError("csvfile: the stored cursor is of another version. Sync from the beginning.") from None


def _pack(ids: Iterable[str]) -> str:
    text = json.dumps(sorted(ids), separators=(",", ":"))
    return "" if text == "[]" else base64.b85encode(zlib.compress(text.encode(), 6)).decode()


def _unpack(packed: str) -> frozenset[str]:
    return frozenset(json.loads(zlib.decompress(base64.b85decode(packed)))) if packed else frozenset()
