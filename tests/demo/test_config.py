"""The demo's `steward.yaml`: what the settings of every connector accept."""

from __future__ import annotations

from pathlib import Path

import connectors
from steward.demo.config import config_text
from steward.kit.discovery import load
from steward.settings import load_settings


def test_the_settings_are_read_back_and_every_connector_takes_its_own(tmp_path: Path) -> None:
    """The demo must not start with a file that Steward refuses."""
    names = ("salesforce", "hubspot", "usage", "slack")
    sandboxes = {name: load(connectors, name).load_sandbox()() for name in names}
    for sandbox in sandboxes.values():
        sandbox.start()
    told = {name: sandbox.settings() for name, sandbox in sandboxes.items()}
    for sandbox in sandboxes.values():
        sandbox.stop()
    file = tmp_path / "steward.yaml"
    file.write_text(config_text(told, playbooks=tmp_path / "playbooks"))
    settings = load_settings(file)

    assert settings.routing.message == "slack"
    assert settings.routing.cta == ("salesforce", "hubspot")
    assert settings.store.data_dir == tmp_path / "data"
    for name in names:
        load(connectors, name).load_settings().model_validate(settings.connections[name].settings)
    assert len(settings.web.tokens["demo"].get_secret_value()) > 40


def test_postgres_is_used_where_it_is_named(tmp_path: Path) -> None:
    """`--postgres URL` decides where state lives."""
    file = tmp_path / "steward.yaml"
    file.write_text(config_text({}, playbooks=tmp_path, database_url="postgresql://me@db/steward"))

    assert load_settings(file).database_url() == "postgresql://me@db/steward"
