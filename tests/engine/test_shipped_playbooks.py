"""The playbooks that come with Steward are right, short, and tested, with data missing too."""

from __future__ import annotations

from pathlib import Path

import pytest

from steward.engine.cases import run_files
from steward.engine.check import check_files
from steward.engine.language import Mode
from steward.engine.load import load_folder, playbook_files
from steward.facts.catalog import catalog

FOLDER = Path(__file__).parents[2] / "playbooks"
FILES = playbook_files(FOLDER)


def test_the_four_are_live_and_without_a_finding() -> None:
    """Not even a warning: people learn the language from them."""
    playbooks = load_folder(FOLDER, catalog())

    assert [each.id for each in playbooks] == ["expansion_seats", "health_drop", "onboarding_stall", "sales_handoff"]
    assert {each.mode for each in playbooks} == {Mode.LIVE}
    assert all(each.limit.of(500) >= 100 and each.limit.of(20_000) >= 4000 for each in playbooks)
    assert check_files(sorted(FOLDER.glob("*.yaml")), catalog()) == ()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_is_short_names_itself_and_has_cases_that_hold(file: Path) -> None:
    """One thought, at most 60 lines; among its cases is one with data missing."""
    outcomes = run_files([file], catalog())

    assert len(file.read_text().splitlines()) <= 60
    assert {outcome.playbook for outcome in outcomes} == {file.stem}
    assert [outcome.differences for outcome in outcomes if not outcome.passed] == []
    assert any("missing data" in outcome.name for outcome in outcomes)


def test_they_load_in_a_company_of_another_currency() -> None:
    """No playbook of ours names a currency, so none must be edited in Europe."""
    assert len(load_folder(FOLDER, catalog(currency="EUR"))) == 4
