"""One HTTP call tried again within seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest

from steward.contracts import Tools
from steward.kit.retry import again
from steward.model.errors import OutcomeUnknown, RateLimited, StewardError, Unavailable


def target(*answers: StewardError | str) -> tuple[Callable[[], str], list[StewardError | str]]:
    left = list(answers)

    def call() -> str:
        answer = left.pop(0)
        if isinstance(answer, StewardError):
            raise answer
        return answer

    return call, left


def tools(waits: list[float]) -> Tools:
    return Tools(now=lambda: datetime(2026, 3, 5, tzinfo=UTC), sleep=waits.append)


def test_a_call_that_did_not_happen_is_made_again() -> None:
    """A blip of a second must not put an account's alert off by five minutes."""
    waits: list[float] = []
    call, _ = target(Unavailable("down"), Unavailable("down"), "done")

    assert again(call, tools(waits)) == "done"
    assert waits == [0.5, 1.0]


def test_the_wait_the_target_asks_for_is_kept() -> None:
    """Coming back too early gets an app blocked."""
    waits: list[float] = []
    call, _ = target(RateLimited("slow down", 3.0), "done")

    assert again(call, tools(waits)) == "done"
    assert waits == [3.0]


def test_a_long_wait_is_left_to_the_outbox() -> None:
    """A worker that sleeps an hour holds up everybody else's messages."""
    waits: list[float] = []
    call, left = target(RateLimited("slow down", 3600.0), "never asked")

    with pytest.raises(RateLimited):
        again(call, tools(waits))
    assert waits == []
    assert left == ["never asked"]


def test_what_may_have_happened_is_not_done_again() -> None:
    """Sending twice what may have arrived shows the customer's team two messages."""
    call, left = target(OutcomeUnknown("cut"), "second message")

    with pytest.raises(OutcomeUnknown):
        again(call, tools([]))
    assert left == ["second message"]


def test_the_last_error_is_raised_when_the_tries_are_used_up() -> None:
    """The outbox must see the target's own words."""
    call, left = target(Unavailable("one"), Unavailable("two"), Unavailable("three"), "late")

    with pytest.raises(Unavailable, match="three"):
        again(call, tools([]))
    assert left == ["late"]
