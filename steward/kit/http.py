"""What an HTTP answer, or the lack of one, means: one table for every connector and client library."""

from __future__ import annotations

import email.utils
from collections.abc import Mapping
from datetime import datetime

from steward.model.errors import (
    AccessDenied,
    GiveUp,
    OutcomeUnknown,
    RateLimited,
    ReceiverGone,
    RecordRejected,
    StewardError,
    Unavailable,
)

MOST_RETRY_AFTER_S = 24 * 3600.0


def failure(
    system: str, what: str, status: int, headers: Mapping[str, str], said: str, *, write: bool, now: datetime,
) -> StewardError:
    """The error for an answer with `status`. `what` names the call ("query Account"), `said` the vendor's words,
    already free of secrets; `write` is True where the call was to change something."""
    text = f"{system}: {what} was answered {status}" + (f": {said}" if said else "")
    if status == 429:
        return RateLimited(f"{text}. Steward waits and tries again.", retry_after_s(headers, now))
    if status == 401:
        return AccessDenied(f"{text}. Check the credentials, then run: steward connector check {system}")
    if status == 403:
        return AccessDenied(f"{text}. Grant the permission, then run: steward connector check {system}")
    if status == 503 or (status >= 500 and not write):
        return Unavailable(f"{text}. Steward tries again later.")
    if status >= 500:
        return OutcomeUnknown(f"{text}. Whether it was done is not known; Steward looks before it tries again.")
    if status in (404, 400, 409, 422):
        return RecordRejected(text)
    if status == 410:
        return ReceiverGone(text)
    return GiveUp(text)


def retry_after_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """The seconds that `Retry-After` asks for, between 0 and a day; None where it is absent or nonsense."""
    raw = next((value for name, value in headers.items() if name.lower() == "retry-after"), None)
    if raw is None:
        return None
    try:
        seconds = float(raw)
    except ValueError:
        try:
            seconds = (email.utils.parsedate_to_datetime(raw) - now).total_seconds()
        except (ValueError, TypeError):
            return None
    if not 0 <= seconds < float("inf"):
        return None
    return min(seconds, MOST_RETRY_AFTER_S)
