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


def for_mrkdwn(text: str) -> str:
    """`text` for Slack's mrkdwn: no mention and no link can start in it, though `*` may still make it bold.

    Source: docs.slack.dev "Formatting message text": `&`, `<` and `>` are the only characters that Slack decodes.
    Where formatting must not happen either, use `plain_text`.
    """
    return plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def for_cell(text: str) -> str:
    """`text` for a cell of a CSV or XLSX file: no spreadsheet program takes it for a formula.

    Source: OWASP "CSV Injection": a leading `=`, `+`, `-`, `@`, tab or carriage return starts one; a quote in front
    makes it text. Programs skip blanks before the mark, so those are looked through.
    """
    shown = plain(text)
    return f"'{shown}" if shown.lstrip().startswith(("=", "+", "-", "@", "|", "%")) or shown[:1] in "\t\n" else shown
