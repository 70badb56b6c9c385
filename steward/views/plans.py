"""What a playbook would do now: who enters, leaves and stays, whom a gate holds; performs nothing."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from steward.engine.freshness import freshen
from steward.engine.gates import Gates
from steward.engine.plan import Plan, Today
from steward.engine.plan import plan as plan_today
from steward.model.enrollments import State
from steward.model.errors import ConfigError
from steward.pipeline.calendars import calendars
from steward.store import enrollments as store_enrollments
from steward.store import silences
from steward.views.find import NOTHING_DERIVED
from steward.views.standing import DO_NOT_CONTACT, matches
from steward.views.subjects import seen

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

    from steward.engine.language import Playbook
    from steward.model.facts import FactSpec
    from steward.settings import Settings
    from steward.store.database import Database


def plan(
    db: Database, playbook: Playbook, catalog: Mapping[str, FactSpec], settings: Settings, now: datetime, *,
    before: Playbook | None = None,
) -> Plan:
    """Who would enter, leave and stay if `playbook` were evaluated now; performs nothing.

    With `before`, the playbook as it is live: whom the change of its conditions brings in and takes out.
    """
    with db.read() as tx:
        found = seen(tx, playbook)
        if found is None:
            raise ConfigError(NOTHING_DERIVED)
        opened = store_enrollments.open_of(tx, playbook.id)
        today = Today(
            found.frame, catalog, now, calendars(settings, now)(playbook.calendar, None, None), opened,
            store_enrollments.last_closed(tx, playbook.id), _gates(tx, playbook, found.frame, catalog, now))
    return plan_today(playbook, today, before)


def _gates(
    tx: Transaction, playbook: Playbook, frame: pl.DataFrame, catalog: Mapping[str, FactSpec], now: datetime,
) -> dict[str, Gates]:
    """The gates of every subject that has one which may say no."""
    quiet = silences.active(tx, now)
    asked = {DO_NOT_CONTACT, "account.csm_email", *(name for each in quiet for name in each.matchers)}
    key = "subject_id" if "subject_id" in frame.columns else "account_id"
    names = [name for name in dict.fromkeys((key, "account_id", *sorted(asked))) if name in frame.columns]
    rows = freshen(frame.select(*names, *(name for name in frame.columns if name.startswith("as_of."))),
                   asked, catalog, now)
    inhibitors: dict[str, str] = {}
    for name in playbook.inhibited_by:
        for found in store_enrollments.open_of(tx, name).values():
            if found.state is not State.BLOCKED:
                inhibitors.setdefault(found.account_id, name)
    out = {}
    for row in rows.iter_rows(named=True):
        silenced = next((each.text for each in quiet if matches(each.matchers, playbook.id, row)), "")
        gates = Gates(row.get(DO_NOT_CONTACT) is True, inhibitors.get(row["account_id"], ""), silenced=silenced)
        if gates != _OPEN:
            out[row[key]] = gates
    return out


_OPEN = Gates()
