"""Programs that nobody here wrote, installed into `.foreign` by `make test`; a test that needs one skips without it."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
INSTALLED = HERE.parent.parent / ".foreign"

Run = Callable[..., Any]


@pytest.fixture(scope="session")
def node() -> Run:
    """Runs a script of this folder with Node.js: `node("jsforce.mjs", {"url": …})` gives the JSON that it prints.

    The script finds its one argument, JSON too, in `process.argv[2]`.
    """
    if not (INSTALLED / "node_modules").is_dir() or (INSTALLED / "no-node").exists():
        pytest.skip("the Node.js programs are not installed; run: make foreign")

    def run(script: str, given: Mapping[str, Any]) -> Any:
        # Node looks for packages beside the script, so it runs a copy that stands beside them.
        copy = INSTALLED / script
        copy.write_text((HERE / script).read_text())
        return _json(["node", str(copy), json.dumps(given)])

    return run


@pytest.fixture(scope="session")
def foreign_bin() -> Path:
    """Where the Python programs of `python.txt` stand, in an environment of their own."""
    if not (INSTALLED / "python" / "bin").is_dir() or (INSTALLED / "no-python").exists():
        pytest.skip("the foreign Python programs are not installed; run: make foreign")
    return INSTALLED / "python" / "bin"


def _json(command: list[str]) -> Any:
    found = {**os.environ, "NODE_PATH": str(INSTALLED / "node_modules")}    # for modules of ours that require others'
    done = subprocess.run(
        command, cwd=INSTALLED, capture_output=True, text=True, timeout=600, check=False, env=found)
    assert done.returncode == 0, f"{command[1]} ended with {done.returncode}:\n{done.stderr[-4000:]}{done.stdout[-2000:]}"
    return json.loads(done.stdout.splitlines()[-1])
