"""The battery over every connector found in `connectors/`; nothing is listed here, so nothing can be forgotten."""

from __future__ import annotations

import pytest

import connectors
from steward.contracts import Connector
from steward.kit import battery
from steward.kit.discovery import discover, missing

_FOUND = discover(connectors)
_CASES = [pytest.param(found, rule, id=f"{found.name}-{rule}") for found in _FOUND.values() for rule in battery.rules_for(found)]


@pytest.mark.parametrize(("connector", "rule"), _CASES)
def test_battery(connector: Connector, rule: str) -> None:
    """A user may trust any connector to keep the same promises, whoever wrote it."""
    reason = battery.waiver(connector, rule)
    if reason:
        pytest.skip(f"waived: {reason}")
    if lacking := missing(connector):
        pytest.skip(lacking)

    battery.run(connector, rule)
