"""Publish: what reports read becomes actions for the BI tools that `publish` in steward.yaml names.

The rows stand in files that nothing changes, so that whatever is sent again is the same; then the outbox does the rest:
a key is used once, for ever. Tables that only grow are extended where the connector can; once a week they go whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import polars as pl

from steward.contracts import Connector
from steward.model.actions import Action, ExtendTable, IdempotencyKey, PublishTable, RefreshDataset
from steward.model.errors import ConfigError
from steward.model.star import StarTable
from steward.model.words import meant_or_all
from steward.reporting import STAR, chosen
from steward.settings import PublishBlock, Settings
from steward.store import outbox, publications, reporting
from steward.store.database import Database
from steward.store.outbox import OutboxRow
from steward.store.publications import Sent

LANE = "publish"
OVERLAP = timedelta(days=3)
WHOLE_AFTER = timedelta(days=7)
TOO_LATE = timedelta(hours=24)
_EPOCH = datetime(2000, 1, 3, tzinfo=UTC)   # a Monday


@dataclass(frozen=True, slots=True)
class PublishReport:
    """By connection, the tables that were queued, each with its number of rows; "" stands for a refresh."""

    queued: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


def publish(
    db: Database, settings: Settings, connectors: Mapping[str, Connector], now: datetime, *,
    names: Sequence[str] = (), anew: bool = False,
) -> PublishReport:
    """Queue what is due for each connection of `publish`, or of `names`: once in each of its periods, or `anew` now.

    Raises:
        ConfigError: a connection is not there or cannot take tables, or there is no table of a name.
    """
    periods = due(db, settings, connectors, now, names=names, anew=anew)
    blocks = {name: settings.publish[name] for name in periods}
    with db.read() as tx:
        frames = {table.name: reporting.frame(tx, table) for block in blocks.values() if not block.refresh
                  for table in chosen(block.tables)}
        sent = {name: publications.sent(tx, name) for name in blocks}
    today = now.astimezone(ZoneInfo(settings.company.timezone)).date()
    queued: dict[str, dict[str, int]] = {}
    for name, block in blocks.items():
        made = _Made(db, block, connectors[name], now, today)
        actions = made.refresh() if block.refresh else {
            table.name: made.table(table, frames[table.name], sent[name].get(table.name, ()))
            for table in chosen(block.tables)}
        rows = [_row(name, connectors[name], _key(name, what, periods[name]), action, now)
                for what, action in actions.items()]
        with db.write() as tx:
            outbox.add(tx, rows)
        queued[name] = {what: getattr(action, "rows", 0) for what, action in actions.items()}
    return PublishReport(queued)


def due(
    db: Database, settings: Settings, connectors: Mapping[str, Connector], now: datetime, *,
    names: Sequence[str] = (), anew: bool = False,
) -> dict[str, datetime]:
    """By connection that is due, when its period began. Raises as `publish`."""
    blocks = _blocks(settings, connectors, names)
    periods = {name: now if anew else _period(block, now) for name, block in blocks.items()}
    keys = {name: {_key(name, what, periods[name]) for what in _wanted(block)} for name, block in blocks.items()}
    with db.read() as tx:
        used = outbox.used(tx, [key for mine in keys.values() for key in mine])
    return {name: period for name, period in periods.items() if not keys[name] <= used}


@dataclass(frozen=True, slots=True)
class _Made:
    """What one connection is sent."""

    _db: Database
    _block: PublishBlock
    _connector: Connector
    _now: datetime
    _today: date

    def refresh(self) -> dict[str, Action]:
        return {"": RefreshDataset(as_of=self._now)}

    def table(self, table: StarTable, frame: pl.DataFrame, sent: Sequence[Sent]) -> PublishTable | ExtendTable:
        """The whole table, or the days that are new since `sent`, the latest first."""
        if self._block.days is not None and table.dated_by:
            frame = _since(table, frame, self._today - timedelta(days=self._block.days - 1))
        since = self._since(table, sent)
        if since is not None:
            frame = _since(table, frame, since)
        path, digest = publications.write(self._db.data_dir, table.name, frame, self._now)
        whole = PublishTable(table=table.name, schema_version=STAR.version, as_of=self._now, file=str(path),
                             sha256=digest, rows=frame.height)
        return whole if since is None else ExtendTable(since=since, **whole.model_dump(exclude={"kind"}))

    def _since(self, table: StarTable, sent: Sequence[Sent]) -> date | None:
        """From which day on the target lacks something; None where it must get the whole: the first time, once a week,
        and where the last did not arrive."""
        if not table.grows or "extend_table" not in self._connector.actions or self._block.days is not None:
            return None
        mine = [each for each in sent if each.action.schema_version == STAR.version]
        whole = next((each.action for each in mine if each.arrived and isinstance(each.action, PublishTable)), None)
        if whole is None or not mine[0].arrived or self._now - whole.as_of >= WHOLE_AFTER:
            return None
        return mine[0].action.as_of.date() - OVERLAP


def _since(table: StarTable, frame: pl.DataFrame, first: date) -> pl.DataFrame:
    dated = pl.col(table.dated_by)
    return frame.filter((dated.dt.date() if frame.schema[table.dated_by] != pl.Date else dated) >= first)


def _blocks(
    settings: Settings, connectors: Mapping[str, Connector], names: Sequence[str],
) -> dict[str, PublishBlock]:
    if not settings.publish:
        raise ConfigError(f'"{settings.path}" publishes to nobody. Add there, with the name of a connection to Tableau '
                          "or Power BI: publish: {NAME: {}}")
    for name in names:
        if name not in settings.publish:
            raise ConfigError(f'"{settings.path}": `publish` has no "{name}"{meant_or_all(name, settings.publish)}')
    found = {name: block for name, block in settings.publish.items() if not names or name in names}
    for name, block in found.items():
        kind = "refresh_dataset" if block.refresh else "publish_table"
        if name not in connectors:
            raise ConfigError(f'{settings.path}: publish.{name}: there is no connection "{name}"'
                              f"{meant_or_all(name, connectors)}")
        if kind not in connectors[name].actions:
            raise ConfigError(f'{settings.path}: publish.{name}: {connectors[name].title} cannot do "{kind}"')
        chosen(block.tables)
    return found


def _wanted(block: PublishBlock) -> list[str]:
    return [""] if block.refresh else [table.name for table in chosen(block.tables)]


def _period(block: PublishBlock, now: datetime) -> datetime:
    """When the period of `now` began: a restart, or a second flow, is in the same."""
    return now - (now - _EPOCH) % block.every


def _key(name: str, table: str, period: datetime) -> IdempotencyKey:
    at = f"{period.astimezone(UTC):%Y-%m-%dT%H:%M:%S}"
    return IdempotencyKey(f"{LANE}/{name}/{table or 'refresh'}/v{STAR.version}/{at}")


def _row(name: str, connector: Connector, key: IdempotencyKey, action: Action, now: datetime) -> OutboxRow:
    return OutboxRow(
        key=key, enrollment_id="", account_id=LANE, playbook_id="", connection=name, connector=connector.name,
        delivery_class=connector.actions[action.kind], action=action, created_at=now, due_at=now,
        not_after=now + TOO_LATE, on_unknown="resend")      # loading the same again shows the same
