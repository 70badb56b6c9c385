"""playbooks/README.md is true: its example checks, its cases hold, and it leaves out nothing of the language."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steward.engine.case_file import _LABELS as LABELS
from steward.engine.cases import run_files
from steward.engine.check import check_files
from steward.engine.fields import PEOPLE
from steward.engine.language import CTA_TYPES, Mode
from steward.engine.load import FIELDS
from steward.engine.template import FILTERS, TONES
from steward.facts.catalog import catalog

README = (Path(__file__).resolve().parents[2] / "playbooks/README.md").read_text(encoding="utf-8")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The folder of the example."""
    texts = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for name, text in zip(("champion_left.yaml", "messages.yaml", "champion_left.cases.yaml"), texts, strict=True):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_its_example_has_no_findings(example: Path) -> None:
    """What somebody copies first must be right."""
    assert not check_files(sorted(example.glob("*.yaml")), catalog())


def test_its_cases_hold(example: Path) -> None:
    """They show what the words mean; they must mean it."""
    outcomes = run_files([example / "champion_left.cases.yaml"], catalog())

    assert [each.differences for each in outcomes] == [(), ()]


@pytest.mark.parametrize("word", [
    *FIELDS, *PEOPLE, *CTA_TYPES, *Mode, *FILTERS, *TONES, *(each for each in LABELS if each != "closed"),
    "role:x", "channel:x", "only_if", "unless", "after", "within", "acknowledged", "resolved",
])
def test_it_names_every_word_of_the_language(word: str) -> None:
    """A word that is not described is found by nobody."""
    prose = README.split("## Facts")[0]

    assert re.search(rf"(?<![\w.]){re.escape(word)}(?![\w.])", prose), word
