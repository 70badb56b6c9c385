"""A Slack workspace on loopback, and our connection to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.slack import CONNECTOR
from connectors.slack.sandbox import SlackSandbox
from steward.contracts import Connection, Tools


@pytest.fixture
def sandbox() -> Iterator[SlackSandbox]:
    with SlackSandbox() as started:
        started.seed(10)
        yield started


@pytest.fixture
def connect(sandbox: SlackSandbox) -> Callable[..., Connection]:
    """Connects with the sandbox's settings, some of them changed."""

    def to(**changed: Any) -> Connection:
        settings = CONNECTOR.load_settings().model_validate({**sandbox.settings(), **changed})
        return CONNECTOR.connect(settings, Tools(now=lambda: datetime.now(UTC), sleep=lambda _: None, deadline_s=5.0))

    return to
