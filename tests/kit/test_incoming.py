"""Records that automations post: typed field by field, and every fault named by record and field."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest

from steward.kit.incoming import records_of
from steward.model.errors import RecordRejected
from steward.model.money import Money
from steward.model.records import Noun


def read(told: Any) -> Any:
    return records_of("make", json.dumps(told).encode())


def test_a_record_says_only_what_it_names() -> None:
    """A scenario that sends one field must not empty the others."""
    (record,) = read({"noun": "subscription", "external_id": 7, "fields": {
        "ends_on": "2026-12-31", "arr": {"amount": "1200.10", "currency": "EUR"}, "seats": 5, "plan": None,
        "custom.tier": "gold"}})

    assert record.values == {
        "ends_on": date(2026, 12, 31), "arr": Money(Decimal("1200.10"), "EUR"), "seats": 5, "custom.tier": "gold"}
    assert record.only == {"ends_on", "arr", "seats", "plan", "custom.tier"}
    assert (record.external_id, record.modified_at) == ("7", None)


def test_the_account_is_named_by_another_connections_id() -> None:
    """Make does not know our ids; it knows Salesforce's."""
    account, answer = read({"noun": "survey_response", "external_id": "r", "account": {"salesforce": "001"},
                            "fields": {"score": 9}, "modified_at": "2026-03-01T00:00:00+02:00"})

    assert (account.noun, account.external_id, account.values) == (
        Noun.ACCOUNT, "salesforce:001", {"id_in.salesforce": "001"})
    assert answer.values == {"score": 9.0, "account_external_id": "salesforce:001"}
    assert answer.modified_at == datetime(2026, 2, 28, 22, tzinfo=UTC)


@pytest.mark.parametrize(("told", "said"), [
    ([], "0 records"),
    ([{"noun": "ticket", "external_id": "1", "fields": {}}, {"noun": "tiket"}], 'record 2: "noun" must be one of'),
    ({"noun": "ticket", "external_id": "1", "fields": {"priorty": "high"}}, 'did you mean "priority"?'),
    ({"noun": "ticket", "external_id": "1", "fields": {"csat": "5"}}, '"csat" must be a number'),
    ({"noun": "ticket", "external_id": "1", "fields": {"opened_at": "yesterday"}}, "an instant as"),
    ({"noun": "ticket", "external_id": "1", "fields": {"csat": True}}, '"csat" must be a number'),
    ({"noun": "ticket", "external_id": "", "fields": {}}, '"external_id" must be a text'),
    ({"noun": "ticket", "external_id": "1", "fields": {}, "account": {"a": "1", "b": "2"}}, "names one connection"),
    ({"noun": "account", "external_id": "1", "fields": {"arr": 12}}, '{"amount"'),
    ({"noun": "person", "external_id": "1", "fields": {}}, '"noun" must be one of'),
    ({"noun": "ticket", "external_id": "1", "fields": {}, "modified_at": 7}, '"modified_at" must be an instant'),
])
def test_what_does_not_fit_is_named(told: Any, said: str) -> None:
    """Whoever builds the scenario reads this in its history."""
    with pytest.raises(RecordRejected) as rejected:
        read(told)
    assert said in str(rejected.value)
