"""HubSpot's budgets are kept: by the clock of a test, and by that of the wall."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.hubspot.pace import Pace
from connectors.hubspot.sandbox import HubSpotSandbox
from steward.contracts import Tools

START = datetime(2026, 1, 1, tzinfo=UTC)


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self, *, stands_still: bool = False) -> None:
        self.at, self.slept, self._still = START, 0.0, stands_still

    def sleep(self, seconds: float) -> None:
        self.slept += seconds
        if not self._still:
            self.at += timedelta(seconds=seconds)

    def tools(self) -> Tools:
        return Tools(lambda: self.at, self.sleep)


@pytest.mark.parametrize("stands_still", [False, True])
def test_no_window_holds_more_than_its_budget(stands_still: bool) -> None:
    """A clock that stands still, as in a test, must neither speed calls up nor stop them."""
    clock = Clock(stands_still=stands_still)
    pace, made = Pace(clock.tools(), searches_per_s=5, calls_per_10_s=20), []
    for _ in range(60):
        pace.wait(search=True)
        made.append(clock.slept)

    for first in made:
        assert sum(first <= at < first + 1 for at in made) <= 5
        assert sum(first <= at < first + 10 for at in made) <= 20
    assert clock.slept < 31


def test_calls_within_the_budget_never_wait() -> None:
    """Most companies never come near it."""
    clock = Clock()
    pace = Pace(clock.tools(), 5, 190)
    for _ in range(190):
        pace.wait(search=False)

    assert clock.slept == 0


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
