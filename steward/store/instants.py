"""Instants as text: aware datetimes in, ISO 8601 in UTC with microseconds out, so that they compare as they sort."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import overload


@overload
def to_text(at: datetime) -> str: ...
@overload
def to_text(at: None) -> None: ...
def to_text(at: datetime | None) -> str | None:
    """ "2026-03-05T08:00:00.000000+00:00"; None stays None.

    Raises:
        ValueError: `at` says nothing of its time zone.
    """
    return None if at is None else _of_instant(at)


@lru_cache(maxsize=4096)                    # in one run the same few are written thousands of times
def _of_instant(at: datetime) -> str:
    if at.tzinfo is None:
        raise ValueError(f'the instant "{at}" has no time zone; attach UTC')
    return at.astimezone(UTC).isoformat(timespec="microseconds")


@overload
def from_text(text: str) -> datetime: ...
@overload
def from_text(text: None) -> None: ...
def from_text(text: str | None) -> datetime | None:
    """The aware UTC instant that `to_text` wrote; None stays None."""
    return None if text is None else datetime.fromisoformat(text)
