"""A small made-up company in Gainsight, for the battery and for trying it out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.gainsight.sandbox_objects import DROPDOWNS, KINDS, gsid, item
from connectors.gainsight.sandbox_tenant import Row, Tenant

OPS = "cs-ops@steward.test"
CSMS = 3
_ZONES = ("Europe/Berlin", "America/New_York", "Asia/Tokyo")
_MEASURES = ("Product Usage", "Sentiment")
_STATUSES = ("Active", "Onboarding", "Churn", "Active")


def company_id(number: int) -> str:
    return gsid("1P02", number)


def csm_email(number: int) -> str:
    return f"csm-{number % CSMS}@steward.test"


def as_kept(value: Any) -> Any:
    """A time as Gainsight keeps it."""
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    if isinstance(value, str) and len(value) >= 19 and value[4:5] == "-" and value[10:11] in ("T", " "):
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            return value
        return round((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1000)
    return value


def dropdowns(tenant: Tenant) -> None:
    """The items of every dropdown, as an object of their own."""
    for category, labels in DROPDOWNS.items():
        for label in labels:
            tenant.put("da_picklist", {
                "Gsid": item(category, label), "Name": label, "Category": category, "SystemName": label,
                "ModifiedDate": 0, "CreatedDate": 0})


def company(accounts: int, now: datetime) -> Mapping[str, Sequence[Mapping[str, Any]]]:
    """By object, rows whose changes lie hours apart, the newest of them days ago."""
    first = now - timedelta(days=60)
    tables: dict[str, list[Row]] = {}

    def add(table: str, number: int, row: Row, modified: str = "ModifiedDate") -> str:
        at = as_kept(first + timedelta(hours=7 * number, milliseconds=number * 37))
        row_id = gsid(KINDS[table].prefix, number)
        tables.setdefault(table, []).append({"Gsid": row_id, "CreatedDate": at - 86_400_000, modified: at, **row})
        return row_id

    for place, name in enumerate(_MEASURES):
        add("scorecard_measure", place, {"Name": name})
    schemes = [
        add("scoring_scheme_definition", place, {"Name": name, "Score": score, "Color": name})
        for place, (name, score) in enumerate((("Red", 25), ("Yellow", 55), ("Green", 85)))]
    boss = add("gsuser", 99, {
        "Name": "Cs Ops", "Email": OPS, "Title": "CS Ops", "IsActiveUser": True, "Timezone": _ZONES[0]})
    for number in range(max(CSMS, accounts // 3)):
        add("gsuser", number, {
            "Name": f"Csm {number}", "Email": f"csm-{number}@steward.test", "Title": "CSM",
            "IsActiveUser": number % 5 != 4,
            "Manager": boss, "Timezone": _ZONES[number % 3]})
    for number in range(accounts):
        _one(add, number, schemes, as_kept(now - timedelta(days=9)))
    return tables


def _one(add: Any, number: int, schemes: Sequence[str], day: int) -> None:
    """One company and all that belongs to it."""
    owner = gsid("1P01", number % CSMS)
    one = add("company", number, {
        "Name": f"Acme {number}", "Arr": 12_000.5 + number * 1000 if number % 7 else None, "CurrencyIsoCode": "USD",
        "Industry": item("Industry", DROPDOWNS["Industry"][number % 3]), "Employees": 10 + number,
        "Status": item("Company Status", _STATUSES[number % 4]), "Csm": owner, "Website__gc": f"https://www.acme{number}.test/",
        "Segment__gc": item("Segment", DROPDOWNS["Segment"][number % 3]), "Country__gc": "DE",
        "Timezone__gc": _ZONES[0],
        "SfdcAccountId": f"001{number:015d}", "CurrentScore": schemes[number % 3], "Risk__gc": item("Risk", "Low"),
        "ParentCompany": company_id(0) if number % 9 == 8 else None, "Do_Not_Contact__gc": number % 11 == 10})
    person = add("person", number, {
        "Name": f"Pat {number}", "FirstName": "Pat", "LastName": str(number), "Email": f"Pat@acme{number}.test"})
    contact = add("company_person", number, {
        "Company_ID": one, "Person_ID": person, "Title": "VP", "Role": item("Role", DROPDOWNS["Role"][number % 4]),
        "Active": number % 6 != 5, "IsPrimaryCompany": True})
    closed = number % 3 == 2
    cta = add("call_to_action", number, {
        "Name": f"Call Acme {number}", "CompanyId": one, "OwnerId": owner, "TypeId": item("CTA_TYPE", "Risk"),
        "ReasonId": item("CTA_REASON", "Other"), "StatusId": item("CTA_STATUS", "Closed Success" if closed else "New"),
        "PriorityId": item("CTA_PRIORITY", "High"), "IsClosed": closed, "IsImportant": False, "DueDate": day,
        "ClosedDate": day if closed else None, "Comments": "<p>Please call.</p>", "EntityType": "COMPANY"})
    add("cs_task", number, {
        "Name": "Prepare", "CtaId": cta, "OwnerId": owner, "DueDate": day,
        "StatusId": item("CTA_STATUS", ("New", "Closed Success")[number % 2])})
    plan = add("cta_group", number, {
        "Name": f"Onboarding {number}", "CompanyId": one, "OwnerId": owner, "DueDate": day,
        "ActiveDate": day - 86_400_000 * 30,
        "StatusId": item("SUCCESS_PLAN_STATUS", "Active"), "SuccessPlanTypeId": item("SUCCESS_PLAN_TYPE", "Onboarding"),
        "IsClosed": False, "ActionPlan": ""})
    for place, name in enumerate(("Kickoff", "First Value")):
        done = number % 2 > place
        add("call_to_action", 1000 + 2 * number + place, {
            "Name": name, "CompanyId": one, "OwnerId": owner, "CtaGroupId": plan, "Position__gc": place + 1,
            "IsClosed": done,
            "StatusId": item("CTA_STATUS", "Closed Success" if done else "New"),
            "TypeId": item("CTA_TYPE", "Objective"),
            "DueDate": day, "ClosedDate": day if done else None, "EntityType": "COMPANY", "ModifiedDate": day - place})
    add("activity_timeline", number, {
        "ExternalId": f"seed-{number}", "ContextName": "Company",
        "TypeName": ("Call", "Meeting", "Update", "QBR")[number % 4],
        "Subject": f"Spoke with Acme {number}", "Notes": "<p>All well</p>", "ActivityDate": day, "AuthorId": owner,
        "GsCompanyId": one}, "LastModifiedDate")
    add("survey_participant", number, {
        "Name": f"NPS {number}", "CompanyId": one, "CompanyPersonId": contact, "NpsScore": number % 11,
        "Comment": "fine", "RespondedDate": day if number % 4 else None})
    for place in range(len(_MEASURES)):
        add("scorecard_fact", 2 * number + place, {
            "Name": "score", "CompanyId": one, "MeasureId": gsid("1X02", place),
            "CurrentScoreId": schemes[(number + place) % 3]})
