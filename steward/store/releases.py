"""Releases: which version of each playbook is live, in which mode, since when, and by whom. Nothing is overwritten."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select, update

from steward.store.instants import from_text, to_text
from steward.store.schema import release

RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Release:
    """One application of one version. `mode` is one of a playbook's modes, or "retired": it is live no more."""

    playbook_id: str
    version: str
    mode: str
    applied_at: datetime
    by: str
    ramp: float = 0.0
    priority: int = 50
    note: str = ""


def apply(tx: Connection, new: Release) -> None:
    """Make it the live one."""
    tx.execute(release.insert().values(
        playbook_id=new.playbook_id, version=new.version, mode=new.mode, ramp=new.ramp, priority=new.priority,
        applied_at=to_text(new.applied_at), by=new.by[:128], note=new.note))


def live(tx: Connection) -> dict[str, Release]:
    """The release of each playbook that is live, by its id; those that are retired are not."""
    last = select(func.max(release.c.number)).group_by(release.c.playbook_id)
    found = tx.execute(select(release).where(release.c.number.in_(last)).order_by(release.c.playbook_id))
    return {row.playbook_id: _release(row) for row in found if row.mode != RETIRED}


def history(tx: Connection, playbook_id: str) -> list[Release]:
    """Every release of the playbook, the newest first."""
    found = select(release).where(release.c.playbook_id == playbook_id).order_by(release.c.number.desc())
    return [_release(row) for row in tx.execute(found)]


def since(tx: Connection, playbook_id: str) -> datetime | None:
    """When the playbook was switched on: first applied, or applied again after it was retired."""
    began: datetime | None = None
    for each in reversed(history(tx, playbook_id)):
        began = None if each.mode == RETIRED else began or each.applied_at
    return began


@dataclass(frozen=True, slots=True)
class Standing:
    """Since when a playbook is switched on, and whether everybody was looked at since then; None: it is retired."""

    since: datetime | None
    seen: bool


def standing(tx: Connection) -> dict[str, Standing]:
    """Of every playbook that was ever applied."""
    found: dict[str, Standing] = {}
    for row in tx.execute(select(release).order_by(release.c.number)):
        if row.mode == RETIRED:
            found[row.playbook_id] = Standing(None, False)
            continue
        before = found.get(row.playbook_id, Standing(None, False))
        found[row.playbook_id] = Standing(
            before.since or from_text(row.applied_at), before.seen or row.looked_at is not None)
    return found


def looked(tx: Connection, playbook_ids: Collection[str], now: datetime) -> None:
    """Note that everybody was looked at, for playbooks of whom nobody had been."""
    tx.execute(update(release).where(
        release.c.playbook_id.in_(sorted(playbook_ids)), release.c.looked_at.is_(None), release.c.mode != RETIRED,
    ).values(looked_at=to_text(now)))


def _release(row: object) -> Release:
    values = {name: getattr(row, name) for name in Release.__dataclass_fields__}
    return Release(**{**values, "applied_at": from_text(values["applied_at"])})
