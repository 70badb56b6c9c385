"""Fields of companies, written by their Gsid: up to fifty companies in one call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.gainsight import answers
from connectors.gainsight.client import Client
from connectors.gainsight.schema import Field, Schemas
from connectors.gainsight.values import held, written
from steward.contracts import Tools
from steward.model.actions import Receipt, UpdateRecord
from steward.model.errors import OutcomeUnknown, RecordRejected, StewardError

_COMPANY = "Company"


class Updates:
    """Delivery class A: writing the same value again changes nothing."""

    AT_ONCE = 50

    def __init__(self, client: Client, tools: Tools) -> None:
        self._client, self._tools = client, tools

    def deliver(self, updates: Sequence[UpdateRecord]) -> list[Receipt | StewardError]:
        """What became of each. One that does not fit its field is not sent.

        Raises:
            RecordRejected: Gainsight refused all, maybe for the sake of one.
        """
        records: list[dict[str, Any]] = []
        refused: dict[int, RecordRejected] = {}
        schemas = Schemas(self._client)
        for place, update in enumerate(updates):
            try:
                field = self._field(update, schemas)
                records.append({"Gsid": update.external_id, field.name: written(update.value, field)})
            except RecordRejected as error:
                refused[place] = error
        told: set[str] | None = set()
        if records:
            path = f"/v1/data/objects/{_COMPANY}?keys=Gsid"
            answer = self._client.put(path, {"records": records}, "update companies")
            told = answers.updated(answer)
        return [refused.get(place) or self._outcome(update, told) for place, update in enumerate(updates)]

    def find(self, update: UpdateRecord) -> str | None:
        """The Gsid of the company where the field holds the value."""
        field = self._field(update, Schemas(self._client))
        rows = self._client.rows(
            _COMPANY, ("Gsid", field.name), [("Gsid", "EQ", [update.external_id])], {"Gsid": "asc"}, 1)
        same = bool(rows) and held(rows[0].get(field.name), field) == written(update.value, field)
        return update.external_id if same else None

    def _outcome(self, update: UpdateRecord, told: set[str] | None) -> Receipt | StewardError:
        """`told`: the companies that the answer lists; None where it lists none and says yes to all."""
        if told is None or update.external_id in told:
            return Receipt(external_id=update.external_id, delivered_at=self._tools.now())
        return OutcomeUnknown(
            f"gainsight: the answer does not list the company {update.external_id[:60]}; whether {update.field} was "
            "written is not known. Steward looks before it tries again.")

    @staticmethod
    def _field(update: UpdateRecord, schemas: Schemas) -> Field:
        if update.noun != "account":
            raise RecordRejected(
                f"gainsight: can write fields of companies, not of a {update.noun}. Name another one in via", "noun")
        schema = schemas.of(_COMPANY)
        field = schema.find(update.field) if schema else None
        if field is None:
            raise RecordRejected(
                f'gainsight: Company has no field "{update.field[:60]}", or the access key may not see it. Names of '
                "custom fields end in __gc.", update.field)
        if not field.updateable:
            raise RecordRejected(f'gainsight: the field "{field.name}" of Company cannot be written.', field.name)
        return field
