"""Keeps published data sources up to date: one for each table of the star.

Delivery class A: an update carries the key as its RequestID, and Tableau runs a RequestID once. A data source that is
not there yet is made empty first, which may happen twice without harm.
"""

from __future__ import annotations

import tempfile
from datetime import timedelta
from pathlib import Path

from connectors.tableau import hyper
from connectors.tableau.settings import TableauSettings
from connectors.tableau.site import Site, Source, Tableau
from steward.contracts import Tools
from steward.kit.published import rows_of, table_of
from steward.model.actions import Action, ExtendTable, IdempotencyKey, PublishTable, Receipt
from steward.model.errors import RecordRejected
from steward.model.star import StarTable


class TableauSink:
    """One project of one site."""

    def __init__(self, settings: TableauSettings, tableau: Tableau, tools: Tools) -> None:
        self._settings, self._tableau, self._tools = settings, tableau, tools

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Make the data source be what the action says, and wait until it is.

        Raises:
            RecordRejected: the update failed, or what should be extended is not there.
            OutcomeUnknown: it is under way; the same key looks at the same job.
        """
        if not isinstance(action, PublishTable | ExtendTable):
            raise RecordRejected(f'tableau cannot do "{action.kind}"; it can do publish_table and extend_table', "kind")
        table = table_of(action)
        site = self._tableau.signed_in()
        with tempfile.TemporaryDirectory(prefix="steward-tableau-") as folder:   # gone when this is over
            source = self._ready(site, table, action, Path(folder))
            file = Path(folder) / f"{table.name}.hyper"
            actions = _written(file, table, action)
            job = site.update(source, key, actions, site.upload(file))
        site.wait(job)
        return Receipt(external_id=f"{source.id}/{job}", url=source.url, delivered_at=self._tools.now())

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """None: Tableau names no job by its RequestID; the same one may simply be sent again, it runs once."""
        return None

    def _ready(self, site: Site, table: StarTable, action: PublishTable | ExtendTable, folder: Path) -> Source:
        """The data source, made for the schema version of the action."""
        name, project_id = f"{self._settings.prefix}{table.name}", site.project_id()
        found = site.source(name, project_id)
        if found is not None and found.schema_version == action.schema_version:
            return found
        if isinstance(action, ExtendTable):
            raise RecordRejected(f'tableau: the data source "{name}" is gone or of another version: nothing is there '
                                 "to extend. The next publication brings the whole: steward publish --now", "table")
        empty = folder / "empty.hyper"
        hyper.write(empty, rows_of(action).clear())
        return site.make(name, project_id, empty, action.schema_version, over=found is not None)


def _written(file: Path, table: StarTable, action: PublishTable | ExtendTable) -> list[dict[str, object]]:
    """The rows as the file to upload, and what Tableau shall do with it."""
    frame = rows_of(action)
    if isinstance(action, PublishTable):
        hyper.write(file, frame)
        return hyper.replace_all()
    last = max([action.as_of.date() + timedelta(days=1), *frame[table.dated_by].drop_nulls().to_list()])
    hyper.write_with_days(file, frame, table.dated_by, action.since, last)
    return hyper.replace_days(table.dated_by)
