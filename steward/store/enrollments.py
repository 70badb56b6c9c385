"""Every account's way through every playbook, and the decisions that moved it along."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from steward.model.enrollments import Arm, Clause, Decision, Enrollment, State, Verdict
from steward.model.errors import StewardError
from steward.model.missing import MISSING, Missing
from steward.model.money import Money
from steward.model.records import Value
from steward.store.instants import from_text, to_text
from steward.store.schema import decision, enrollment

CHUNK = 900                                 # ids in one IN (…), below SQLite's limit on variables
_INSTANTS = ("since", "looked_at", "entered_at", "closed_at", "acknowledged_at", "wake_at")


def open_of(
    tx: Connection, playbook_id: str, account_ids: Sequence[str] | None = None,
) -> dict[str, Enrollment]:
    """The open enrollment of each account that has one, by account id."""
    wanted = select(enrollment).where(
        enrollment.c.playbook_id == playbook_id, enrollment.c.state != State.CLOSED.value,
    )
    return {found.account_id: found for found in _read(tx, wanted, account_ids)}


def last_closed(
    tx: Connection, playbook_id: str, account_ids: Sequence[str] | None = None,
) -> dict[str, Enrollment]:
    """The enrollment of each account that was closed last, by account id."""
    wanted = select(enrollment).where(
        enrollment.c.playbook_id == playbook_id, enrollment.c.state == State.CLOSED.value,
    )
    return {found.account_id: found for found in _read(tx, wanted.order_by(enrollment.c.number), account_ids)}


def numbers(tx: Connection, playbook_id: str, account_ids: Sequence[str] | None = None) -> dict[str, int]:
    """The number that the next enrollment of an account gets, by account id; 1 for those that are not in it."""
    wanted = select(enrollment.c.account_id, func.max(enrollment.c.number) + 1).where(
        enrollment.c.playbook_id == playbook_id,
    ).group_by(enrollment.c.account_id)
    return {
        account_id: number for part in _parts(account_ids)
        for account_id, number in tx.execute(_only(wanted, part))
    }


def entered_since(tx: Connection, playbook_id: str, since: datetime) -> int:
    """How many enrollments became active after `since` by themselves: those that a person approved do not count."""
    bodies = tx.scalars(select(enrollment.c.body).where(
        enrollment.c.playbook_id == playbook_id, enrollment.c.entered_at > to_text(since)))
    return sum(not json.loads(body).get("approved_by") for body in bodies)


def save(tx: Connection, enrollments: Sequence[Enrollment]) -> int:
    """Insert or overwrite, and return how many rows changed. What a person acknowledged stays acknowledged.

    Raises:
        StewardError: a row was closed, or looked at later, by somebody else meanwhile. Nothing of this
            transaction may be committed; evaluate again.
    """
    if not enrollments:
        return 0
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    insert = dialect.insert(enrollment)
    new, old = insert.excluded, enrollment.c
    changed = {column.name: new[column.name] for column in enrollment.columns if not column.primary_key}
    changed["acknowledged_at"] = func.coalesce(old.acknowledged_at, new.acknowledged_at)
    changed["acknowledged_by"] = func.coalesce(old.acknowledged_by, new.acknowledged_by)
    statement = insert.on_conflict_do_update(
        index_elements=["id"], set_=changed,
        where=(old.state != State.CLOSED.value) & (old.looked_at <= new.looked_at),
    ).returning(old.id)
    saved = set(tx.scalars(statement, [_values(each) for each in enrollments]))
    _refuse_changed(tx, [each for each in enrollments if each.id not in saved])
    return len(saved)


def acknowledge(tx: Connection, enrollment_id: str, by: str, now: datetime) -> bool:
    """Note who took it on; False where somebody had, or it is closed."""
    statement = update(enrollment).where(
        enrollment.c.id == enrollment_id, enrollment.c.acknowledged_at.is_(None),
        enrollment.c.state != State.CLOSED.value,
    )
    return tx.execute(statement.values(acknowledged_at=to_text(now), acknowledged_by=by[:255])).rowcount == 1


def one(tx: Connection, enrollment_id: str) -> Enrollment | None:
    found = tx.execute(select(enrollment).where(enrollment.c.id == enrollment_id)).mappings().one_or_none()
    return _enrollment(found) if found else None


def list_(
    tx: Connection, *, playbook_id: str | None = None, account_id: str | None = None, state: str | None = None,
    limit: int = 1000,
) -> list[Enrollment]:
    """Enrollments by playbook and account, at most `limit`; `state` "open" is every state but closed."""
    statement = select(enrollment).order_by(
        enrollment.c.playbook_id, enrollment.c.account_id, enrollment.c.number,
    ).limit(limit)
    if playbook_id is not None:
        statement = statement.where(enrollment.c.playbook_id == playbook_id)
    if account_id is not None:
        statement = statement.where(enrollment.c.account_id == account_id)
    if state == "open":
        statement = statement.where(enrollment.c.state != State.CLOSED.value)
    elif state is not None:
        statement = statement.where(enrollment.c.state == state)
    return [_enrollment(found) for found in tx.execute(statement).mappings()]


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


# ---- decisions ----


def record(tx: Connection, decisions: Sequence[Decision]) -> int:
    """Insert the decisions that are new and return how many that were."""
    if not decisions:
        return 0
    dialect = postgresql if tx.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(decision).on_conflict_do_nothing(index_elements=["id"]).returning(decision.c.id)
    rows = [
        {
            "id": f"{each.enrollment_id}/{to_text(each.decided_at)}/{each.to_state}",
            "enrollment_id": each.enrollment_id, "playbook_id": each.playbook_id, "account_id": each.account_id,
            "decided_at": to_text(each.decided_at), "from_state": each.from_state, "to_state": each.to_state,
            "reason": each.reason, "clauses": json.dumps([_clause_out(one) for one in each.clauses]),
            "version": each.version,
        }
        for each in decisions
    ]
    return len(tx.execute(statement, rows).all())


def decisions(
    tx: Connection, *, enrollment_id: str | None = None, account_id: str | None = None,
    playbook_id: str | None = None, limit: int = 200,
) -> list[Decision]:
    """The latest decisions, the newest first, at most `limit`."""
    statement = select(decision).order_by(decision.c.decided_at.desc(), decision.c.id.desc()).limit(limit)
    given = {"enrollment_id": enrollment_id, "account_id": account_id, "playbook_id": playbook_id}
    for name, value in given.items():
        if value is not None:
            statement = statement.where(decision.c[name] == value)
    return [
        Decision(
            found["enrollment_id"], found["playbook_id"], found["account_id"], from_text(found["decided_at"]),
            found["from_state"], found["to_state"], found["reason"],
            tuple(_clause_in(one) for one in json.loads(found["clauses"])), found["version"] or "",
        )
        for found in tx.execute(statement).mappings()
    ]


# ---- inside ----


def _parts(account_ids: Sequence[str] | None) -> list[Sequence[str] | None]:
    if account_ids is None:
        return [None]
    return [account_ids[start:start + CHUNK] for start in range(0, len(account_ids), CHUNK)]


def _only(wanted: Select[Any], account_ids: Sequence[str] | None) -> Select[Any]:
    return wanted if account_ids is None else wanted.where(enrollment.c.account_id.in_(account_ids))


def _read(tx: Connection, wanted: Select[Any], account_ids: Sequence[str] | None) -> list[Enrollment]:
    return [
        _enrollment(found) for part in _parts(account_ids) for found in tx.execute(_only(wanted, part)).mappings()
    ]


def _refuse_changed(tx: Connection, unsaved: Sequence[Enrollment]) -> None:
    for each in unsaved:
        stored = one(tx, each.id)
        if stored and stored != each:
            how = "closed" if stored.state is State.CLOSED else "looked at later"
            raise StewardError(
                f'enrollment "{each.id}" was {how} by another evaluation meanwhile. Nothing of this one was stored; '
                "evaluate again."
            )


def _values(each: Enrollment) -> dict[str, Any]:
    values: dict[str, Any] = {
        "id": each.id, "playbook_id": each.playbook_id, "version": each.version, "account_id": each.account_id,
        "number": each.number, "state": each.state.value, "reason": each.reason, "arm": each.arm.value,
        "step": each.step, "rung": each.rung, "acknowledged_by": each.acknowledged_by, "body": json.dumps(each.body),
        "subject_id": each.subject_id, "cause": each.cause,
    }
    for name in _INSTANTS:
        at = getattr(each, name)
        values[name] = to_text(at) if at else None
    return values


def _enrollment(found: RowMapping) -> Enrollment:
    values = {name.name: found[name.name] for name in fields(Enrollment)}
    for name in _INSTANTS:
        values[name] = from_text(found[name]) if found[name] else None
    return Enrollment(**{
        **values, "state": State(found["state"]), "arm": Arm(found["arm"]), "body": json.loads(found["body"]),
    })


def _clause_out(clause: Clause) -> dict[str, Any]:
    values = {each.name: getattr(clause, each.name) for each in fields(Clause)}
    as_of = to_text(clause.as_of) if clause.as_of else None
    return {**values, "verdict": clause.verdict.value, "observed": _value_out(clause.observed), "as_of": as_of}


def _clause_in(stored: Mapping[str, Any]) -> Clause:
    as_of = from_text(stored["as_of"]) if stored["as_of"] else None
    return Clause(**{
        **stored, "verdict": Verdict(stored["verdict"]), "observed": _value_in(stored["observed"]), "as_of": as_of,
    })


def _value_out(value: Value | Missing) -> Any:
    """A value as JSON; what JSON has no word for is an object with one key, which names its type."""
    if isinstance(value, Missing):
        return None
    if isinstance(value, Money):
        return {"money": [str(value.amount), value.currency]}
    if isinstance(value, datetime):
        return {"instant": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    if isinstance(value, Decimal):
        return {"decimal": str(value)}
    return value


def _value_in(stored: Any) -> Value | Missing:
    if stored is None:
        return MISSING
    if not isinstance(stored, dict):
        value: Value = stored
        return value
    ((kind, body),) = stored.items()
    if kind == "money":
        return Money(Decimal(body[0]), body[1])
    if kind == "instant":
        return datetime.fromisoformat(body)
    return date.fromisoformat(body) if kind == "date" else Decimal(body)
