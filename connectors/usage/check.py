"""What `connector check` looks at: the list of drops and the first of them."""

from __future__ import annotations

from collections.abc import Sequence

from connectors.usage.drops import Drops
from connectors.usage.settings import UsageSettings
from steward.contracts import Finding
from steward.model.errors import StewardError


def check(drops: Drops, settings: UsageSettings) -> Sequence[Finding]:
    """Harmless: lists the drops and reads the newest."""
    from connectors.usage.frames import frame_of

    if not (settings.url or settings.folder):
        return [Finding("events are taken by webhook", ok=True)]
    try:
        found = drops.names()
    except StewardError as error:
        return [Finding("the drops can be listed", ok=False, remedy=str(error))]
    if not found:
        return [Finding("there is a drop", ok=False, remedy="Drop a Parquet or CSV file of usage per account and day.")]
    try:
        frame, refusals = frame_of(found[-1].name, drops.read(found[-1]), settings)
    except StewardError as error:
        return [Finding(f"the newest drop, {found[-1].name}, can be read", ok=False, remedy=str(error))]
    findings = [Finding(f"{found[-1].name}: {frame.height:,} account days, {frame.width - 2} metrics", ok=True)]
    if refusals:
        findings.append(Finding("every row can be read", ok=False, remedy=f"{refusals[0].where}: {refusals[0].reason}"))
    return findings
