"""The desk at which steps become actions: people, targets and words for some accounts, and the rows that leave it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Literal

import polars as pl

from steward.contracts import Connector
from steward.engine.calendars import Calendar
from steward.engine.durations import Duration
from steward.engine.look import Planned
from steward.model.actions import Action
from steward.model.facts import FactSpec
from steward.model.records import Noun
from steward.pipeline.calendars import CalendarOf
from steward.pipeline.cards import Cause
from steward.pipeline.people import People
from steward.settings import Settings
from steward.store import account_records, records
from steward.store.outbox import OutboxRow

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

TOO_LATE = {"message": timedelta(days=3), "call_webhook": timedelta(days=3)}
TOO_LATE_FOR_WORK = timedelta(days=14)
NAME = "{{ account.name }}"
_MOST_SUBJECT = 200


@dataclass(frozen=True, slots=True)
class Desk:
    """What is known when steps become actions: people, targets, words, the clock."""

    settings: Settings
    connectors: Mapping[str, Connector]
    catalog: Mapping[str, FactSpec]
    people: People
    external_ids: Mapping[str, Mapping[str, str]]
    now: datetime
    calendar_of: CalendarOf
    contacts: Callable[[str], Mapping[str, tuple[str, str]]] = lambda _: {}    # by role: e-mail and name

    days: dict[tuple[Duration, int], date] = field(default_factory=dict)       # found before: by length and calendar

    def due_on(self, cause: Cause, length: Duration) -> date:
        """The day on which what is decided now is due, by the calendar of the playbook's work."""
        calendar = self.calendar(cause)
        alike = length, id(calendar)        # calendars are built once in a run
        if alike not in self.days:
            self.days[alike] = length.day_after(self.now, calendar)
        return self.days[alike]

    def calendar(self, cause: Cause) -> Calendar:
        """The calendar by which the playbook's work is due."""
        return self.calendar_of(
            cause.playbook.calendar, cause.row.get("account.csm_timezone"), cause.row.get("account.timezone"))


@dataclass(frozen=True, slots=True)
class Decided:
    """One action that is decided; `digest`: to be told with others."""

    row: OutboxRow
    digest: bool = False


def desk(
    tx: Transaction, settings: Settings, connectors: Mapping[str, Connector], catalog: Mapping[str, FactSpec],
    account_ids: Sequence[str], *, now: datetime, calendar_of: CalendarOf,
    busy: Callable[[], Mapping[str, int]] = dict, deals: bool = False,
) -> Desk:
    """The desk for the accounts named; `busy` and `deals` as `People.load` wants them."""
    home = calendar_of("owner", None, None).zone
    known = account_records.of_accounts(tx, account_ids)
    people = People.load(tx, settings, known, today=now.astimezone(home).date(), busy=busy, deals=deals)
    return Desk(settings, connectors, catalog, people, account_records.external_ids(known), now, calendar_of,
                partial(_contacts, tx))


def _contacts(tx: Transaction, account_id: str) -> dict[str, tuple[str, str]]:
    """The account's people by role: of several the one who was seen last."""
    rows = records.frame(tx, Noun.CONTACT, [account_id]).filter(
        pl.col("active").fill_null(True), pl.col("email").is_not_null(), pl.col("role").is_not_null(),
    ).sort("last_seen_at", "external_id", nulls_last=False)
    return {row["role"]: (row["email"], row["name"] or "") for row in rows.iter_rows(named=True)}


def target_of(at: Desk, cause: Cause, kind: str, via: str = "") -> tuple[str, str] | None:
    """The connection that can do `kind` and knows the account, and by which external id; `via`: only that one."""
    known = at.external_ids.get(cause.enrollment.account_id, {})
    candidates = (via,) if via else at.settings.routing.cta or tuple(sorted(at.connectors))
    if not via and kind != "open_cta":                      # the system of record first, then any that can
        candidates = tuple(dict.fromkeys((*candidates, *sorted(at.connectors))))
    found = next((name for name in candidates if name in known and can(at.connectors, name, kind)), None)
    return (found, known[found]) if found else None


def can(connectors: Mapping[str, Connector], connection: str, kind: str) -> bool:
    """Whether the connection is there and does such actions."""
    return connection in connectors and kind in connectors[connection].actions


def able(connectors: Mapping[str, Connector], kind: str) -> str:
    """The first connection that does such actions, "" where none does."""
    return next((name for name in sorted(connectors) if kind in connectors[name].actions), "")


def subject_line(at: Desk, cause: Cause) -> str:
    """ "Health drop: Acme"."""
    return f"{cause.playbook.title}: {cause.fill(NAME, at.catalog)}"[:_MOST_SUBJECT]


def row_of(at: Desk, cause: Cause, planned: Planned, connection: str, action: Action) -> OutboxRow:
    """The row of the outbox for an action of this step."""
    connector = at.connectors[connection]
    # Better an escalation twice than none; everything else waits for a person to look.
    on_unknown: Literal["hold", "resend"] = "resend" if planned.part == "escalate" else "hold"
    return OutboxRow(
        key=planned.key, enrollment_id=cause.enrollment.id,
        account_id=cause.enrollment.account_id, playbook_id=cause.playbook.id, connection=connection,
        connector=connector.name, delivery_class=connector.actions[action.kind], action=action, created_at=at.now,
        due_at=at.now, not_after=at.now + TOO_LATE.get(action.kind, TOO_LATE_FOR_WORK), on_unknown=on_unknown)
