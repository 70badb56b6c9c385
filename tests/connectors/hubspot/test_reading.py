"""Text becomes a value or is refused; nothing is guessed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.hubspot import reading


@pytest.mark.parametrize(("read", "told", "value"), [
    (reading.whole, "250", 250), (reading.whole, "250.0", 250), (reading.whole, "-3", -3),
    (reading.number, "12000.50", Decimal("12000.50")), (reading.number, ".5", Decimal("0.5")),
    (reading.number, "1e3", Decimal("1e3")), (reading.truth, "true", True), (reading.truth, "False", False),
    (reading.instant, "1767225600000", datetime(2026, 1, 1, tzinfo=UTC)),
    (reading.instant, "2026-01-01T01:00:00.123+01:00", datetime(2026, 1, 1, 0, 0, 0, 123000, UTC)),
    (reading.instant, "2026-01-01 00:00:00", datetime(2026, 1, 1, tzinfo=UTC)),
    (reading.day, "2026-01-31", date(2026, 1, 31)), (reading.day, "1767225600000", date(2026, 1, 1)),
    (reading.domain, "HTTP://WWW.Söhne.DE:80/x?y", "söhne.de"), (reading.country, "u.s.a.", "US"),
    (reading.country, "de", "DE"), (reading.country, "Bosnia & Herzegovina", "BA"), (reading.country, "UK", "GB"),
    (reading.timezone, "us/eastern", "US/Eastern"), (reading.timezone, "america_slash_new_york", "America/New_York"),
])
def test_what_hubspot_writes_is_read(read: Callable[[str], object], told: str, value: object) -> None:
    """These are the forms HubSpot's own properties take."""
    assert read(told) == value


@pytest.mark.parametrize(("read", "told"), [
    (reading.whole, "2.5"), (reading.whole, "9" * 30), (reading.whole, "٣"), (reading.number, "1,5"), (reading.number, "nan"),
    (reading.number, "inf"), (reading.number, "1e999"), (reading.truth, "yes"), (reading.truth, "1"),
    (reading.instant, "yesterday"), (reading.instant, "2026-13-01"), (reading.instant, "0"), (reading.day, "03/04/2026"),
    (reading.domain, "n/a"), (reading.domain, "x y.com"), (reading.country, "Atlantis"), (reading.timezone, "CEST+1"),
])
def test_what_is_ambiguous_or_nonsense_is_refused(read: Callable[[str], object], told: str) -> None:
    """A day-first date read month-first would move a renewal by months."""
    with pytest.raises(ValueError, match=r"is no|is neither"):
        read(told)


@given(st.text())
def test_no_text_makes_a_reader_stumble(told: str) -> None:
    """Anybody with a form can type anything into a CRM."""
    kept = reading.text(told)
    kept.encode()

    for read in (reading.whole, reading.number, reading.truth, reading.instant, reading.day, reading.domain,
                 reading.country, reading.timezone):
        try:
            read(kept)
        except ValueError as error:
            assert str(error)  # noqa: PT017  the reason is all that matters
