"""`connector check`: what can be read, down to the permission that is missing, and whether anything can be written."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from connectors.churnzero.client import Client
from connectors.churnzero.entities import ENTITIES
from connectors.churnzero.settings import ChurnZeroSettings
from steward.contracts import Finding
from steward.model.errors import AccessDenied, StewardError


def check(client: Client, settings: ChurnZeroSettings) -> Sequence[Finding]:
    """Reads one row of each entity; writes nothing, as ChurnZero has no call that only asks."""
    return [*_reading(client, settings), Finding(
        "app_key is set (only a write shows whether it is right)", settings.app_key is not None,
        "Set app_key: Admin, Application Keys, New App Key.")]


def _reading(client: Client, settings: ChurnZeroSettings) -> Iterator[Finding]:
    if not client.reads:
        yield Finding("nothing is read, and whether an event is there cannot be asked", False,
                      "Set rest.email and rest.api_key: the REST API is an add-on; ask your ChurnZero contact.")
        return
    for entity, stream in {each.name: stream for stream, each in reversed(list(ENTITIES.items()))}.items():
        modified = settings.modified.get(stream, ENTITIES[stream].modified)
        try:
            rows, _ = client.rows(entity, {"$orderby": modified, "$top": "1"})
        except AccessDenied as error:
            yield Finding(f"{entity} may be read", False, f"{error}\nWhere the key is right: grant Developer "
                          f"Tools and Bulk Read of {entity} to its user. A key that was not used for 30 days is gone.")
        except StewardError as error:
            yield Finding(f"{entity} may be read", False, str(error))
        else:
            known = not rows or modified in rows[0]
            yield Finding(f"{entity} may be read", known,
                          f'Its rows have no "{modified}". Name the field that says when one changed: '
                          f"modified: {{{stream}: …}}")
