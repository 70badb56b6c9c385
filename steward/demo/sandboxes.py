"""The vendors of the demo company, started and filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from steward.contracts import Connector
from steward.kit.sandbox import Sandbox
from steward.model.errors import ConfigError

VENDORS = ("salesforce", "hubspot", "usage", "slack")


def start_sandboxes(
    connectors: Mapping[str, Connector], names: Sequence[str], *, accounts: int, seed: int, as_of: date,
    state: Path | None,
) -> dict[str, Sandbox]:
    """The sandboxes `names` (all vendors where none is named), serving on free ports.

    `state` keeps a ledger for each over restarts. Raises ConfigError for a name that has no place in the company.
    """
    from steward.demo.company import build, load

    for name in names:
        if name not in VENDORS:
            raise ConfigError(f'the demo company has no "{name}". It has: {", ".join(VENDORS)}.')
    started = {
        name: connectors[name].load_sandbox()(state / name if state else None) for name in names or VENDORS
    }
    load(build(accounts, seed, as_of), started)
    for sandbox in started.values():
        sandbox.start()
    return started
