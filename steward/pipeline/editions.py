"""Versions: what is live, and what is in flight on others, which ends there or goes on with the live one.

A version that can be read no more, as when a fact of the company's own is gone, stops nothing but itself: what is open
on it stands still, its clocks too, until it can be read again, is migrated or retired.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from steward.engine.clocks import each_run, stopped
from steward.engine.language import Mode, OnUpdate, Playbook
from steward.engine.load import reload
from steward.engine.migrate import migrate
from steward.model.enrollments import Decision, Enrollment
from steward.model.errors import ConfigError, PlaybookError
from steward.model.facts import FactSpec
from steward.pipeline.calendars import CalendarOf
from steward.store import enrollments, numbering, versions
from steward.store.releases import Release

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

_EVENT = re.compile(r"[\w-]+(?:\.[\w-]+)*")      # anything else is a condition
_FLYING = pl.col("state").is_in(["active", "recovering"])


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A playbook that is live and cannot be evaluated; `why` says so in words, and what to do."""

    playbook_id: str
    version: str
    mode: str
    why: str


def read_live(
    live: Mapping[str, Release], bodies: Mapping[tuple[str, str], str], catalog: Mapping[str, FactSpec],
) -> tuple[tuple[Playbook, ...], tuple[Unreadable, ...]]:
    """The playbooks that are live, as they were applied; and those that can be read no more."""
    playbooks: list[Playbook] = []
    broken: list[Unreadable] = []
    for name, each in live.items():
        label = f"{name}@{each.version}"
        try:
            if (name, each.version) not in bodies:
                raise PlaybookError(f"{label} is not stored")
            playbooks.append(reload(bodies[name, each.version], label, catalog, mode=Mode(each.mode), ramp=each.ramp,
                                    priority=each.priority))
        except PlaybookError as error:
            why = _no_more(label, error, f"apply another version of it, or run: steward playbook retire {name}")
            broken.append(Unreadable(name, each.version, each.mode, why))
    return tuple(playbooks), tuple(broken)


def awaited(tx: Transaction) -> set[str]:
    """The events that undo what is in flight, as its versions name them, live or not."""
    bodies = versions.bodies(tx, numbering.in_flight(tx))
    said = (json.loads(body) for body in bodies.values())
    asked = (each.get("revoke_on") for each in said if isinstance(each, dict))
    return {name for name in asked if isinstance(name, str) and _EVENT.fullmatch(name)}


def no_calendar(playbook: Playbook, calendar_of: CalendarOf) -> str:
    """Why the playbook cannot be evaluated, "" where its calendar is there."""
    try:
        calendar_of(playbook.calendar, None, None)
    except ConfigError as error:
        return f"{playbook.label} stands still: {error}"
    return ""


def stand_still(tx: Transaction, opened: pl.DataFrame, now: datetime) -> None:
    """Stop the clocks of these, which nobody can look at now: what is not observed does not count."""
    for (playbook_id,), part in opened.filter(~pl.col("held")).group_by("playbook_id"):
        running = enrollments.open_by_subject(tx, str(playbook_id), part["subject_id"].to_list()).values()
        enrollments.save(tx, [
            replace(stopped(each, now), wake_at=each_run(each)) for each in running if each.looked_at <= now])


def _no_more(label: str, error: PlaybookError, remedy: str) -> str:
    return (f"{label} can be read no more, so what is open on it stands still: {str(error).splitlines()[0]} "
            f"Put back what it needs, or {remedy}.")


@dataclass
class Editions:
    """Of one playbook: its older versions that something is in flight on, and what was moved on to the live one.

    `opened` is the light frame with the versions as they are now; `moved` are enrollments that must be saved; `still`
    are the older versions that nobody can look with.
    """

    opened: pl.DataFrame
    older: dict[str, Playbook] = field(default_factory=dict)
    moved: dict[str, Enrollment] = field(default_factory=dict)
    decisions: list[Decision] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    still: list[str] = field(default_factory=list)


def editions(  # noqa: PLR0917  # `evaluate` asks it
    tx: Transaction, playbook: Playbook, opened: pl.DataFrame, catalog: Mapping[str, FactSpec], now: datetime,
    calendar_of: CalendarOf,
) -> Editions:
    """Load what is in flight on other versions, and migrate it where the playbook says so."""
    found = Editions(opened)
    if not (opened["version"] != playbook.version).any():
        return found
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
            found.still.append(pair[1])
            found.trouble.append(_no_more(label, error, f"run: steward playbook retire {playbook.id}"))
    if playbook.on_update is OnUpdate.MIGRATE:
        _migrate(tx, playbook, behind, found, now)
    for version, why in [(each, why) for each, old in found.older.items() if (why := no_calendar(old, calendar_of))]:
        del found.older[version]
        if found.opened.filter(_FLYING, pl.col("version") == version).height:
            found.still.append(version)
            found.trouble.append(why)
    stand_still(tx, found.opened.filter(_FLYING, pl.col("version").is_in(found.still)), now)
    return found


def _migrate(tx: Transaction, playbook: Playbook, behind: pl.DataFrame, found: Editions, now: datetime) -> None:
    subjects = behind.filter(pl.col("version").is_in(list(found.older)))["subject_id"].to_list()
    on_live = []
    for enrollment in enrollments.open_by_subject(tx, playbook.id, subjects).values():
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
