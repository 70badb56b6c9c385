"""The catalog: what playbooks, scorecards and people may ask for."""

from pathlib import Path

import pytest

import steward.facts
from steward.facts.catalog import DEFAULT_METRICS, as_table, catalog, metrics_of
from steward.facts.spec import COMPANY_CURRENCY, GROUPS
from steward.model.errors import ConfigError
from steward.model.facts import FactType


def test_there_are_facts_enough_and_each_says_what_it_is() -> None:
    """A CS-ops person picks from this list; a line without a meaning is a guess."""
    facts = catalog()

    assert len(facts) >= 60
    for name, fact in facts.items():
        assert fact.name == name
        assert len(fact.meaning) > 15, name
        assert fact.meaning.endswith("."), name
        assert fact.source, name
        assert fact.group in GROUPS, name
        assert fact.fresh_within is not None, name


def test_what_has_a_unit_says_so() -> None:
    """Units are compulsory in playbooks, so the catalog must know them."""
    for name, fact in catalog(currency="EUR").items():
        assert fact.unit != COMPANY_CURRENCY, name
        assert (fact.unit == "EUR") == (fact.type is FactType.MONEY), name
        assert (fact.unit == "days") == (fact.type is FactType.DAYS), name
        if fact.type in (FactType.NUMBER, FactType.INTEGER):
            assert fact.unit, name


def test_the_metrics_are_those_given() -> None:
    """A company that packs boxes has facts about boxes."""
    facts = catalog(["boxes_packed", "boxes_packed"])

    assert metrics_of(facts) == ("boxes_packed",)
    assert "usage.boxes_packed.change_28d" in facts
    assert metrics_of(catalog()) == DEFAULT_METRICS


@pytest.mark.parametrize("metric", ["", "Active Users", "a.b", "1st", "x" * 65, "größe"])
def test_a_metric_that_cannot_stand_in_a_name_is_refused_with_advice(metric: str) -> None:
    """The message names the setting, so that it can be corrected where it stands."""
    with pytest.raises(ConfigError, match="usage_metrics"):
        catalog([metric])


def test_the_readme_shows_the_catalog_as_it_is() -> None:
    """A page that lies is worse than none. To write it anew: put `as_table(catalog())` between the marks."""
    readme = (Path(steward.facts.__file__).parents[2] / "playbooks/README.md").read_text(encoding="utf-8")
    shown = readme.split("as_table -->\n")[1].split("\n<!-- end -->")[0]

    assert shown == as_table(catalog())
