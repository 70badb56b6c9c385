"""The rules of the house that no linter knows."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]
PRODUCT = [*HOME.glob("steward/**/*.py"), *HOME.glob("connectors/**/*.py"), *HOME.glob("flows/**/*.py")]
CLOCKS = re.compile(r"datetime\.now\(|time\.time\(|\brandom\.|uuid4\(|date\.today\(")


def _name(path: Path) -> str:
    return str(path.relative_to(HOME))


@pytest.mark.parametrize("path", PRODUCT, ids=_name)
def test_a_module_is_a_room_not_a_drawer(path: Path) -> None:
    """Somebody will live in it: it says what it is, and it can be read in one sitting."""
    text = path.read_text(encoding="utf-8")

    assert len(text.splitlines()) <= 500
    assert path.stem not in {"utils", "helpers", "common", "base", "misc"}
    assert text.lstrip("#! \n").startswith('"""') or "migrations/versions" in str(path) or "/template/" in str(path)


@pytest.mark.parametrize("part", ["model", "facts", "engine", "store", "pipeline"])
def test_time_and_chance_come_in_as_arguments(part: str) -> None:
    """A decision can only be replayed and tested when the clock is an argument."""
    for path in HOME.glob(f"steward/{part}/**/*.py"):
        found = [line for line in path.read_text(encoding="utf-8").splitlines() if CLOCKS.search(line)]

        assert not found, f"{_name(path)}: {found[0].strip()}"


def test_the_lock_names_versions_and_hashes_and_no_address() -> None:
    """A clone must install from whatever index its machine uses."""
    lock = (HOME / "requirements.lock").read_text()
    pinned = re.findall(r"^[a-z0-9][a-z0-9._-]*(?:\[.*\])?==\S+ \\\n    --hash=sha256:", lock, re.MULTILINE)
    names = re.findall(r"^[a-z0-9][a-z0-9._-]*(?:\[.*\])?==", lock, re.MULTILINE)

    assert "://" not in lock
    assert "--index" not in lock
    assert len(names) > 100
    assert len(pinned) >= len(names) - 5    # an environment marker stands between some versions and hashes


def test_nothing_names_this_machine() -> None:
    """Another machine has other paths; `../shared` is not there for users."""
    tracked = subprocess.run(["git", "ls-files"], cwd=HOME, capture_output=True, text=True, check=True).stdout.split()
    for name in tracked:
        path = HOME / name
        if not path.is_file() or path.suffix in {".parquet", ".xlsx", ".png"} or name == "LICENSE":
            continue
        text = path.read_text(encoding="utf-8", errors="ignore")

        assert str(HOME.parent) + "/" not in text or len(HOME.parts) < 3, name
        if name.startswith(("steward/", "connectors/", "flows/", "playbooks/")) or name == "Makefile":
            assert "../shared" not in text, name


def test_two_commands_stand_at_the_top_of_the_readme() -> None:
    """A newcomer reads ten lines at most before typing."""
    top = "\n".join((HOME / "README.md").read_text().splitlines()[:25])

    assert "make demo" in top
    assert "make test" in top


def test_what_prefect_yaml_names_exists() -> None:
    """`prefect deploy --all` must find every flow."""
    import importlib

    from ruamel.yaml import YAML

    deployments = YAML(typ="safe", pure=True).load((HOME / "prefect.yaml").read_text())["deployments"]

    assert {each["name"] for each in deployments} == {"sync", "evaluate", "deliver", "publish", "nightly"}
    for each in deployments:
        module, name = each["entrypoint"].rsplit(".", 1)
        assert callable(getattr(importlib.import_module(module), name))
