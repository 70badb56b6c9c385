"""`steward calls`, and what a newcomer meets on the first day."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from steward.store import inbox
from steward.wiring import open_hub

Steward = Callable[..., Any]
NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)


def _park(company: Path) -> None:
    with open_hub(company / "steward.yaml") as hub, hub.db.write() as tx:
        inbox.put(tx, "make", "content:2d18", b"{", NOW)
        [claimed] = inbox.claim(tx, NOW, 10, 30)
        inbox.park(tx, claimed, "make: the body is not JSON")


def test_a_call_that_was_set_aside_is_seen_and_tried_again(company: Path, steward: Steward) -> None:
    """Its sender was answered 200: nobody but us can know that the record is not there."""
    _park(company)
    listed, status, doctor = steward("calls"), steward("sync", "status"), steward("doctor")
    again = steward("calls", "retry", "make", "content:2d18")

    assert "make: the body is not JSON" in listed.out
    assert "steward calls retry make content:2d18" in listed.out
    assert "could not be worked off: 1" in status.out
    assert "webhooks: 1 calls could not be worked off (steward calls)" in doctor.out
    assert again.code == 0
    assert json.loads(steward("calls", "--json").out) == {"calls": []}
    assert steward("calls", "retry", "make", "content:9").code == 2


def test_playbooks_that_were_never_applied_are_one_line(company: Path, steward: Steward) -> None:
    """`init` lays two dozen there: a line for each, each time, would bury what matters."""
    text = (company / "playbooks/large_account.yaml").read_text()
    for name in ("one", "two"):
        (company / f"playbooks/{name}.yaml").write_text(text.replace("id: large_account", f"id: {name}"))
    said = steward("evaluate").out

    assert "2 playbooks of the folder are not live" in said
    assert "the draft of" not in said
