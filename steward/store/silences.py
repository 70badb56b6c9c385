"""Silences: who asked for quiet about what, until when and why. While one stands, clocks run and nothing is done."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from sqlalchemy import Connection, insert, select, update

from steward.model.errors import StewardError
from steward.store.instants import from_text, to_text
from steward.store.schema import silence

_NAMESPACE = uuid5(NAMESPACE_URL, "steward/silence")


@dataclass(frozen=True, slots=True)
class Silence:
    """`matchers` must all fit: "playbook", "account" (our id), "owner" (e-mail), or a fact and its value."""

    id: str
    matchers: Mapping[str, Any]
    author: str
    reason: str
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    ended_by: str | None = None

    @property
    def text(self) -> str:
        """ "until 2026-03-09 08:00Z by ana: they migrate"."""
        return f"until {self.ends_at:%Y-%m-%d %H:%M}Z by {self.author}: {self.reason}"


def add(
    tx: Connection, matchers: Mapping[str, Any], *, author: str, reason: str, starts_at: datetime, ends_at: datetime,
    now: datetime,
) -> Silence:
    """Store it; the same asked for again at the same instant is the same silence.

    Raises:
        StewardError: it matches everything, says not why or who, or is over before it begins.
    """
    for missing, what in ((not matchers, "what it is about"), (not author.strip(), "who asks for it"),
                          (not reason.strip(), "why")):
        if missing:
            raise StewardError(f"a silence must say {what}")
    if ends_at <= max(starts_at, now):
        raise StewardError(f"the silence would be over at {ends_at:%Y-%m-%d %H:%M}Z already. Give a later end.")
    body = json.dumps(dict(matchers), sort_keys=True)
    name = str(uuid5(_NAMESPACE, f"{body}/{author}/{to_text(starts_at)}/{to_text(ends_at)}/{to_text(now)}"))
    if tx.execute(select(silence.c.id).where(silence.c.id == name)).first() is None:
        tx.execute(insert(silence).values(
            id=name, matchers=body, author=author[:128], reason=reason, starts_at=to_text(starts_at),
            ends_at=to_text(ends_at), created_at=to_text(now)))
    return Silence(name, dict(matchers), author[:128], reason, starts_at, ends_at, now)


def end(tx: Connection, silence_id: str, by: str, now: datetime) -> bool:
    """Let it be over at `now`; False where it is over, or there is none."""
    statement = update(silence).where(silence.c.id == silence_id, silence.c.ends_at > to_text(now))
    return tx.execute(statement.values(ends_at=to_text(now), ended_by=by[:128])).rowcount == 1


def active(tx: Connection, now: datetime) -> list[Silence]:
    """Those that stand at `now`, the one that ends last first."""
    at = to_text(now)
    return _read(tx, (silence.c.starts_at <= at) & (silence.c.ends_at > at))


def list_(tx: Connection, now: datetime | None = None) -> list[Silence]:
    """All of them; with `now`, those that are not over."""
    return _read(tx, silence.c.ends_at > (to_text(now) or ""))


def _read(tx: Connection, where: Any) -> list[Silence]:
    found = tx.execute(select(silence).where(where).order_by(silence.c.ends_at.desc(), silence.c.id))
    return [
        Silence(row.id, json.loads(row.matchers), row.author, row.reason, from_text(row.starts_at),
                from_text(row.ends_at), from_text(row.created_at), row.ended_by)
        for row in found
    ]
