"""What a mistyped word may have meant: the word and what is known in, the end of a sentence out."""

from __future__ import annotations

from collections.abc import Iterable

_MOST_LISTED = 12


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The one of `known` that is most like `word`; None where none is like it."""
    import difflib

    return next(iter(difflib.get_close_matches(word, list(known), 1, 0.6)), None)


def meant(word: str, known: Iterable[str]) -> str:
    """`. Did you mean "x"?`, or the full stop."""
    found = nearest(word, known)
    return f'. Did you mean "{found}"?' if found else "."


def meant_or_all(word: str, known: Iterable[str]) -> str:
    """`. Did you mean "x"?`, or what there is."""
    there = list(known)
    found = nearest(word, there)
    if found:
        return f'. Did you mean "{found}"?'
    more = f" and {len(there) - _MOST_LISTED} more" if len(there) > _MOST_LISTED else ""
    return f". There are: {', '.join(there[:_MOST_LISTED]) or 'none'}{more}."


def storable(said: str) -> str:
    """`said` without what PostgreSQL, or any database, cannot hold: NUL, and halves of characters."""
    return said.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode()
