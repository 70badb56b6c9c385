"""Every subject's way through every playbook: one row each, read whole for the few that are looked at."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from operator import attrgetter, itemgetter
from typing import Any

import orjson
from sqlalchemy import Connection, func, select, update

from steward.model.enrollments import SHADOW_ENDED, Arm, Enrollment, State
from steward.model.errors import StewardError
from steward.store import bulk
from steward.store.decisions import decisions as decisions  # noqa: PLC0414  asked for beside enrollments
from steward.store.decisions import forget as forget  # noqa: PLC0414  as above
from steward.store.decisions import record as record  # noqa: PLC0414  as above
from steward.store.instants import from_text, to_text
from steward.store.opened import marks_of
from steward.store.opened import open_frame as open_frame  # noqa: PLC0414  as above
from steward.store.schema import enrollment

_NAMES = tuple(each.name for each in fields(Enrollment))
_ALL = ", ".join(_NAMES)
_INSTANTS = tuple(_NAMES.index(name) for name in (
    "since", "looked_at", "entered_at", "closed_at", "acknowledged_at", "wake_at"))
_STATE, _ARM, _BODY = (_NAMES.index(name) for name in ("state", "arm", "body"))
_STATES, _ARMS = {str(each): each for each in State}, {str(each): each for each in Arm}
_COLUMNS = tuple(column.name for column in enrollment.columns)
_CELLS = attrgetter(*(name for name in _COLUMNS if name != "marks"))
_INSTANT_COLUMNS = tuple(_COLUMNS.index(_NAMES[at]) for at in _INSTANTS)
_BODY_COLUMN = _COLUMNS.index("body")
_TAKE = ", ".join(
    f"{name} = coalesce(enrollment.{name}, excluded.{name})" if name.startswith("acknowledged_")
    else f"{name} = excluded.{name}" for name in _COLUMNS if name != "id")
_UPSERT = (f"ON CONFLICT (id) DO UPDATE SET {_TAKE} "
           "WHERE enrollment.state <> 'closed' AND enrollment.looked_at <= excluded.looked_at")


_KEPT = ("id", "playbook_id", "account_id", "subject_id", "number", "cause")
_MOVES = tuple(name for name in _COLUMNS if name not in _KEPT)
_MOVING = itemgetter(*(_COLUMNS.index(name) for name in (*_MOVES, "id", "looked_at")))
_GOES_ON = ", ".join(
    f"{name} = coalesce({name}, ?)" if name.startswith("acknowledged_") else f"{name} = ?" for name in _MOVES)
_GO_ON = f"UPDATE enrollment SET {_GOES_ON} WHERE id = ? AND state <> 'closed' AND looked_at <= ?"  # noqa: S608  ours


def open_of(tx: Connection, playbook_id: str, account_ids: Collection[str] | None = None) -> dict[str, Enrollment]:
    """The open enrollment of each subject that has one, by subject id; of all accounts, or of those named."""
    where, values = _of(tx, "playbook_id = ? AND state <> 'closed'", [playbook_id], account_ids)
    return {found.subject_id: found for found in _read(tx, where, values)}


def last_closed(tx: Connection, playbook_id: str, account_ids: Collection[str] | None = None) -> dict[str, Enrollment]:
    """The enrollment of each subject that was closed last, by subject id."""
    where, values = _of(tx, "playbook_id = ? AND state = 'closed'", [playbook_id], account_ids)
    return {found.subject_id: found for found in _read(tx, f"{where} ORDER BY number", values)}


def last_closed_of(tx: Connection, playbook_id: str, subject_ids: Collection[str]) -> dict[str, Enrollment]:
    """The same for the subjects named."""
    if not subject_ids:
        return {}
    among, ids = bulk.among(tx, "subject_id", subject_ids)
    where = f"playbook_id = ? AND state = 'closed' AND {among} ORDER BY number"
    return {found.subject_id: found for found in _read(tx, where, [playbook_id, ids])}


def numbers(tx: Connection, playbook_id: str, account_ids: Collection[str] | None = None) -> dict[str, int]:
    """The number that the next enrollment of a subject gets, by subject id; 1 for those that are not in it."""
    where, values = _of(tx, "playbook_id = ?", [playbook_id], account_ids)
    statement = f"SELECT subject_id, max(number) + 1 FROM enrollment WHERE {where} GROUP BY subject_id"  # noqa: S608  ours
    return {row[0]: row[1] for row in bulk.fetch(tx, statement, *values)}


def open_by_subject(tx: Connection, playbook_id: str, subject_ids: Collection[str]) -> dict[str, Enrollment]:
    """The open enrollments of those of the subjects named that have one, by subject id."""
    if not subject_ids:
        return {}
    among, ids = bulk.among(tx, "subject_id", subject_ids)
    where = f"playbook_id = ? AND state <> 'closed' AND {among}"
    return {found.subject_id: found for found in _read(tx, where, [playbook_id, ids])}


def of_merged(tx: Connection) -> list[str]:
    """The ids of open enrollments whose account was merged into another."""
    rows = bulk.fetch(tx, """
        SELECT id FROM enrollment WHERE state <> 'closed'
        AND account_id IN (SELECT id FROM account WHERE merged_into IS NOT NULL)
    """)
    return sorted(row[0] for row in rows)


def by_id(tx: Connection, ids: Collection[str]) -> dict[str, Enrollment]:
    """Whole enrollments by their ids."""
    if not ids:
        return {}
    where, value = bulk.among(tx, "id", ids)
    return {found.id: found for found in _read(tx, where, [value])}


@dataclass(frozen=True, slots=True)
class Work:
    """Open enrollments that ask something of people: `count` of a playbook on an account."""

    playbook_id: str
    account_id: str
    count: int


def work(tx: Connection) -> list[Work]:
    """Of every playbook and account, the treatment enrollments in flight."""
    rows = bulk.fetch(tx, """
        SELECT playbook_id, account_id, count(*) FROM enrollment
        WHERE state IN ('active', 'recovering') AND arm = 'treatment' GROUP BY playbook_id, account_id
    """)
    return [Work(*row) for row in rows]


def entered(
    tx: Connection, playbook_id: str, since: datetime, subject_ids: Collection[str],
) -> dict[str, list[datetime]]:
    """When enrollments of these subjects became active, after `since`, by subject id; not those that ended with the
    shadow."""
    if not subject_ids:
        return {}
    among, ids = bulk.among(tx, "subject_id", subject_ids)
    statement = (f"SELECT subject_id, entered_at FROM enrollment "  # noqa: S608  ours
                 f"WHERE playbook_id = ? AND entered_at > ? AND reason <> ? AND {among} ORDER BY entered_at")
    found: dict[str, list[datetime]] = {}
    for subject_id, at in bulk.fetch(tx, statement, playbook_id, to_text(since), SHADOW_ENDED, ids):
        found.setdefault(subject_id, []).append(from_text(at))
    return found


def entered_since(tx: Connection, playbook_id: str, since: datetime) -> int:
    """How many enrollments became active after `since` by themselves: those that a person approved do not count."""
    bodies = bulk.fetch(
        tx, "SELECT body FROM enrollment WHERE playbook_id = ? AND entered_at > ?", playbook_id, to_text(since))
    return sum(not json.loads(body).get("approved_by") for body, in bodies)


def queued(tx: Connection) -> list[str]:
    """Who was chosen from queues, once for each enrollment in flight."""
    rows = bulk.fetch(tx, """
        SELECT body FROM enrollment WHERE state IN ('active', 'recovering') AND body LIKE ?
    """, '%"queued"%')
    return [email for body, in rows for email in json.loads(body).get("queued", {}).values()]


# ---- changing ----

def save(tx: Connection, enrollments: Sequence[Enrollment]) -> int:
    """Insert or overwrite, and return how many rows changed. What a person acknowledged stays acknowledged.

    Raises:
        StewardError: a row was closed, or looked at later, by somebody else meanwhile. Nothing of this
            transaction may be committed; evaluate again.
    """
    saved = bulk.upsert(tx, enrollment, [_values(each) for each in enrollments], _UPSERT)
    if saved < len(enrollments):
        _refuse_changed(tx, enrollments)
    return saved


def go_on(tx: Connection, enrollments: Sequence[Enrollment]) -> int:
    """Overwrite enrollments that were read in this transaction and are still of the same subject; raises as `save`.

    What tells an enrollment from others is not written again, so that its indexes are left alone.
    """
    saved = bulk.change_each(tx, _GO_ON, [_MOVING(_values(each)) for each in enrollments])
    if saved < len(enrollments):
        _refuse_changed(tx, enrollments)
    return saved


def acknowledge(tx: Connection, enrollment_id: str, by: str, now: datetime) -> bool:
    """Note who took it on; False where somebody had, or it is closed."""
    statement = update(enrollment).where(
        enrollment.c.id == enrollment_id, enrollment.c.acknowledged_at.is_(None),
        enrollment.c.state != State.CLOSED.value,
    )
    return tx.execute(statement.values(acknowledged_at=to_text(now), acknowledged_by=by[:255])).rowcount == 1


def wake(tx: Connection, enrollment_id: str, now: datetime) -> bool:
    """Let the next evaluation look at it, as a person or a receipt changed something; False where it is closed."""
    return bulk.change(tx, "UPDATE enrollment SET wake_at = ? WHERE id = ? AND state <> 'closed'",
                       to_text(now), enrollment_id) == 1


# ---- reading ----

def one(tx: Connection, enrollment_id: str) -> Enrollment | None:
    return by_id(tx, [enrollment_id]).get(enrollment_id)


def list_(
    tx: Connection, *, playbook_id: str | None = None, account_id: str | None = None, state: str | None = None,
    limit: int = 1000,
) -> list[Enrollment]:
    """Enrollments by playbook and subject, at most `limit`; `state` "open" is every state but closed."""
    where, values = ["1 = 1"], list[object]()
    for name, value in (("playbook_id", playbook_id), ("account_id", account_id)):
        if value is not None:
            where.append(f"{name} = ?")
            values.append(value)
    if state is not None:
        where.append("state <> ?" if state == "open" else "state = ?")
        values.append(State.CLOSED.value if state == "open" else state)
    order = "ORDER BY playbook_id, account_id, subject_id, number LIMIT ?"
    return _read(tx, f"{' AND '.join(where)} {order}", [*values, limit])


def ids(tx: Connection, limit: int = 5000) -> list[str]:
    """Ids of enrollments, open ones first: what a mistyped id may have meant."""
    order = (enrollment.c.state == State.CLOSED.value, enrollment.c.id)
    return list(tx.scalars(select(enrollment.c.id).order_by(*order).limit(limit)))


def counts(tx: Connection) -> dict[str, dict[str, int]]:
    """How many enrollments are in each state, by playbook."""
    statement = select(enrollment.c.playbook_id, enrollment.c.state, func.count())
    found: dict[str, dict[str, int]] = {}
    grouped = statement.group_by(enrollment.c.playbook_id, enrollment.c.state)
    for playbook_id, state, number in tx.execute(grouped.order_by(enrollment.c.playbook_id, enrollment.c.state)):
        found.setdefault(playbook_id, {})[state] = number
    return found


# ---- inside ----

def _of(
    tx: Connection, condition: str, values: Sequence[object], account_ids: Collection[str] | None,
) -> tuple[str, list[object]]:
    if account_ids is None:
        return condition, list(values)
    among, ids = bulk.among(tx, "account_id", account_ids)
    return f"{condition} AND {among}", [*values, ids]


def _read(tx: Connection, where: str, values: Sequence[object]) -> list[Enrollment]:
    statement = f"SELECT {_ALL} FROM enrollment WHERE {where}"  # noqa: S608  ours
    return [_enrollment(row) for row in bulk.fetch(tx, statement, *values)]


def _refuse_changed(tx: Connection, wanted: Sequence[Enrollment]) -> None:
    stored = by_id(tx, [each.id for each in wanted])
    for each in wanted:
        found = stored[each.id]
        answered = replace(
            each, acknowledged_at=each.acknowledged_at or found.acknowledged_at,
            acknowledged_by=each.acknowledged_by or found.acknowledged_by)
        if found not in (each, answered):
            how = "closed" if found.state is State.CLOSED else "looked at later"
            raise StewardError(
                f'enrollment "{each.id}" was {how} by another evaluation meanwhile. Nothing of this one was stored; '
                "evaluate again."
            )


def _values(each: Enrollment) -> tuple[Any, ...]:
    values = list(_CELLS(each))
    for at in _INSTANT_COLUMNS:
        if values[at] is not None:
            values[at] = to_text(values[at])
    values[_BODY_COLUMN] = orjson.dumps(each.body).decode() if each.body else "{}"
    return (*values, marks_of(each.body))


def _enrollment(row: Any) -> Enrollment:
    values = list(row)
    for at in _INSTANTS:
        if values[at] is not None:
            values[at] = datetime.fromisoformat(values[at])
    values[_STATE], values[_ARM] = _STATES[values[_STATE]], _ARMS[values[_ARM]]
    values[_BODY] = orjson.loads(values[_BODY])
    return Enrollment(*values)
