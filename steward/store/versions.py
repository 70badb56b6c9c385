"""Playbook versions: the canonical form of every version that was evaluated, so that a decision can be read later."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection, insert, select

from steward.store.instants import to_text
from steward.store.schema import playbook_version


def keep(tx: Connection, playbook_id: str, version: str, *, body: str, mode: str, now: datetime) -> bool:
    """Store the version where it is new; False where it is known. The mode is that of the first evaluation."""
    known = select(playbook_version.c.version).where(
        playbook_version.c.playbook_id == playbook_id, playbook_version.c.version == version)
    if tx.execute(known).first() is not None:
        return False
    tx.execute(insert(playbook_version).values(
        playbook_id=playbook_id, version=version, body=body, mode=mode, applied_at=to_text(now)))
    return True


def known(tx: Connection) -> set[tuple[str, str]]:
    """Every (playbook id, version) that is stored."""
    return {(row.playbook_id, row.version)
            for row in tx.execute(select(playbook_version.c.playbook_id, playbook_version.c.version))}


def of(tx: Connection, playbook_id: str) -> list[str]:
    """The versions of the playbook that are stored."""
    return list(tx.scalars(select(playbook_version.c.version).where(playbook_version.c.playbook_id == playbook_id)))


def body(tx: Connection, playbook_id: str, version: str) -> str | None:
    """The canonical form, None where that version was never evaluated."""
    found: str | None = tx.scalar(select(playbook_version.c.body).where(
        playbook_version.c.playbook_id == playbook_id, playbook_version.c.version == version))
    return found


def bodies(tx: Connection, wanted: Iterable[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """The canonical form of each (playbook id, version) that is stored."""
    found = {pair: body(tx, *pair) for pair in sorted(set(wanted))}
    return {pair: text for pair, text in found.items() if text is not None}
