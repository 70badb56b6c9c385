"""Schema drift: what changed at the source is noticed once, whatever it is."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from steward.contracts import SourceField
from steward.store import notices, source_fields
from steward.store.database import Database
from steward.store.notices import What

TEXT, LIST = SourceField("string"), SourceField("picklist", ("gold", "silver"))


def _said(database: Database, schemas: list[dict[str, SourceField]], now: datetime) -> list[list[tuple[str, str, str]]]:
    """What each schema, seen twice, was a notice of."""
    found, last = [], 0
    for run, schema in enumerate(schemas):
        for _ in range(2):
            with database.write() as tx:
                source_fields.see(tx, "crm", "accounts", {"Account": schema}, now + timedelta(hours=run))
        with database.read() as tx:
            news = [each for each in reversed(notices.list_(tx)) if each.number > last]
        last = max((each.number for each in news), default=last)
        found.append([(each.what.value, each.subject, each.said) for each in news])
    return found


def test_each_change_is_noticed_once(database: Database, now: datetime) -> None:
    """Whoever changed a field in the CRM forgot that somebody reads it; a week later is too late."""
    many = tuple(sorted(f"v{number}" for number in range(8)))
    said = _said(database, [
        {"Name": TEXT, "Tier": LIST},
        {"Name": TEXT, "Tier": LIST, "Plan__c": TEXT},
        {"Name": TEXT, "Tier": SourceField("picklist", ("gold", "platinum"))},
        {"Name": SourceField("textarea"), "Tier": SourceField("picklist", ("gold", *many))},
        {"Name": SourceField("textarea"), "Tier": SourceField("picklist", ("gold", *many)), "Plan__c": TEXT},
    ], now)

    assert said == [
        [],
        [("new_field", "Account.Plan__c", 'a new field of type "string"; map it in the settings if it is wanted')],
        [("new_value", "Account.Tier", 'new in its list: "platinum"'),
         ("field_gone", "Account.Plan__c", 'the source has the field "Plan__c" no more')],
        [("other_type", "Account.Name", 'its type was "string" and is "textarea"'),
         ("new_value", "Account.Tier", 'new in its list: "v0", "v1", "v2", "v3", "v4" and 3 more')],
        [("new_field", "Account.Plan__c", 'a new field of type "string"; map it in the settings if it is wanted')],
    ]


def test_an_object_that_is_not_named_is_not_judged(database: Database, now: datetime) -> None:
    """A file that did not change is not read: its columns did not vanish."""
    with database.write() as tx:
        source_fields.see(tx, "files", "accounts", {"a.csv": {"id": TEXT}, "b.csv": {"id": TEXT}}, now)
        source_fields.see(tx, "files", "accounts", {"b.csv": {"id": TEXT, "arr": TEXT}}, now)
        source_fields.see(tx, "files", "tickets", {}, now)
        said = [(each.what.value, each.subject) for each in notices.list_(tx)]
        known = [(each.object, each.field, each.gone_at) for each in source_fields.list_(tx, "files")]

    assert said == [("new_field", "b.csv.arr")]
    assert known == [("a.csv", "id", None), ("b.csv", "arr", None), ("b.csv", "id", None)]


@pytest.mark.parametrize("hostile", ["x" * 300, "a\x00b", "half \ud800"])
def test_a_name_that_no_database_holds_is_kept_as_far_as_it_can_be(database: Database, now: datetime, hostile: str) -> None:
    """A column of a file may be called anything: it must stop no page, and be news once only."""
    schema = {"file.csv": {"id": SourceField("text"), hostile: SourceField(hostile, (hostile,))}}
    with database.write() as tx:
        source_fields.see(tx, "files", "accounts", {"file.csv": {"id": SourceField("text")}}, now)
        for _ in range(3):
            source_fields.see(tx, "files", "accounts", schema, now)
        said = [each.what for each in notices.list_(tx)]

    assert said == [What.NEW_FIELD]
