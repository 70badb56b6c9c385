"""The part of OData v4 that ChurnZero knows, for its sandbox: `$filter`, `$orderby`, `$skip`, `$top`, `$select`."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

_COMPARE: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda a, b: a == b, "ne": lambda a, b: a != b, "gt": lambda a, b: a > b, "ge": lambda a, b: a >= b,
    "lt": lambda a, b: a < b, "le": lambda a, b: a <= b,
}
_CLAUSE = re.compile(r"([\w/]+) (eq|ne|gt|ge|lt|le) ('(?:[^']|'')*'|\S+)")
_REFUSED = ("Id", "AccountExternalId")      # cannot be filtered by: third parties say so


class BadQuery(ValueError):
    """What ChurnZero answers 400."""


def page_of(rows: Sequence[dict[str, Any]], query: Mapping[str, str], most: int) -> tuple[list[dict[str, Any]], bool]:
    """The page that `query` asks for, and whether it ends with a nextLink: never where `$top` was given."""
    found = [row for row in rows if _fits(row, query.get("$filter", ""))]
    field, _, way = query.get("$orderby", "Id").partition(" ")
    if way not in ("", "asc", "desc"):
        raise BadQuery(f"$orderby {way} is not known")
    found.sort(key=lambda row: (row.get(field) is not None, _comparable(row.get(field)), row["Id"]),
               reverse=way == "desc")
    skip = int(query.get("$skip", 0))
    wanted = min(int(query["$top"]), most) if "$top" in query else most
    page = found[skip:skip + wanted]
    names = [name for name in query.get("$select", "").split(",") if name]
    chosen = [{name: row.get(name) for name in names} if names else dict(row) for row in page]
    return chosen, "$top" not in query and skip + wanted < len(found)


def _fits(row: Mapping[str, Any], text: str) -> bool:
    if not text:
        return True
    if " and " in text and " or " in text:
        raise BadQuery("and and or cannot be mixed")
    verdicts = [_clause(row, part) for part in re.split(r" and | or ", text)]
    return any(verdicts) if " or " in text else all(verdicts)


def _clause(row: Mapping[str, Any], text: str) -> bool:
    found = _CLAUSE.fullmatch(text)
    if not found:
        raise BadQuery(f"cannot read the filter {text!r}")
    field, compare, written = found[1], found[2], found[3]
    if field in _REFUSED:
        raise BadQuery(f"cannot filter by {field}")
    value = row.get(field)
    if value is None:
        return compare == "ne"
    return _COMPARE[compare](_comparable(value), _comparable(_literal(written)))


def _literal(written: str) -> Any:
    if written.startswith("'"):
        return written[1:-1].replace("''", "'")
    if re.fullmatch(r"-?\d+(\.\d+)?", written):
        return float(written)
    return written == "true" if written in ("true", "false") else written


def _comparable(value: Any) -> Any:
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    if isinstance(value, str) and re.match(r"\d{4}-\d\d-\d\d", value):
        at = datetime.fromisoformat(value)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    return str(value)
