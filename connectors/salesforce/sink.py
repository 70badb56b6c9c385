"""Makes Tasks, Events and Opportunities, once for each idempotency key, and writes fields of records.

What is made is upserted by the field that carries the key; many at once go through sObject Collections, with an answer
for each.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote_plus

from simple_salesforce.format import quote_soql_value

from connectors.salesforce.client import Client
from connectors.salesforce.drafts import Made, owner_of, row_of, table_of
from connectors.salesforce.key import to_field
from connectors.salesforce.position import MOST_COLUMN_BYTES
from connectors.salesforce.settings import SalesforceSettings
from connectors.salesforce.updates import Updates
from steward.contracts import Tools
from steward.model.actions import (
    Action,
    IdempotencyKey,
    LogTouchpoint,
    OpenCta,
    OpenOpportunity,
    Receipt,
    UpdateRecord,
)
from steward.model.errors import OutcomeUnknown, RecordRejected, StewardError, Unavailable

MOST_AT_ONCE = 200
_KINDS = ("open_cta", "log_touchpoint", "open_opportunity", "update_record")


class SalesforceSink:
    """What Steward makes and changes in one org."""

    batches: Mapping[str, int] = dict.fromkeys(_KINDS, MOST_AT_ONCE)

    def __init__(self, client: Client, settings: SalesforceSettings, tools: Tools) -> None:
        self._client, self._settings, self._tools = client, settings, tools
        self._updates = Updates(client)

    def deliver(self, action: Action, key: IdempotencyKey) -> Receipt:
        """Make it, or return the receipt of what `key` already made; a field is written as often as it is asked.

        Raises:
            RecordRejected: Salesforce refused `field`, or the key field is not there: a person must act.
            OutcomeUnknown: the line broke after sending; call `find` first.
        """
        if isinstance(action, UpdateRecord):
            [said] = self._update_many([action])
            if isinstance(said, StewardError):
                raise said
            return said
        made = _made(action)
        table, field = table_of(made, self._settings)
        fields, enforced = self._keyed(table, field)
        if _looks_first(made, enforced):
            found = self.find(action, key)
            if found:
                return found
        wanted = owner_of(made)
        owners = self._users([wanted] if wanted else [])
        row = row_of(made, key, owners.get(str(wanted).lower()), fields, self._settings)
        if enforced:
            external_id, created = self._client.upsert(table, field, to_field(key), row)
            return self._receipt(external_id, found=not created)
        return self._receipt(self._client.create(table, {**row, field: to_field(key)}), found=False)

    def deliver_many(self, actions: Sequence[tuple[Action, IdempotencyKey]]) -> Sequence[Receipt | StewardError]:
        """As `deliver` for each, in one call that changes something; a refusal of one stands in its place."""
        if isinstance(actions[0][0], UpdateRecord):
            return self._update_many([action for action, _ in actions if isinstance(action, UpdateRecord)])
        return self._make_many([(_made(action), key) for action, key in actions])

    def find(self, action: Action, key: IdempotencyKey) -> Receipt | None:
        """The receipt of what `key` made, deleted by a person or not; None where there is none. Of a field: whether it
        holds the value."""
        if isinstance(action, UpdateRecord):
            return self._receipt(action.external_id, found=True) if self._updates.stands(action) else None
        table, field = table_of(_made(action), self._settings)
        external_id = self._carrying(table, field, [key]).get(to_field(key))
        return self._receipt(external_id, found=True) if external_id else None

    # ---- many ----

    def _update_many(self, actions: Sequence[UpdateRecord]) -> list[Receipt | StewardError]:
        rows = self._updates.rows(actions)
        sent = [row for row in rows if isinstance(row, dict)]
        said = iter(self._client.collection("update of records", "PATCH", "", sent) if sent else ())
        return [row if isinstance(row, StewardError) else self._answer(next(said), action.external_id)
                for row, action in zip(rows, actions, strict=True)]

    def _make_many(self, actions: Sequence[tuple[Made, IdempotencyKey]]) -> list[Receipt | StewardError]:
        table, field = table_of(actions[0][0], self._settings)
        fields, enforced = self._keyed(table, field)
        look = _looks_first(actions[0][0], enforced)
        there = self._carrying(table, field, [key for _, key in actions]) if look else {}
        new = [(action, key) for action, key in actions if to_field(key) not in there]
        owners = self._users([wanted for action, _ in new if (wanted := owner_of(action))])
        rows = [{
            "attributes": {"type": table}, field: to_field(key),
            **row_of(action, key, owners.get(str(owner_of(action)).lower()), fields, self._settings),
        } for action, key in new]
        method, path = ("PATCH", f"/{table}/{field}") if enforced else ("POST", "")
        said = iter(self._client.collection(f"upsert of {table}", method, path, rows) if rows else ())
        return [self._receipt(there[name], found=True) if (name := to_field(key)) in there
                else self._answer(next(said), None) for _, key in actions]

    def _answer(self, said: Mapping[str, Any] | StewardError, external_id: str | None) -> Receipt | StewardError:
        if isinstance(said, StewardError):
            return said
        named = said.get("id") or external_id
        if not isinstance(named, str):
            return OutcomeUnknown("salesforce: a record was written and answered without an id. "
                                  "Steward looks before it tries again.")
        return self._receipt(named, found=external_id is None and said.get("created") is False)

    # ---- looking ----

    def _keyed(self, table: str, name: str) -> tuple[Mapping[str, Any], bool]:
        """The fields of `table`, and whether Salesforce itself keeps the key unique (class A); else Steward looks first
        (class B)."""
        fields = self._client.described(table)
        field = fields.get(name)
        if field is None:
            where = "Opportunity" if table == "Opportunity" else "Activity"
            raise RecordRejected(
                f'salesforce: {table} has no field "{name}", or the user may not see it. Create the {where} field '
                f'"{name}", Text(255), External ID, Unique; then run: steward connector check salesforce', name)
        return fields, bool(field.get("externalId")) and bool(field.get("unique"))

    def _carrying(self, table: str, field: str, keys: Sequence[IdempotencyKey]) -> dict[str, str]:
        """The ids of the rows that carry `keys`, by what stands in the field; of several the first."""
        found: dict[str, str] = {}
        for listed in _short_lists([quote_soql_value(to_field(key)) for key in keys]):
            asked = (f"SELECT Id, {field} FROM {table} "  # noqa: S608  quoted above, and names of ours
                     f"WHERE {field} IN ({', '.join(listed)}) ORDER BY Id")
            body = self._client.query(asked, deleted=True)
            records = body.get("records")
            if not isinstance(records, list) or "totalSize" not in body or not body.get("done", True):
                raise Unavailable(f"salesforce: the search for the {table} was answered without a result. "
                                  "Steward tries again.")
            for row in records:
                if isinstance(row, dict) and isinstance(row.get("Id"), str):
                    found.setdefault(str(row.get(field) or "").lower(), row["Id"])
        return found

    def _users(self, emails: Sequence[str]) -> dict[str, str]:
        """The ids of the active users with these addresses, by address; of several, a standard user first."""
        found: dict[str, str] = {}
        for listed in _short_lists(sorted({quote_soql_value(email.lower()) for email in emails})):
            asked = ("SELECT Id, Email, UserType FROM User "  # noqa: S608  quoted above, the rest is ours
                     f"WHERE Email IN ({', '.join(listed)}) AND IsActive = true ORDER BY Id LIMIT 2000")
            records = self._client.query(asked).get("records")
            rows = [row for row in records or () if isinstance(row, dict) and row.get("Id")]
            rows.sort(key=lambda row: row.get("UserType") != "Standard")
            for row in rows:
                found.setdefault(str(row.get("Email") or "").lower(), str(row["Id"]))
        return found

    def _receipt(self, external_id: str, *, found: bool) -> Receipt:
        return Receipt(
            external_id=external_id, url=self._client.link(external_id), delivered_at=self._tools.now(), found=found,
        )


def _made(action: Action) -> Made:
    if not isinstance(action, OpenCta | LogTouchpoint | OpenOpportunity):
        raise RecordRejected(f'salesforce: cannot perform "{action.kind}"; it can {", ".join(_KINDS)}')
    return action


def _looks_first(action: Made, enforced: bool) -> bool:
    """Whether to look before the first write too: an upsert would set back the stage of an opportunity that people
    have moved on."""
    return not enforced or isinstance(action, OpenOpportunity)


def _short_lists(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in lists that are short enough for a URI."""
    listed: list[str] = []
    room = MOST_COLUMN_BYTES
    for text in texts:
        cost = len(quote_plus(f", {text}"))
        if listed and cost > room:
            yield listed
            listed, room = [], MOST_COLUMN_BYTES
        listed.append(text)
        room -= cost
    if listed:
        yield listed
