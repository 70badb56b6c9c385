"""One HTTP call, tried again within seconds: only what provably did not happen, and only by the target's own pace.

Minutes and days belong to the outbox; a dead process belongs to the scheduler.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import tenacity
from tenacity.stop import stop_base

from steward.contracts import Tools
from steward.model.errors import RateLimited, TryAgain

T = TypeVar("T")

FIRST_WAIT_S = 0.5


def again(call: Callable[[], T], tools: Tools, *, tries: int = 3, most_s: float = 10.0) -> T:
    """What `call` returns; a TryAgain is tried again at most `tries` times in all, waiting `most_s` at most in all.

    Waits half a second, then twice as long each time, or what the target's Retry-After says. Where that would be
    longer than is left of `most_s`, the error is raised at once: its caller can wait for minutes, this cannot.
    Never repeats an OutcomeUnknown: what may have happened is looked for, not done twice.
    """
    retrying = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(TryAgain),
        stop=tenacity.stop_after_attempt(tries) | _TooLong(most_s),
        wait=_wait_s,
        sleep=tools.sleep,
        reraise=True,
    )
    return retrying(call)


def _wait_s(state: tenacity.RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, RateLimited) and error.retry_after_s is not None:
        return error.retry_after_s
    return float(FIRST_WAIT_S * 2 ** (state.attempt_number - 1))


class _TooLong(stop_base):
    """Stops where the next wait would go beyond `most_s` in all."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s

    def __call__(self, retry_state: tenacity.RetryCallState) -> bool:
        return retry_state.idle_for + _wait_s(retry_state) > self._most_s
