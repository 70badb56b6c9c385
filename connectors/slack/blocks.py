"""A card as Block Kit: every text inert, every limit kept, the whole under what Slack takes.

Limits: docs.slack.dev/reference/block-kit (read 2026-11); the total is undocumented, Slack refuses from about
13,200 characters (bolt-js #2509).
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from steward.kit.untrusted import for_mrkdwn, plain
from steward.model.actions import Button, Card, CardField

MOST_CHARACTERS = 12_000
MOST_TEXT = 3_000                                   # text of a section, and of the message itself
MOST_HEADER = 150
MOST_FIELDS, MOST_FIELD = 10, 2_000
MOST_CHANGES = 3
MOST_BUTTONS, MOST_LABEL, MOST_VALUE, MOST_URL = 5, 75, 500, 1_000    # Slack takes 25, 75, 2,000 and 3,000
MOST_CONTEXT = 9                                    # of 10: one is kept for the note that something was left out
VERSION = 1                                         # of the value that our buttons carry

SHORTENED = "Shortened: Slack takes no more in one message."
_DOTS = {"risk": "🔴", "stall": "🟠", "growth": "🟢", "handoff": "🔵", "done": "✅", "neutral": "⚪"}
_MARKS = re.compile(r"[*_~`\n]")                    # what mrkdwn reads as formatting


def sentence(card: Card) -> str:
    """The message's `text`: what notifications show and screen readers say."""
    return _fit(card.sentence, MOST_TEXT)


def draw(card: Card, enrollment_id: str) -> list[dict[str, Any]]:
    """The blocks of `card`; its buttons answer for `enrollment_id`.

    Long texts are cut line by line, all to the same length, until the whole fits; a note says so.
    """
    blocks = _blocks(card, enrollment_id, MOST_TEXT)
    longest = MOST_TEXT
    while _size(blocks) > MOST_CHARACTERS and longest > MOST_LABEL:
        longest //= 2
        blocks = _blocks(card, enrollment_id, longest)
        _note(blocks)
    return blocks


def _blocks(card: Card, enrollment_id: str, longest: int) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = [{
        "type": "header", "text": _plain_text(f"{_DOTS[card.tone]} {card.title}", min(longest, MOST_HEADER)),
    }]
    if card.fields:
        fields = [_field(field, min(longest, MOST_FIELD)) for field in card.fields[:MOST_FIELDS]]
        blocks.append({"type": "section", "fields": fields})
    if card.changes:
        changes = "\n".join(f"• {_one_line(change)}" for change in card.changes[:MOST_CHANGES])
        blocks.append({"type": "section", "text": _plain_text(changes, longest)})
    if card.next_step:
        blocks.append({"type": "section", "text": _plain_text(f"Next step: {card.next_step}", longest)})
    buttons = _buttons(card.buttons, enrollment_id)
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    if card.context:
        lines = [_plain_text(line, min(longest, MOST_FIELD)) for line in card.context[:MOST_CONTEXT]]
        blocks.append({"type": "context", "elements": lines})
    return blocks


def _field(field: CardField, most: int) -> dict[str, Any]:
    """Label over value, the label bold unless the value would then be read as formatting."""
    both = f"{field.label}\n{field.value}"
    if _MARKS.search(field.label) or _MARKS.search(plain(field.value)):
        return _plain_text(both, most)
    label = for_mrkdwn(_one_line(field.label))[:most // 2]
    value = _fit(field.value, most - len(label) - 3) or "–"
    # verbatim: Slack makes no links of addresses and names of channels in it.
    return {"type": "mrkdwn", "text": f"*{label}*\n{value}", "verbatim": True}


def _buttons(buttons: Sequence[Button], enrollment_id: str) -> list[dict[str, Any]]:
    drawn: list[dict[str, Any]] = []
    for number, button in enumerate(buttons[:MOST_BUTTONS]):
        element: dict[str, Any] = {"type": "button", "text": _plain_text(_one_line(button.label), MOST_LABEL)}
        if button.answer:
            value = json.dumps({"a": enrollment_id, "v": VERSION}, separators=(",", ":"))
            if len(value) > MOST_VALUE or not enrollment_id:
                continue                            # it could answer for nothing
            drawn.append({**element, "action_id": button.answer, "value": value, "style": "primary"})
        elif button.url and re.match(r"https?://", button.url) and len(button.url) <= MOST_URL:
            drawn.append({**element, "action_id": f"open_{number}", "url": button.url})
    return drawn


def _note(blocks: list[dict[str, Any]]) -> None:
    if blocks[-1]["type"] != "context":
        blocks.append({"type": "context", "elements": []})
    blocks[-1]["elements"].append(_plain_text(SHORTENED, MOST_FIELD))


def _plain_text(text: str, most: int) -> dict[str, Any]:
    # emoji False: a customer called ":fire:" stays that.
    return {"type": "plain_text", "text": _fit(text, most) or "–", "emoji": False}


def _fit(text: str, most: int) -> str:
    """`text` escaped, in at most `most` characters: whole lines where that leaves something, else cut."""
    escaped = for_mrkdwn(text)
    if len(escaped) <= most:
        return escaped
    kept = escaped[:most - 2].rpartition("\n")[0]
    if len(kept) < most // 2:
        kept = re.sub(r"&\w{0,3}$", "", escaped[:most - 2])     # never half an entity
    return f"{kept} …"


def _one_line(text: str) -> str:
    return " ".join(plain(text).split())


def _size(blocks: Sequence[dict[str, Any]]) -> int:
    return len(json.dumps(blocks, ensure_ascii=False))
