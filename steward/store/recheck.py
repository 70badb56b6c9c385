"""Whether who is who must be looked at again: noted in the transaction that changed what it follows from.

Matching reads every account record. Of a thousand that change most change in nothing that matching looks at, so what
it looks at (name, domain, ids in other systems, whether the record lives) is compared before it is overwritten.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection

from steward.model.records import Noun
from steward.store import bulk
from steward.store.schema import recheck as table

_AT_ONCE = 500
_PUT = "ON CONFLICT (what) DO UPDATE SET looked_with = excluded.looked_with"
_WHAT = "identity"


def doubt(tx: Connection) -> None:
    """It must be looked at again."""
    bulk.upsert(tx, table, [(_WHAT, None)], _PUT)


def done(tx: Connection, looked_with: str) -> None:
    """It was looked at, with the settings that `looked_with` stands for."""
    bulk.upsert(tx, table, [(_WHAT, looked_with)], _PUT)


def is_needed(tx: Connection, look_with: str) -> bool:
    """Whether something changed since it was looked at, be it the settings."""
    found = bulk.fetch(tx, "SELECT looked_with FROM recheck WHERE what = ?", _WHAT)
    return not found or found[0][0] != look_with


def as_mark(*settings: object) -> str:
    """What stands for the settings by which it is looked at."""
    return hashlib.sha256(repr(settings).encode()).hexdigest()[:32]


def before(tx: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """`rows` of `record` are about to be written: note whether an account changes in what matching looks at.

    Each is (connection, noun, external id, …) with `deleted`, `merged_into` and the body in the places 6, 7 and 8.
    """
    news = [row for row in rows if row[1] == Noun.ACCOUNT.value]
    if not news or not bulk.fetch(tx, "SELECT 1 FROM recheck WHERE what = ? AND looked_with IS NOT NULL", _WHAT):
        return
    for start in range(0, len(news), _AT_ONCE):
        some = news[start:start + _AT_ONCE]
        among, wanted = bulk.among(tx, "external_id", [row[2] for row in some])
        known = {(row[0], row[1]): _looked_at(*row[2:]) for row in bulk.fetch(
            tx, "SELECT connection, external_id, deleted, merged_into, body FROM record "  # noqa: S608  ours
            f"WHERE connection = ? AND noun = 'account' AND {among}", some[0][0], wanted)}
        if (any(known.get((row[0], row[2])) != _looked_at(row[6], row[7], row[8]) for row in some)
                or _one_of_several(tx, some[0][0], [row[2] for row in some])):
            doubt(tx)
            return


def _one_of_several(tx: Connection, connection: str, external_ids: Sequence[str]) -> bool:
    """Whether any is of an account with two records in one connection: the one changed last gives the name."""
    among, wanted = bulk.among(tx, "a.external_id", external_ids)
    return bool(bulk.fetch(tx, f"""
        SELECT 1 FROM identity AS a JOIN identity AS b ON b.account_id = a.account_id
            AND b.connection = a.connection AND b.external_id <> a.external_id
        WHERE a.connection = ? AND {among} LIMIT 1
    """, connection, wanted))  # noqa: S608  ours


def _looked_at(deleted: int, merged_into: str | None, body: str) -> tuple[Any, ...]:
    values: Mapping[str, Any] = orjson.loads(body)
    ids = tuple(sorted(each for each in values.items() if each[0].startswith("id_in."))) if '"id_in.' in body else ()
    return bool(deleted), merged_into, values.get("name"), values.get("domain"), ids
