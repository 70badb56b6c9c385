"""What the played tenant does when something is written to it, and what it writes down of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from connectors.gainsight.mapping import key_in
from connectors.gainsight.sandbox_objects import ACTIVITY_TYPES, CLOSED, DROPDOWNS, KINDS, TEMPLATES, gsid, item
from connectors.gainsight.sandbox_tenant import Row, Said, Tenant
from steward.kit.sandbox import Ledger

MOST_RECORDS = 50
_TABLES = {"cta create": "call_to_action", "success plan create": "cta_group", "activity create": "activity_timeline"}


class Writes:
    """Every change is in the ledger, with the key that it carries and the row that it made."""

    def __init__(self, tenant: Tenant, ledger: Ledger, now: Callable[[], int]) -> None:
        self._tenant, self._ledger, self._now = tenant, ledger, now
        self._replayed: set[int] = set()
        self.replay()

    def replay(self) -> None:
        """Do again what the ledger holds and the rows do not, as after a restart."""
        for effect in self._ledger:
            if effect.number in self._replayed:
                continue
            if effect.kind in _TABLES:
                self._tenant.put(_TABLES[effect.kind], effect.detail["row"])
            elif effect.detail["gsid"] not in self._tenant.of("company"):
                continue                    # it is loaded later
            else:
                self._tenant.put("company", {"Gsid": effect.detail["gsid"], **effect.detail["fields"]})
            self._replayed.add(effect.number)

    # ---- what is made ----

    def cta(self, record: Mapping[str, Any]) -> Row:
        company = self._company(record)
        status = str(record.get("status") or "New")
        row = {
            "CompanyId": company, "OwnerId": self._owner(record), "Name": _needed(record, "Name"),
            "TypeId": _picked("CTA_TYPE", _needed(record, "type")),
            "ReasonId": _picked("CTA_REASON", _needed(record, "reason")),
            "StatusId": _picked("CTA_STATUS", status),
            "PriorityId": _picked("CTA_PRIORITY", _needed(record, "priority")),
            "DueDate": _day(_needed(record, "DueDate")), "Comments": record.get("Comments"),
            "IsClosed": status in CLOSED,
            "IsImportant": False, "EntityType": "COMPANY",
        }
        return self._make("call_to_action", "cta create", {**row, **_custom(record)}, "Comments")

    def plan(self, record: Mapping[str, Any]) -> Row:
        for template in record.get("Templates") or ():
            if str(template).lower() not in TEMPLATES:
                raise Said("", f"Invalid template: {template}")
        row = {
            "CompanyId": self._company(record), "OwnerId": self._owner(record), "Name": _needed(record, "Name"),
            "SuccessPlanTypeId": _picked("SUCCESS_PLAN_TYPE", _needed(record, "SuccessPlanType")),
            "StatusId": _picked("SUCCESS_PLAN_STATUS", str(record.get("status") or "Draft")),
            "DueDate": _day(_needed(record, "DueDate")), "ActionPlan": record.get("ActionPlan"), "IsClosed": False,
        }
        return self._make("cta_group", "success plan create", {**row, **_custom(record)}, "ActionPlan")

    def activity(self, record: Mapping[str, Any]) -> Row:
        external_id = _needed(record, "ExternalId")
        if any(row.get("ExternalId") == external_id for row in self._tenant.of("activity_timeline").values()):
            raise Said("GS_TL_10_0207", "Activity with this ExternalId exists already")
        if record.get("ContextName") != "Company":
            raise Said("GS_TL_10_0206", "Activity context name for key 'ContextName' missing")
        if record.get("TypeName") not in ACTIVITY_TYPES:
            raise Said("GS_TL_10_0211", f"Invalid activity type {record.get('TypeName')}")
        company = str(record.get("GsCompanyId") or "")
        if company not in self._tenant.of("company"):
            raise Said("GS_TL_10_0213", "company was not found")
        author = self._user(str(record.get("Author") or ""))
        if author is None:
            raise Said("GS_TL_10_0212", f"No match for Author {record.get('Author')}")
        row = {
            "ExternalId": external_id, "ContextName": "Company", "TypeName": record["TypeName"], "GsCompanyId": company,
            "Subject": _needed(record, "Subject"), "Notes": _needed(record, "Notes"), "AuthorId": author,
            "ActivityDate": round(datetime.fromisoformat(str(record["ActivityDate"])).timestamp() * 1000),
        }
        return self._make("activity_timeline", "activity create", row, "", external_id)

    def update_companies(self, records: Sequence[Mapping[str, Any]], keys: Sequence[str]) -> list[Row]:
        """All or none of them."""
        if len(records) > MOST_RECORDS or not 1 <= len(keys) <= 3:
            raise Said("GSOBJ_1001", f"at most {MOST_RECORDS} records and 3 keys are allowed", 400)
        found = []
        for record in records:
            matching = [row for row in self._tenant.of("company").values()
                        if all(row.get(self._tenant.field("company", key)) == record.get(key) for key in keys)]
            if not matching:
                raise Said("GSOBJ_1012", "No data found for given criteria")
            fields = {self._tenant.field("company", name): value for name, value in record.items() if name not in keys}
            kept = {name: self._checked(name, value) for name, value in fields.items()}
            found += [(row, kept, fields) for row in matching]
        for row, kept, said in found:
            if any(row.get(name) != value for name, value in kept.items()):
                row.update(kept)
                row["ModifiedDate"] = self._now()
                effect = self._ledger.append("company update", "", {"gsid": row["Gsid"], "fields": said})
                self._replayed.add(effect.number)
        return [{"Gsid": row["Gsid"], **kept} for row, kept, _ in found]

    # ---- the inside ----

    def _make(self, table: str, kind: str, row: Mapping[str, Any], in_text: str, key: str = "") -> Row:
        at, number = self._now(), len(self._ledger) + 1
        modified = "LastModifiedDate" if table == "activity_timeline" else "ModifiedDate"
        whole = {"Gsid": gsid(KINDS[table].prefix, f"written/{number}"), **row, "CreatedDate": at, modified: at}
        kept = self._tenant.put(table, whole)
        key = key or str(row.get("Steward_Key__gc") or "") or (key_in(row.get(in_text)) if in_text else "")
        effect = self._ledger.append(kind, key, {"row": whole})
        self._replayed.add(effect.number)
        return kept

    def _checked(self, name: str, value: Any) -> Any:
        data_type, _, about = self._tenant.fields["company"][name].partition(":")
        if value is None:
            return None
        if data_type == "PICKLIST":
            return _picked(about, str(value))
        number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = number if data_type in ("NUMBER", "CURRENCY") else data_type != "BOOLEAN" or isinstance(value, bool)
        if not fits:
            raise Said("GSOBJ_1006", f"Invalid value for {name}", 400)
        return _day(str(value)) if data_type == "DATE" else value

    def _company(self, record: Mapping[str, Any]) -> str:
        company = _needed(record, "CompanyId")
        if company not in self._tenant.of("company"):
            raise Said("", f"company {company} was not found")
        return company

    def _owner(self, record: Mapping[str, Any]) -> str:
        owner = record.get("OwnerId") or self._user(str(record.get("OwnerEmail") or ""))
        if owner not in self._tenant.of("gsuser"):
            raise Said("", "OwnerEmail or OwnerId is required")
        return str(owner)

    def _user(self, email: str) -> str | None:
        rows = self._tenant.of("gsuser").items() if email else ()
        return next((row_id for row_id, row in rows if str(row.get("Email", "")).lower() == email.lower()), None)


def _needed(record: Mapping[str, Any], name: str) -> str:
    if not record.get(name):
        raise Said("", f"{name} is required")
    return str(record[name])


def _picked(category: str, told: str) -> str:
    known = {name.lower(): each for each in DROPDOWNS[category] for name in (each, item(category, each))}
    label = known.get(told.lower())
    if label is None:
        raise Said("GSOBJ_1006", f"Invalid value {told} for {category}")
    return item(category, label)


def _custom(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name.endswith("__gc")}


def _day(told: str) -> int:
    if not re.fullmatch(r"\d{4}-\d\d-\d\d", told):
        raise Said("GSOBJ_1005", f"Invalid dateTime format ({told})")
    return round(datetime.fromisoformat(f"{told}T00:00:00+00:00").timestamp() * 1000)
