"""Cards as Block Kit: whatever stands in them, Slack takes them and nobody is fooled or paged."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.slack.blocks import MOST_CHARACTERS, SHORTENED, draw, sentence
from connectors.slack.sandbox_blocks import faults
from steward.model.actions import Button, Card, CardField

HOSTILE = [
    "<!channel>", "<!here>", "<@U0STEWARD>", "<https://evil.example|Acme>", "&lt;!here&gt;", "a & b",
    "\u202egpj.exe", "zero\u0000byte", "`code` *bold* _it_ ~no~", "line\nbreak", "x" * 40_000, "🔥" * 5_000, ":fire:", "",
    "=HYPERLINK(\"http://evil\",\"x\")", "שלום עולם",
]


def _texts(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for name, value in node.items() if name not in ("type", "value", "url", "action_id")
                for text in _texts(value)]
    if isinstance(node, list):
        return [text for each in node for text in _texts(each)]
    return [node] if isinstance(node, str) else []


def _card(text: str) -> Card:
    return Card(
        sentence=text, title=text, tone="risk", fields=tuple(CardField(label=text, value=text) for _ in range(4)),
        changes=(text,) * 3, next_step=text, context=(text,) * 3,
        buttons=(Button(label=text, answer="acknowledge"), Button(label=text, url="https://crm.example/a?b=c&d=e")),
    )


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_stays_text(name: str) -> None:
    """A customer called `<!channel>` must not page everybody (reliability.md row 21)."""
    blocks = draw(_card(name), "p/a/1")

    for text in [*_texts(blocks), sentence(_card(name))]:
        assert "<" not in text
        assert ">" not in text
        assert not re.search(r"&(?!amp;|lt;|gt;)", text), text
        assert not re.search("[\u202a-\u202e\u2066-\u2069\u0000]", text)
    assert not faults(blocks)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=300).flatmap(lambda text: st.integers(1, 60).map(lambda times: text * times)))
def test_any_text_makes_blocks_that_slack_takes(text: str) -> None:
    """No account's name may stop its CSM from being told."""
    blocks = draw(_card(text), "p/a/1")

    assert not faults(blocks)
    assert len(json.dumps(blocks, ensure_ascii=False)) <= MOST_CHARACTERS


def test_a_long_card_is_shortened_by_lines_and_says_so() -> None:
    """Half a line may say the opposite of the whole; a reader must know that there was more."""
    lines = "\n".join(f"line {number} of many, each worth reading" for number in range(200))
    blocks = draw(_card(lines), "p/a/1")

    step = next(block["text"]["text"] for block in blocks if block["type"] == "section" and "Next step" in str(block))
    assert step.endswith("each worth reading …")
    assert blocks[-1]["elements"][-1]["text"] == SHORTENED


def test_an_ordinary_card_has_the_frame_of_every_message() -> None:
    """People learn one layout: what, facts, what changed, next step, buttons, why."""
    blocks = draw(_card("Acme"), "health_drop/acme/1")

    assert [block["type"] for block in blocks] == ["header", "section", "section", "section", "actions", "context"]
    assert blocks[0]["text"]["text"] == "🔴 Acme"
    assert blocks[1]["fields"][0] == {"type": "mrkdwn", "text": "*Acme*\nAcme", "verbatim": True}
    assert json.loads(blocks[4]["elements"][0]["value"]) == {"a": "health_drop/acme/1", "v": 1}


def test_a_button_leads_only_to_the_web() -> None:
    """A `javascript:` or file address from a CRM field must not become a button."""
    card = Card(sentence="x", title="x", buttons=(Button(label="Open", url="javascript:alert(1)"),))

    assert [block["type"] for block in draw(card, "p/a/1")] == ["header"]
