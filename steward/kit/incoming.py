"""Records that another system's automation posts to us as JSON: our own nouns and fields, checked one by one.

    {"noun": "survey_response", "external_id": "r-17", "account": {"salesforce": "001…"},
     "fields": {"kind": "nps", "score": 9, "answered_at": "2026-03-05T08:00:00Z"}}

One of them, a list, or {"records": […]}. `account` names the account by an id that another connection knows it by.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from pydantic import SecretStr

from steward.contracts import Tools
from steward.kit.untrusted import plain
from steward.kit.webhooks import Guard
from steward.model.errors import RecordRejected
from steward.model.money import Money
from steward.model.records import FIELDS, FieldType, Noun, Record, Value
from steward.model.words import nearest

MOST_RECORDS = 500
_TAKEN = tuple(noun for noun in Noun if noun is not Noun.PERSON)


def inbox_of(
    system: str, tools: Tools, secret: SecretStr | None, token: SecretStr | None,
) -> RecordsInbox | None:
    """An inbox for whoever signs with `secret` or sends `token`; none where neither is set, so that nobody gets in."""
    return RecordsInbox(system, Guard(system, tools, (secret,), token)) if secret or token else None


class RecordsInbox:
    """Takes such calls from whoever `guard` lets in."""

    def __init__(self, system: str, guard: Guard) -> None:
        self._system, self._guard = system, guard

    def verify(self, headers: Mapping[str, str], body: bytes) -> None:
        """Raise SignatureRejected unless the sender signed it, or knows the token."""
        self._guard.verify(headers, body)

    def delivery_id(self, headers: Mapping[str, str], body: bytes) -> str:
        """The sender's `webhook-id`; a hash of the body where it gave none."""
        return self._guard.delivery_id(headers, body)

    def parse(self, body: bytes) -> Sequence[Record]:
        """The records in the body; raises RecordRejected naming the record and the field."""
        return records_of(self._system, body)


def records_of(system: str, body: bytes) -> Sequence[Record]:
    """The records in a verified body, told field by field: what is not named stays as it is stored. One that does not
    say when it changed has no `modified_at`: then it is of the moment in which the call was received.

    Raises:
        RecordRejected: it is not of that shape; the message names the record and the field.
    """
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        raise RecordRejected(f"{system}: the body is not JSON") from None
    if isinstance(told, dict) and "records" in told:
        told = told["records"]
    items = told if isinstance(told, list) else [told]
    if not 0 < len(items) <= MOST_RECORDS:
        raise RecordRejected(f"{system}: {len(items)} records in one call; 1 to {MOST_RECORDS} are taken")
    return [record for place, item in enumerate(items, 1) for record in _read(f"{system}: record {place}", item)]


def _read(where: str, item: Any) -> Sequence[Record]:
    if not isinstance(item, dict):
        raise RecordRejected(f"{where} is not an object")
    noun = _noun(where, item.get("noun"))
    fields = item.get("fields")
    if not isinstance(fields, dict):
        raise RecordRejected(f'{where} has no object "fields"', "fields")
    values = {_name(where, noun, name): value for name, value in fields.items()}
    typed = {name: _typed(f'{where}: "{name}"', FIELDS[noun].get(name), value)
             for name, value in values.items() if value is not None and value != ""}
    named = _account(where, item.get("account"))
    if named and noun is not Noun.ACCOUNT and "account_external_id" in FIELDS[noun]:
        typed["account_external_id"] = named.external_id
        values["account_external_id"] = named.external_id
    changed = item.get("modified_at")
    at = None if changed is None else _typed(f'{where}: "modified_at"', FieldType.INSTANT, changed)
    assert at is None or isinstance(at, datetime)
    record = Record(noun, _id(where, item.get("external_id")), typed, at, only=frozenset((*values, *typed)))
    return (named, record) if named else (record,)


def _noun(where: str, given: object) -> Noun:
    known = [noun.value for noun in _TAKEN]
    if given not in known:
        raise RecordRejected(f'{where}: "noun" must be one of {", ".join(known)}', "noun")
    return Noun(given)


def _name(where: str, noun: Noun, name: str) -> str:
    if name in FIELDS[noun] or (name.startswith("custom.") and len(name) <= 100):
        return name
    close = nearest(name, FIELDS[noun])
    raise RecordRejected(f'{where}: a {noun} has no field "{plain(name)[:60]}"'
                         + (f'; did you mean "{close}"?' if close else ". Name fields of your own custom.<name>"), name)


def _account(where: str, given: object) -> Record | None:
    """A record of this connection that says only: the account that another connection knows by that id."""
    if given is None:
        return None
    if not isinstance(given, dict) or len(given) != 1:
        raise RecordRejected(
            f'{where}: "account" names one connection and the id there: {{"salesforce": "001…"}}', "account")
    [(connection, external_id)] = given.items()
    found = _id(where, external_id)
    return Record(Noun.ACCOUNT, f"{connection}:{found}"[:255], {f"id_in.{connection}": found},
                  only=frozenset({f"id_in.{connection}"}))


def _id(where: str, given: object) -> str:
    text = plain(str(given)).strip() if isinstance(given, str | int) and not isinstance(given, bool) else ""
    if not text or len(text) > 255:
        raise RecordRejected(f'{where}: "external_id" must be a text of 1 to 255 characters', "external_id")
    return text


def _typed(what: str, kind: FieldType | None, value: Any) -> Value:
    read = _READ.get(kind, _own)
    try:
        return read(value)
    except (ValueError, TypeError, InvalidOperation, OverflowError, KeyError):
        raise RecordRejected(f"{what} must be {_WRITTEN.get(kind, 'a text, a number, true or false')}", what) from None


def _text(value: Any) -> str:
    found = plain(value).strip() if isinstance(value, str) else ""
    if not found:
        raise ValueError
    return found[:32_000]


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not -1e15 <= value <= 1e15:
        raise ValueError
    return float(value)


def _integer(value: Any) -> int:
    number = _number(value)
    if number != int(number):
        raise ValueError
    return int(number)


def _boolean(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError
    return value


def _date(value: Any) -> date:
    return date.fromisoformat(value)


def _instant(value: Any) -> datetime:
    found = datetime.fromisoformat(value)
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)


def _money(value: Any) -> Money:
    amount = Decimal(str(value["amount"]))
    if not amount.is_finite() or abs(amount) > 10**15:
        raise ValueError
    return Money(amount, str(value["currency"]))


def _own(value: Any) -> Value:
    if isinstance(value, bool):
        return value
    return _number(value) if isinstance(value, int | float) else _text(value)


_READ: Mapping[FieldType | None, Callable[[Any], Value]] = {
    FieldType.TEXT: _text, FieldType.INTEGER: _integer, FieldType.NUMBER: _number, FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date, FieldType.INSTANT: _instant, FieldType.MONEY: _money,
}
_WRITTEN: Mapping[FieldType | None, str] = {
    FieldType.TEXT: "a text", FieldType.INTEGER: "a whole number", FieldType.NUMBER: "a number",
    FieldType.BOOLEAN: "true or false", FieldType.DATE: "a day as 2026-03-05",
    FieldType.INSTANT: "an instant as 2026-03-05T08:00:00Z",
    FieldType.MONEY: '{"amount": "1200.00", "currency": "USD"}',
}
