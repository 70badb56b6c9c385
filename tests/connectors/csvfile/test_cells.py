"""What one cell becomes: as people in several countries write it, or refused with the reason."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.csvfile import amounts, cells, dates
from connectors.csvfile.cells import Locale, Unreadable
from steward.model.money import Money

BERLIN = ZoneInfo("Europe/Berlin")
POINT = Locale(ZoneInfo("UTC"))
COMMA = Locale(BERLIN, ",", day_first=True)
AMERICAN = Locale(ZoneInfo("America/New_York"), ".", day_first=False)


@pytest.mark.parametrize(("cell", "locale", "value"), [
    ("1234.5", POINT, "1234.5"), ("1,234.50", POINT, "1234.50"), ("1,234,567", POINT, "1234567"), ("-5", POINT, "-5"),
    ("1,50,000", POINT, "150000"), ("(5)", POINT, "-5"), ("5-", POINT, "-5"), ("−5", POINT, "-5"), ("+5", POINT, "5"),
    ("25%", POINT, "0.25"), ("25 %", POINT, "0.25"), ("1'234.5", POINT, "1234.5"), (".5", POINT, "0.5"), (7, POINT, "7"),
    (0.1, POINT, "0.1"), ("1e3", POINT, "1000"), (Decimal("1.10"), POINT, "1.10"),
    ("1.234,50", COMMA, "1234.50"), ("12,5", COMMA, "12.5"), ("1.234", COMMA, "1234"), ("1 234,5", COMMA, "1234.5"),
    ("1\u00a0234,5", COMMA, "1234.5"), ("25,5%", COMMA, "0.255"),
])
def test_a_number_is_read_exactly(cell: Any, locale: Locale, value: str) -> None:
    """A decimal comma taken for a thousand would make a small customer a large one."""
    assert amounts.number(cell, locale) == Decimal(value)


@pytest.mark.parametrize(("cell", "locale"), [
    ("12,5", POINT), ("1.234,50", POINT), ("1,2345", POINT), ("12.50", COMMA), ("1.23", COMMA), ("abc", POINT), ("1.2.3", POINT),
    ("12 apples", POINT), (True, POINT), ("inf", POINT), ("nan", POINT), ("1e999", POINT), (float("inf"), POINT), ("--5", POINT),
    ("#DIV/0!", POINT), ("0x10", POINT), ("1_000", POINT),
])
def test_what_is_no_number_is_refused(cell: Any, locale: Locale) -> None:
    """A wrong number is worse than none."""
    with pytest.raises(Unreadable):
        amounts.number(cell, locale)


@pytest.mark.parametrize(("cell", "locale", "currency", "value"), [
    ("1,234.50 USD", POINT, None, "1234.50 USD"), ("EUR 5", POINT, None, "5 EUR"), ("€5", POINT, None, "5 EUR"),
    ("-€5", POINT, None, "-5 EUR"), ("€ -5", POINT, None, "-5 EUR"), ("(€5)", POINT, None, "-5 EUR"), ("5", POINT, "CHF", "5 CHF"),
    ("$1,200", POINT, "USD", "1200 USD"), ("$1,200", POINT, "CAD", "1200 CAD"), ("US$ 5", POINT, None, "5 USD"),
    ("1.250,50 €", COMMA, "EUR", "1250.50 EUR"), ("Fr. 1'200.50", POINT, None, "1200.50 CHF"), (99.9, POINT, "EUR", "99.9 EUR"),
    ("12 345,67 zł", COMMA, None, "12345.67 PLN"), ("eur 7", POINT, None, "7 EUR"), ("100 kr", POINT, "SEK", "100 SEK"),
])
def test_money_has_the_currency_it_says(cell: Any, locale: Locale, currency: str | None, value: str) -> None:
    """A thousand euros are not a thousand dollars."""
    amount, code = value.split()

    assert amounts.money(cell, locale, currency) == Money(Decimal(amount), code)


@pytest.mark.parametrize(("cell", "currency"), [
    ("5", None), ("$5", None), ("100 kr", None), ("€5", "USD"), ("USD 5 EUR", None), ("5 quid", None), ("5%", "USD"), ("free", "USD"),
    ("$", "USD"), (True, "USD"), ("¥5", None),
])
def test_money_without_a_certain_currency_is_refused(cell: Any, currency: str | None) -> None:
    """There are two dozen dollars; the operator knows which."""
    with pytest.raises(Unreadable):
        amounts.money(cell, POINT, currency)


@pytest.mark.parametrize(("cell", "locale", "value"), [
    ("2026-03-04", POINT, date(2026, 3, 4)), ("04.03.2026", POINT, date(2026, 3, 4)), ("4.3.26", POINT, date(2026, 3, 4)),
    ("03/04/2026", COMMA, date(2026, 4, 3)), ("03/04/2026", AMERICAN, date(2026, 3, 4)), ("31/12/2026", POINT, date(2026, 12, 31)),
    ("12/31/2026", POINT, date(2026, 12, 31)), ("03/03/2026", POINT, date(2026, 3, 3)), ("2026/3/4", POINT, date(2026, 3, 4)),
    ("5 Mar 2026", POINT, date(2026, 3, 5)), ("Mar 5, 2026", POINT, date(2026, 3, 5)), ("5-March-2026", POINT, date(2026, 3, 5)),
    ("1/1/99", AMERICAN, date(1999, 1, 1)), ("04.03.2026 00:00", POINT, date(2026, 3, 4)), ("2026-03-04 00:00:00", COMMA, date(2026, 3, 4)),
    (datetime.fromisoformat("2026-03-04"), POINT, date(2026, 3, 4)), (date(2026, 3, 4), POINT, date(2026, 3, 4)),
    ("2026-03-03T23:30:00Z", COMMA, date(2026, 3, 4)), ("29.02.2024", POINT, date(2024, 2, 29)),
])
def test_a_day_is_read_in_the_usual_ways(cell: Any, locale: Locale, value: date) -> None:
    """A renewal on the third of April is not one on the fourth of March."""
    assert dates.day(cell, locale) == value


@pytest.mark.parametrize(("cell", "locale"), [
    ("03/04/2026", POINT), ("31.02.2026", POINT), ("13/13/2026", POINT), ("45000", POINT), ("soon", POINT), ("2026-13-01", POINT),
    ("13/01/2026", AMERICAN), ("5 Foo 2026", POINT), ("1/2/345", COMMA), ("04.03.2026 25:99:xx", POINT), (12.5, POINT), ("2026", POINT),
])
def test_an_ambiguous_or_impossible_day_is_refused(cell: Any, locale: Locale) -> None:
    """Guessing would be right half of the time."""
    with pytest.raises(Unreadable):
        dates.day(cell, locale)


@pytest.mark.parametrize(("cell", "locale", "pattern", "value"), [
    ("2026-03-04T08:00:00Z", POINT, None, datetime(2026, 3, 4, 8, tzinfo=UTC)),
    ("2026-03-04 08:00:00 UTC", COMMA, None, datetime(2026, 3, 4, 8, tzinfo=UTC)),
    ("2026-03-04T08:00:00.000+0100", POINT, None, datetime(2026, 3, 4, 7, tzinfo=UTC)),
    ("2026-03-04 08:00", COMMA, None, datetime(2026, 3, 4, 7, tzinfo=UTC)),
    ("04.07.2026 08:00", COMMA, None, datetime(2026, 7, 4, 6, tzinfo=UTC)),
    ("3/4/2026 3:15 PM", AMERICAN, None, datetime(2026, 3, 4, 20, 15, tzinfo=UTC)),
    ("3/4/2026, 12:15:30 AM", AMERICAN, None, datetime(2026, 3, 4, 5, 15, 30, tzinfo=UTC)),
    ("5 Mar 2026 15:15", POINT, None, datetime(2026, 3, 5, 15, 15, tzinfo=UTC)),
    ("2026-03-04", COMMA, None, datetime(2026, 3, 3, 23, tzinfo=UTC)),
    (datetime.fromisoformat("2026-03-04T08:00"), COMMA, None, datetime(2026, 3, 4, 7, tzinfo=UTC)),
    ("1772611200", POINT, "epoch_s", datetime(2026, 3, 4, 8, tzinfo=UTC)),
    ("1772611200000", POINT, "epoch_ms", datetime(2026, 3, 4, 8, tzinfo=UTC)),
    ("04-2026", POINT, "%m-%Y", datetime(2026, 4, 1, tzinfo=UTC)),
])
def test_an_instant_without_a_zone_is_in_the_files(cell: Any, locale: Locale, pattern: str | None, value: datetime) -> None:
    """Nine o'clock in Berlin is eight in London; a ticket must not look answered before it was opened."""
    assert dates.instant(cell, locale, pattern) == value


@pytest.mark.parametrize(("cell", "value"), [("ja", True), ("Nein", False), ("TRUE", True), ("0", False), (1, True), (0.0, False), ("x", True)])
def test_yes_and_no_in_several_languages(cell: Any, value: bool) -> None:
    """A German export says "ja"."""
    assert cells.boolean(cell) is value


@pytest.mark.parametrize("cell", ["maybe", "2", "yesno"])
def test_neither_yes_nor_no_is_refused(cell: str) -> None:
    """"maybe" is not false."""
    with pytest.raises(Unreadable):
        cells.boolean(cell)


@pytest.mark.parametrize(("cell", "value"), [(17.0, "17"), (" Acme ", "Acme"), ("0017", "0017"), ("a\x00\u202eb", "ab"), (True, "true")])
def test_an_id_stays_what_the_spreadsheet_shows(cell: Any, value: str) -> None:
    """17.0 would not match the 17 of the other file."""
    assert cells.text(cell) == value


@settings(max_examples=150, deadline=None)
@given(st.one_of(st.text(max_size=30), st.floats(), st.integers(), st.booleans(), st.datetimes(), st.dates(), st.binary(max_size=4)))
def test_no_cell_makes_a_traceback(cell: Any) -> None:
    """Whatever people type, the row is read or refused."""
    for locale in (POINT, COMMA, AMERICAN):
        for read in (
            cells.text, cells.boolean, lambda c, k=locale: amounts.number(c, k), lambda c, k=locale: amounts.money(c, k, "EUR"),
            lambda c, k=locale: amounts.whole(c, k), lambda c, k=locale: dates.day(c, k), lambda c, k=locale: dates.instant(c, k),
            lambda c, k=locale: dates.instant(c, k, "epoch_s"), cells.is_empty,
        ):
            with suppress(Unreadable):
                read(cell)
