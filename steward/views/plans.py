"""What a playbook would do now, and why it did or did not do something for one account."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import polars as pl

from steward.engine.calendars import Calendar
from steward.engine.explain import Explanation
from steward.engine.explain import explain as explain_row
from steward.engine.freshness import freshen, freshen_row
from steward.engine.gates import Gates
from steward.engine.plan import Plan, Today
from steward.engine.plan import plan as plan_today
from steward.model.enrollments import State
from steward.model.errors import ConfigError
from steward.store import enrollments as store_enrollments
from steward.store import facts as store_facts
from steward.views.enrollments import is_entry
from steward.views.find import NOTHING_DERIVED, find_account, row_of

if TYPE_CHECKING:
    from steward.engine.language import Playbook
    from steward.model.facts import FactSpec
    from steward.settings import Settings
    from steward.store.database import Database

_DO_NOT_CONTACT = "account.do_not_contact"


def plan(
    db: Database, playbook: Playbook, catalog: Mapping[str, FactSpec], settings: Settings, now: datetime, *,
    before: Playbook | None = None,
) -> Plan:
    """Who would enter, leave and stay if `playbook` were evaluated now; performs nothing.

    With `before`, the playbook as it is live: whom the change of its conditions brings in and takes out.
    """
    with db.read() as tx:
        snapshot = store_facts.latest(tx)
        if snapshot is None:
            raise ConfigError(NOTHING_DERIVED)
        today = Today(
            snapshot.frame, catalog, now, Calendar(ZoneInfo(settings.company.timezone)),
            store_enrollments.open_of(tx, playbook.id), store_enrollments.last_closed(tx, playbook.id),
            _gates(tx, playbook, snapshot.frame, catalog, now))
    return plan_today(playbook, today, before)


def _gates(
    tx: Any, playbook: Playbook, frame: pl.DataFrame, catalog: Mapping[str, FactSpec], now: datetime,
) -> dict[str, Gates]:
    """The gates of every account that has one which may say no."""
    silent: set[str] = set()
    if _DO_NOT_CONTACT in frame.columns and _DO_NOT_CONTACT in catalog:
        fresh = freshen(frame, (_DO_NOT_CONTACT,), catalog, now)
        silent = set(fresh.filter(pl.col(_DO_NOT_CONTACT))["account_id"].to_list())
    inhibitors: dict[str, str] = {}
    for name in playbook.inhibited_by:
        for account_id, found in store_enrollments.open_of(tx, name).items():
            if found.state is not State.BLOCKED:
                inhibitors.setdefault(account_id, name)
    return {each: Gates(each in silent, inhibitors.get(each, "")) for each in silent | inhibitors.keys()}


def explain(  # noqa: PLR0917  # a view takes plain parts, not the hub
    db: Database, playbook: Playbook, catalog: Mapping[str, FactSpec], settings: Settings, wanted: str, now: datetime,
) -> Explanation:
    """Why `playbook` did or did not fire for the account that `wanted` means.

    Raises:
        ConfigError: there is no such account, or several, or nothing is derived yet.
    """
    with db.read() as tx:
        account_id = find_account(tx, wanted)
        row, _ = row_of(tx, account_id)
        opened = store_enrollments.open_of(tx, playbook.id, [account_id]).get(account_id)
        closed = store_enrollments.last_closed(tx, playbook.id, [account_id]).get(account_id)
        decisions = store_enrollments.decisions(tx, enrollment_id=opened.id) if opened else []
        inhibitor = next((
            name for name in playbook.inhibited_by
            if (found := store_enrollments.open_of(tx, name, [account_id]).get(account_id))
            and found.state is not State.BLOCKED), "")
    silent = freshen_row(row, catalog, now).get(_DO_NOT_CONTACT) is True
    return explain_row(
        playbook, row, catalog, now, enrollment=opened, last_closed=closed,
        calendar=Calendar(ZoneInfo(settings.company.timezone)), gates=Gates(silent, inhibitor),
        entry=next((each for each in decisions if is_entry(each)), None))
