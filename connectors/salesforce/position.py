"""Where a pull stands, and the SOQL that goes on from there: the cursor of the source, as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote_plus

from connectors.salesforce.values import instant
from steward.contracts import Cursor
from steward.model.errors import RecordRejected

# URI and headers together are 16,384 bytes at most: headers with a long token take 3,000, 200 ids in a list 5,600.
MOST_COLUMN_BYTES = 7_000
ROWS, DELETED, DONE = "rows", "deleted", "done"


@dataclass(frozen=True, slots=True)
class Position:
    """One pull of one object.

    `covered`: Salesforce vouches that what changed before it could be seen when this pull began; the next pull begins
    there, less the overlap. `since`: where this pull began, None for the first. `at` and `id`: the last row read.
    `after`: the last id read from the delete log. `job`: the bulk query that reads what follows (`at`, `id`), of which
    `skip` rows of the part at `locator` are read ("" is the first part).
    """

    phase: str
    covered: str
    since: str | None = None
    at: str | None = None
    id: str | None = None
    after: str | None = None
    job: str | None = None
    locator: str | None = None
    skip: int | None = None

    @property
    def cursor(self) -> Cursor:
        """This position as text."""
        return Cursor(json.dumps({name: value for name, value in asdict(self).items() if value is not None}))

    def past(self, rows: Sequence[Mapping[str, Any]]) -> Position:
        """This position once `rows` are stored: after the last of them that stands where it stood when the pull began.

        A row that changes while the pages are read comes at its old place with its new time: who went on from that time
        would skip all rows between. Such a time is after `covered`, and the next pull reads the row again.
        """
        covered = instant(self.covered)
        for row in reversed(rows):
            at, id_ = row.get("SystemModstamp"), row.get("Id")
            if isinstance(at, str) and isinstance(id_, str) and _is_until(at, covered):
                return replace(self, at=at, id=id_)
        return self


def _is_until(at: str, covered: datetime) -> bool:
    try:
        return instant(at) <= covered
    except ValueError:
        return False


def read(cursor: Cursor) -> Position:
    """The position in `cursor`.

    Raises:
        RecordRejected: another program, or a newer Steward, wrote the cursor.
    """
    try:
        position = Position(**json.loads(cursor))
        for text in (position.covered, position.since, position.at):
            if text is not None:
                instant(text)
        names = [name for name in (position.id, position.job) if name is not None]
        if position.phase not in (ROWS, DELETED, DONE) or not all(name.isalnum() for name in names):
            raise ValueError("phase, id or job")
        if not isinstance(position.skip or 0, int) or not isinstance(position.locator or "", str):
            raise ValueError("locator or skip")
    except (ValueError, TypeError, AttributeError):
        said = "salesforce: the stored cursor cannot be read. Pull the stream from its beginning."
        raise RecordRejected(said) from None
    return position


def next_pull(last: Position, covered: datetime, overlap_s: int) -> Position:
    """The beginning of the pull after `last`, which ended."""
    since = instant(last.covered) - timedelta(seconds=overlap_s)
    return Position(ROWS, covered.isoformat(), since=since.isoformat())


def soql(
    table: str, columns: Sequence[str], position: Position, *, archived: bool = True, ordered: bool = True,
) -> str:
    """The query for the rows after `position`, in the order of (SystemModstamp, Id), which never changes under it.

    `archived`: activities of all the years too. Not `ordered`: for Bulk, which cuts the rows by their ids.
    """
    where = []
    if position.at and position.id:
        at = literal(position.at)
        where.append(f"(SystemModstamp > {at} OR (SystemModstamp = {at} AND Id > '{position.id}'))")
    elif position.since:
        where.append(f"SystemModstamp >= {literal(position.since)}")
    if not archived:
        where.append("IsArchived = false")
    condition = f" WHERE {' AND '.join(where)}" if where else ""
    order = " ORDER BY SystemModstamp, Id" if ordered else ""
    # Names were checked when the settings were read, instants and ids when the cursor was.
    return f"SELECT {', '.join(columns)} FROM {table}{condition}{order}"  # noqa: S608  as said


def fitting(columns: Sequence[str]) -> list[tuple[str, ...]]:
    """The columns in groups, each short enough for one URI; every group begins with Id, by which they are joined."""
    groups: list[list[str]] = [["Id"]]
    room = MOST_COLUMN_BYTES
    for name in columns:
        if name == "Id":
            continue
        cost = len(quote_plus(f", {name}"))
        if cost > room:
            groups.append(["Id"])
            room = MOST_COLUMN_BYTES
        groups[-1].append(name)
        room -= cost
    return [tuple(group) for group in groups]


def literal(text: str) -> str:
    """An instant as SOQL writes it, to the millisecond."""
    value = instant(text)
    return f"{value:%Y-%m-%dT%H:%M:%S}.{value.microsecond // 1000:03d}Z"
