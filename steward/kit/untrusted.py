"""Text that others wrote, such as customers' names: made harmless to show."""

from __future__ import annotations

import re

# Control characters but new line and tab; characters that turn the direction of what follows, with which a name
# could read as its opposite; halves of characters.
_HARMFUL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

_FORMULA = re.compile("(^|\n)(?=[\\s\"']*[=+\\-@|%\uff1d\uff0b\uff0d\uff20])|^(?=[\t\n])")


def plain(text: str) -> str:
    """`text` without control, direction and lone surrogate characters; new lines and tabs stay."""
    return _HARMFUL.sub("", text)


def for_mrkdwn(text: str) -> str:
    """`text` for Slack's mrkdwn: no mention and no link can start in it, though `*` may still make it bold.

    Source: docs.slack.dev "Formatting message text": `&`, `<` and `>` are the only characters that Slack decodes.
    Where formatting must not happen either, use `plain_text`.
    """
    return plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def for_cell(text: str) -> str:
    """`text` for a cell of a CSV or XLSX file: no spreadsheet program takes it for a formula.

    Source: OWASP "CSV Injection": a leading `=`, `+`, `-`, `@`, tab or carriage return starts one, in full width too; a
    quote in front makes it text. Programs skip blanks and quotes before the mark, and some begin a cell anew after a
    line break, so all those are looked through.
    """
    return _FORMULA.sub(r"\1'", plain(text))
