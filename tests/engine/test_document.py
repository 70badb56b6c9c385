"""Two parsers read playbooks, the quick one first: what the quick one takes, both must take alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import Event

from steward.engine.document import MOST_BYTES, MOST_DEPTH, MOST_NODES, Block, Scalar, read, read_json
from steward.engine.findings import Finding
from steward.model.errors import PlaybookError

FOLDER = Path(__file__).resolve().parents[2] / "playbooks"
TRAPS = (
    "a: no\nb: on\nc: 12:30\nd: 0o10\ne: 1_000\n", "a: [x, y:z]\n", "{to: channel:x}\n", "a: 'it''s'\n", "a: \"\\u00e9\"\n", "a: |\n  x\n\n  y\n",
    "a: >-\n  x\n  y\n", "a:\n- b\n-  c\n", "? a\n: b\n", "a: b # c\n", "a: b#c\n", "a: -30%\n", "a: <= 5\n", "a: \u2028b\n", "a: 'x\n  y'\n", "a: ~\n",
    "- {a: b, c}\n", "a: [1,2,]\n", "\ufeffa: b\n", "a: b\n...\n", "---\na: b\n",
)
PIECES = st.lists(st.sampled_from([*"ab:-,[]{}'\"#|>&*!%@`? \n", "\n  ", ": ", "- ", "é", "\t", "1", "x: y\n"]), max_size=40)


def seen(events: list[Event]) -> list[tuple[object, ...]]:
    """What is read, with its place; that of nothing at all is nowhere."""
    return [(type(event).__name__, getattr(event, "value", None), getattr(event, "anchor", None),
             getattr(event, "tag", None) is not None,       # whatever it is, it is refused
             bool(getattr(event, "style", None)),
             (event.start_mark.line, event.start_mark.column) if getattr(event, "value", None) else None)
            for event in events if type(event).__name__ in ("ScalarEvent", "MappingStartEvent", "SequenceStartEvent", "AliasEvent")]


def alike(text: str) -> bool | None:
    """Whether both parsers say the same of `text`; None where one of them refuses it."""
    try:
        quick = list(YAML(typ="safe", pure=False).parse(text))
        return seen(quick) == seen(list(YAML(typ="safe", pure=True).parse(text)))
    except (YAMLError, ValueError):
        return None


@pytest.mark.parametrize("text", [*TRAPS, *(path.read_text() for path in sorted(FOLDER.glob("*.yaml")))])
def test_both_parsers_see_the_same(text: str) -> None:
    """A threshold that one of them reads otherwise would fire for the wrong accounts."""
    assert alike(text) is not False


@settings(max_examples=150, deadline=None)
@given(PIECES.map("".join))
def test_both_parsers_see_the_same_in_whatever_both_take(text: str) -> None:
    """Nobody can list every way in which YAML can be written."""
    assert alike(text) is not False


def test_what_only_the_newer_yaml_knows_is_read() -> None:
    """`{to: channel:x}` is how people write a channel."""
    node = read("a: {to: channel:cs-wins}\n", "a.yaml")

    assert isinstance(node, Block)
    inner = node.get("a")
    assert isinstance(inner, Block)
    assert isinstance(to := inner.get("to"), Scalar)
    assert (to.text, to.mark.line, to.mark.column) == ("channel:cs-wins", 1, 9)


def test_a_plain_value_is_not_taken_for_a_quoted_one() -> None:
    """The carets of a fault point to the first letter; quotes make it one more."""
    node = read("a: b\nc: 'd'\n", "a.yaml")

    assert isinstance(node, Block)
    plain, other = node.get("a"), node.get("c")
    assert isinstance(plain, Scalar)
    assert isinstance(other, Scalar)
    assert ((plain.quoted, plain.inset), (other.quoted, other.inset)) == ((False, 0), (True, 1))


@pytest.mark.parametrize("text", ["[" * 5_000, "{a: " * 3_000, "- " * 5_000, "a: &x [*x, *x]\n", "\x00"])
def test_hostile_text_is_refused_in_words(text: str) -> None:
    """Whoever can send a playbook must not be able to stop Steward with it."""
    with pytest.raises(PlaybookError, match=r"STW1\d\d"):
        read(text, "a.yaml")


def refused(text: str) -> list[tuple[str, int, int, str, str]]:
    """Code, line, column, message and remedy of each fault."""
    with pytest.raises(PlaybookError) as caught:
        read(text, "a.yaml")
    return [(each.code, each.line, each.column, each.message, each.help) for each in caught.value.findings
            if isinstance(each, Finding)]


@pytest.mark.parametrize(("text", "code", "line", "column", "message", "remedy"), [
    ("", "STW101", 1, 1, "the file is empty", "write at least: id, title, why, when, do"),
    ("a: b\n" + "#" * MOST_BYTES, "STW108", 1, 1, f"the file is larger than {MOST_BYTES // 1024} kB", "split it"),
    ("a:\n\tb: 1\n", "STW101", 2, 1, "not YAML: a tab where the line is indented",
     "indent with spaces only, two for each level"),
    ("a: b\n c: d\n", "STW101", 2, 3, "not YAML: mapping values are not allowed here",
     "check the indentation, and put quotes around a value that contains \": \" or \" #\""),
    ("a: b\n---\nc: d\n", "STW102", 2, 1, "a playbook is one document without directives", "remove the line"),
    ("%YAML 1.1\n---\na: b\n", "STW102", 1, 1, "a playbook is one document without directives", "remove the line"),
    ("%TAG !x! tag:x\n---\na: b\n", "STW102", 1, 1, "a playbook is one document without directives", "remove the line"),
    ("a: !x b\n", "STW102", 1, 4, 'tag "!x" is not allowed', "remove it; quotes make a value text"),
    ("a: &x b\n", "STW102", 1, 4, 'anchor "&x" is not allowed', "write the value out"),
    ("a: *x\n", "STW102", 1, 4, 'alias "*x" is not allowed', "write the value out"),
    ("a: \"\\ud800\"\n", "STW102", 1, 4, "half a character cannot be stored", "write the whole character"),
    ("a: {<<: {b: c}}\n", "STW102", 1, 5, 'merge key "<<" is not allowed', "write the keys out"),
    ("? [a]\n: b\n", "STW102", 1, 3, "a key must be a word", "put quotes around a value that holds braces"),
    ("a:\n" + "- 1\n" * MOST_NODES, "STW108", MOST_NODES - 1, 3, f"more than {MOST_NODES} values", "split the file"),
    ("[" * MOST_DEPTH + "{a: b}" + "]" * MOST_DEPTH, "STW108", 1, MOST_DEPTH + 1, f"nested deeper than {MOST_DEPTH}",
     "flatten it"),
    ("[" * (MOST_DEPTH - 1) + "{a: b}" + "]" * (MOST_DEPTH - 1), "STW108", 1, MOST_DEPTH + 1,
     f"nested deeper than {MOST_DEPTH}", "flatten it"),
])
def test_what_may_not_stand_in_a_file_is_shown_at_its_place(
    text: str, code: str, line: int, column: int, message: str, remedy: str,
) -> None:
    """YAML can do a hundred things that nobody who writes a playbook knows; each of them is told in words."""
    assert refused(text) == [(code, line, column, message, remedy)]


def test_every_key_that_stands_twice_is_shown() -> None:
    """The second would win in silence, and only the author knows which was meant."""
    assert [(code, line, help_) for code, line, _, _, help_ in refused("a: 1\nb: 2\na: 3\nb: 4\n")] == [
        ("STW104", 3, "the first is in line 1"), ("STW104", 4, "the first is in line 2")]


@pytest.mark.parametrize("text", [
    "a: é\n", "'<<': b\n", "a: '*x'\n", "[" * (MOST_DEPTH - 2) + "{a: b}" + "]" * (MOST_DEPTH - 2), "a:\n" + "- 1\n" * (MOST_NODES - 3),
])
def test_what_is_only_like_it_is_read(text: str) -> None:
    """Text in quotes is text, and a bound includes itself."""
    assert read(text, "a.yaml")


def test_what_was_stored_and_is_no_json_is_refused_in_words() -> None:
    """A row that somebody edited by hand stops that playbook, with its name, and nothing else."""
    with pytest.raises(PlaybookError, match=r"(?s)STW101.*not what was stored.*drop@7c1e.*apply the playbook again"):
        read_json("{", "drop@7c1e")


@pytest.mark.parametrize(("text", "length"), [("a: b\n", 1), ("a: bcd\n", 3), ("a: 'b'\n", 3), ("a: |\n  b\n", 1), ("a:\n", 1)])
def test_a_place_is_as_long_as_what_stands_there(text: str, length: int) -> None:
    """One caret more points at what is right."""
    node = read(text, "a.yaml")

    assert isinstance(node, Block)
    assert (value := node.get("a"))
    assert value.mark.length == length


def test_a_file_may_be_as_large_as_is_said() -> None:
    """The bound includes itself."""
    assert read("a: b\n#" + "x" * (MOST_BYTES - 6), "a.yaml")
    assert refused("a: b\n#" + "x" * (MOST_BYTES - 5))[0][0] == "STW108"


@pytest.mark.parametrize("text", ["a: \x07\n", "\x00", "a: [\n"])
def test_what_is_no_yaml_at_all_has_its_code(text: str) -> None:
    """The code is what one searches for."""
    assert {code for code, *_ in refused(text)} == {"STW101"}
