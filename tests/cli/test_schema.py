"""`steward schema`: what an editor needs, of this company."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

Steward = Callable[..., Any]
PLAYBOOK = {"id": "it", "title": "It", "why": "Because.", "when": "account.arr >= 50k EUR",
            "do": [{"message": {"to": "csm"}}]}


def test_it_names_the_facts_and_the_currency_of_the_company(company: Path, steward: Steward) -> None:
    """An editor that asks for dollars where the company has euros is wrong all day."""
    said = steward("schema")
    validator = Draft202012Validator(json.loads(said.out))

    assert said.code == 0
    assert validator.is_valid(PLAYBOOK)
    assert not validator.is_valid({**PLAYBOOK, "when": "account.arr >= 50k USD"})


def test_it_is_written_where_it_is_wanted_and_says_what_comes_next(company: Path, steward: Steward) -> None:
    """One line to copy, and the editor knows the language."""
    said = steward("schema", "--out", "playbooks/playbook.schema.json")

    assert said.code == 0
    assert "# yaml-language-server: $schema=playbook.schema.json" in said.out
    assert json.loads((company / "playbooks/playbook.schema.json").read_text())["title"] == "A playbook of Steward"


def test_without_a_company_it_names_the_usual_facts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steward: Steward,
) -> None:
    """Somebody tries the language before there is anything to connect."""
    monkeypatch.chdir(tmp_path)

    assert "health.score" in steward("schema").out


def test_a_place_that_cannot_be_written_is_said_in_words(company: Path, steward: Steward) -> None:
    """Not a traceback."""
    said = steward("schema", "--out", "nowhere/it.json")

    assert (said.code, said.out) == (2, "")
    assert '"nowhere/it.json" cannot be written' in " ".join(said.err.split())
