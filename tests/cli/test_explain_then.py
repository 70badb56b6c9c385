"""`steward explain --at`: the answer as it was known then, not as it is known now."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from steward import wiring
from steward.cli.main import run

T0 = datetime(2026, 3, 2, 8, tzinfo=UTC)
TEXT = """\
id: large_account
title: A large account
why: To have one that fires.
mode: live
for: 3d
when: account.arr >= {least} EUR
until: account.arr < 40k EUR
do:
  - message: {{to: csm}}
  - wait: 5d
  - message: {{to: csm}}
    approve: csm_manager
"""


class Days:
    """The company's days: what is known changes, the clock goes on, and `steward` is asked in between."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.now = home, T0
        opened = wiring.open_hub
        monkeypatch.setattr(wiring, "open_hub", lambda path: opened(path, clock=lambda: self.now))

    def live(self, least: str) -> None:
        (self.home / "playbooks" / "large_account.yaml").write_text(TEXT.format(least=least))
        assert run(["playbook", "apply", "--yes"]) == 0

    def day(self, number: float, arr: int) -> None:
        self.now = T0 + timedelta(days=number)
        (self.home / "accounts.csv").write_text(f"Id,Name,Domain,Stage,ARR\n1,Acme,acme.example,customer,{arr}\n")
        for command in ("sync", "evaluate"):
            assert run([command]) == 0


@pytest.fixture
def days(company: Path, monkeypatch: pytest.MonkeyPatch) -> Days:
    """The company of one file, with nothing known yet."""
    for file in (company / "data").glob("steward.db*"):
        file.unlink()
    return Days(company, monkeypatch)


def test_the_answer_is_that_of_then(days: Days, steward: Callable[..., Any]) -> None:
    """A manager asks on Friday why nobody was called on Tuesday: what was known on Tuesday decides that."""
    days.live("50k")
    for number, arr in ((0, 60_000), (1, 61_000), (2, 62_000)):
        days.day(number, arr)
    days.now += timedelta(hours=1)
    days.live("55k")
    for number, arr in ((4, 90_000), (6, 30_000)):
        days.day(number, arr)

    before = steward("explain", "Acme", "--at", "2026-03-01")
    pending = steward("explain", "Acme", "--at", "2026-03-04T08:00Z").out
    anew = steward("explain", "Acme", "--at", "2026-03-06T09:00Z").out
    now = steward("explain", "Acme").out

    assert before.code == 2
    assert "was not live at 2026-03-01 00:00Z; it was first applied at 2026-03-02 08:00Z" in before.err
    assert "2026-03-04 08:00Z · PENDING (2d of 3d)" in pending.splitlines()[0]
    assert "account.arr >= 50k EUR" in pending, "the version that was live then"
    assert "62,000 EUR" in pending, "the value that was known then"
    assert "ACTIVE at 2026-03-05 08:00Z" in pending
    assert "2026-03-06 09:00Z · PENDING (1h of 3d)" in anew.splitlines()[0], "another condition, another clock"
    assert "account.arr >= 55k EUR" in anew
    assert "90,000 EUR" in anew
    assert "30,000 EUR" in now
    assert len({text.split("@")[1][:8] for text in (pending, anew)}) == 2


def test_where_it_stands_in_its_steps(days: Days, steward: Callable[..., Any]) -> None:
    """What was done, what it waits for and until when: the next question after "why"."""
    days.live("50k")
    for number in (0, 3):
        days.day(number, 60_000)
    waits = steward("explain", "Acme").out
    days.day(9, 60_000)
    asks = steward("explain", "Acme").out
    listed = steward("playbook", "approve").out

    assert "at do[1] wait: waits 5d, until 2026-03-10 08:00Z" in waits
    assert "then do[2] message" in waits
    assert "at do[2] message: waits for a yes of csm_manager: steward playbook approve large_account/" in asks
    assert "--step do.2" in asks
    assert "step do.2 (csm_manager)" in listed
    assert steward("playbook", "approve", "large_account", "--step", "do[2]", "--by", "ana").code == 0
    assert "waits for a yes" not in steward("explain", "Acme").out


def test_a_draft_is_not_explained_but_shown_the_way(days: Days, steward: Callable[..., Any]) -> None:
    """Written, checked, and not applied yet: that there is "no playbook" of that name would be wrong."""
    days.live("50k")
    days.day(0, 60_000)
    (days.home / "playbooks" / "draft.yaml").write_text(TEXT.format(least="50k").replace("large_account", "draft"))

    refused = steward("explain", "Acme", "--playbook", "draft")

    assert refused.code == 2
    assert '"draft" stands in the folder and is not live yet' in refused.err
    assert "steward playbook apply draft" in refused.err
