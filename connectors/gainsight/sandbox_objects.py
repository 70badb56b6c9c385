"""The objects that the played tenant has, their fields, and how `describe` tells of them.

Shapes read in transcriptions of Gainsight's own samples (Steerco-Analytics-Internal/tap-gainsight, tests/fixtures: a
described object, a described dropdown as a live tenant gave it) and in production code (estuary/connectors,
source-gainsight-nxt); see samples/.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PICKLIST, LOOKUP = "PICKLIST", "LOOKUP"
_SYSTEM = {"Gsid": "GSID", "Name": "STRING", "CreatedDate": "DATETIME", "ModifiedDate": "DATETIME"}


@dataclass(frozen=True, slots=True)
class Kind:
    """One object. `fields`: data type, "LOOKUP:object" or "PICKLIST:category". `wrapped`: its rows come as
    `data.records`, not as `data`. `empty`: how it says that there are none: "records", "no_data" (with 200),
    "no_entity" (with 400).
    """

    name: str
    label: str
    prefix: str
    fields: Mapping[str, str]
    wrapped: bool = False
    empty: str = "records"


def _kind(name: str, label: str, prefix: str, wrapped: bool, empty: str, **fields: str) -> Kind:
    return Kind(name, label, prefix, {**_SYSTEM, **fields}, wrapped, empty)


_S, _N, _B, _D, _AT, _R = "STRING", "NUMBER", "BOOLEAN", "DATE", "DATETIME", "RICHTEXTAREA"
_USER, _COMPANY, _PICK = "LOOKUP:gsuser", "LOOKUP:company", "LOOKUP:da_picklist"

KINDS: Mapping[str, Kind] = {kind.name.lower(): kind for kind in (
    _kind("gsuser", "User", "1P01", True, "no_entity", Email="EMAIL", Title=_S, IsActiveUser=_B, Manager=_USER,
          Timezone=_S),
    _kind("company", "Company", "1P02", False, "no_data", Arr="CURRENCY", CurrencyIsoCode=_S,
          Industry="PICKLIST:Industry", Employees=_N, Status="PICKLIST:Company Status",
          Stage="PICKLIST:Company Stage", RenewalDate=_D, Csm=_USER,
          ParentCompany=_COMPANY, SfdcAccountId=_S, CurrentScore="LOOKUP:scoring_scheme_definition", Website__gc="URL",
          Segment__gc="PICKLIST:Segment", Country__gc=_S, Timezone__gc=_S, Do_Not_Contact__gc=_B, Tier__gc=_S,
          Risk__gc="PICKLIST:Risk", Seats__gc=_N, Note__gc=_R),
    _kind("person", "Person", "1P03", True, "records", FirstName=_S, LastName=_S, Email="EMAIL"),
    _kind("company_person", "Company Person", "1P04", True, "records", Company_ID=_COMPANY, Person_ID="LOOKUP:person",
          Title=_S, Role="PICKLIST:Role", Active=_B, IsPrimaryCompany=_B),
    _kind("call_to_action", "Call To Action", "1S01", False, "records", CompanyId=_COMPANY, OwnerId=_USER, TypeId=_PICK,
          ReasonId=_PICK, StatusId=_PICK, PriorityId=_PICK, IsClosed=_B, IsImportant=_B, DueDate=_D, ClosedDate=_D,
          Comments=_R, EntityType=_S, CtaGroupId="LOOKUP:cta_group", Position__gc=_N, Steward_Key__gc=_S),
    _kind("cs_task", "Task", "1S02", True, "records", CtaId="LOOKUP:call_to_action", OwnerId=_USER, StatusId=_PICK,
          DueDate=_D),
    _kind("cta_group", "Success Plan", "1S03", True, "records", CompanyId=_COMPANY, OwnerId=_USER, StatusId=_PICK,
          SuccessPlanTypeId=_PICK, DueDate=_D, ActiveDate=_D, ActionPlan=_R, IsClosed=_B, Steward_Key__gc=_S),
    Kind("activity_timeline", "Activity Timeline", "1T01", {
        "Gsid": "GSID", "CreatedDate": _AT, "LastModifiedDate": _AT, "ExternalId": _S, "ContextName": _S,
        "TypeName": _S,
        "Subject": _S, "Notes": _R, "ActivityDate": _AT, "AuthorId": _USER, "GsCompanyId": _COMPANY}, True, "records"),
    _kind("survey_participant", "Survey Participant", "1V01", True, "records", CompanyId=_COMPANY,
          CompanyPersonId="LOOKUP:company_person", NpsScore=_N, Comment=_R, RespondedDate=_AT),
    _kind("scorecard_fact", "Scorecard Fact", "1X01", True, "records", CompanyId=_COMPANY,
          MeasureId="LOOKUP:scorecard_measure", CurrentScoreId="LOOKUP:scoring_scheme_definition"),
    _kind("scorecard_measure", "Scorecard Measure", "1X02", True, "records"),
    _kind("scoring_scheme_definition", "Scoring Scheme", "1X03", True, "records", Score=_N, Color=_S),
    _kind("da_picklist", "Dropdown", "1I00", True, "records", Category=_S, SystemName=_S),
    Kind("record_delete_log", "Delete Log", "", {"RecordId": "GSID", "DeletedOn": _AT, "ObjectName": _S}, True),
)}

DROPDOWNS: Mapping[str, tuple[str, ...]] = {
    "Company Status": ("Active", "Inactive", "Churn", "Onboarding", "Prospect"),
    "Company Stage": ("New Customer", "Kicked Off", "Launched", "Adopting", "Will Churn"),
    "Industry": ("Software", "Retail", "Manufacturing"), "Segment": ("Enterprise", "Mid-Market", "SMB"),
    "Role": ("Champion", "Executive Sponsor", "Admin", "End User"), "Risk": ("Low", "Medium", "High"),
    "CTA_STATUS": ("New", "Work In Progress", "Closed Success", "Closed Lost"),
    "CTA_PRIORITY": ("Low", "Medium", "High"),
    "CTA_TYPE": ("Risk", "Opportunity", "Lifecycle", "Activity", "Objective"),
    "CTA_REASON": ("Other", "Usage Drop", "Survey Response"),
    "SUCCESS_PLAN_TYPE": ("Customer Goals", "Onboarding", "Recovery"),
    "SUCCESS_PLAN_STATUS": ("Draft", "Active", "Closed"),
}
CLOSED = ("Closed Success", "Closed Lost", "Closed")
TEMPLATES = ("recovery", "onboarding", "enterprise onboarding")
ACTIVITY_TYPES = ("Update", "Call", "Meeting", "Email", "Milestone", "QBR")


def gsid(prefix: str, name: str | int) -> str:
    """A Gsid: 36 characters, the first four of which tell the object."""
    import hashlib

    digest = hashlib.sha256(f"{prefix}/{name}".encode()).hexdigest().upper()
    return f"{prefix}{digest}"[:36]


def item(category: str, label: str) -> str:
    """The Gsid of a dropdown's item."""
    return gsid("1I00", f"{category}/{label}")


def described(kind: Kind, fields: Mapping[str, str]) -> dict[str, Any]:
    """The object as `describe` gives it; `fields` may have been changed since."""
    return {
        "objectName": kind.name, "label": kind.label, "objectType": "STANDARD", "labelPlural": kind.label,
        "keyPrefix": kind.prefix, "fields": [_field(kind, name, told) for name, told in fields.items()],
    }


def _field(kind: Kind, name: str, told: str) -> dict[str, Any]:
    data_type, _, about = told.partition(":")
    system = name in ("Gsid", "CreatedDate", "ModifiedDate", "LastModifiedDate")
    meta: dict[str, Any] = {
        "properties": {"sourceType": "GSID" if data_type == LOOKUP else data_type}, "filterable": True,
        "sortable": True, "groupable": True, "createable": not system, "updateable": not system, "formulaField": False,
        "hasLookup": data_type == LOOKUP, "required": False, "nillable": True, "readOnly": system,
        "fieldGroupType": "SYSTEM" if system else "CUSTOM" if name.endswith("__gc") else "STANDARD", "hidden": False,
    }
    field: dict[str, Any] = {
        "fieldName": name, "label": name.removesuffix("__gc").replace("_", " "), "dataType": data_type,
        "objectName": kind.name, "meta": meta,
    }
    if data_type == LOOKUP:
        meta["lookupDetail"] = {"lookupName": f"{name.removesuffix('__gc')}__gr", "fieldName": "Gsid",
                                "lookupObjects": [{"objectName": about, "label": about}]}
    if data_type == PICKLIST:
        meta["properties"] |= {"PICKLIST_CATEGORY": about, "PICKLIST_CATEGORY_ID": gsid("1I00", about)}
        if about != "Risk":                 # of some the items stand in the description, of others in their category
            field["options"] = [
                {"active": True, "defaultValue": False, "label": label, "value": item(about, label),
                 "displayOrder": place, "systemName": label} for place, label in enumerate(DROPDOWNS[about], 1)]
    return field
