"""playbooks/README.md is true: it is as the code makes it, its example works, and it leaves out no word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from steward import handbook
from steward.cli.main import app
from steward.engine.case_file import _LABELS as LABELS
from steward.engine.cases import run_files
from steward.engine.check import check_files
from steward.engine.condition import Conditions
from steward.engine.document import Block, read
from steward.engine.fields import Fields
from steward.engine.findings import Findings
from steward.engine.load import playbook_files
from steward.engine.steps import read_steps
from steward.engine.template import FILTERS, TONES
from steward.facts.catalog import catalog

FOLDER = Path(__file__).resolve().parents[2] / "playbooks"
README = (FOLDER / handbook.PAGE).read_text(encoding="utf-8")
PROSE = README.split("\n## Facts")[0]


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """The folder of the example."""
    texts = re.findall(r"^```yaml\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    for name, text in zip(("seats_idle.yaml", "messages.yaml", "seats_idle.cases.yaml"), texts, strict=True):
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_its_tables_are_what_the_code_says() -> None:
    """A page that lies is worse than none. To write it anew: make docs."""
    assert handbook.refreshed(README, FOLDER) == README


def test_every_playbook_stands_in_it_under_one_heading() -> None:
    """What is not listed is copied by nobody."""
    listed = [name for group in handbook.GROUPS.values() for name in group]

    assert sorted(listed) == sorted(file.stem for file in playbook_files(FOLDER))


def test_its_example_has_no_findings(example: Path) -> None:
    """What somebody copies first must be right."""
    assert not check_files(sorted(example.glob("*.yaml")), catalog())


def test_its_cases_hold(example: Path) -> None:
    """They show what the words mean; they must mean it."""
    outcomes = run_files([example / "seats_idle.cases.yaml"], catalog())

    assert [each.differences for each in outcomes] == [(), (), ()]


def test_its_steps_can_be_read() -> None:
    """The second example shows how steps hang together."""
    text = README.split("```text\ndo:")[1].split("```")[0]
    node = read(f"do:{text}", handbook.PAGE)
    findings = Findings(handbook.PAGE, text)

    assert isinstance(node, Block)
    assert len(read_steps(node.get("do"), "do", Fields(Conditions(catalog(), findings), findings))) == 4
    assert not findings.found


@pytest.mark.parametrize("word", [
    *FILTERS, *TONES, *(each for each in LABELS if each != "closed"),
])
def test_it_names_every_word_of_messages_and_states(word: str) -> None:
    """A word that is not described is found by nobody; those of the fields come from the tables of the reader."""
    assert re.search(rf"(?<![\w.]){re.escape(word)}(?![\w.])", PROSE), word


def test_it_names_every_gate_in_its_order() -> None:
    """Who asks why nothing happened reads the reason here."""
    told = re.findall(r"^\| `(\w+)` \|", README.split("## Gates")[1].split("\n## ")[0], re.MULTILINE)

    assert told[:10] == ["do_not_contact", "scope", "data", "silenced", "inhibited", "cooldown", "at_most", "caps", "limit",
                         "holdout"]


@pytest.mark.parametrize("words", sorted(set(re.findall(r"`steward ([a-z]+(?: [a-z]+)?)", README))))
def test_every_command_that_it_names_exists(words: str) -> None:
    """A newcomer types what stands there."""
    found = app
    for word in words.split():
        assert word in found, words
        found = found[word]
