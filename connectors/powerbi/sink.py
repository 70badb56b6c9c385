"""Loads tables into a push dataset, and asks a dataset to refresh.

Power BI enforces no key. A table is emptied and filled, which may be done again; the last thing written is a row of
our own table `publication` with the key (class B: it is looked for). A refresh carries no key at all (class C).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from urllib.parse import quote

from connectors.powerbi.client import PowerBi, table_path
from connectors.powerbi.settings import PowerBiSettings
from connectors.powerbi.tables import MOST_ROWS_AN_HOUR, PUBLICATIONS, dataset, described, pieces, same_columns
from steward.contracts import Tools
from steward.kit.published import rows_of, table_of
from steward.model.actions import Action, IdempotencyKey, PublishTable, Receipt, RefreshDataset
from steward.model.errors import ConfigError, OutcomeUnknown, RecordRejected
from steward.model.star import StarTable
from steward.reporting import STAR

_APART_S = 0.5                              # 120 calls with rows a minute, at most


class PowerBiSink:
    """One dataset of one workspace."""

    def __init__(self, settings: PowerBiSettings, client: PowerBi, tools: Tools) -> None:
        self._settings, self._client, self._tools = settings, client, tools

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Load the table, or ask for the refresh.

        Raises:
            RecordRejected: there are more rows than Power BI takes, or the dataset lacks the table.
        """
        if isinstance(action, PublishTable):
            return self._load(action, key)
        if isinstance(action, RefreshDataset):
            return self._refresh(key)
        raise RecordRejected(f'powerbi cannot do "{action.kind}"; it can do publish_table and refresh_dataset', "kind")

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """The receipt of the table that was loaded whole under `key`, by the dataset's own table `publication`."""
        if not isinstance(action, PublishTable):
            raise OutcomeUnknown("powerbi: a refresh carries no key, so nobody can tell whether it was asked for. See "
                                 "the refresh history of the dataset")
        found = self._dataset()
        if found is None:
            return None
        wanted = str(key).replace('"', '""')
        dax = f"EVALUATE FILTER('{PUBLICATIONS}', '{PUBLICATIONS}'[key] = \"{wanted}\")"
        rows = self._client.query(found["id"], dax, "look for the publication")
        return self._receipt(found, action, found=True) if rows else None

    # ---- a push dataset ----

    def _load(self, action: PublishTable, key: IdempotencyKey) -> Receipt:
        table, frame = table_of(action), rows_of(action)
        if frame.height > MOST_ROWS_AN_HOUR:
            raise RecordRejected(
                f'"{table.name}" has {frame.height:,} rows and Power BI takes {MOST_ROWS_AN_HOUR:,} an hour. Publish '
                "fewer days (publish.NAME.days), or let a dataset read the schema reporting and refresh it "
                "(publish.NAME.refresh)", "rows")
        target = self._ready(table)
        path = f"{table_path(target['id'], table.name)}/rows"
        self._client.change("DELETE", path, f'empty the table "{table.name}"')
        for piece in pieces(frame):
            self._tools.sleep(_APART_S)
            self._client.change("POST", path, f'add rows to the table "{table.name}"', piece)
        self._tools.sleep(_APART_S)
        self._client.change("POST", f"{table_path(target['id'], PUBLICATIONS)}/rows", "note that the table is whole", {
            "rows": [{"key": key, "table": table.name, "schema_version": action.schema_version, "rows": frame.height,
                      "as_of": f"{action.as_of.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"}]})
        return self._receipt(target, action)

    def _ready(self, table: StarTable) -> Mapping[str, Any]:
        """The dataset with `table` in it as it is described today."""
        found = self._dataset()
        if found is None:
            return self._client.made("/datasets?defaultRetentionPolicy=None", "make the dataset",
                                     dataset(self._settings.dataset, STAR))
        told = self._client.listed(f"/datasets/{quote(found['id'], safe='')}/tables", "list the tables")
        tables = {each.get("name"): each for each in told}
        if not {table.name, PUBLICATIONS} <= set(tables):
            raise RecordRejected(
                f'powerbi: the dataset "{self._settings.dataset}" has no table "{table.name}" and Power BI adds none. '
                "Name another dataset in the settings, or delete this one: it is made anew", "table")
        if not same_columns(tables[table.name], table):
            self._client.change("PUT", table_path(found["id"], table.name),
                                f'describe the table "{table.name}"', described(table))
        return found

    def _dataset(self) -> Mapping[str, Any] | None:
        """The push dataset of our name, the first where there are several."""
        named = [each for each in self._client.listed("/datasets", "list the datasets")
                 if each.get("name") == self._settings.dataset and each.get("id")
                 and each.get("addRowsAPIEnabled", True)]
        return min(named, key=lambda each: str(each["id"])) if named else None

    def _receipt(self, target: Mapping[str, Any], action: PublishTable, *, found: bool = False) -> Receipt:
        url = target.get("webUrl")
        return Receipt(external_id=f"{target['id']}/{action.table}", url=url if isinstance(url, str) else None,
                       delivered_at=self._tools.now(), found=found)

    # ---- a dataset that reads by itself ----

    def _refresh(self, key: IdempotencyKey) -> Receipt:
        wanted = self._settings.refresh_dataset_id
        if wanted is None:
            raise ConfigError("powerbi: set refresh_dataset_id to the dataset that shall be refreshed")
        # A service principal gets no mail, but the official spec wants the option. The key is for a proxy's log.
        asked = {"notifyOption": "NoNotification", **({"type": "Automatic"} if self._settings.enhanced else {})}
        answer = self._client.change("POST", f"/datasets/{wanted}/refreshes", "ask for a refresh", asked,
                                     {"x-steward-key": key})
        named = next((value for name, value in answer.headers.items() if name.lower() == "x-ms-request-id"), "")
        return Receipt(external_id=named or f"{wanted}/refresh", delivered_at=self._tools.now())
