"""A version is read aloud, typed and compared by people: four digits do, until they do not."""

from __future__ import annotations

import pytest

from steward.model.errors import ConfigError
from steward.model.versions import meant, short

KNOWN = ["7c1e09ab", "7c1e0f00", "7c2d0000", "9a2b1111"]


@pytest.mark.parametrize(("version", "known", "shown"), [
    ("9a2b1111", KNOWN, "9a2b"),
    ("7c2d0000", KNOWN, "7c2d"),
    ("7c1e09ab", KNOWN, "7c1e09"),
    ("7c1e0f00", KNOWN, "7c1e0f"),
    ("7c1e1111", KNOWN, "7c1e1"),           # a draft that is not stored yet
    ("7c1e09ab", [], "7c1e"),
    ("", KNOWN, ""),
])
def test_as_few_digits_as_tell_it_apart_but_four(version: str, known: list[str], shown: str) -> None:
    """As git does it: short while it is clear, and never two versions under one name."""
    assert short(version, known) == shown


def test_what_is_shown_is_understood() -> None:
    """Whoever copies what we print means that version, and no other."""
    for version in KNOWN:
        assert meant(short(version, KNOWN), "drop", KNOWN) == version
        assert meant(version.upper(), "drop", KNOWN) == version
    assert meant("9", "drop", KNOWN) == "9a2b1111"


@pytest.mark.parametrize(("beginning", "known", "said"), [
    ("7c1e", KNOWN, '"drop@7c1e" is more than one version: 7c1e09, 7c1e0f. Write more of its digits.'),
    ("ffff", KNOWN, '"drop" has no version "ffff". There are: 7c1e09, 7c1e0f, 7c2d, 9a2b.'),
    ("", ["9a2b1111"], '"drop" has no version "". There are: 9a2b.'),
    ("9a2b", [], '"drop" has no version "9a2b". There are: none.'),
])
def test_what_is_not_one_version_is_refused_with_what_there_is(beginning: str, known: list[str], said: str) -> None:
    """A guess would roll back to the wrong one."""
    with pytest.raises(ConfigError) as refused:
        meant(beginning, "drop", known)

    assert str(refused.value) == said
