"""The playbooks that come with Steward are right, short and tested, and show every word of the language in use."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest

from steward.engine.cases import run_files
from steward.engine.check import check_files
from steward.engine.expression import leaves
from steward.engine.field_table import FIELD_TABLE, MODIFIER_TABLE, RECIPIENT_TABLE, RUNG_TABLE, STEP_TABLE, names
from steward.engine.language import Backlog, Mode, OnUpdate, Playbook, Subject, TriggerKind
from steward.engine.load import MESSAGES, load_folder, playbook_files
from steward.engine.messages import read_messages
from steward.facts.catalog import catalog

FOLDER = Path(__file__).parents[2] / "playbooks"
FILES = playbook_files(FOLDER)
FOUR = {"expansion_seats", "health_drop", "onboarding_stall", "sales_handoff"}
TEXT = "\n".join(file.read_text(encoding="utf-8") for file in FILES)


@cache
def _library() -> tuple[Playbook, ...]:
    return load_folder(FOLDER, catalog())


def test_there_is_a_library_and_not_one_finding_in_it() -> None:
    """Not even a warning, alone or together: people learn the language from them."""
    assert len(_library()) >= 18
    assert [finding.text() for finding in check_files(sorted(FOLDER.glob("*.yaml")), catalog())] == []


def test_only_the_four_are_live() -> None:
    """Who installs Steward and applies all of it must not wake up to twenty kinds of alerts."""
    live = {each.id for each in _library() if each.mode is Mode.LIVE}
    large = [each for each in _library() if each.id in FOUR]

    assert live == FOUR
    assert all(each.limit.of(500) >= 100 and each.limit.of(20_000) >= 4000 for each in large)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_each_is_short_names_itself_and_has_cases_that_hold(file: Path) -> None:
    """One thought, at most 60 lines; among its cases is one with data missing."""
    outcomes = run_files([file], catalog())

    assert len(file.read_text().splitlines()) <= 60
    assert {outcome.playbook for outcome in outcomes} == {file.stem}
    assert [outcome.differences for outcome in outcomes if not outcome.passed] == []
    assert any("missing data" in outcome.name for outcome in outcomes)


@pytest.mark.parametrize("playbook", _library(), ids=lambda playbook: playbook.id)
def test_each_says_why_and_ends_when_the_customer_goes(playbook: Playbook) -> None:
    """`why` stands before `when`, in a sentence that a CSM would say; nobody is called about a customer who left."""
    text = Path(playbook.file).read_text(encoding="utf-8")

    assert 40 <= len(playbook.why) <= 200
    assert text.index("\nwhy:") < min(text.find(f"\n{key}:") for key in ("when", "trigger", "do") if f"\n{key}:" in text)
    ends = {leaf.fact for _, condition in playbook.exits for leaf in leaves(condition)}
    asks = {leaf.fact for leaf in leaves(playbook.when)}
    assert "account.lifecycle" in ends | asks or playbook.subject is Subject.OPPORTUNITY


def test_every_message_says_what_happened_and_what_to_do_next() -> None:
    """A card that only says that something is red makes nobody call; a template that nobody sends gets old."""
    templates, findings = read_messages((FOLDER / MESSAGES).read_text(encoding="utf-8"), MESSAGES, catalog())
    used = {template.name: template for playbook in _library() for template in playbook.messages}
    inside = {name for each in _library() if "\nmessages:" in Path(each.file).read_text() for name in (each.id,)}

    assert not findings
    assert set(templates) == set(used) - inside
    for template in used.values():
        assert len(template.sentence) > 40, template.name
        assert template.next_step.endswith((".", "!")), template.name
        assert len(template.title) < 120, template.name


def test_they_load_in_a_company_of_another_currency() -> None:
    """No playbook of ours names a currency, so none must be edited in Europe."""
    assert len(load_folder(FOLDER, catalog(currency="EUR"))) == len(FILES)


@pytest.mark.parametrize("word", [*names(FIELD_TABLE), *names(RUNG_TABLE), *names(MODIFIER_TABLE), *names(STEP_TABLE)])
def test_every_field_and_step_is_used_somewhere(word: str) -> None:
    """Whoever looks for an example of a word finds one that works."""
    assert re.search(rf"(?m)(?:^ *(?:- )?|[{{,] ?){word}:", TEXT), word


@pytest.mark.parametrize("word", [
    *TriggerKind, *(subject for subject in Subject if subject is not Subject.ACCOUNT), *names(RECIPIENT_TABLE),
    Backlog.IGNORE, Backlog.USE_HISTORY, OnUpdate.MIGRATE, "ramp", "salt", "digest", "resolved", "acknowledged",
    "is known", "is unknown", "not in", "not:", "any:", "all:", "bh", "bd", "via",
])
def test_every_kind_is_used_somewhere(word: str) -> None:
    """The triggers, subjects, recipients and the rarer words as well."""
    if word == TriggerKind.CONDITION:
        assert any(each.trigger.kind is TriggerKind.CONDITION for each in _library())
    else:
        assert word.removesuffix(":x") in TEXT
