"""Zapier's own platform accepts our app definition, and runs it against a Steward that serves over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from connectors.zapier.sandbox import ZapierSandbox
from steward.store.database import Database
from tests.listening import TOKEN, Listening, serving

APP = Path(__file__).parent.parent.parent / "connectors" / "zapier" / "app"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Listening, str]]:
    """A hub behind a real server on a free port."""
    db = Database.open(f"sqlite:///{tmp_path / 'steward.db'}", tmp_path)
    with ZapierSandbox() as zapier:
        us = Listening(db, tmp_path, zapier)
        with serving(us.hub) as url:
            yield us, url
    db.close()


def test_a_zap_is_switched_on_told_and_switched_off(served: Any, node: Any) -> None:
    """The platform subscribes, samples, takes the event, and unsubscribes, as it does for a person's Zap."""
    us, url = served
    given = {"app": str(APP), "url": url, "token": TOKEN, "target_url": f"{us.zapier.url}/hooks/standard/1/abc/"}

    on = node("zapier.mjs", {**given, "act": "subscribe"})
    us.later(minutes=5)
    us.enter()
    us.announce()
    us.hub.deliver()
    (effect,) = us.zapier.ledger
    event = effect.detail["event"]
    off = node("zapier.mjs", {**given, "act": "unsubscribe", "id": on["subscribed"]["id"], "event": event})
    us.later(minutes=5)
    us.enter(1, playbook_id="other")

    assert on["errors"] == []
    assert on["test"]["count"] == 0
    assert set(on["samples"][0]) == set(event)
    assert off["perform"][0]["id"] == event["id"]
    assert (off["acknowledged"]["changed"], off["acknowledged"]["acknowledged_by"]) == (True, "ana@us.test")
    assert off["nobody"] == []
    assert "401" in off["refused"] or "token" in off["refused"]
    assert us.announce() == 0
