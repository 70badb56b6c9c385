"""An org on loopback, a connection to it, and one clock for both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.salesforce import CONNECTOR
from connectors.salesforce.sandbox import SalesforceSandbox
from steward.contracts import Connection, Cursor, Page, Tools


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = datetime(2026, 3, 5, 8, 0, 30, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.at

    def move(self, **parts: float) -> None:
        self.at += timedelta(**parts)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[SalesforceSandbox]:
    org = SalesforceSandbox(now=clock)
    org.start()
    yield org
    org.stop()


@pytest.fixture
def connect(sandbox: SalesforceSandbox, clock: Clock) -> Callable[..., Connection]:
    """Connects to the sandbox; keyword arguments are settings over its own. `slept` collects the waits."""

    def make(settings: dict[str, Any] | None = None, **more: Any) -> Connection:
        model = CONNECTOR.load_settings().model_validate({**(settings or sandbox.settings()), **more})
        return CONNECTOR.connect(model, Tools(now=clock, sleep=lambda _: None, deadline_s=5.0))

    return make


@pytest.fixture
def pull(connect: Callable[..., Connection]) -> Callable[..., list[Page]]:
    """Every page of a stream after a cursor, by a new connection with the settings given."""

    def every(stream: str, after: Cursor | None = None, **settings: Any) -> list[Page]:
        source = connect(**settings).source
        assert source
        return list(source.pull(stream, after))

    return every
