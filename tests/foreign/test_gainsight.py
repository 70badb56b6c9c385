"""tap-gainsightpx, which others wrote and run against Gainsight PX, reads our PX sandbox."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.gainsight_px.sandbox import KEY, GainsightPxSandbox
from connectors.gainsight_px.sandbox_seed import DAYS
from steward.kit.reading import milliseconds

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
ACCOUNTS = 250                              # the tap asks for 100 at once, whatever it is told
Tap = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tap(foreign_bin: Path, tmp_path: Path) -> Tap:
    """Runs the tap; of the Internet it sees nothing but the sandbox."""
    program = foreign_bin / "tap-gainsightpx"
    if not program.exists() or not [*foreign_bin.parent.glob("lib/python*/site-packages/pkg_resources")]:
        pytest.skip("what is installed is older than python.txt, with a setuptools that the tap cannot use; run: make foreign")

    def run(sandbox: GainsightPxSandbox, *more: str, key: str = KEY) -> subprocess.CompletedProcess[str]:
        config = tmp_path / "config.json"
        config.write_text(json.dumps({
            "api_url": f"{sandbox.url}/v1", "api_key": key, "page_size": 40,
            "start_date": (NOON - timedelta(days=DAYS)).isoformat(), "end_date": NOON.isoformat()}))
        env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "NO_PROXY": "*", "SINGER_SDK_TELEMETRY": "0"}
        return subprocess.run(
            [str(program), "--config", str(config), *more], capture_output=True, text=True, timeout=600, check=False,
            env=env, cwd=tmp_path)

    return run


def emitted(done: subprocess.CompletedProcess[str]) -> dict[str, list[dict[str, Any]]]:
    """The records that the tap gave, by stream."""
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, list[dict[str, Any]]] = {}
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message["type"] == "RECORD":
            found.setdefault(message["stream"], []).append(message["record"])
    return found


def test_every_stream_of_the_tap_is_read_to_its_end(tap: Tap) -> None:
    """Scrolls, page numbers, filters by date and sorting mean to the sandbox what they mean to a program that is used."""
    with GainsightPxSandbox(now=lambda: NOON) as sandbox:
        assert isinstance(sandbox, GainsightPxSandbox)
        sandbox.seed(ACCOUNTS)
        found = emitted(tap(sandbox))

        assert [row["id"] for row in found["accounts"]] == list(sandbox.rows["accounts"])
        assert found["accounts"][7] == {
            name: sandbox.rows["accounts"]["acme-0007"].get(name) for name in found["accounts"][7]}
        assert {row["identifyId"] for row in found["users"]} == set(sandbox.rows["users"])
        since = milliseconds(NOON - timedelta(days=DAYS))
        for stream, table in (
            ("custom_events", "custom"), ("session_events", "session"), ("feature_match_events", "feature_match"),
        ):
            rows = sandbox.rows[table].values()
            assert sorted(row["eventId"] for row in found[stream]) == sorted(
                row["eventId"] for row in rows if since <= row["date"] <= milliseconds(NOON))
            assert [row["date"] for row in found[stream]] == sorted(row["date"] for row in found[stream])
        assert [row["id"] for row in found["features"]] == list(sandbox.rows["features"])
        assert sandbox.breaches == []


def test_a_bad_key_ends_the_tap(tap: Tap) -> None:
    """It is told 401, and why."""
    with GainsightPxSandbox(now=lambda: NOON) as sandbox:
        assert isinstance(sandbox, GainsightPxSandbox)
        done = tap(sandbox, key="not-the-key-of-anybody")

    assert done.returncode != 0
    assert "401" in done.stderr
