"""The sandbox's objects: which fields each has, of which type, as `describe` tells them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from steward.model.words import nearest

LENGTHS = {"id": 18, "reference": 18, "string": 255, "picklist": 255, "url": 255, "email": 80, "phone": 40,
           "textarea": 32_000}
NUMBERS = frozenset({"int", "double", "currency", "percent"})
_TEXTUAL = frozenset({"string", "picklist", "url", "email", "phone", "textarea"})


@dataclass(frozen=True, slots=True)
class FieldSchema:
    """One field; `type` is Salesforce's own word ("currency", "datetime", "reference")."""

    name: str
    type: str
    external_id: bool = False
    unique: bool = False

    @property
    def length(self) -> int:
        return LENGTHS.get(self.type, 0)

    @property
    def textual(self) -> bool:
        return self.type in _TEXTUAL

    def describe(self) -> dict[str, Any]:
        """This field in the answer of `describe`."""
        system = self.name in _SYSTEM
        return {
            "name": self.name, "label": self.name.removesuffix("__c").replace("_", " "), "type": self.type,
            "length": self.length, "custom": self.name.endswith("__c"), "externalId": self.external_id,
            "unique": self.unique, "caseSensitive": False, "idLookup": self.name == "Id" or self.external_id,
            "nillable": not system, "createable": not system, "updateable": not system,
            "filterable": self.type != "textarea", "sortable": self.type != "textarea", "picklistValues": [],
        }


@dataclass(slots=True)
class TableSchema:
    """One object. `prefix` are the first three characters of its ids."""

    name: str
    prefix: str
    fields: dict[str, FieldSchema] = field(default_factory=dict)

    def unknown(self, name: str) -> str:
        """In words that `name` is no field, and which one may be meant."""
        near = nearest(name, self.fields)
        hint = f' Did you mean "{near}"?' if near else " Custom fields end in __c."
        return f'the sandbox\'s {self.name} has no field "{name}".{hint}'

    def learn(self, name: str, value: Any) -> FieldSchema:
        """Add the custom field `name`, its type taken from `value`."""
        kind = "boolean" if isinstance(value, bool) else "double" if isinstance(value, int | float) else "string"
        self.fields[name] = FieldSchema(name, kind)
        return self.fields[name]


_SYSTEM = {"Id": "id", "CreatedDate": "datetime", "LastModifiedDate": "datetime", "SystemModstamp": "datetime",
           "IsDeleted": "boolean"}
CURRENCY = "CurrencyIsoCode"                # there in orgs with several currencies only

# Object, prefix, and its fields as "type: names". User has no IsDeleted: a user cannot be deleted.
_TABLES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("User", "005", {
        "string": "Name FirstName LastName Username Title", "email": "Email", "boolean": "IsActive",
        "reference": "ManagerId", "picklist": "TimeZoneSidKey UserType",
    }),
    ("Account", "001", {
        "string": "Name BillingCity AccountNumber Product_Account_Id__c HubSpot_Company_Id__c", "url": "Website",
        "picklist": "Type Industry Rating BillingCountry BillingCountryCode Segment__c Lifecycle__c Time_Zone__c "
                    "Risk__c",
        "int": "NumberOfEmployees", "currency": "AnnualRevenue ARR__c", "phone": "Phone", "textarea": "Description",
        "double": "Health_Score__c",
        "reference": "OwnerId ParentId MasterRecordId CSM__c", "boolean": "Do_Not_Contact__c",
    }),
    ("Contact", "003", {
        "string": "Name FirstName LastName Title Department", "email": "Email", "phone": "Phone",
        "reference": "AccountId OwnerId MasterRecordId", "picklist": "Role__c",
        "boolean": "HasOptedOutOfEmail No_Longer_At_Company__c", "date": "Left_On__c", "datetime": "Last_Login__c",
    }),
    ("Contract", "800", {
        "reference": "AccountId OwnerId", "string": "Name ContractNumber Product__c Plan__c", "picklist": "Status",
        "date": "StartDate EndDate", "int": "ContractTerm", "currency": "ARR__c",
        "double": "Seats__c Payment_Overdue_Days__c", "boolean": "Auto_Renew__c",
    }),
    ("Opportunity", "006", {
        "reference": "AccountId OwnerId", "string": "Name", "picklist": "Type StageName LeadSource",
        "currency": "Amount", "double": "Probability", "date": "CloseDate",
        "boolean": "IsClosed IsWon Handoff_Complete__c", "textarea": "Description",
    }),
    ("Case", "500", {
        "reference": "AccountId ContactId OwnerId MasterRecordId", "string": "CaseNumber Subject",
        "textarea": "Description", "picklist": "Priority Status Origin", "boolean": "IsClosed",
        "datetime": "ClosedDate First_Response_At__c", "double": "CSAT__c",
    }),
    ("Onboarding_Milestone__c", "a00", {
        "string": "Name Plan__c", "reference": "Account__c", "double": "Position__c",
        "date": "Due_On__c Started_On__c Reached_On__c",
    }),
    ("Survey_Response__c", "a01", {
        "reference": "Account__c Contact__c", "picklist": "Kind__c", "double": "Score__c", "textarea": "Comment__c",
        "datetime": "Answered_At__c", "string": "Name",
    }),
    ("Usage_Event__c", "a02", {
        "reference": "Account__c", "string": "Name Metric__c User__c", "datetime": "Happened_At__c",
        "double": "Quantity__c",
    }),
    ("Event", "00U", {
        "reference": "AccountId WhatId WhoId OwnerId", "string": "Subject", "textarea": "Description",
        "picklist": "Type EventSubtype", "datetime": "StartDateTime EndDateTime ActivityDateTime",
        "boolean": "IsArchived",
    }),
    ("Task", "00T", {
        "reference": "AccountId WhatId WhoId OwnerId", "string": "Subject", "textarea": "Description",
        "picklist": "Status Priority Type TaskSubtype", "date": "ActivityDate", "boolean": "IsClosed IsArchived",
    }),
)

TABLES: tuple[str, ...] = tuple(name for name, _, _ in _TABLES)
PREFIXES: dict[str, str] = {name: prefix for name, prefix, _ in _TABLES}


def schemas() -> dict[str, TableSchema]:
    """A fresh schema of every object; a sandbox may change its own."""
    result = {}
    for name, prefix, kinds in _TABLES:
        result[name] = table_schema(name, prefix, kinds)
    for name in ("Task", "Event", "Opportunity"):            # an Activity field is one of Task and Event both
        result[name].fields["Steward_Key__c"] = FieldSchema("Steward_Key__c", "string", external_id=True, unique=True)
    return result


def table_schema(name: str, prefix: str, kinds: Mapping[str, str]) -> TableSchema:
    """An object with these fields ("type": "names") and those that every object has."""
    wanted = {**_SYSTEM, CURRENCY: "picklist"}
    wanted |= {each: kind for kind, names in kinds.items() for each in names.split()}
    if name == "User":
        del wanted["IsDeleted"]
    return TableSchema(name, prefix, {each: FieldSchema(each, kind) for each, kind in wanted.items()})
