"""A new connector, as `steward connector new` writes it, keeps every promise before a line of it is changed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import connectors
from steward.kit import battery
from steward.kit.discovery import load, names
from steward.kit.scaffold import new_connector
from steward.model.errors import ConfigError

HOME = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A second folder of connectors, with one new one in it."""
    folder = tmp_path_factory.mktemp("connectors")
    new_connector(folder, "acme_crm", "Acme CRM")
    connectors.__path__.append(str(folder))
    yield folder
    connectors.__path__.remove(str(folder))
    for name in [name for name in sys.modules if name.startswith("connectors.acme_crm")]:
        del sys.modules[name]


def test_the_new_connector_is_found_without_being_listed(elsewhere: Path) -> None:
    """No shared file is edited to add a connector."""
    assert "acme_crm" in names(connectors)
    assert load(connectors, "acme_crm").title == "Acme CRM"


_READS_AND_WRITES = [name for name, rule in battery.RULES.items() if rule.applies(load(connectors, "salesforce"))]


@pytest.mark.parametrize("rule", _READS_AND_WRITES)
def test_the_new_connector_keeps_the_rule(elsewhere: Path, rule: str) -> None:
    """Whoever starts from it starts from green."""
    battery.run(load(connectors, "acme_crm"), rule)


def test_the_new_connector_pleases_the_linters(elsewhere: Path) -> None:
    """The first commit must not be about spaces."""
    ruff = [shutil.which("ruff", path=str(Path(sys.executable).parent)) or "ruff", "check", "--config",
            str(HOME / "pyproject.toml"), "--config", 'lint.isort.known-first-party = ["connectors", "steward"]',
            str(elsewhere)]

    done = subprocess.run(ruff, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", ["", "Acme", "1st", "a-b", "class", "../x", "x" * 40])
def test_a_name_that_cannot_be_is_said(tmp_path: Path, name: str) -> None:
    """A folder that Python cannot import would be found by nobody."""
    with pytest.raises(ConfigError, match="cannot be the name"):
        new_connector(tmp_path, name, "Acme")


def test_an_existing_connector_is_never_overwritten(tmp_path: Path) -> None:
    """A typing error must not cost a day's work."""
    new_connector(tmp_path, "acme", "Acme")

    with pytest.raises(ConfigError, match="already"):
        new_connector(tmp_path, "acme", "Acme")
