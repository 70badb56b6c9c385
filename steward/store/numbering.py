"""Which numbers and versions enrollments have taken: a new one gets a free id, what is in flight is not forgotten."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import Connection

from steward.store import bulk


def free_numbers(tx: Connection, playbook_id: str, wanted: Mapping[str, int]) -> dict[str, int]:
    """By subject, the first number from the one wanted on whose id is free.

    An enrollment that went on with another account keeps its id, though its first subject may stand by itself again.
    """
    found, left = dict(wanted), set(wanted)
    while left:
        ids = {f"{playbook_id}/{each}/{found[each]}": each for each in left}
        among, values = bulk.among(tx, "id", ids)
        left = {ids[row[0]] for row in bulk.fetch(tx, f"SELECT id FROM enrollment WHERE {among}", values)}  # noqa: S608  ours
        found.update({each: found[each] + 1 for each in left})
    return found


def in_flight(tx: Connection) -> list[tuple[str, str]]:
    """Each (playbook id, version) that something is in flight on."""
    rows = bulk.fetch(tx, """
        SELECT DISTINCT playbook_id, version FROM enrollment WHERE state IN ('active', 'recovering')
        ORDER BY playbook_id, version
    """)
    return [(row[0], row[1]) for row in rows]
