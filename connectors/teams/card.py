"""A card as an Adaptive Card 1.4: every text inert, the whole under what Teams takes.

Texts stand in text runs, which know no Markdown: a customer called "[press](javascript:…)" stays that.
Limits: 28 KB for a message (learn.microsoft.com "Format cards in Teams", read 2026-11); some saw 21 KB refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from typing import Any

from steward.kit.untrusted import plain
from steward.model.actions import Button, Card

MOST_BYTES = 20_000
MOST_TEXT = 3_000
MOST_FIELDS, MOST_CHANGES, MOST_BUTTONS, MOST_CONTEXT, MOST_LABEL = 10, 3, 5, 9, 75
SCHEMA = "http://adaptivecards.io/schemas/adaptive-card.json"
VERSION = "1.4"
SHORTENED = "Shortened: Teams takes no more in one message."

_COLORS = {"risk": "Attention", "stall": "Warning", "growth": "Good", "handoff": "Accent", "done": "Good",
           "neutral": "Default"}


def draw(card: Card, link: Callable[[Button], str]) -> dict[str, Any]:
    """The card; `link` gives where a button that answers leads, "" where it cannot be drawn.

    Long texts are cut, all to the same length, until the whole fits; a line says so.
    """
    longest = MOST_TEXT
    drawn = _card(card, link, longest)
    while size(drawn) > MOST_BYTES and longest > MOST_LABEL:
        longest //= 2
        drawn = _card(card, link, longest)
        drawn["body"].append(_text([_run(SHORTENED, longest, isSubtle=True)]))
    return drawn


def size(drawn: dict[str, Any]) -> int:
    """Bytes as they go over the line."""
    return len(json.dumps(drawn).encode())


def _card(card: Card, link: Callable[[Button], str], longest: int) -> dict[str, Any]:
    title = _run(card.title, min(longest, 300), weight="Bolder", size="Large", color=_COLORS[card.tone])
    body = [_text([title]), _text([_run(card.sentence, longest)])]
    body += [_text([_run(f"{field.label}: ", MOST_LABEL, weight="Bolder"), _run(field.value or "–", longest)])
             for field in card.fields[:MOST_FIELDS]]
    body += [_text([_run(f"• {change}", longest)]) for change in card.changes[:MOST_CHANGES]]
    if card.next_step:
        body.append(_text([_run("Next step: ", MOST_LABEL, weight="Bolder"), _run(card.next_step, longest)]))
    body += [_text([_run(line, longest, isSubtle=True, size="Small")]) for line in card.context[:MOST_CONTEXT]]
    drawn: dict[str, Any] = {"$schema": SCHEMA, "type": "AdaptiveCard", "version": VERSION,
                             "fallbackText": _fit(card.sentence, longest), "body": body}
    actions = _actions(card.buttons, link)
    return {**drawn, "actions": actions} if actions else drawn


def _actions(buttons: Sequence[Button], link: Callable[[Button], str]) -> list[dict[str, Any]]:
    """Webhook cards can only open addresses."""
    led = [(button, link(button) if button.answer else button.url or "") for button in buttons[:MOST_BUTTONS]]
    return [{"type": "Action.OpenUrl", "title": _fit(button.label, MOST_LABEL) or "–", "url": url}
            for button, url in led if re.match(r"https?://", url)]


def _text(runs: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "RichTextBlock", "inlines": runs, "spacing": "Small"}


def _run(text: str, most: int, **style: Any) -> dict[str, Any]:
    return {"type": "TextRun", "text": _fit(text, most) or "–", **style}


def _fit(text: str, most: int) -> str:
    shown = plain(text)
    return shown if len(shown) <= most else f"{shown[:most - 2]} …"
