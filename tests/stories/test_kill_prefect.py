"""The Prefect server is killed while flows run: it holds no promise, so nothing is lost and nothing is done twice."""

from __future__ import annotations

import os
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

from steward.store import outbox
from steward.wiring import open_hub

LONG = bool(os.environ.get("STEWARD_TORTURE"))


def _start(story: Any, config: Path) -> subprocess.Popen[bytes]:
    home = story.folder / "prefect"
    process: subprocess.Popen[bytes] = story.programs.start(
        "once", f"--config={config}", f"--home={home}", module="flows", log="flows.log")
    return process


def _phase(story: Any, process: subprocess.Popen[bytes], name: str) -> dict[str, Any]:
    """Read its events until the phase called `name` is over."""
    while (event := story.said_line(process)).get("name") != name:
        assert event["event"] == "phase", event
    return dict(event)


def _server_of(process: subprocess.Popen[bytes]) -> psutil.Process:
    return next(
        each for each in psutil.Process(process.pid).children(recursive=True) if "server" in each.cmdline()[:5])


def _stored(config: Path) -> tuple[dict[str, str], Any]:
    with open_hub(config) as hub, hub.db.read() as tx:
        return {row.key: row.state for row in outbox.list_(tx, limit=10_000)}, outbox.conservation(tx)


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("midst", [
    "deliver", pytest.param("sync", marks=pytest.mark.skipif(not LONG, reason="STEWARD_TORTURE=1 kills it in sync too"))])
def test_the_prefect_server_may_be_killed_at_any_time(story: Any, midst: str) -> None:
    """Orchestration is a convenience; customers must not feel it when it dies."""
    vendors = story.vendors(40)
    vendors.fault("slack", {"kind": "slow", "on": "chat.postMessage", "times": 8, "delay_s": 0.5})
    config = story.write_config(
        story.folder, vendors.settings(), story.write_everyone(story.folder / "playbooks", "check_in", "second"))
    story.apply(config)

    first = _start(story, config)
    _phase(story, first, "evaluate" if midst == "deliver" else "prefect")
    if midst == "deliver":
        story.wait_until(vendors.applied_bytes, 120, "the first delivery")
    began = time.monotonic()
    _server_of(first).kill()
    first.communicate(timeout=180)               # whatever it makes of that, it comes to an end
    went_on_s = time.monotonic() - began
    _, kept_between = _stored(config)
    second = _start(story, config)
    phases = [_phase(story, second, name) for name in ("sync", "evaluate", "deliver")]
    done = story.said_line(second)
    code = second.wait(120)
    ended, kept = _stored(config)

    assert code == 0
    assert all(phase["ok"] for phase in phases), phases
    assert {run["state"] for run in done["flow_runs"]} == {"Completed"}
    assert kept_between.holds
    assert kept.holds
    assert len(ended) > 60
    assert set(ended.values()) == {"delivered"}
    assert Counter(vendors.keys()) == dict.fromkeys(ended, 1)
    story.tell(f"{len(ended)} actions; the run whose server was killed in {midst} ended with {first.returncode} after "
               f"{went_on_s:.0f} s, having delivered {kept_between.by_state.get('delivered', 0)}")
