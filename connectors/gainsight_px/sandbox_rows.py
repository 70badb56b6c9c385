"""PX's lists, played: filters, sorting, and scrolls that go on over a list as it was when it was asked for."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from steward.kit.reading import instant, milliseconds

Row = dict[str, Any]
_TERM = re.compile(r"([\w.]+)(==|!=|<=|>=|!~|<|>|~)(.*)", re.DOTALL)


class BadRequest(Exception):
    """A call that PX answers 400."""


@dataclass(slots=True)
class Scrolls:
    """What was asked for and is not read to its end: each a copy of the rows as they were."""

    open: dict[str, list[Row]] = field(default_factory=dict)
    totals: dict[str, int] = field(default_factory=dict)
    count: int = 0

    def begin(self, rows: Sequence[Row]) -> str:
        self.count += 1
        name = f"c2Nyb2xs{self.count:06d}=="
        self.open[name] = [dict(row) for row in rows]
        return name


def chosen(rows: Sequence[Row], filters: Sequence[str], sort: str) -> list[Row]:
    """The rows that meet one of `filters` (all where there is none), sorted."""
    wanted = [[_term(term) for term in each.split(";") if term] for each in filters if each]
    found = [row for row in rows if not wanted or any(all(_meets(row, *term) for term in terms) for terms in wanted)]
    for name in reversed([each for each in sort.split(";") if each]):
        path = name.removeprefix("-")
        there = [row for row in found if value(row, path) is not None]
        there.sort(key=lambda row: _order(value(row, path)), reverse=name.startswith("-"))
        found = there + [row for row in found if value(row, path) is None]
    return found


def bounds(filters: Sequence[str]) -> tuple[int | None, int | None]:
    """From when and until when events are asked for, in milliseconds; None where that is open."""
    since = until = None
    for path, operator, given in (_term(term) for each in filters for term in each.split(";") if term):
        if path == "date":
            at = _number(given)
            if at is None:
                raise BadRequest(f"Invalid date: {given}")
            since = at if operator in (">", ">=", "==") else since
            until = at if operator in ("<", "<=", "==") else until
    return since, until


def value(row: Mapping[str, Any], path: str) -> Any:
    node: Any = row
    for name in path.split("."):
        node = node.get(name) if isinstance(node, dict) else None
    return node


def as_kept(raw: Any) -> Any:
    """A `datetime` as milliseconds; anything else as it is."""
    return milliseconds(raw) if isinstance(raw, datetime) else raw


def _term(term: str) -> tuple[str, str, str]:
    found = _TERM.fullmatch(term)
    if not found:
        raise BadRequest(f"Invalid filter: {term}")
    return found[1], found[2], found[3]


def _meets(row: Row, path: str, operator: str, given: str) -> bool:
    held = value(row, path)
    if held is None:
        return operator in ("!=", "!~")
    if operator in ("~", "!~"):
        pattern = re.escape(given.lower()).replace(r"\*", ".*").replace(r"\?", ".")
        return (re.fullmatch(pattern, str(held).lower()) is not None) == (operator == "~")
    if isinstance(held, int | float) and not isinstance(held, bool):
        number = _number(given)
        if number is None:
            raise BadRequest(f"Invalid value of {path}: {given}")
        ours: Any = held
        theirs: Any = number
    else:
        ours, theirs = str(held).lower(), given.lower()
    return bool({"==": ours == theirs, "!=": ours != theirs, "<": ours < theirs, "<=": ours <= theirs,
                 ">": ours > theirs, ">=": ours >= theirs}[operator])


def _number(given: str) -> int | None:
    """A number, or a date as milliseconds."""
    if re.fullmatch(r"-?\d+", given):
        return int(given)
    try:
        return milliseconds(instant(given))
    except ValueError:
        return None


def _order(held: Any) -> tuple[int, Any]:
    if isinstance(held, int | float):
        return 0, held
    return 1, str(held).lower()
