"""What the operator may set: calendars, queues, who is away, and facts of the company's own."""

from __future__ import annotations

from datetime import date, time
from pathlib import Path

import pytest

from steward.model.errors import ConfigError
from steward.settings import Settings, load_settings


def _settings(tmp_path: Path, text: str) -> Settings:
    file = tmp_path / "steward.yaml"
    file.write_text(text)
    return load_settings(file)


def test_a_calendar_knows_the_holidays_of_its_country_and_our_own(tmp_path: Path) -> None:
    """Nobody is called to work on the Day of German Unity, nor on the company's own day off."""
    told = _settings(tmp_path, """
company:
  timezone: Europe/Berlin
  calendar: {workdays: [mon, tue, wed, thu], hours: 08:30-16:00, holidays: {country: DE, subdiv: BE, extra: [2026-12-24]}}
  calendars: {japan: {zone: Asia/Tokyo, holidays: {country: JP}}}
""")
    ours, japan = told.calendar_for("owner", None, [2026]), told.calendar_for("japan", "Europe/Paris", [2026, 2027])

    assert (ours.zone, ours.opens, ours.closes, ours.workdays) == ("Europe/Berlin", time(8, 30), time(16), {0, 1, 2, 3})
    assert {date(2026, 10, 3), date(2026, 3, 8), date(2026, 12, 24)} <= ours.holidays
    assert (japan.zone, japan.opens) == ("Asia/Tokyo", time(9))
    assert {date(2026, 11, 3), date(2027, 11, 3)} <= japan.holidays
    assert told.calendar_for("account", "America/New_York", [2026]).zone == "America/New_York"


def test_nothing_set_is_monday_to_friday_nine_to_five() -> None:
    """A company that says nothing has business days all the same."""
    plain = Settings().calendar_for("owner", None, [2026])

    assert plain == ("UTC", frozenset(range(5)), time(9), time(17), frozenset())


def test_a_calendar_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A playbook that names it must not fall back to another without a word."""
    told = _settings(tmp_path, "company: {calendars: {emea: {}}}")

    with pytest.raises(ConfigError, match=r'no calendar "apac".*owner, account, emea'):
        told.calendar_for("apac", None, [2026])


def test_who_is_away_is_away_from_the_first_to_the_last_day(tmp_path: Path) -> None:
    """A message to somebody on the beach helps nobody; addresses are written in any case."""
    company = _settings(tmp_path, "company: {out_of_office: {Ana@x.test: {from: 2026-08-03, to: 2026-08-14}}}").company

    assert [company.is_away("ana@X.test", date(2026, 8, day)) for day in (2, 3, 14, 15)] == [False, True, True, False]
    assert not company.is_away("bo@x.test", date(2026, 8, 3))


@pytest.mark.parametrize(("text", "said"), [
    ("company: {calendar: {workdays: [monday]}}", '"company.calendar.workdays.0": write a day as one of mon, tue'),
    ("company: {calendar: {hours: 17:00-09:00}}", '"company.calendar.hours": write the hours of one day'),
    ("company: {calendar: {hours: 9-17}}", '"company.calendar.hours": write the hours of one day'),
    ("company: {calendar: {holidays: {country: XX}}}", '"company.calendar.holidays": no holidays are known of "XX"'),
    ("company: {calendar: {holidays: {subdiv: BE}}}", "a part of a country needs the country"),
    ("company: {calendar: {holliday: {}}}", 'unknown key "company.calendar.holliday". Did you mean "holidays"?'),
    ("company: {calendars: {owner: {}}}", '"company.calendars.owner": name a calendar in small letters'),
    ("company: {calendars: {emea: {zone: Berlin}}}", '"company.calendars.emea.zone": no time zone has this name'),
    ("company: {queues: {onboarding: []}}", '"company.queues.onboarding"'),
    ("company: {out_of_office: {a@x.test: {from: 2026-08-03, to: 2026-08-01}}}", "before it begins on 2026-08-03"),
    ("facts: {tier: {field: custom.tier, type: text, meaning: Our tier.}}", '"facts.tier": a fact is named'),
    ("facts: {company.tier: {field: custom.tier, meaning: Our tier.}}", "a field needs its type"),
    ("facts: {company.x: {sum: [a.b, c.d], ratio: [a.b, c.d], meaning: Both.}}", "write exactly one of field, sum"),
    ("facts: {company.x: {sum: [a.b], meaning: One only.}}", '"facts.company.x.sum.1"'),
    ("facts: {company.x: {sum: [a.b, c.d], unit: USD, meaning: With a unit.}}", "follow from the two facts of sum"),
])
def test_what_is_wrong_is_said_with_the_key_that_holds_it(tmp_path: Path, text: str, said: str) -> None:
    """The operator corrects the line that is named, and does not search for it."""
    with pytest.raises(ConfigError) as refused:
        _settings(tmp_path, text)

    assert said in str(refused.value)
