"""The scorecard's YAML: what is refused, where, and with which advice."""

from pathlib import Path

import pytest

from steward.facts.catalog import catalog
from steward.facts.scorecard import Scorecard, load_scorecard, parse_scorecard
from steward.model.errors import ConfigError

FACTS = catalog()
GOOD = """
measures:
  - fact: usage.active_users.change_28d
    weight: 3
    points: {-50%: 0, 0%: 80, 20%: 100}
  - {fact: champion.known, weight: 1, points: {true: 100, false: 0}}
"""


def faults(text: str) -> list[str]:
    with pytest.raises(ConfigError) as error:
        parse_scorecard(text, "card.yaml", FACTS)
    return str(error.value).splitlines()


def test_a_card_is_read_with_its_units_and_defaults() -> None:
    """A ratio is written as people say it, -50%, and kept as -0.5."""
    card = parse_scorecard(GOOD, "card.yaml", FACTS)

    assert card.measures[0].curve == ((-0.5, 0), (0, 80), (0.2, 100))
    assert card.measures[1].table == {True: 100, False: 0}
    assert (card.title, card.least_coverage, card.yellow, card.green) == ("Account health", 0.4, 60, 70)


def test_the_card_that_comes_with_steward_fits_every_company() -> None:
    """A company that counts other things still gets a score, from what it has."""
    card = load_scorecard(None, FACTS)
    other = load_scorecard(None, catalog(["boxes_packed"], "EUR"))

    assert sum(measure.weight for measure in card.measures) == 100
    assert {measure.fact for measure in card.measures} - {measure.fact for measure in other.measures} == {
        "usage.active_users.change_28d", "usage.active_users.days_since_last",
    }


@pytest.mark.parametrize(("written", "instead", "fault"), [
    ("usage.active_users.change_28d", "usage.active_user.change_28d",
     'card.yaml:3:11: unknown fact "usage.active_user.change_28d". Did you mean "usage.active_users.change_28d"?'),
    ("weight: 3", "wieght: 3", 'card.yaml:4:5: unknown key "wieght". Did you mean "weight"?'),
    ("weight: 3", "weight: lots", 'card.yaml:4:13: "lots" should be a number from 0 to 1000'),
    ("weight: 3", "weight: 0", "card.yaml:4:13: a weight of 0 measures nothing. Raise it or remove the measure"),
    ("-50%: 0", "-50: 0", 'card.yaml:5:14: usage.active_users.change_28d is in %. Did you mean "-50%"?'),
    ("0%: 80", "-60%: 80", 'card.yaml:5:23: "-60%" must be larger than the value before it. Sort the points'),
    ("20%: 100", "20%: 101", 'card.yaml:5:36: "101" should be a number from 0 to 100'),
    ("false: 0", "no: 0", 'card.yaml:6:59: champion.known is never "no".'),
    (", false: 0", "", "card.yaml:6:47: points for false are missing"),
    ("champion.known", "account.name",
     'card.yaml:6:12: "account.name" is a text of any value; measure a number, a truth or one of few words'),
    ("champion.known", "health.score",
     'card.yaml:6:12: "health.score" is made from this scorecard and cannot be measured by it'),
])
def test_a_fault_says_where_it_is_and_what_to_write(written: str, instead: str, fault: str) -> None:
    """Whoever edits the card at night sees the line, the column and the word that was meant."""
    assert fault in faults(GOOD.replace(written, instead, 1))


def test_all_faults_are_told_at_once() -> None:
    """Nobody should have to run it once for each typo."""
    assert len(faults(GOOD.replace("weight", "wait"))) == 4


@pytest.mark.parametrize("text", ["", "[]", "a", "measures: 3", "measures: []", "measures:\n  - 3", "measures:\n  - {}",
                                  "measures: [", "a: b: c", "&a [*a]", "- !!python/object:os.system x", "\x00", "a" * 70_000])
def test_what_is_no_card_is_refused_in_words(text: str) -> None:
    """Never a stack trace for a file somebody saved half-way."""
    assert faults(text)[0].startswith("card.yaml:")


def test_a_fact_measured_twice_is_refused(tmp_path: Path) -> None:
    """Twice the weight by accident is a score nobody can explain."""
    twice = tmp_path / "card.yaml"
    twice.write_text(GOOD + GOOD.strip().removeprefix("measures:\n"), encoding="utf-8")
    with pytest.raises(ConfigError, match=r'"usage\.active_users\.change_28d" is measured twice'):
        load_scorecard(twice, FACTS)


def test_a_file_that_is_not_there_is_told_by_name(tmp_path: Path) -> None:
    """The message names the setting to correct."""
    with pytest.raises(ConfigError, match=r"absent\.yaml.*steward\.yaml"):
        load_scorecard(tmp_path / "absent.yaml", FACTS)


def test_a_card_without_bands_that_fit_is_refused() -> None:
    """Green below yellow would colour every account wrongly."""
    assert faults("bands: {yellow: 60, green: 40}" + GOOD) == [
        "card.yaml:1:28: green begins at 40, below yellow at 60. Swap them"]
    assert isinstance(parse_scorecard("bands: {yellow: 80}" + GOOD, "card.yaml", FACTS), Scorecard)
