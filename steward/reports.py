"""What a door may ask about reports: bring them up to date, write them as files, publish them, connect to them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from steward.model.errors import ConfigError
from steward.reporting import chosen

if TYPE_CHECKING:
    from steward.pipeline.deliver import DeliverReport
    from steward.pipeline.publish import PublishReport
    from steward.pipeline.tabulate import TabulateReport
    from steward.store.outbox import OutboxRow
    from steward.views.export import ExportReport
    from steward.wiring import Hub


def tabulate(hub: Hub) -> TabulateReport:
    """Bring the tables and views that reports read up to date."""
    from steward.pipeline import tabulate as verb

    return verb.tabulate(hub.db, hub.settings, hub.clock())


def export(
    hub: Hub, folder: Path, format_: str, tables: Sequence[str] = (), since: date | None = None,
) -> ExportReport:
    """Write what reports read, brought up to date, as files into `folder`."""
    from steward.views import export as view

    chosen(tables)                          # a name that is wrong, before anything is done
    tabulate(hub)
    return view.export(hub.db, folder, format_, hub.clock(), tables=tables, since=since)


def due(hub: Hub) -> Mapping[str, datetime]:
    """By connection that has something to get, since when. Raises ConfigError where `publish` is wrong."""
    from steward.pipeline import publish as verb

    return verb.due(hub.db, hub.settings, hub.connectors, hub.clock())


def publish(
    hub: Hub, names: Sequence[str] = (), *, anew: bool = False, on_done: Callable[[OutboxRow, str], None] | None = None,
) -> tuple[PublishReport, DeliverReport]:
    """Queue what the connections of `publish` are due, and deliver it and what still waits of before; apart from all
    other actions, as a table may take minutes.

    Raises:
        ConfigError: `publish` in the settings is wrong.
    """
    from steward.pipeline import publish as verb

    now = hub.clock()
    if verb.due(hub.db, hub.settings, hub.connectors, now, names=names, anew=anew):
        tabulate(hub)
    queued = verb.publish(hub.db, hub.settings, hub.connectors, now, names=names, anew=anew)
    return queued, hub.deliver(on_done, publishing=True)


def connection_files(hub: Hub) -> dict[str, str]:
    """By name, the files with which BI tools open the views of the hub's database.

    Raises:
        ConfigError: it is SQLite, which nobody reads over a network.
    """
    from steward.views import export as view

    if hub.db.address is None:
        raise ConfigError("BI tools read live from PostgreSQL: set store.url to one. SQLite is one file on this "
                          "machine; write files for them with: steward export --to DIR")
    tabulate(hub)
    return view.connection_files(*hub.db.address)
