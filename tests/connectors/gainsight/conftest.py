"""One tenant on loopback, connections to it, and anybody else who calls it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.gainsight import CONNECTOR
from connectors.gainsight.sandbox import KEY, GainsightSandbox
from steward.contracts import Connection, Tools


@pytest.fixture
def sandbox() -> Iterator[GainsightSandbox]:
    with GainsightSandbox() as started:
        assert isinstance(started, GainsightSandbox)
        yield started


@pytest.fixture
def connect(sandbox: GainsightSandbox) -> Callable[..., Connection]:
    """Connects with the sandbox's settings and those given; `ahead` runs our clock ahead, `slept` hears of sleeps."""

    def connected(ahead: timedelta = timedelta(0), slept: list[float] | None = None, **settings: Any) -> Connection:
        given = CONNECTOR.load_settings().model_validate(sandbox.settings() | settings)
        sleep = slept.append if slept is not None else lambda _: None
        return CONNECTOR.connect(given, Tools(lambda: datetime.now(UTC) + ahead, sleep, deadline_s=5))

    return connected


@pytest.fixture
def ask(sandbox: GainsightSandbox) -> Callable[..., Any]:
    """What the sandbox answers to anybody who calls it, whatever its status."""

    def asked(method: str, path: str, body: object = None, key: str = KEY) -> Any:
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{sandbox.url}{path}", data, {"accesskey": key}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            return json.load(error)

    return asked
