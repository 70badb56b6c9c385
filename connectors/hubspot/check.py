"""`connector check`: whether the token may read each object, and whether tasks can be opened exactly once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connectors.hubspot.client import Client
from connectors.hubspot.settings import HubSpotSettings
from connectors.hubspot.shapes import SHAPES
from connectors.hubspot.source import object_of
from steward.contracts import Finding
from steward.model.errors import AccessDenied, StewardError, Unavailable


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
    findings.append(_key_property(client, settings))
    if settings.client_secret is None:
        findings.append(Finding("client_secret", True, "Without it no webhook is taken; pulls go on."))
    return findings


def _try(what: str, call: Callable[[], object]) -> Finding:
    try:
        call()
    except StewardError as error:
        return Finding(what, False, str(error))
    return Finding(what, True)


def _key_property(client: Client, settings: HubSpotSettings) -> Finding:
    name = settings.task_key_property
    what = f'the task property "{name}" keeps a task from being opened twice'
    try:
        found = client.properties("tasks").get(name)
    except StewardError as error:
        return Finding(what, False, str(error))
    if found is None:
        return Finding(what, False, f'Create it: Settings, Properties, object "Task", single-line text, internal name '
                                    f'"{name}", and tick "Require unique values for this property".')
    if found.get("hasUniqueValue") is not True:
        return Finding(what, False, 'It does not require unique values, and HubSpot cannot change that. Create another '
                                    f'that does, and name it in task_key_property instead of "{name}".')
    return Finding(what, True)
