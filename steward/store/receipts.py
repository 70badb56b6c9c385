"""The proof of what was done, and the journal of every attempt to do it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from steward.model.actions import Receipt
from steward.store import bulk
from steward.store.instants import from_text, to_text
from steward.store.schema import attempt, outbox, receipt

DIED = "the worker stopped before it could write down the answer"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of an action; `outcome` is None while it runs."""

    number: int
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    trouble: str | None


def save_all(tx: Connection, done: Sequence[Mapping[str, Any]], at: str) -> None:
    """Store the proofs that actions were done, and journal how their tries ended.

    Of each: key, external_id, url, delivered_at and found; number and outcome of its try.
    """
    bulk.change_each(
        tx, "UPDATE attempt SET ended_at = ?, outcome = ? WHERE key = ? AND number = ? AND ended_at IS NULL",
        [(at, each["outcome"], each["key"], each["number"]) for each in done])
    bulk.change_each(
        tx, "INSERT INTO receipt (key, external_id, url, delivered_at, found) VALUES (?, ?, ?, ?, ?)",
        [(each["key"], each["external_id"], each["url"], each["delivered_at"], each["found"]) for each in done])


def of(tx: Connection, keys: Sequence[str]) -> dict[str, Receipt]:
    """The receipts there are, by key."""
    return {
        found["key"]: Receipt(
            external_id=found["external_id"], url=found["url"], delivered_at=from_text(found["delivered_at"]),
            found=bool(found["found"]),
        )
        for found in tx.execute(select(receipt).where(receipt.c.key.in_(keys))).mappings()
    }


def of_enrollment(tx: Connection, enrollment_id: str) -> dict[str, Receipt]:
    """The receipts of one enrollment's actions, by key."""
    return of(tx, list(tx.scalars(select(outbox.c.key).where(outbox.c.enrollment_id == enrollment_id))))


def attempts(tx: Connection, key: str) -> list[Attempt]:
    """Every try of one action, the first one first."""
    return [
        Attempt(
            found["number"], from_text(found["started_at"]),
            from_text(found["ended_at"]) if found["ended_at"] else None, found["outcome"], found["trouble"],
        )
        for found in tx.execute(select(attempt).where(attempt.c.key == key).order_by(attempt.c.number)).mappings()
    ]


def begin_attempt(tx: Connection, key: str, number: int, now: datetime) -> None:
    """Journal that try `number` begins; the one before it, where it never ended, is closed as unknown."""
    end_attempt(tx, key, number - 1, now, outcome="unknown", trouble=DIED)
    bulk.change(tx, "INSERT INTO attempt (key, number, started_at) VALUES (?, ?, ?)", key, number, to_text(now))


def end_attempt(
    tx: Connection, key: str, number: int, now: datetime, *, outcome: str, trouble: str | None,
) -> None:
    """Journal how try `number` ended, unless that is known already."""
    bulk.change(tx, "UPDATE attempt SET ended_at = ?, outcome = ?, trouble = ? "
                    "WHERE key = ? AND number = ? AND ended_at IS NULL", to_text(now), outcome, trouble, key, number)
