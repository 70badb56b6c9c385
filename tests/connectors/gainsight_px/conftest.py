"""One subscription on loopback, and connections to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.gainsight_px import CONNECTOR
from connectors.gainsight_px.sandbox import GainsightPxSandbox
from steward.contracts import Connection, Tools

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def sandbox() -> Iterator[GainsightPxSandbox]:
    """It is 10 March 2026, noon, at PX."""
    with GainsightPxSandbox(now=lambda: NOON) as started:
        assert isinstance(started, GainsightPxSandbox)
        yield started


@pytest.fixture
def connect(sandbox: GainsightPxSandbox) -> Callable[..., Connection]:
    """Connects with the sandbox's settings and those given; `ahead` runs our clock ahead of noon."""

    def connected(ahead: timedelta = timedelta(0), **settings: Any) -> Connection:
        given = CONNECTOR.load_settings().model_validate(sandbox.settings() | settings)
        return CONNECTOR.connect(given, Tools(lambda: NOON + ahead, lambda _: None, deadline_s=5))

    return connected
