"""Two parsers read playbooks, the quick one first: what the quick one takes, both must take alike."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.events import Event

from steward.engine.document import Block, Scalar, read
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
