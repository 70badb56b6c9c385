"""What a playbook would do now: who enters, leaves and stays, whom a gate holds; performs nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from steward.engine.freshness import freshen
from steward.engine.language import Mode
from steward.engine.plan import Plan, Today
from steward.engine.plan import plan as plan_today
from steward.engine.sweep import opened_frame, sweep
from steward.model.errors import ConfigError
from steward.pipeline import happenings
from steward.pipeline.calendars import calendars
from steward.store import enrollments as store_enrollments
from steward.store import releases
from steward.views.find import NOTHING_DERIVED
from steward.views.gate_words import gates_as_now
from steward.views.subjects import frames_of

if TYPE_CHECKING:
    from steward.engine.language import Playbook
    from steward.model.facts import FactSpec
    from steward.settings import Settings
    from steward.store.database import Database


def plan(  # noqa: PLR0917  # a view takes plain parts, not the hub
    db: Database, playbook: Playbook, catalog: Mapping[str, FactSpec], settings: Settings, now: datetime,
    live: Sequence[Playbook] = (), *, before: Playbook | None = None,
) -> Plan:
    """Who would enter, leave and stay if `playbook` were evaluated now beside those that are `live`; performs nothing.

    With `before`, the playbook as it is live: whom the change of its conditions brings in and takes out.
    """
    with db.read() as tx:
        frames = frames_of(tx, playbook, catalog, now)
        if frames is None:
            raise ConfigError(NOTHING_DERIVED)
        seen = frames.of(playbook.subject)
        if seen is None:
            return Plan(playbook.id, playbook.version, (), (), 0, 0, mode=playbook.mode.value)
        calendar = calendars(settings, now)(playbook.calendar, None, None)
        opened = store_enrollments.open_of(tx, playbook.id)
        closed = store_enrollments.last_closed(tx, playbook.id)
        active = replace(playbook, mode=Mode.LIVE) if playbook.mode is Mode.PAUSED else playbook
        told = happenings.read(tx, active, opened, since=releases.since(tx, playbook.id), now=now, account_ids=None)
        asked = {subject: cause for subject in told.asking if (cause := told.cause(subject))}
        fresh = freshen(seen.frame, catalog, catalog, now)
        looks = sweep(active, fresh, opened_frame(opened.values()), now, asked).looks
        gates = gates_as_now(
            tx, active, [each for each in live if each.id != playbook.id], frames, seen, looks, opened=opened,
            closed=closed, now=now, calendar=calendar, whole=True)
        return plan_today(playbook, Today(seen.frame, catalog, now, calendar, opened, closed, gates, asked), before)
