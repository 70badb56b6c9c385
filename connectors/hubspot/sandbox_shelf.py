"""The sandbox's rows of one object: kept by id and by time of change, so that no listing or search sorts them anew."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"-?\d+(\.\d+)?")
OPERATORS = {
    "EQ", "NEQ", "LT", "LTE", "GT", "GTE", "BETWEEN", "IN", "NOT_IN", "HAS_PROPERTY", "NOT_HAS_PROPERTY",
    "CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN",
}


class Invalid(Exception):
    """What HubSpot would answer with 400."""


@dataclass(slots=True)
class Row:
    """One object; times are milliseconds since 1970."""

    id: int
    properties: dict[str, str]
    created: int
    updated: int
    archived: int | None = None


class Shelf:
    """All rows of one kind. HubSpot's index is late: `unindexed` ids are not found by searches, ids in `late` not by
    so many searches to come."""

    def __init__(self, modified: str, created: str) -> None:
        self.modified, self.created = modified, created
        self.rows: dict[int, Row] = {}
        self.unindexed: set[int] = set()
        self.late: dict[int, int] = {}
        self.unique: set[str] = set()
        self._by_value: dict[tuple[str, str], int] = {}
        self._merged: set[int] = set()
        self._sorted = False
        self._ids: list[int] = []
        self._archived: list[int] = []
        self._by_time: list[tuple[int, int]] = []

    def put(self, row: Row) -> None:
        """Take `row` in place of the one with its id."""
        losers = {int(each) for each in row.properties.get("hs_merged_object_ids", "").split(";") if each.strip()}
        self._merged |= losers - {row.id}
        before = self.rows.get(row.id)
        if losers or row.archived is not None or (before and before.archived is not None) or row.id in self._merged:
            self._sorted = False
        elif self._sorted:
            if before:
                del self._by_time[bisect.bisect_left(self._by_time, (before.updated, row.id))]
            else:
                bisect.insort(self._ids, row.id)
            bisect.insort(self._by_time, (row.updated, row.id))
        self.rows[row.id] = row
        for name in self.unique & row.properties.keys():
            self._by_value[name, row.properties[name]] = row.id

    def get(self, row_id: str | int) -> Row | None:
        """The row that is neither archived nor merged away."""
        row = self.rows.get(int(row_id)) if str(row_id).isdecimal() else None
        return row if row and row.archived is None and row.id not in self._merged else None

    def forget(self, row_id: int) -> None:
        """Delete a row for good, as privacy law asks: it is not even among the archived."""
        row = self.rows.pop(row_id)
        for name in self.unique & row.properties.keys():
            self._by_value.pop((name, row.properties[name]), None)
        self._sorted = False

    def with_value(self, name: str, value: str) -> Row | None:
        """The row whose property `name`, one of `unique`, is `value`."""
        row = self.rows.get(self._by_value.get((name, value), -1))
        return row if row and row.archived is None and row.properties.get(name) == value else None

    def listed(self, after: int, limit: int, archived: bool) -> tuple[list[Row], int | None]:
        """Up to `limit` rows with ids above `after`, and the last id where there are more."""
        self._sort()
        ids = self._archived if archived else self._ids
        start = bisect.bisect_right(ids, after)
        page = ids[start:start + limit]
        return [self.rows[each] for each in page], page[-1] if start + limit < len(ids) else None

    def search(self, body: Mapping[str, Any], after: int, limit: int) -> tuple[int, list[Row]]:
        """How many rows match, and those from `after` on."""
        self._sort()
        groups = [list(group.get("filters") or ()) for group in body.get("filterGroups") or ()]
        if len(groups) > 5 or any(len(group) > 10 for group in groups) or sum(map(len, groups)) > 25:
            raise Invalid("There are too many filterGroups or filters: at most 5 groups of 10, and 25 in all")
        for each in (one for group in groups for one in group):
            if each.get("operator") not in OPERATORS:
                raise Invalid(f'"{each.get("operator")}" is not a valid operator')
        sort = (body.get("sorts") or [{}])[0]
        sort = {"propertyName": sort} if isinstance(sort, str) else sort
        by, down = sort.get("propertyName", "hs_object_id"), sort.get("direction") == "DESCENDING"
        ordered = self._matching(groups)
        of_one_instant = bool(ordered) and ordered[0][0] == ordered[-1][0]      # so they are in the order of their ids
        if by != self.modified and not (by == "hs_object_id" and of_one_instant):
            ordered = sorted(ordered, key=lambda each: (_key(self._value(self.rows[each[1]], by)), each[1]))
        if down:
            ordered = ordered[::-1]
        return len(ordered), [self.rows[row_id] for _, row_id in ordered[after:after + limit]]

    def _matching(self, groups: Sequence[Sequence[Mapping[str, Any]]]) -> Sequence[tuple[int, int]]:
        """(time, id) of the rows that any group takes, in their order."""
        found: Sequence[tuple[int, int]] = self._by_time
        if groups:
            parts = []
            for group in groups:
                low, high, rest = self._range(group)
                part = self._by_time[low:high]
                parts.append([each for each in part if self._fits(each[1], rest)] if rest else part)
            found = parts[0] if len(parts) == 1 else sorted({each for part in parts for each in part})
        hidden = self.unindexed | self.late.keys()
        self.late = {row_id: left - 1 for row_id, left in self.late.items() if left > 1}
        return [each for each in found if each[1] not in hidden] if hidden else found

    def _range(self, filters: Sequence[Mapping[str, Any]]) -> tuple[int, int, list[Mapping[str, Any]]]:
        """The part of the time index that `filters` on the time of change leave, and the other filters."""
        low, high, rest = 0, len(self._by_time), []
        at_once = [milliseconds(str(each.get("value"))) for each in filters
                   if each.get("propertyName") == self.modified and each["operator"] == "EQ"]
        for each in filters:
            operator, given = each["operator"], each.get("value")
            if at_once and each.get("propertyName") == "hs_object_id" and operator == "GT":
                low = max(low, bisect.bisect_left(self._by_time, (at_once[0], int(str(given)) + 1)))
                continue
            if each.get("propertyName") != self.modified or operator not in ("GT", "GTE", "LT", "LTE", "EQ"):
                rest.append(each)
                continue
            at = milliseconds(str(given))
            if operator in ("GTE", "EQ"):
                low = max(low, bisect.bisect_left(self._by_time, (at, 0)))
            if operator == "GT":
                low = max(low, bisect.bisect_left(self._by_time, (at + 1, 0)))
            if operator in ("LTE", "EQ"):
                high = min(high, bisect.bisect_left(self._by_time, (at + 1, 0)))
            if operator == "LT":
                high = min(high, bisect.bisect_left(self._by_time, (at, 0)))
        return low, high, rest

    def _fits(self, row_id: int, filters: Iterable[Mapping[str, Any]]) -> bool:
        row = self.rows[row_id]
        return all(_fits(self._value(row, str(each.get("propertyName"))), each) for each in filters)

    def _value(self, row: Row, name: str) -> str:
        if name == "hs_object_id":
            return str(row.id)
        if name in (self.modified, self.created):
            return str(row.updated if name == self.modified else row.created)
        return row.properties.get(name, "")

    def _sort(self) -> None:
        if not self._sorted:
            live = [row for row in self.rows.values() if row.id not in self._merged]
            self._ids = sorted(row.id for row in live if row.archived is None)
            self._archived = sorted(row.id for row in live if row.archived is not None)
            self._by_time = sorted((row.updated, row.id) for row in live if row.archived is None)
            self._sorted = True

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows.values())


def milliseconds(given: str) -> int:
    """Milliseconds since 1970 of what HubSpot takes for a time."""
    if given.lstrip("-").isdecimal():
        return int(given)
    try:
        read = datetime.fromisoformat(given)
    except ValueError:
        raise Invalid(f'"{given}" is not a valid datetime') from None
    aware = read.replace(tzinfo=UTC) if read.tzinfo is None else read
    return (aware - _EPOCH) // timedelta(milliseconds=1)


def instant(at: int) -> str:
    """As HubSpot writes it, "2026-03-05T08:00:00.000Z"."""
    return (_EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _fits(value: str, asked: Mapping[str, Any]) -> bool:
    operator, wanted = str(asked["operator"]), asked.get("value")
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return (value != "") == (operator == "HAS_PROPERTY")
    if operator in ("IN", "NOT_IN"):
        return (value.lower() in {str(each).lower() for each in asked.get("values") or ()}) == (operator == "IN")
    if operator in ("CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"):
        return (str(wanted).strip("*").lower() in value.lower()) == (operator == "CONTAINS_TOKEN")
    if value == "":
        return operator == "NEQ"
    mine, low = _key(value), _key(str(wanted))
    if operator == "BETWEEN":
        return low <= mine <= _key(str(asked.get("highValue")))
    verdicts: dict[str, bool] = {
        "EQ": mine == low, "NEQ": mine != low, "LT": mine < low, "LTE": mine <= low, "GT": mine > low,
        "GTE": mine >= low,
    }
    return verdicts[operator]


def _key(value: str) -> tuple[int, float, str]:
    """Numbers and times before text."""
    if _NUMBER.fullmatch(value):
        return (0, float(value), "")
    if re.match(r"\d{4}-\d\d-\d\dT", value):
        return (0, float(milliseconds(value)), "")
    return (1, 0.0, value.lower())
