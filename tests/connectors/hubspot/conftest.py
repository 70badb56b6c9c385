"""One portal on loopback, a connection to it, and rows to put in it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.hubspot import CONNECTOR
from connectors.hubspot.sandbox import HubSpotSandbox
from steward.contracts import Connection, Tools

Connect = Callable[..., Connection]


@pytest.fixture
def sandbox() -> Iterator[HubSpotSandbox]:
    with HubSpotSandbox() as started:
        assert isinstance(started, HubSpotSandbox)
        yield started


@pytest.fixture
def connect(sandbox: HubSpotSandbox) -> Connect:
    """Connects with the sandbox's settings and those given; `ahead` runs our clock ahead, `slow` really sleeps."""

    def connected(ahead: timedelta = timedelta(0), *, slow: bool = False, **settings: Any) -> Connection:
        given = CONNECTOR.load_settings().model_validate(sandbox.settings() | settings)
        sleep = time.sleep if slow else lambda _: None
        return CONNECTOR.connect(given, Tools(lambda: datetime.now(UTC) + ahead, sleep, deadline_s=3))

    return connected

