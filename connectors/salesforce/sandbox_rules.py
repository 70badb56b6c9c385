"""What Salesforce fills in by itself in a row, and what it refuses to write: pure functions over tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connectors.salesforce.schema import NUMBERS
from connectors.salesforce.tables import Table

_POINTS_AT = {
    "AccountId": ("Account",), "Account__c": ("Account",), "OwnerId": ("User",), "ParentId": ("Account",),
    "WhatId": ("Account", "Opportunity", "Contract", "Case", "Onboarding_Milestone__c"), "WhoId": ("Contact",),
    "ContactId": ("Contact",), "ManagerId": ("User",), "CSM__c": ("User",),
}
_READ_ONLY = frozenset({"Id", "CreatedDate", "LastModifiedDate", "SystemModstamp", "IsDeleted", "IsArchived"})
_REQUIRED = {"Account": ("Name",), "Contact": ("LastName",), "Opportunity": ("Name", "StageName", "CloseDate"),
             "Event": ("StartDateTime", "EndDateTime")}


class Refused(Exception):
    """A write that Salesforce refuses: its code, its words, the fields it names."""

    def __init__(self, code: str, message: str, *fields: str) -> None:
        super().__init__(message)
        self.code, self.message, self.fields = code, message, fields


def filled(name: str, row: Mapping[str, Any], tables: Mapping[str, Table]) -> dict[str, Any]:
    """`row` with what Salesforce works out: a contact's name, whether something is closed, an activity's account."""
    full = dict(row)
    if name in ("Contact", "User") and not full.get("Name"):
        full["Name"] = " ".join(part for part in (full.get("FirstName"), full.get("LastName")) if part) or None
    if name == "Task" and full.get("Status"):
        full["IsClosed"] = full["Status"] == "Completed"
    if name == "Case" and full.get("Status") and "IsClosed" not in full:
        full["IsClosed"] = full["Status"] == "Closed"
    if name == "Opportunity" and full.get("StageName") and "IsClosed" not in full:
        full["IsClosed"] = str(full["StageName"]).startswith("Closed")
        full["IsWon"] = full["StageName"] == "Closed Won"
    if name in ("Task", "Event") and full.get("WhatId") and not full.get("AccountId"):
        what = str(full["WhatId"])
        if what.startswith("001"):
            full["AccountId"] = what
        else:
            about = next((found for table in tables.values() if (found := table.find(what))), {})
            full["AccountId"] = about.get("AccountId") or about.get("Account__c")
    return full


def check_write(table: Table, row: Mapping[str, Any], tables: Mapping[str, Table], creating: bool) -> None:
    """Raise Refused where Salesforce would not write `row`."""
    for name, value in row.items():
        if name == "attributes":
            continue
        field = table.schema.fields.get(name)
        if field is None:
            raise Refused("INVALID_FIELD", f"No such column '{name}' on sobject of type {table.schema.name}")
        if name in _READ_ONLY:
            said = f"Unable to create/update fields: {name}. Please check the security settings of this field."
            raise Refused("INVALID_FIELD_FOR_INSERT_UPDATE", said, name)
        if field.textual and value is not None and len(str(value)) > field.length:
            said = f"{name}: data value too large: {str(value)[:60]} (max length={field.length})"
            raise Refused("STRING_TOO_LONG", said, name)
        wrong = value is not None and (
            (field.type in NUMBERS and (isinstance(value, bool) or not isinstance(value, int | float)))
            or (field.type == "boolean" and not isinstance(value, bool)))
        if wrong or (field.type == "boolean" and value is None):
            said = f"Cannot deserialize instance of {field.type} from {str(value)[:40]}"
            raise Refused("JSON_PARSER_ERROR", said, name)
        if field.type == "reference" and value is not None:
            _check_reference(name, str(value), tables)
    missing = [name for name in _REQUIRED.get(table.schema.name, ()) if creating and not row.get(name)]
    if missing:
        raise Refused("REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(missing)}]", *missing)


def _check_reference(name: str, value: str, tables: Mapping[str, Table]) -> None:
    if len(value) not in (15, 18) or not value.isalnum():
        raise Refused("MALFORMED_ID", f"{name}: id value of incorrect type: {value[:40]}", name)
    found = next((row for each in _POINTS_AT.get(name, ()) if (row := tables[each].find(value))), None)
    if name not in _POINTS_AT:
        return
    if found is None:
        raise Refused("INVALID_CROSS_REFERENCE_KEY", f"{name}: invalid cross reference id", name)
    if found.get("IsDeleted"):
        raise Refused("ENTITY_IS_DELETED", "entity is deleted", name)
    if name == "OwnerId" and found.get("IsActive") is False:
        raise Refused("INACTIVE_OWNER_OR_USER", f"operation performed with inactive user [{value}] as owner", name)
