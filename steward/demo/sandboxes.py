"""The vendors of the demo company, started and filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from steward.contracts import Connector
from steward.kit.sandbox import Sandbox
from steward.model.errors import ConfigError
from steward.model.words import meant_or_all

EVERY = "all"
VENDORS = ("salesforce", "hubspot", "usage", "slack")


def start_sandboxes(
    connectors: Mapping[str, Connector], names: Sequence[str], *, accounts: int, seed: int, as_of: date,
    state: Path | None,
) -> dict[str, Sandbox]:
    """The sandboxes `names` (those of the demo company, where none is named; `all`), serving on free ports.

    One that the demo company does not use is filled with so many accounts of its own. `state` keeps a ledger for each
    over restarts. Raises ConfigError for a name that no connector has.
    """
    from steward.demo.company import build, load

    names = tuple(connectors) if EVERY in names and EVERY not in connectors else names
    for name in names:
        if name not in connectors:
            raise ConfigError(f'no connector "{name}" is installed{meant_or_all(name, connectors)}')
    started = {
        name: connectors[name].load_sandbox()(state / name if state else None) for name in names or VENDORS
    }
    load(build(accounts, seed, as_of), started)
    for name, sandbox in started.items():
        sandbox.start()
        if name not in VENDORS:
            sandbox.seed(accounts)
    return started
