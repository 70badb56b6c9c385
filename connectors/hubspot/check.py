"""`connector check`: whether the token may read each object, and whether tasks can be opened exactly once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connectors.hubspot.client import Client
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.shapes import SHAPES
from connectors.hubspot.source import object_of
from steward.contracts import Finding
from steward.model.errors import AccessDenied, StewardError, Unavailable

_KEYED = (
    ("tasks", "task", "a task"), ("deals", "deal", "an opportunity"), ("calls", "call", "a logged call"),
    ("meetings", "meeting", "a logged meeting"), ("emails", "email", "a logged e-mail"), ("notes", "note", "a note"),
)


def check(client: Client, settings: HubSpotSettings) -> Sequence[Finding]:
    """What works and what does not; changes nothing in HubSpot. Stops where HubSpot cannot be reached at all."""
    findings: list[Finding] = []
    try:
        client.owners(None)
    except StewardError as error:
        findings.append(Finding("owners can be read", False, str(error)))
        if isinstance(error, Unavailable | AccessDenied):
            return findings
    else:
        findings.append(Finding("owners can be read", True))
    for stream in SHAPES:
        kind = object_of(stream, settings)
        if kind:
            findings.append(_try(f"{stream}: {kind} can be read", lambda kind=kind: client.rows(kind, None, ())))  # type: ignore[misc]  # mypy sees no default in a lambda
    findings += [_key_property(client, settings, *each) for each in _KEYED]
    if settings.client_secret is None:
        findings.append(Finding("client_secret", True, "Without it no webhook is taken; pulls go on."))
    return findings


def _try(what: str, call: Callable[[], object]) -> Finding:
    try:
        call()
    except StewardError as error:
        return Finding(what, False, str(error))
    return Finding(what, True)


def _key_property(client: Client, settings: HubSpotSettings, kind: str, singular: str, purpose: str) -> Finding:
    """Tasks are what everybody uses; the rest is named and not found wanting."""
    name = settings.key_property
    what = f'the {singular} property "{name}" keeps {purpose} from being made twice'
    try:
        found = client.properties(kind).get(name)
    except StewardError as error:
        return Finding(what, kind != "tasks", str(error))
    if found is None:
        create = (f'Create it: Settings, Properties, object "{singular.capitalize()}", single-line text, internal name '
                  f'"{name}", and tick "Require unique values for this property".')
        return Finding(what, kind != "tasks", create if kind == "tasks" else f"Only where playbooks use it. {create}")
    if found.get("hasUniqueValue") is not True:
        return Finding(what, False, 'It does not require unique values, and HubSpot cannot change that. Create another '
                                    f'that does on every object, and name it in key_property instead of "{name}".')
    return Finding(what, True)
