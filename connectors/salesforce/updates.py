"""Single fields of records: written in the field's own type, and compared with what stands there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.salesforce import values
from connectors.salesforce.client import Client
from steward.model.actions import UpdateRecord
from steward.model.errors import RecordRejected, StewardError, Unavailable

TABLES = {"account": "Account", "contact": "Contact", "opportunity": "Opportunity"}
NUMBERS = frozenset({"int", "double", "currency", "percent", "long"})


class Updates:
    """What `update_record` becomes in one org."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def rows(self, actions: Sequence[UpdateRecord]) -> list[dict[str, Any] | StewardError]:
        """For each action its row of a collection, or why it cannot be written."""
        described: dict[str, Mapping[str, Any]] = {}
        rows: list[dict[str, Any] | StewardError] = []
        for action in actions:
            table = TABLES[action.noun]
            try:
                if table not in described:
                    described[table] = self._client.described(table)
                about = self._field(described[table], table, action.field)
                rows.append({"attributes": {"type": table}, "id": _id(action), action.field: typed(about, action)})
            except RecordRejected as error:
                rows.append(error)
        return rows

    def stands(self, action: UpdateRecord) -> bool:
        """Whether the field holds the value."""
        table = TABLES[action.noun]
        about = self._field(self._client.described(table), table, action.field)
        asked = f"SELECT Id, {action.field} FROM {table} WHERE Id = '{_id(action)}'"  # noqa: S608  a described name, letters and digits
        records = self._client.query(asked).get("records")
        if not isinstance(records, list):
            raise Unavailable(f"salesforce: the look at {table} was answered without a result. Steward tries again.")
        row = records[0] if records else None
        return isinstance(row, dict) and _same(about, row.get(action.field), typed(about, action))

    def _field(self, fields: Mapping[str, Any], table: str, name: str) -> Mapping[str, Any]:
        about = fields.get(name)
        if not isinstance(about, dict) or not about.get("updateable"):
            what = "may not edit it" if isinstance(about, dict) else "may not see it, or it is not there"
            raise RecordRejected(
                f'salesforce: the field "{name[:80]}" of {table} cannot be written: the user {what}. Create it, let '
                "the user edit it, or correct the name; then run: steward connector check salesforce", name[:80])
        return about


def typed(about: Mapping[str, Any], action: UpdateRecord) -> Any:
    """The value in the field's own type; "" is null. Raises RecordRejected where it is none of that type."""
    kind, text = about.get("type"), action.value
    if text == "":
        return False if kind == "boolean" else None
    if kind == "boolean":
        if text.lower() not in ("true", "false"):
            raise _wrong(action, "neither true nor false")
        return text.lower() == "true"
    if kind in NUMBERS:
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise _wrong(action, "no number") from None
        if not number.is_finite():
            raise _wrong(action, "no number")
        scale = about.get("scale")
        number = round(number, scale) if isinstance(scale, int) and not isinstance(scale, bool) else number
        return int(number) if kind in ("int", "long") else float(number)
    if kind == "date":
        try:
            return values.day(text).isoformat()
        except ValueError:
            raise _wrong(action, "no date") from None
    return text.replace("\x00", "").encode("utf-8", "ignore").decode()


def _same(about: Mapping[str, Any], there: Any, wanted: Any) -> bool:
    if there in (None, "") or wanted in (None, ""):
        return there in (None, "") and wanted in (None, "")
    if about.get("type") in NUMBERS and isinstance(there, int | float | Decimal):
        return float(there) == float(wanted)
    if about.get("type") == "datetime":
        try:
            return values.instant(there) == values.instant(wanted)
        except ValueError:
            return False
    return bool(there == wanted.strip() if isinstance(wanted, str) else there == wanted)


def _id(action: UpdateRecord) -> str:
    if len(action.external_id) not in (15, 18) or not (action.external_id.isalnum() and action.external_id.isascii()):
        raise RecordRejected(f'salesforce: "{action.external_id[:40]}" is no id of a record. Sync the connection and '
                             "try again.", "external_id")
    return action.external_id


def _wrong(action: UpdateRecord, why: str) -> RecordRejected:
    return RecordRejected(f'salesforce: "{action.value[:40]}" is {why}, as {action.field[:80]} wants it. Correct the '
                          "playbook, or the field of `writeback`.", action.field[:80])
