"""A small company, synced and evaluated, behind the real application."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from fastapi.testclient import TestClient

from steward.demo.config import config_text
from steward.demo.sandboxes import start_sandboxes
from steward.kit.sandbox import Sandbox
from steward.web.app import create_app
from steward.wiring import Hub, installed, open_hub, shipped_playbooks, utc_now


@dataclass(frozen=True)
class Served:
    """The hub, its sandboxes, and a client that speaks to the application; `token` opens the API."""

    hub: Hub
    sandboxes: dict[str, Sandbox]
    client: TestClient
    token: str

    @property
    def key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """Thirty accounts, synced and evaluated; nothing delivered yet."""
    home = tmp_path_factory.mktemp("company")
    sandboxes = start_sandboxes(installed(), (), accounts=30, seed=7, as_of=utc_now().date(), state=None)
    config = home / "steward.yaml"
    config.write_text(config_text(
        {name: each.settings() for name, each in sandboxes.items()}, playbooks=shipped_playbooks(),
    ))
    with open_hub(config) as hub:
        for name in ("salesforce", "hubspot", "usage"):
            assert not hub.sync(name).troubles
        hub.derive()
        hub.apply(hub.draft(), "test")
        hub.evaluate()
        token = hub.settings.web.tokens["demo"].get_secret_value()
        with TestClient(create_app(hub), raise_server_exceptions=False) as client:
            yield Served(hub, sandboxes, client, token)
    for sandbox in sandboxes.values():
        sandbox.stop()
