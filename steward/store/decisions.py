"""Decisions: every change of an enrollment's state, with its reason and the clauses that were seen."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import orjson
from sqlalchemy import Connection, select

from steward.model.enrollments import Clause, Decision, State, Verdict
from steward.model.missing import MISSING, Missing
from steward.model.money import Money
from steward.model.records import Value
from steward.store import bulk
from steward.store.instants import from_text, to_text
from steward.store.schema import decision

KEEP = timedelta(days=400)


def record(tx: Connection, decisions: Sequence[Decision]) -> int:
    """Insert the decisions that are new and return how many that were."""
    rows = []
    for each in decisions:
        at = to_text(each.decided_at)
        rows.append((
            f"{each.enrollment_id}/{at}/{each.to_state}", each.enrollment_id, each.playbook_id, each.account_id, at,
            each.from_state, each.to_state, each.reason, _clauses_out(each.clauses), each.version or None))
    return bulk.upsert(tx, decision, rows, "ON CONFLICT (id) DO NOTHING")


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


def forget(tx: Connection, now: datetime) -> int:
    """Let go of what lies `KEEP` back in the middle of closed enrollments; how many decisions.

    How an enrollment became active and how it ended is kept for ever: score, lift and the audit ask for it.
    """
    return bulk.change(tx, """
        DELETE FROM decision WHERE decided_at < ? AND to_state <> ?
        AND NOT (to_state = ? AND from_state <> ?)
        AND enrollment_id IN (SELECT id FROM enrollment WHERE state = ? AND closed_at < ?)
    """, to_text(now - KEEP), State.CLOSED.value, State.ACTIVE.value, State.RECOVERING.value, State.CLOSED.value,
        to_text(now - KEEP))


def _clauses_out(clauses: Iterable[Clause]) -> str:
    return orjson.dumps([_clause_out(each) for each in clauses]).decode()


def _clause_out(clause: Clause) -> dict[str, Any]:
    """The fields by their names; written out, as a run makes some ten thousand of them."""
    return {
        "path": clause.path, "text": clause.text, "verdict": clause.verdict,
        "observed": _value_out(clause.observed), "as_of": to_text(clause.as_of), "source": clause.source,
        "why": clause.why, "depth": clause.depth, "nearest": clause.nearest}


def _clause_in(stored: Mapping[str, Any]) -> Clause:
    as_of = from_text(stored["as_of"]) if stored["as_of"] else None
    return Clause(**{
        **stored, "verdict": Verdict(stored["verdict"]), "observed": _value_in(stored["observed"]), "as_of": as_of,
    })


def _value_out(value: Value | Missing) -> Any:
    """A value as JSON; what JSON has no word for is an object with one key, which names its type."""
    if isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, Missing):
        return None
    if isinstance(value, Money):
        return {"money": [str(value.amount), value.currency]}
    if isinstance(value, datetime):
        return {"instant": value.isoformat()}
    if isinstance(value, date):
        return {"date": value.isoformat()}
    return {"decimal": str(value)} if isinstance(value, Decimal) else value


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
