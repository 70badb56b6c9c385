"""Versions in flight: enrollments end on the version that they entered with, or go on with the live one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from steward.engine.language import OnUpdate, Playbook
from steward.engine.load import reload
from steward.engine.migrate import migrate
from steward.model.enrollments import Decision, Enrollment
from steward.model.errors import PlaybookError
from steward.model.facts import FactSpec
from steward.store import enrollments, versions

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

_FLYING = pl.col("state").is_in(["active", "recovering"])


@dataclass
class Editions:
    """Of one playbook: its older versions that something is in flight on, and what was moved on to the live one.

    `opened` is the light frame with the versions as they are now; `moved` are enrollments that must be saved.
    """

    opened: pl.DataFrame
    older: dict[str, Playbook] = field(default_factory=dict)
    moved: dict[str, Enrollment] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)


def editions(
    tx: Transaction, playbook: Playbook, opened: pl.DataFrame, catalog: Mapping[str, FactSpec], now: datetime,
) -> Editions:
    """Load what is in flight on other versions, and migrate it where the playbook says so."""
    found = Editions(opened)
    behind = opened.filter(_FLYING, pl.col("version") != playbook.version)
    if behind.is_empty():
        return found
    wanted = [(playbook.id, version) for version in sorted(set(behind["version"]))]
    bodies = versions.bodies(tx, wanted)
    for pair in wanted:
        label = f"{pair[0]}@{pair[1]}"
        try:
            if pair not in bodies:
                raise PlaybookError(f"{label} is not stored")
            found.older[pair[1]] = reload(
                bodies[pair], label, catalog, mode=playbook.mode, ramp=playbook.ramp, priority=playbook.priority)
        except PlaybookError as error:
            first = str(error).splitlines()[0]
            found.trouble.append(f"{label} can be read no more, so what is in flight on it stands still: {first}")
    if playbook.on_update is OnUpdate.MIGRATE:
        _migrate(tx, playbook, behind, found, now)
    return found


def _migrate(tx: Transaction, playbook: Playbook, behind: pl.DataFrame, found: Editions, now: datetime) -> None:
    ids = behind.filter(pl.col("version").is_in(list(found.older)))["id"].to_list()
    on_live = []
    for enrollment in enrollments.by_id(tx, ids).values():
        done = migrate(enrollment, found.older[enrollment.version], playbook)
        if done.enrollment is not enrollment:
            found.moved[enrollment.subject_id] = done.enrollment
        if done.mapped is None:
            continue
        on_live.append(enrollment.subject_id)
        where = "all steps are done" if done.mapped == "end" else f"goes on at {done.mapped}"
        state = enrollment.state.value
        why = f"migrated from {enrollment.version} to {playbook.version}: {where}"
        found.decisions.append(Decision(
            enrollment.id, playbook.id, enrollment.account_id, now, state, state, why, version=playbook.version))
    went = pl.col("subject_id").is_in(on_live)
    stayed = pl.col("subject_id").is_in(list(found.moved))
    found.opened = found.opened.with_columns(
        version=pl.when(went).then(pl.lit(playbook.version)).otherwise("version"),
        looks_each_run=pl.col("looks_each_run") | went | stayed)
