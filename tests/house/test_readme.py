"""The README is true: its commands run, its playbook checks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steward.cli.main import run

HOME = Path(__file__).resolve().parents[2]
README = (HOME / "README.md").read_text()


def _blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def test_its_make_targets_exist() -> None:
    """The two commands are all that a newcomer is asked to type."""
    targets = re.findall(r"^make (\w+)", "\n".join(_blocks("sh")), re.MULTILINE)
    makefile = (HOME / "Makefile").read_text()

    assert targets[:2] == ["demo", "test"]
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_its_steward_commands_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A block that fails sends the reader away."""
    monkeypatch.chdir(tmp_path)
    ran = [
        run(line.split("#")[0].split()[1:])
        for block in _blocks("sh") for line in block.splitlines() if line.startswith(".venv/bin/steward")
    ]

    assert ran
    assert set(ran) <= {0}


def test_its_playbook_has_no_findings(tmp_path: Path) -> None:
    """The first playbook somebody copies must be right."""
    from steward.engine.check import check_files
    from steward.facts.catalog import DEFAULT_METRICS, catalog

    for number, block in enumerate(_blocks("yaml")):
        file = tmp_path / f"readme_{number}.yaml"
        file.write_text(block)

        assert not check_files([file], catalog(DEFAULT_METRICS))


def test_its_links_lead_somewhere() -> None:
    """Every file it points at is there."""
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (HOME / target).exists(), target


def test_every_command_it_names_exists(capsys: pytest.CaptureFixture[str]) -> None:
    """`steward X` in the text must be a command."""
    for command in set(re.findall(r"`steward ((?:playbook |connector |accounts |enrollments |outbox |sandbox )?[a-z]+)", README)):
        assert run([*command.split(), "--help"]) == 0, command
    capsys.readouterr()
