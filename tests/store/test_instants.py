"""Instants as text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.store.instants import from_text, to_text

INSTANTS = st.datetimes(datetime(1901, 1, 1), datetime(2199, 12, 31), timezones=st.sampled_from(  # noqa: DTZ001  # zones follow
    [UTC, timezone(timedelta(hours=-8)), timezone(timedelta(hours=5, minutes=45))],
))


@given(INSTANTS, INSTANTS)
def test_texts_sort_as_their_instants(one: datetime, other: datetime) -> None:
    """SQL compares the texts: which version is newer hangs on it."""
    assert (to_text(one) < to_text(other)) == (one < other)
    assert from_text(to_text(one)) == one


def test_an_instant_without_a_zone_is_refused() -> None:
    """It could be any of 26 hours."""
    with pytest.raises(ValueError, match="no time zone"):
        to_text(datetime.fromisoformat("2026-03-05T08:00"))
