"""HubSpot's budgets are kept on the wire, by one process and by several."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.hubspot.sandbox import HubSpotSandbox
from steward.kit.sandbox import Fault
from steward.model.errors import RateLimited
from steward.store.database import Database

PULLS, CALLS_PER_10_S = (12, 40) if os.environ.get("STEWARD_TORTURE") else (3, 100)


def test_a_pull_keeps_to_five_searches_a_second_on_the_wire(sandbox: HubSpotSandbox, connect: Any) -> None:
    """The sandbox counts as HubSpot does: the sixth within a second is a 429 for the whole portal."""
    stamp = "2026-01-01T00:00:00.000Z"
    sandbox.load("companies", [{"id": "1", "updatedAt": stamp}])
    cursor = list(connect().source.pull("accounts", None))[-1].cursor
    now = datetime.now(UTC)
    sandbox.load("companies", [
        {"id": str(100 + each), "updatedAt": (now - timedelta(seconds=60 - each)).isoformat()} for each in range(36)])
    sandbox.search_per_second, sandbox.page_size = 5, 5
    started = time.monotonic()
    found = sum(len(page.records) for page in connect(slow=True).source.pull("accounts", cursor))

    searches = [at for at, _, path, _ in sandbox.calls if path.endswith("/search")]
    assert found == 36
    assert {status for _, _, _, status in sandbox.calls} == {200}
    assert max(sum(first <= at < first + 1 for at in searches) for first in searches) <= 5
    assert time.monotonic() - started < 8


_ONE_PROCESS = textwrap.dedent("""
    import json, sys
    from pathlib import Path
    from steward.wiring import open_hub
    with open_hub(Path(sys.argv[1])) as hub:
        source = hub.connection("hubspot").source
        print("ready", flush=True)
        sys.stdin.readline()
        for _ in range(int(sys.argv[2])):
            list(source.pull("accounts", sys.argv[3]))
""")


def test_four_processes_together_keep_to_what_the_portal_allows(
    sandbox: HubSpotSandbox, connect: Any, database: Database, database_url: str, tmp_path: Path,
) -> None:
    """Two flows, the web server and a person at a terminal: each by itself would be within the limits."""
    sandbox.load("companies", [{"id": "1", "updatedAt": "2026-01-01T00:00:00.000Z"}])
    cursor = list(connect().source.pull("accounts", None))[-1].cursor
    config = tmp_path / "steward.yaml"
    settings = sandbox.settings() | {"searches_per_s": 5, "calls_per_10_s": CALLS_PER_10_S}
    config.write_text(json.dumps({
        "company": {"name": "Acme", "currency": "USD"}, "store": {"url": database_url, "data_dir": str(tmp_path / "data")},
        "connections": {"hubspot": {"connector": "hubspot", "settings": settings}},
    }))
    sandbox.search_per_second, sandbox.ten_secondly = 5, CALLS_PER_10_S
    before = len(sandbox.calls)
    command = [sys.executable, "-c", _ONE_PROCESS, str(config), str(PULLS), str(cursor)]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for each in running:
        assert each.stdout
        assert each.stdout.readline() == "ready\n"
    for each in running:
        assert each.stdin
        each.stdin.write("go\n")
        each.stdin.flush()

    assert [each.wait(120) for each in running] == [0, 0, 0, 0]
    assert len(sandbox.calls) - before == 4 * PULLS * 3
    assert sandbox.breaches == []
    assert {status for _, _, _, status in sandbox.calls} == {200}


def test_a_day_whose_calls_are_used_up_is_left_alone_for_an_hour(sandbox: HubSpotSandbox, connect: Any) -> None:
    """HubSpot does not say until when; asking every second until midnight would be refused 50,000 times."""
    sandbox.load("companies", [{"id": "1", "updatedAt": "2026-01-01T00:00:00.000Z"}])
    sandbox.exhaust_quota(1)
    with pytest.raises(RateLimited, match="DAILY") as raised:
        list(connect().source.pull("accounts", None))

    assert raised.value.retry_after_s == 3600
    assert len(list(connect().source.pull("accounts", None))) == 1


@pytest.mark.parametrize("status", [423, 477])
def test_a_portal_that_is_locked_or_moves_house_is_asked_later(
    sandbox: HubSpotSandbox, connect: Any, status: int,
) -> None:
    """It is neither broken nor does it refuse us."""
    sandbox.faults = [Fault("status", status=status, retry_after="30")]
    with pytest.raises(RateLimited) as raised:
        list(connect().source.pull("accounts", None))

    assert raised.value.retry_after_s == 30
