"""The program itself: help, mistakes, exit codes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from steward.cli.main import FIX, OUR_BUG, app, run


def test_help_imports_nothing_heavy() -> None:
    """Help must answer at once, on any machine."""
    code = (
        "import sys; from steward.cli.main import run\n"
        "try: run(['--help'])\n"
        "finally: heavy = {'prefect', 'polars', 'sqlalchemy', 'pydantic', 'simple_salesforce', 'hubspot', 'slack_sdk'}\n"
        "print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stderr.strip() == "[]"
    assert "playbook" in done.stdout


@pytest.mark.parametrize(("typed", "meant"), [("evalute", "evaluate"), ("playbok", "playbook")])
def test_a_mistyped_command_gets_a_suggestion(typed: str, meant: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody should have to look a command up for a slip of the finger."""
    with pytest.raises(SystemExit) as ended:
        run([typed])

    assert ended.value.code == FIX
    assert f'Did you mean "{meant}"?' in " ".join(capsys.readouterr().err.replace("│", " ").split())


def test_a_missing_config_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The first thing that goes wrong for a newcomer."""
    code = run(["accounts", "--config", str(tmp_path / "steward.yaml")])

    assert code == FIX
    assert "steward init" in capsys.readouterr().err


def test_a_bug_of_ours_is_one_line_and_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    """A person at three in the morning needs no stack trace; we need to hear of it."""

    @app.command(name="break-for-the-test", show=False)
    def _broken() -> None:
        raise ZeroDivisionError

    code = run(["break-for-the-test"])

    said = capsys.readouterr().err
    assert code == OUR_BUG
    assert "ZeroDivisionError" in said
    assert "Traceback" not in said


def test_every_command_listed_exists(capsys: pytest.CaptureFixture[str]) -> None:
    """A command in the help that cannot be loaded is a promise broken."""
    groups = {"accounts", "connector", "enrollments", "identity", "outbox", "playbook", "sandbox"}
    for name in app:
        if name.startswith("-") or name == "break-for-the-test":
            continue
        children = [child for child in app[name] if not child.startswith("-")] if name in groups else [""]
        for child in children:
            assert run([*filter(None, (name, child)), "--help"]) == 0, (name, child)
    capsys.readouterr()
