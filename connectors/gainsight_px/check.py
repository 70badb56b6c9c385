"""`connector check`: whether the key is taken here, what it may read, and whether what the settings name is there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from connectors.gainsight_px.client import BEGINNING, Client
from connectors.gainsight_px.mapping import modified_at
from connectors.gainsight_px.settings import GainsightPxSettings
from connectors.gainsight_px.shapes import (
    ACCOUNTS,
    CUSTOM,
    CUSTOM_EVENTS,
    FEATURE_EVENTS,
    SESSIONS,
    SHAPES,
    USERS,
    WRITABLE,
    Listing,
)
from steward.contracts import Finding, Tools
from steward.kit.reading import milliseconds
from steward.model.errors import AccessDenied, StewardError, Unavailable

_READ = "The key needs the permission Read: Administration, REST API."
_TOP = {*WRITABLE, "id", "lastSeenDate", "createDate", "lastModifiedDate", "numberOfUsers", "location",
        "trackedSubscriptionId", "propertyKeys"}


def check(client: Client, settings: GainsightPxSettings, tools: Tools) -> Sequence[Finding]:
    """What works and what does not; reads only. Stops where PX cannot be reached or does not know the key."""
    day = f"{tools.now() - timedelta(days=1):%Y-%m-%dT%H:%M:%S.000Z}"
    events = ((SESSIONS, True), (CUSTOM_EVENTS, bool(settings.events)), (FEATURE_EVENTS, bool(settings.features)))
    findings: list[Finding] = []
    for listing, where in ((ACCOUNTS, ""), (USERS, ""), *((each, f"date>={day}") for each, used in events if used)):
        what = f"{listing.path} can be read"
        try:
            client.page(listing, BEGINNING, where=where, size=1)
            findings.append(Finding(what, True))
        except (AccessDenied, Unavailable) as error:
            remedy = f"{error}\n{_READ}" if isinstance(error, AccessDenied) else str(error)
            return [*findings, Finding(what, False, remedy)]
        except StewardError as error:
            findings.append(Finding(what, False, str(error)))
    findings += [_changes(client, listing) for listing in (ACCOUNTS, USERS)]
    return [*findings, *_names(client, settings)]


def _changes(client: Client, listing: Listing) -> Finding:
    """Whether a filter by time finds the latest change, and nothing after it."""
    what = f"{listing.path}: changes can be asked for by their time"
    try:
        rows, _ = client.page(listing, BEGINNING, sort="-lastModifiedDate", size=1)
        newest = modified_at(rows[0]) if rows else None
        if newest is None:
            return Finding(what, not rows, "The latest has no lastModifiedDate: every pull reads all." if rows else "")
        found, later = (client.page(
            listing, BEGINNING, where=f"lastModifiedDate>={milliseconds(since)}", sort="-lastModifiedDate", size=1)[0]
            for since in (newest, newest + timedelta(hours=1)))
    except StewardError as error:
        return Finding(what, False, str(error))
    right = bool(found) and modified_at(found[0]) == newest and not later
    return Finding(what, right, "" if right else (
        "A filter by the time of the latest change does not find it, so changes would be missed. Forget the cursor "
        "of the stream before each pull, and report it: it is a fault of this connector."))


def _names(client: Client, settings: GainsightPxSettings) -> Iterable[Finding]:
    """What the settings name, and what could be written."""
    try:
        known: dict[str, str] = client.attributes()
    except StewardError as error:
        yield Finding("the attributes of accounts can be listed", False, (
            f"{error}\nWithout them custom attributes cannot be written. {_READ}"))
    else:
        yield Finding("the attributes of accounts can be listed", True)
        yield _missing(settings, {*_TOP, *(f"{CUSTOM}.{name}" for name in known)})
    if settings.features:
        yield _features(client, settings)
    yield Finding("fields of accounts can be written", True, (
        "Whether the key has the permission Write shows only when something is written: a key without it is refused "
        "with 401 or 403."))


def _missing(settings: GainsightPxSettings, known: set[str]) -> Finding:
    fields = {**SHAPES["accounts"].fields, **settings.fields.get("accounts", {})}
    named = {*settings.ids.values(), *settings.custom.get("accounts", {}).values(), *fields.values()}
    missing = sorted(path for path in named if path not in known and path.partition(".")[0] not in known)
    return Finding("accounts: the fields that the settings name are there", not missing, (
        f"PX has no {', '.join(missing)}. A custom attribute is written as {CUSTOM}.<API name>: Administration, "
        "Attributes. Correct fields, custom or ids.") if missing else "")


def _features(client: Client, settings: GainsightPxSettings) -> Finding:
    what = "the features that the settings name are there"
    try:
        missing = sorted({*settings.features} - client.features())
    except StewardError as error:
        return Finding(what, False, f"{error}\n{_READ}")
    return Finding(what, not missing, (
        f"PX has no feature {', '.join(missing)}. The id stands in the address of the feature's page.")
        if missing else "")
