"""A file that cannot be read is one finding; the others of its folder are looked at all the same."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from steward.engine.check import check_files
from steward.engine.load import load_file, read_folder
from steward.model.errors import PlaybookError
from steward.model.facts import FactSpec

BROKEN = b"id: a\nowner: cs\ntitle: Caf\xe9\n"             # as an old editor saves it


@pytest.fixture
def folder(tmp_path: Path, example_text: str) -> Path:
    """One file that is not UTF-8, one that is no file, and one that is right."""
    (tmp_path / "broken.yaml").write_bytes(BROKEN)
    (tmp_path / "gone.yaml").symlink_to(tmp_path / "nowhere")
    (tmp_path / "right.yaml").write_text(example_text.replace(", template: health_drop", ""))
    return tmp_path


def test_the_others_are_used(folder: Path, catalog: Mapping[str, FactSpec]) -> None:
    """One slip in one file must not switch off what forty others do."""
    read = read_folder(folder, catalog)

    assert [playbook.id for playbook in read.playbooks] == ["health_drop"]
    assert [(Path(each.file).name, each.line, each.message, each.help) for each in read.findings] == [
        ("broken.yaml", 3, "the file is not UTF-8 text", "save it as UTF-8"),
        ("gone.yaml", 1, "the file cannot be read: No such file or directory", "look at its path and rights")]


def test_check_shows_it_among_the_findings(folder: Path, catalog: Mapping[str, FactSpec]) -> None:
    """`steward playbook check` says all that is wrong in one go."""
    files = [Path(each.file).name for each in check_files(sorted(folder.glob("*.yaml")), catalog)]

    assert files == ["broken.yaml", "gone.yaml"]


def test_message_templates_that_cannot_be_read_are_a_finding(
    tmp_path: Path, catalog: Mapping[str, FactSpec], example_text: str,
) -> None:
    """The playbooks then name templates that nobody has; both are said."""
    (tmp_path / "messages.yaml").write_bytes(BROKEN)
    (tmp_path / "a.yaml").write_text(example_text)

    assert [(Path(each.file).name, each.code) for each in read_folder(tmp_path, catalog).findings] == [
        ("messages.yaml", "STW101"), ("a.yaml", "STW124")]


def test_alone_it_is_refused_in_words(folder: Path, catalog: Mapping[str, FactSpec]) -> None:
    """Who names one file wants to know why it is not used."""
    with pytest.raises(PlaybookError, match=r"broken\.yaml:3:11\n.*\n3 \| title: Caf�"):
        load_file(folder / "broken.yaml", catalog)


def test_half_a_character_is_refused(tmp_path: Path, catalog: Mapping[str, FactSpec], example_text: str) -> None:
    """A lone surrogate can be written in YAML, but no store and no message can hold it."""
    (tmp_path / "a.yaml").write_text(example_text.replace("why: A", 'owner: "\\ud83d"\nwhy: A'))

    assert [(each.code, each.line, each.help) for each in read_folder(tmp_path, catalog).findings] == [
        ("STW102", 3, "write the whole character")]
