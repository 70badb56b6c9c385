"""Segment's own SDKs send usage to a Steward that serves over HTTP; each event counts once, also when it is sent again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from segment.analytics.client import Client as Segment

from steward.model.records import Noun
from steward.settings import Settings
from steward.store import records
from steward.store.database import Database
from steward.wiring import Hub
from tests.listening import serving

WRITE_KEY = "segment-write-key-of-ours"
AT = datetime(2026, 3, 5, 8, tzinfo=UTC)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Hub, str]]:
    """A hub that takes usage, behind a real server on a free port."""
    db = Database.open(f"sqlite:///{tmp_path / 'steward.db'}", tmp_path)
    hub = Hub(Settings.model_validate({
        "connections": {"usage": {"connector": "usage", "settings": {"write_key": WRITE_KEY}}},
        "path": tmp_path / "steward.yaml", "playbooks": tmp_path}), db)
    with serving(hub) as url:
        yield hub, url
    db.close()


def counted(hub: Hub) -> dict[str, float]:
    """By message, what was counted of W-1's reports."""
    while hub.work_off():
        continue
    with hub.db.read() as tx:
        rows = records.frame(tx, Noun.USAGE_EVENT).to_dicts()
    return {row["external_id"]: row["quantity"] for row in rows
            if (row["account_external_id"], row["name"]) == ("W-1", "report_viewed")}


def test_the_python_sdk(served: Any) -> None:
    """A product that already tracks with Segment needs one line changed."""
    hub, url = served
    failed: list[object] = []
    for _ in range(2):                      # the second time is what a retry sends
        client = Segment(WRITE_KEY, host=f"{url}/hooks/usage", on_error=lambda error, _: failed.append(error), max_retries=0)
        for number in range(30):
            client.track("user-1", "Report Viewed", {"quantity": 2}, context={"groupId": "W-1"},
                         timestamp=AT, message_id=f"python-{number}")
        client.flush()
        client.join()

    assert not failed
    assert counted(hub) == {f"python-{number}": 2.0 for number in range(30)}


def test_a_wrong_write_key_is_refused(served: Any) -> None:
    """Anybody could else count usage into our health scores."""
    hub, url = served
    failed: list[object] = []
    client = Segment("another-write-key", host=f"{url}/hooks/usage", on_error=lambda error, _: failed.append(error), max_retries=0)
    client.track("user-1", "Report Viewed", {}, context={"groupId": "W-1"})
    client.flush()
    client.join()

    assert "401" in str(failed)
    assert counted(hub) == {}


def test_the_node_sdk(served: Any, node: Any) -> None:
    """The same from a product written in JavaScript."""
    hub, url = served
    said = node("segment.mjs", {"url": url, "write_key": WRITE_KEY, "events": 30, "at": AT.isoformat()})

    assert said == {"failures": []}
    assert counted(hub) == {f"node-{number}": 2.0 for number in range(30)}
