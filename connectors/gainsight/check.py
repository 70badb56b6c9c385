"""`connector check`: whether the key is taken, what it may read, and whether what would be written exists."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from connectors.gainsight.client import Client
from connectors.gainsight.schema import Schema, Schemas
from connectors.gainsight.settings import GainsightSettings
from connectors.gainsight.shapes import SHAPES
from connectors.gainsight.sink import CTA_TYPES, PLAN_TYPE, REASON
from connectors.gainsight.source import OPTIONAL, object_of
from connectors.gainsight.walking import Walker
from steward.contracts import Finding
from steward.kit.reading import text
from steward.model.errors import AccessDenied, RecordRejected, StewardError, Unavailable

_KEY = ('Make a key in Administration, Connectors, Gainsight API ("Access Key"), and put it in access_key; a new key '
        "ends the old one for everybody.")
_MAY_READ = "Where the key is right, let it read {}: Administration, Data Management, the object, permissions."


CTA_CATEGORIES = ("CTA_TYPE", "CTA_STATUS", "CTA_REASON", "CTA_PRIORITY")
PLAN_CATEGORIES = ("SUCCESS_PLAN_TYPE", "SUCCESS_PLAN_STATUS")


def check(client: Client, settings: GainsightSettings) -> Sequence[Finding]:
    """What works and what does not; reads only. Stops where Gainsight cannot be reached or does not know the key."""
    schemas = Schemas(client)
    findings: list[Finding] = []
    for stream in SHAPES:
        object_name = object_of(stream, settings)
        if not object_name:
            continue
        try:
            findings.append(_stream(stream, object_name, schemas, client))
        except (Unavailable, AccessDenied) as error:
            hint = f"\n{_KEY}\n{_MAY_READ.format(object_name)}" if isinstance(error, AccessDenied) else ""
            return [*findings, Finding(f"{stream}: {object_name} can be read", False, f"{error}{hint}")]
        except StewardError as error:
            findings.append(Finding(f"{stream}: {object_name} can be read", False, str(error)))
    return [*findings, *_fields(schemas, settings), *_filters(client, settings), *_words(client, settings),
            *_key_fields(schemas, settings), _owner(client, settings)]


def _stream(stream: str, object_name: str, schemas: Schemas, client: Client) -> Finding:
    what = f"{stream}: {object_name} can be read"
    if schemas.of(object_name) is None:
        if stream in OPTIONAL:
            return Finding(f"{stream}: the tenant has no {object_name}; the stream is empty", True)
        return Finding(what, False, f'The tenant has no object "{object_name}", or the user of the key may not see it: '
                                    "Administration, Data Management, the object, permissions.")
    client.rows(object_name, ("Gsid", SHAPES[stream].modified), (), {SHAPES[stream].modified: "desc"}, 1)
    return Finding(what, True)


def _fields(schemas: Schemas, settings: GainsightSettings) -> Iterable[Finding]:
    """The fields that the settings name."""
    named: dict[str, set[str]] = {}
    for stream, fields in settings.fields.items():
        named.setdefault(stream, set()).update(path for paths in fields.values() for path in paths)
    for stream, custom in settings.custom.items():
        named.setdefault(stream, set()).update(custom)
    for stream, wanted in sorted(named.items()):
        object_name = object_of(stream, settings)
        missing = sorted(path for path in wanted if schemas.path(object_name, path) is None)
        remedy = f"{object_name} has no {', '.join(missing)}, or the key may not see it. Correct fields or custom."
        yield Finding(
            f"{stream}: the fields that the settings name are there", not missing, remedy if missing else "")


def _filters(client: Client, settings: GainsightSettings) -> Iterable[Finding]:
    """Whether times in filters mean what we mean."""
    what = "changes can be asked for by their time"
    walker = Walker(client, "Company", ("Name",), 1, settings.filter_zone)
    try:
        newest = walker.newest()
        if not newest:
            return
        rows, later = ([
            *client.rows("Company", ("Gsid", "ModifiedDate"), [("ModifiedDate", "GTE", [walker.said(since)])],
                         {"ModifiedDate": "asc"}, 1)] for since in (newest, newest + 3600))
    except RecordRejected as error:
        yield Finding(what, False, f"{error}\nSet filter_zone to the time zone of the tenant.")
        return
    except StewardError as error:
        yield Finding(what, False, str(error))
        return
    right = bool(rows) and walker.second(rows[0]) == newest and not later
    yield Finding(what, right, "" if right else (
        "A filter by the time of the latest change does not find it: the tenant reads times in another zone. Set "
        "filter_zone to it (Administration, Application Settings, time zone)."))


def _words(client: Client, settings: GainsightSettings) -> Iterable[Finding]:
    """The types, reasons and statuses that CTAs and plans would be given."""
    types = {**CTA_TYPES, **settings.cta_types}
    reasons = {REASON, *settings.cta_reasons.values()}
    yield _there(
        "CTAs can be opened", client, "/v2/cockpit/admin/picklist/lite", CTA_CATEGORIES,
        {*types.values(), settings.cta_status, *reasons}, "cta_types, cta_reasons or cta_status")
    plan_types = {*settings.plan_types.values()} or {PLAN_TYPE}
    yield _there(
        "success plans can be started", client, "/v2/successPlan/admin/picklist/lite", PLAN_CATEGORIES,
        {*plan_types, settings.plan_status}, "plan_types or plan_status")


def _there(  # noqa: PLR0917  called twice, right above
    what: str, client: Client, path: str, categories: Sequence[str], wanted: set[str], where: str,
) -> Finding:
    try:
        known = {name.lower() for name in _names(client.options(path, categories))}
    except StewardError as error:
        return Finding(what, False, f"{error}\nWithout the names that the tenant has, what is written may be refused.")
    missing = sorted(each for each in wanted if known and each.lower() not in known)
    return Finding(what, not missing, f"The tenant has no {', '.join(missing)}. Set {where} to names it has: "
                                      f"{', '.join(sorted(known)[:20])}." if missing else "")


def _names(node: Any) -> Iterable[str]:
    """Every name in a configuration, whose shape is not documented."""
    if isinstance(node, dict):
        for name in ("name", "Name", "label", "systemName"):
            if text(node.get(name)):
                yield text(node[name])
        for each in node.values():
            yield from _names(each)
    elif isinstance(node, list):
        for each in node:
            yield from _names(each)


def _key_fields(schemas: Schemas, settings: GainsightSettings) -> Iterable[Finding]:
    for setting, object_name, field in (
        ("cta_key_field", "call_to_action", settings.cta_key_field),
        ("plan_key_field", "cta_group", settings.plan_key_field),
    ):
        try:
            schema: Schema | None = schemas.of(object_name) if field else None
        except StewardError as error:
            yield Finding(f"{setting}: {object_name} has {field}", False, str(error))
            continue
        if field:
            there = schema is not None and schema.find(field) is not None
            yield Finding(f"{setting}: {object_name} has {field}", there, "" if there else (
                f"Create it: Administration, Data Management, {object_name}, Add Field, String, API name {field}."))


def _owner(client: Client, settings: GainsightSettings) -> Finding:
    email = settings.default_owner
    if not email:
        return Finding("default_owner", True, "Without it an action for which no user is found is refused.")
    what = "default_owner is an active user"
    try:
        rows = client.rows("gsuser", ("Gsid", "IsActiveUser"), [("Email", "EQ", [email])], {"Gsid": "asc"}, 5)
    except StewardError as error:
        return Finding(what, False, str(error))
    active = any(row.get("IsActiveUser") is not False for row in rows)
    return Finding(what, active, "" if active else f'No active user has the e-mail "{email}". Correct default_owner.')
