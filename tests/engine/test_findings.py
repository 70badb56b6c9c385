"""A fault is drawn with its line, and the carets stand under the very words."""

from __future__ import annotations

import pytest

from steward.engine.findings import Findings, Mark, playbook_error

WIDE = 160


def drawn(line: str, column: int, length: int = 1) -> list[str]:
    """The finding at that place of the third of three lines, as it is printed."""
    findings = Findings("it.yaml", f"a\nb\n{line}")
    findings.error("STW103", Mark(3, column, length), "it is wrong", "write it")
    return findings.found[0].text().splitlines()


def under_the_carets(lines: list[str]) -> str:
    """What the carets of a drawing point to."""
    shown, carets = lines[3], lines[4]
    return "".join(sign for sign, mark in zip(shown, carets, strict=False) if mark == "^")


@pytest.mark.parametrize("words", [10, 15, 16, 17, 40, 200])
@pytest.mark.parametrize("at", [0, 1, 7, -2, -1])
def test_the_carets_stand_under_the_word_however_long_the_line(words: int, at: int) -> None:
    """Of a line that is too long for a screen the part around the fault is shown."""
    written = [f"word{number:05d}" for number in range(words)]
    line = " ".join(written)                        # the sixteenth word ends at column 159
    word = written[at]
    lines = drawn(line, line.index(word) + 1, len(word))

    assert under_the_carets(lines) == word
    assert len(lines[3]) <= len("3 | ") + WIDE
    assert words > 16 or lines[3] == f"3 | {line}"


def test_a_line_as_wide_as_the_frame_is_shown_whole_and_one_wider_is_cut() -> None:
    """Nothing is hidden before it must be; the fault stands in the middle of what is left."""
    assert drawn("x" * (WIDE - 1) + "y", WIDE)[3] == "3 | " + "x" * (WIDE - 1) + "y"
    assert drawn("x" * WIDE + "y", WIDE + 1)[3] == "3 | " + "x" * (WIDE // 2) + "y"


def test_what_does_not_print_is_not_printed() -> None:
    """A playbook may come from anybody; its text must not move the cursor of whoever reads the error."""
    lines = drawn("a:\t\x1b[31mred", 4)

    assert lines[3] == "3 | a: ?[31mred"
    assert under_the_carets(lines) == "?"


def test_the_first_line_is_drawn_too_and_none_where_there_is_none() -> None:
    """Most of what is wrong in a short file stands in its first line."""
    findings = Findings("it.yaml", "abc")
    for mark in (Mark(1, 2), Mark(2, 1), Mark(0, 1)):
        findings.error("STW103", mark, "it is wrong")

    assert [each.source for each in findings.found] == ["abc", "", ""]


def test_the_carets_end_with_the_line() -> None:
    """A place that says it is longer than its line is drawn to the end of it; one behind it is one caret."""
    assert drawn("short", 3, 99)[4] == "  |   ^^^"
    assert drawn("", 1, 5)[3:5] == ["3 |", "  | ^"]


def test_several_are_told_in_the_order_of_the_file_and_counted() -> None:
    """One goes through them from the top."""
    findings = Findings("it.yaml", "a\nb\n")
    for place in (Mark(2, 1), Mark(1, 2), Mark(1, 1)):
        findings.error("STW103", place, "it is wrong")
    findings.warning("STW120", Mark(2, 2), "hardly")
    error = playbook_error(findings.found)

    assert [(each.line, each.column) for each in error.findings] == [(1, 1), (1, 2), (2, 1), (2, 2)]
    assert str(error).endswith("Found 3 errors.")
