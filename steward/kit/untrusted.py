"""Text that others wrote, such as customers' names: made harmless to show."""

from __future__ import annotations

import unicodedata

# Characters that turn the direction of what follows: a name could make "evil" read as its opposite.
_DIRECTIONS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def plain(text: str) -> str:
    """`text` without control, direction and lone surrogate characters; new lines and tabs stay."""
    return "".join(each for each in text if each in "\n\t" or not _harmful(each))


def _harmful(each: str) -> bool:
    return each in _DIRECTIONS or unicodedata.category(each) in ("Cc", "Cs")
