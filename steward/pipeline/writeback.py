"""Write back: the facts that stand in the settings' `writeback` in, an `update_record` in the outbox for each change.

What was decided last for each field of each account is kept beside the outbox, in the same transaction: doing it
again decides nothing new. One value of a field is on its way at a time; a newer one follows when that has ended.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from steward.engine.freshness import freshen
from steward.model.actions import IdempotencyKey, UpdateRecord
from steward.model.facts import FactType
from steward.model.words import meant_or_all
from steward.store import facts as snapshots
from steward.store import identity, outbox, written
from steward.store.outbox import OPEN_STATES, OutboxRow
from steward.store.written import PLAYBOOK, Written

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

    from steward.contracts import Connector
    from steward.model.facts import FactSpec
    from steward.settings import Settings, WriteBack
    from steward.store.database import Database

ACTION = "update_record"
MOST_A_ROUND = 2_000                        # rows for one connection: ten calls of 200; 20,000 accounts take ten rounds
MOST_UNPROVEN = 25                          # rows of a field before the first of them was taken by the target
STALE_AFTER = timedelta(days=1)             # a value that was not delivered by then gives way to today's
_DIGITS = {FactType.NUMBER: 1, FactType.MONEY: 2, FactType.RATIO: 4}
_NOT_WRITTEN = ("expired", "cancelled")


@dataclass(frozen=True, slots=True)
class Change:
    """One field of one account that is to be written; `before` is what was written last, None where nothing was."""

    connection: str
    fact: str
    account_id: str
    external_id: str
    field: str
    value: str
    before: str | None
    version: int

    @property
    def key(self) -> IdempotencyKey:
        """Names this value of this field for ever."""
        return IdempotencyKey(f"{PLAYBOOK}/{self.account_id}/{self.connection}/{self.field}/{self.version}")


@dataclass(frozen=True, slots=True)
class FieldReport:
    """One field: how many accounts are to be written now and later, stand as they are, or are left as not known.

    `unproven`: the target has taken none so far, so only a few are tried; `failed` of those that were.
    """

    connection: str
    fact: str
    field: str
    changes: tuple[Change, ...] = ()
    later: int = 0
    on_the_way: int = 0
    unchanged: int = 0
    unknown: int = 0
    unproven: bool = False
    failed: int = 0


@dataclass(frozen=True, slots=True)
class WriteBackReport:
    """What was decided, by field; `wrong`: what the settings ask for and cannot be, in words."""

    fields: tuple[FieldReport, ...] = ()
    wrong: tuple[str, ...] = ()

    @property
    def queued(self) -> int:
        """How many actions."""
        return sum(len(each.changes) for each in self.fields)


def check(settings: Settings, catalog: Mapping[str, FactSpec], connectors: Mapping[str, Connector]) -> list[str]:
    """What is wrong with the settings' `writeback`, in words."""
    return [why for connection, facts in settings.writeback.items() for fact in facts
            if (why := _wrong(settings, connection, fact, catalog, connectors))]


def _wrong(
    settings: Settings, connection: str, fact: str, catalog: Mapping[str, FactSpec],
    connectors: Mapping[str, Connector],
) -> str:
    facts = settings.writeback[connection]
    place = f"{settings.path}: writeback.{connection}.{fact}"
    if connection not in connectors:
        return f'{place}: there is no connection "{connection}"{meant_or_all(connection, connectors)}'
    if ACTION not in connectors[connection].actions:
        return f'{place}: "{connectors[connection].name}" writes no fields of accounts. Take it out.'
    known = [name for name, spec in catalog.items() if spec.subject == "account"]
    if fact not in known:
        return f'{place}: there is no fact "{fact}" about accounts{meant_or_all(fact, known)}'
    first = next(name for name, each in facts.items() if each.field == facts[fact].field)
    if first != fact:
        return f'{place}: "{first}" is written into "{facts[fact].field}" already. Give each its own field.'
    return ""


def write_back(
    db: Database, settings: Settings, catalog: Mapping[str, FactSpec], connectors: Mapping[str, Connector],
    now: datetime,
) -> WriteBackReport:
    """Put what changed since it was last written into the outbox. What the settings have wrong is left out and told."""
    if not settings.writeback:
        return WriteBackReport()
    # Looked at outside of the transaction that writes: that one is short. Two that decide at once decide the same
    # numbers, and of one number the first value stands, here and in the outbox.
    report = plan_write_back(db, settings, catalog, connectors, now)
    changes = [change for each in report.fields for change in each.changes]
    if changes:
        with db.write() as tx:
            outbox.add(tx, [_row(change, connectors, now) for change in changes])
            written.put(tx, [Written(
                each.connection, each.account_id, each.field, each.external_id, each.value, each.version, each.key,
            ) for each in changes], now)
    return report


def plan_write_back(
    db: Database, settings: Settings, catalog: Mapping[str, FactSpec], connectors: Mapping[str, Connector],
    now: datetime,
) -> WriteBackReport:
    """What `write_back` would decide now; nothing is written."""
    with db.read() as tx:
        return _decide(tx, settings, catalog, connectors, now)


def _decide(
    tx: Transaction, settings: Settings, catalog: Mapping[str, FactSpec], connectors: Mapping[str, Connector],
    now: datetime,
) -> WriteBackReport:
    wrong = tuple(check(settings, catalog, connectors))
    right = {connection: {fact: spec for fact, spec in facts.items()
                          if not _wrong(settings, connection, fact, catalog, connectors)}
             for connection, facts in settings.writeback.items()}
    names = sorted({fact for facts in right.values() for fact in facts})
    groups = sorted({f"as_of.{catalog[name].group}" for name in names})
    snapshot = snapshots.latest(tx, names=[*names, *groups]) if names else None
    if snapshot is None:
        return WriteBackReport(wrong=wrong)
    frame = freshen(snapshot.frame, names, catalog, now)
    accounts = frame["account_id"].to_list()
    reports = []
    for connection, facts in right.items():
        ids, room = identity.live_ids(tx, connection), MOST_A_ROUND
        for fact, spec in facts.items():
            values = {account_id: (ids[account_id], _as_text(value, catalog[fact], spec))
                      for account_id, value in zip(accounts, frame[fact].to_list(), strict=True) if account_id in ids}
            report = _Field(connection, fact, spec, written.of(tx, connection, spec.field)).report(values, room)
            room -= len(report.changes)
            reports.append(report)
    return WriteBackReport(tuple(reports), wrong)


@dataclass(slots=True)
class _Field:
    """One fact and the field that it is written into."""

    _connection: str
    _fact: str
    _spec: WriteBack
    _before: Mapping[str, Written]
    _counts: Counter[str] = field(default_factory=Counter)

    def report(self, values: Mapping[str, tuple[str, str | None]], room: int) -> FieldReport:
        # What stands there and is wrong goes before what does not stand there yet.
        changes = sorted(self._changes(values), key=lambda each: (each.before is None, each.account_id))
        states = Counter(each.state for each in self._before.values())
        unproven = not states["delivered"]
        if unproven:
            tried = sum(states.values()) - sum(states[name] for name in _NOT_WRITTEN)
            room = min(room, max(0, MOST_UNPROVEN - tried))
        return FieldReport(
            self._connection, self._fact, self._spec.field, tuple(changes[:room]), later=len(changes[room:]),
            on_the_way=self._counts["on_the_way"], unchanged=self._counts["unchanged"],
            unknown=self._counts["unknown"], unproven=unproven, failed=states["failed"] + states["unknown"])

    def _changes(self, values: Mapping[str, tuple[str, str | None]]) -> Iterator[Change]:
        for account_id, (external_id, known) in values.items():
            last = self._before.get(account_id)
            if last is not None and last.state in OPEN_STATES:
                self._counts["on_the_way"] += 1
                continue
            if known is None and (not self._spec.empty or last is None):
                self._counts["unknown"] += 1
                continue
            value = known or ""
            stands = last is not None and last.state not in _NOT_WRITTEN
            if last and stands and (last.value, last.external_id) == (value, external_id):
                self._counts["unchanged"] += 1
                continue
            yield Change(self._connection, self._fact, account_id, external_id, self._spec.field, value,
                         last.value if last and stands else None, last.version + 1 if last else 1)


def _row(change: Change, connectors: Mapping[str, Connector], now: datetime) -> OutboxRow:
    connector = connectors[change.connection]
    return OutboxRow(
        key=change.key, enrollment_id=f"{PLAYBOOK}/{change.account_id}", account_id=change.account_id,
        playbook_id=PLAYBOOK, connection=change.connection, connector=connector.name,
        delivery_class=connector.actions[ACTION], created_at=now, due_at=now, not_after=now + STALE_AFTER,
        action=UpdateRecord(noun="account", external_id=change.external_id, field=change.field, value=change.value))


def _as_text(value: Any, fact: FactSpec, spec: WriteBack) -> str | None:
    """The value as it is written; None where it is not known."""
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    if not isinstance(value, (int, float)):
        return str(value)
    if value != value:  # noqa: PLR0124  NaN alone differs from itself
        return None
    digits = spec.digits if spec.digits is not None else _DIGITS.get(fact.type, 0)
    text = f"{value * 100 if spec.percent else value:.{digits}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text
