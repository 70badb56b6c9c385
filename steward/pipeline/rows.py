"""Rows of a frame that are read a column at a time, and only those columns that anybody asks for.

Of some thousand subjects with a hundred facts each, templates and clauses ask for a dozen: a dict of each would cost
more than all else that is done for them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]
"""A subject's facts by name; None is not known."""


def rows_of(
    keys: Sequence[str], names: Collection[str], cells: Callable[[str], list[Any] | None],
) -> Mapping[str, Row]:
    """By key, its row. `cells` gives a column of `names`, in the order of the keys, None where there is none after all;
    it is asked once for each."""
    columns = _Columns(names, cells)
    return {key: _Row(columns, at) for at, key in enumerate(keys)}


class _Columns(dict[str, list[Any] | None]):
    """The columns that were asked for; None where there is none."""

    def __init__(self, names: Collection[str], cells: Callable[[str], list[Any] | None]) -> None:
        super().__init__()
        self.names = frozenset(names)
        self._cells = cells

    def __missing__(self, name: str) -> list[Any] | None:
        found = self[name] = self._cells(name) if name in self.names else None
        return found


class _Row(Mapping[str, Any]):
    __slots__ = ("_at", "_columns")

    def __init__(self, columns: _Columns, at: int) -> None:
        self._columns, self._at = columns, at

    def __getitem__(self, name: str) -> Any:
        column = self._columns[name]
        if column is None:
            raise KeyError(name)
        return column[self._at]

    def get(self, name: str, default: Any = None) -> Any:
        column = self._columns[name]
        return default if column is None else column[self._at]

    def __contains__(self, name: object) -> bool:
        return name in self._columns.names

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns.names)

    def __len__(self) -> int:
        return len(self._columns.names)
