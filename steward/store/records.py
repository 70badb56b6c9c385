"""Records: what outside systems told us, the newest version of each, in bulk in and out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import polars as pl
from sqlalchemy import Connection, bindparam, func, select, text

from steward.model.records import FIELDS, Noun, Record, Refusal
from steward.store import recheck, record_body, refusals, told
from steward.store.instants import to_text
from steward.store.record_body import Unstorable
from steward.store.schema import record as table

_COLUMNS = (
    "connection", "noun", "external_id", "stream", "account_external_id", "modified_at", "deleted", "merged_into",
    "body", "synced_at", "told",
)
# A tombstone keeps whose record it was. A row that says nothing new is not written.
_OVERWRITE = """
    ON CONFLICT (connection, noun, external_id) DO UPDATE SET
        stream = excluded.stream, deleted = excluded.deleted, body = excluded.body, synced_at = excluded.synced_at,
        told = excluded.told,
        modified_at = coalesce(excluded.modified_at, record.modified_at),
        account_external_id = CASE excluded.deleted WHEN 1
            THEN coalesce(excluded.account_external_id, record.account_external_id)
            ELSE excluded.account_external_id END,
        merged_into = CASE excluded.deleted WHEN 1
            THEN coalesce(excluded.merged_into, record.merged_into) ELSE excluded.merged_into END
    WHERE (excluded.modified_at IS NULL OR record.modified_at IS NULL OR excluded.modified_at >= record.modified_at)
        AND (excluded.body <> record.body OR excluded.deleted <> record.deleted OR excluded.stream <> record.stream
            OR coalesce(excluded.modified_at, record.modified_at, '') <> coalesce(record.modified_at, '')
            OR coalesce(excluded.merged_into, '') <> coalesce(record.merged_into, '')
            OR coalesce(excluded.told, '') <> coalesce(record.told, ''))
"""
_INTO = f"INSERT INTO record ({', '.join(_COLUMNS)}) "
_INSERT_ROWS = _INTO + f"VALUES ({', '.join('?' * len(_COLUMNS))})" + _OVERWRITE
_ARRAYS = ", ".join(f"CAST(:{name} AS {'int' if name == 'deleted' else 'text'}[])" for name in _COLUMNS)
_INSERT_ARRAYS = text(_INTO + f"SELECT * FROM unnest({_ARRAYS})" + _OVERWRITE)  # noqa: S608  our own column names
_AT_ONCE = 20_000
_FEW = 500

_Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Counts:
    """Of one page: records `read`, those whose row `changed`, and those `refused` as nothing can hold them."""

    read: int
    changed: int
    refused: int


def upsert(  # noqa: PLR0917  what came, whence and when
    tx: Connection, connection: str, stream: str, records: Sequence[Record], synced_at: datetime,
    refused: Sequence[Refusal] = (),
) -> Counts:
    """Store the newest version of each; an older one never overwrites a newer one. Deletes become tombstones.

    `refused` came with them: rows that are no records, or fields that their records lack.

    Raises:
        ValueError: a record has a field that its noun has not, or of another type: the connector's code is wrong.
    """
    at = to_text(synced_at)
    changed = 0
    faults: list[Refusal] = []
    came: list[str] = []
    rows: dict[tuple[str, str], _Row] = {}
    for record in records:
        try:
            if record.only is not None:        # it builds on what is stored, so that must be there first
                changed += _write(tx, rows) + _write_part(tx, connection, stream, record, at)
                rows = {}
                continue
            row = _row(connection, stream, record, record_body.encode(record), at)
        except Unstorable as fault:
            faults.append(Refusal(f"{stream} {record.external_id[:200]}", fault.field, fault.reason))
            continue
        came.append(record.external_id)
        key = (row[1], row[2])
        if key not in rows or _is_newer(row, rows[key]):
            rows[key] = row
    changed += _write(tx, rows)
    refusals.settle(tx, connection, stream, came, [*faults, *refused], synced_at)
    return Counts(len(records), changed, len(faults))


def counts(tx: Connection) -> dict[str, dict[str, int]]:
    """By connection and stream, how many records there are that are neither deleted nor merged away."""
    found: dict[str, dict[str, int]] = {}
    live = (table.c.deleted == 0) & table.c.merged_into.is_(None)
    rows = tx.execute(select(table.c.connection, table.c.stream, func.count()).where(live)
                      .group_by(table.c.connection, table.c.stream)).all()
    for connection, stream, number in sorted(tuple(row) for row in rows):
        found.setdefault(connection, {})[stream] = number
    return found


def frame(tx: Connection, noun: Noun, account_ids: Iterable[str] | None = None) -> pl.DataFrame:
    """`account_id, connection, external_id, modified_at` and one typed column per field of the noun.

    Missing is null; money is in two columns (`arr`, `arr_currency`); accounts have their `custom.*` too. Left out
    is what was deleted or merged away. `account_id` is null where no account is known by that external id; nouns
    that belong to no account (people) come whole, whatever `account_ids` says.
    """
    of_account = noun is Noun.ACCOUNT or "account_external_id" in FIELDS[noun]
    wanted = None if account_ids is None or not of_account else sorted(set(account_ids))
    rows = _read(tx, noun, wanted)
    if not rows:
        return _no_rows(noun)
    external_id, source, modified_at, body, account_id = zip(*rows, strict=True)
    named = pl.DataFrame({
        "account_id": pl.Series(account_id, dtype=pl.String), "connection": pl.Series(source, dtype=pl.String),
        "external_id": pl.Series(external_id, dtype=pl.String), "modified_at": pl.Series(modified_at, dtype=pl.String),
    })
    whole = named.hstack(record_body.columns(noun, body)).lazy().with_columns(
        record_body.as_instant(pl.col("modified_at"))).sort("connection", "external_id").collect(
        optimizations=pl.QueryOptFlags.none())
    return whole if wanted is None or len(wanted) <= _FEW else whole.filter(pl.col("account_id").is_in(wanted))


@cache
def _no_rows(noun: Noun) -> pl.DataFrame:
    names = {"account_id": pl.String(), "connection": pl.String(), "external_id": pl.String(),
             "modified_at": pl.Datetime("us", "UTC")}
    return pl.DataFrame(schema=names).hstack(record_body.columns(noun, ()))


# The key of `record` begins with the connection: naming all of them (found by leaps in an index) saves reading
# every record of every noun.
ALL_CONNECTIONS = """WITH RECURSIVE named(connection) AS (
    SELECT min(connection) FROM record
    UNION ALL SELECT (SELECT min(record.connection) FROM record WHERE record.connection > named.connection)
    FROM named WHERE named.connection IS NOT NULL) """
_LIVE = "r.noun = :noun AND r.deleted = 0 AND r.merged_into IS NULL"
_SELECT = "SELECT r.external_id, r.connection, r.modified_at, r.body, i.account_id FROM"
_JOINED = "ON i.connection = r.connection AND i.external_id = r.account_external_id"
_OF_ALL = "WHERE r.connection IN (SELECT connection FROM named) AND"
_READ_ALL = text(f"{ALL_CONNECTIONS} {_SELECT} record r LEFT JOIN identity i {_JOINED} {_OF_ALL} {_LIVE}")
_READ_SOME = text(
    f"{_SELECT} identity i JOIN record r {_JOINED} WHERE {_LIVE} AND i.account_id IN :account_ids"
).bindparams(bindparam("account_ids", expanding=True))


def _read(tx: Connection, noun: Noun, wanted: list[str] | None) -> Sequence[Any]:
    if wanted is None or len(wanted) > _FEW:
        return tx.execute(_READ_ALL, {"noun": noun.value}).fetchall()
    return tx.execute(_READ_SOME, {"noun": noun.value, "account_ids": wanted}).fetchall()


def _write_part(tx: Connection, connection: str, stream: str, record: Record, at: str) -> int:
    part, said_at = record_body.encode(record), to_text(record.modified_at)
    known = told.one(tx, connection, record.noun.value, record.external_id)
    after = known.with_part(part, record.only or (), said_at)
    if after is None:
        return 0
    row = _row(connection, stream, record, after.body, at)
    return _write(tx, {(row[1], row[2]): _as_told(row, after)})


def _keep_what_was_told(tx: Connection, rows: dict[tuple[str, str], _Row]) -> None:
    """Put into whole records the fields that webhooks told later than that."""
    ids: dict[tuple[str, str], list[str]] = {}
    for row in rows.values():
        if not row[6] and row[7] is None and row[5] is not None and row[10] is None:
            ids.setdefault((row[0], row[1]), []).append(row[2])
    for (connection, noun), names in ids.items():
        for external_id, known in told.in_parts(tx, connection, noun, names):
            row = rows[noun, external_id]
            if not known.is_newer_than(row[5]):
                rows[noun, external_id] = _as_told(row, known.with_whole(record_body.load(row[8]), row[5]))


def _as_told(row: _Row, known: told.Known) -> _Row:
    account = row[2] if row[1] == Noun.ACCOUNT else known.body.get("account_external_id")
    return (*row[:4], account, known.modified_at, *row[6:8], record_body.dump(known.body), row[9], known.told_text)


def _row(connection: str, stream: str, record: Record, body: Mapping[str, Any], at: str) -> _Row:
    account = record.external_id if record.noun is Noun.ACCOUNT else body.get("account_external_id")
    for name, given in (("external_id", record.external_id), ("account_external_id", account),
                        ("merged_into", record.merged_into)):
        _must_be_an_id(name, given)
    return (
        connection, record.noun.value, record.external_id, stream, account, to_text(record.modified_at),
        int(record.deleted), record.merged_into, record_body.dump(body), at, None,
    )


def _must_be_an_id(name: str, given: str | None) -> None:
    if given is None:
        return
    if not given or len(given) > 255 or "\x00" in given or not given.isprintable():
        raise Unstorable(name, f"{given[:60]!r} is no id: 1 to 255 printable characters")


def _is_newer(row: _Row, than: _Row) -> bool:
    """By `modified_at`; the later of two that do not say, or say the same."""
    return row[5] is None or than[5] is None or row[5] >= than[5]


def _write(tx: Connection, rows: dict[tuple[str, str], _Row]) -> int:
    """In the order of their keys, so that two writers never wait for one another in a ring."""
    _keep_what_was_told(tx, rows)
    ordered = [rows[key] for key in sorted(rows)]
    recheck.before(tx, ordered)
    changed = 0
    for start in range(0, len(ordered), _AT_ONCE):
        some = ordered[start:start + _AT_ONCE]
        if tx.dialect.name == "sqlite":
            changed += tx.exec_driver_sql(_INSERT_ROWS, some).rowcount
        else:
            arrays = zip(*some, strict=True)
            changed += tx.execute(
                _INSERT_ARRAYS, {name: list(array) for name, array in zip(_COLUMNS, arrays, strict=True)}
            ).rowcount
    return changed
