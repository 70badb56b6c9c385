"""What `steward connector check salesforce` looks at: sign-in, calls left, objects and fields, the key field."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from connectors.salesforce import mapping
from connectors.salesforce.client import Client
from connectors.salesforce.defaults import DEFAULTS
from connectors.salesforce.settings import SalesforceSettings
from steward.contracts import Finding
from steward.model.errors import AccessDenied, GiveUp, StewardError

_MADE = {"Task": "ctas", "Event": "touchpoints", "Opportunity": "opportunities"}


def check(client: Client, settings: SalesforceSettings) -> Sequence[Finding]:
    """One finding for each thing looked at; makes reads only."""
    try:
        limits = client.limits()
    except StewardError as error:
        return [Finding("sign in and read the limits", False, str(error))]
    findings = [Finding("sign in and read the limits", True), _quota(limits, settings)]
    for stream in DEFAULTS:
        table = mapping.table_of(stream, settings)
        if not table:
            continue
        try:
            described = client.describe(table)
        except GiveUp as error:
            remedy = f'Grant "Read" and "View All" on {table}. {error}'
            findings.append(Finding(f"read {table} ({stream})", False, remedy))
            if isinstance(error, AccessDenied):
                break
            continue
        except StewardError as error:
            return [*findings, Finding(f"read {table} ({stream})", False, str(error))]
        findings.append(_fields(stream, table, described, settings))
        if table in _MADE:
            findings.append(_key_field(table, described, settings))
    return findings


def _quota(limits: dict[str, Any], settings: SalesforceSettings) -> Finding:
    """What is left of the day's calls, and of what Steward leaves to people."""
    daily = limits.get("DailyApiRequests")
    left, most = (daily.get("Remaining"), daily.get("Max")) if isinstance(daily, dict) else (None, None)
    if not isinstance(left, int) or not isinstance(most, int):
        return Finding("calls left today: not told", True)
    kept = int(most * settings.reserve_calls)
    enough = left > max(kept, most * 0.05)
    return Finding(f"calls left today: {left} of {most}, {kept} kept for people (reserve_calls)", enough,
                   "" if enough else "Steward waits until there are more. Pull less often (`every`), lower "
                   "`reserve_calls`, or ask Salesforce for more calls.")


def _fields(stream: str, table: str, described: dict[str, Any], settings: SalesforceSettings) -> Finding:
    """Well where everything that the operator set by name is there; defaults that the org lacks are only told."""
    present = {field.get("name") for field in described.get("fields") or () if isinstance(field, dict)}
    wanted = {name.removeprefix("!") for names in mapping.wanted(stream, settings).values() for name in names}
    missing = sorted(wanted - present)
    own = {*settings.custom_fields.get(table, {}).values()}
    for names in settings.fields.get(table, {}).values():
        own |= {names} if isinstance(names, str) else set(names)
    asked_for = sorted({name.removeprefix("!") for name in own} & set(missing))
    what = f"read {table} ({stream})" + (f"; not there and left out: {', '.join(missing)}" if missing else "")
    if not asked_for:
        return Finding(what, True)
    names = ", ".join(asked_for)
    return Finding(what, False, f"Create {names} on {table}, let the user see them, or correct the setting.")


def _key_field(table: str, described: dict[str, Any], settings: SalesforceSettings) -> Finding:
    """Whether what Steward makes in `table` can carry its key, and whether Salesforce keeps it unique."""
    name = settings.opportunity_key_field if table == "Opportunity" else settings.task_key_field
    where = "Opportunity" if table == "Opportunity" else "Activity"
    fields = [each for each in described.get("fields") or () if isinstance(each, dict)]
    field = next((each for each in fields if each.get("name") == name), None)
    if field is None or not field.get("createable") or not described.get("createable"):
        return Finding(f"write {table}.{name}", False, f'Create the {where} field "{name}", Text(255), External ID, '
                       f"Unique, and let the user edit it and create {table} records. Not needed where no playbook "
                       f"makes any: {_MADE[table]}.")
    what = f"{table}.{name} is External ID and Unique (delivery class A)"
    if field.get("externalId") and field.get("unique"):
        return Finding(what, True)
    return Finding(what, False, f"Tick both. Until then Steward looks for the key before it creates a {table} "
                   "(class B): safe for one deliverer at a time.")
