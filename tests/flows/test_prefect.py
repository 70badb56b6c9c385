"""The flows under a real Prefect server: deployed from prefect.yaml, run by a process worker, reaped when dead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flows.server import prefect_server
from steward.cli.main import run
from steward.processes import start_child, stop_child

HOME = Path(__file__).resolve().parents[2]
HOPELESS_S = 420.0      # only ends a hopeless wait on a busy machine


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server of our own; this process's environment points at it."""
    home = tmp_path_factory.mktemp("prefect")
    with prefect_server(home, home / "server.log") as api:
        yield api


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company without connections: its flows run, and find nothing to do."""
    folder = tmp_path_factory.mktemp("company") / "new"
    assert run(["init", str(folder)]) == 0
    assert run(["playbook", "apply", "--yes", "--config", str(folder / "steward.yaml")]) == 0
    return folder / "steward.yaml"


def _ask(api: str, path: str, body: Any = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(api + path, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def _prefect(*arguments: str, config: Path) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "prefect", "--no-prompt", *arguments], cwd=HOME, capture_output=True, text=True, check=False,
        env={**os.environ, "STEWARD_CONFIG": str(config)}, timeout=HOPELESS_S,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_deploy_all_works_and_a_process_worker_runs_the_flows(server: str, config: Path, tmp_path: Path) -> None:
    """What `prefect.yaml` promises an operator: two commands, and the schedules run elsewhere."""
    _prefect("work-pool", "create", "--type", "process", "steward", config=config)
    _prefect("deploy", "--all", config=config)

    deployments = {each["name"]: each for each in _ask(server, "/deployments/filter", {})}
    assert set(deployments) == {"sync", "evaluate", "deliver", "publish", "nightly"}
    assert all(each["schedules"] and each["schedules"][0]["active"] for each in deployments.values())
    assert all(each["global_concurrency_limit"]["limit"] == 1 for each in deployments.values())

    made = _ask(server, f"/deployments/{deployments['evaluate']['id']}/create_flow_run", {})
    with (tmp_path / "worker.log").open("wb") as log:
        worker = start_child(
            [sys.executable, "-m", "prefect", "worker", "start", "--pool", "steward", "--limit", "1"],
            {**os.environ, "STEWARD_CONFIG": str(config), "PREFECT_WORKER_QUERY_SECONDS": "1"}, log,
        )
        try:
            state = _wait_for_the_end(server, made["id"])
        finally:
            stop_child(worker)

    assert state["type"] == "COMPLETED", (tmp_path / "worker.log").read_text()
    artifacts = _ask(server, "/artifacts/filter", {})
    assert "evaluate" in {each["key"] for each in artifacts}


def test_what_reports_read_is_written_down_and_published(server: str, tmp_path: Path) -> None:
    """The schedule does what `steward publish` does, once in a period, and leaves counts in Prefect."""
    from connectors.powerbi.sandbox import PowerBiSandbox

    with PowerBiSandbox() as sandbox:
        (tmp_path / "steward.yaml").write_text(json.dumps({
            "store": {"data_dir": "data"}, "publish": {"powerbi": {"tables": ["dim_date"]}},
            "connections": {"powerbi": {"connector": "powerbi", "settings": sandbox.settings()}}}))
        code = ("import asyncio; from flows.publish import publish, tabulate\n"
                "for each in (tabulate, publish, publish): print(asyncio.run(each(return_state=True)).message)")
        done = subprocess.run(
            [sys.executable, "-c", code], cwd=HOME, capture_output=True, text=True, check=False, timeout=HOPELESS_S,
            env={**os.environ, "STEWARD_CONFIG": str(tmp_path / "steward.yaml")})

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-3:] == [
        "0 account days written", "1 delivered, 0 failed, 0 unknown", "0 delivered, 0 failed, 0 unknown"]
    assert len(sandbox.rows("dim_date")) > 700
    artifacts = {each["key"]: each["data"] for each in _ask(server, "/artifacts/filter", {})}
    assert {"tabulate", "publish"} <= set(artifacts)


def _wait_for_the_end(api: str, run_id: str) -> Any:
    give_up_at = time.monotonic() + HOPELESS_S
    while time.monotonic() < give_up_at:
        state = _ask(api, f"/flow_runs/{run_id}")["state"]
        if state["type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
            return state
        time.sleep(0.5)     # polling another process; the bound above only ends a hopeless wait
    raise AssertionError(f"the run did not end: {state}")


def test_a_run_whose_process_died_is_marked_crashed(server: str) -> None:
    """Prefect would show it as running for ever, and nobody would look."""
    flow = _ask(server, "/flows/", {"name": "dead"})
    dead = _ask(server, "/flow_runs/", {"flow_id": flow["id"], "state": {"type": "PENDING"}})
    _ask(server, f"/flow_runs/{dead['id']}/set_state", {"state": {"type": "RUNNING"}, "force": True})

    code = ("import asyncio; from datetime import timedelta; from flows.reaper import reap;"
            "print(len(asyncio.run(reap(timedelta(0)))))")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False,
                          timeout=HOPELESS_S, cwd=HOME)

    assert done.stdout.strip() == "1", done.stderr
    assert _ask(server, f"/flow_runs/{dead['id']}")["state"]["type"] == "CRASHED"


def test_a_server_that_is_given_is_used_and_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An operator who runs Prefect does not want a second one."""
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")

    with prefect_server(tmp_path / "home", tmp_path / "log") as api:
        assert api == "http://127.0.0.1:9/api"
    assert not (tmp_path / "home").exists()
