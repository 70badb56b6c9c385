"""What Slack refuses in blocks: the messages of `invalid_blocks`, written apart from the drawing it judges.

Source: docs.slack.dev/reference/block-kit, and the checks of slack_sdk.models.blocks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

MOST_BLOCKS, MOST_CHARACTERS = 50, 13_200
_KNOWN = {"header", "section", "actions", "context", "divider", "image", "rich_text"}


def faults(blocks: Any) -> list[str]:
    """What is wrong with `blocks`, as Slack words it; nothing when they may stand."""
    if not isinstance(blocks, list):
        return ["[ERROR] must be an array [json-pointer:/blocks]"]
    found = list(_count(blocks, 0, MOST_BLOCKS, "/blocks"))
    for index, block in enumerate(blocks):
        found += _block(block, f"/blocks/{index}")
    return found


def too_long(blocks: Any) -> bool:
    """Whether the whole is more than Slack takes (`msg_blocks_too_long`)."""
    return len(json.dumps(blocks, ensure_ascii=False)) > MOST_CHARACTERS


def _block(block: Any, at: str) -> Iterator[str]:
    if not isinstance(block, dict) or block.get("type") not in _KNOWN:
        yield f"[ERROR] unsupported type: {block.get('type') if isinstance(block, dict) else block} [json-pointer:{at}]"
        return
    kind = block["type"]
    if len(str(block.get("block_id", ""))) > 255:
        yield f"[ERROR] must be less than 256 characters [json-pointer:{at}/block_id]"
    if kind == "header":
        yield from _text(block.get("text"), f"{at}/text", 150, ("plain_text",))
    elif kind == "section":
        yield from _section(block, at)
    elif kind == "actions":
        yield from _actions(block.get("elements"), f"{at}/elements")
    elif kind == "context":
        elements = block.get("elements")
        yield from _count(elements, 1, 10, f"{at}/elements")
        for index, element in enumerate(elements or ()):
            yield from _text(element, f"{at}/elements/{index}", 3_000, ("plain_text", "mrkdwn"))


def _section(block: Mapping[str, Any], at: str) -> Iterator[str]:
    if not block.get("text") and not block.get("fields"):
        yield f"[ERROR] missing required field: text or fields [json-pointer:{at}]"
    if "text" in block:
        yield from _text(block["text"], f"{at}/text", 3_000, ("plain_text", "mrkdwn"))
    if "fields" in block:
        yield from _count(block["fields"], 1, 10, f"{at}/fields")
        for index, field in enumerate(block["fields"]):
            yield from _text(field, f"{at}/fields/{index}", 2_000, ("plain_text", "mrkdwn"))


def _actions(elements: Any, at: str) -> Iterator[str]:
    yield from _count(elements, 1, 25, at)
    seen: set[str] = set()
    for index, element in enumerate(elements if isinstance(elements, list) else ()):
        place = f"{at}/{index}"
        if element.get("type") != "button":
            yield f"[ERROR] unsupported type: {element.get('type')} [json-pointer:{place}]"
            continue
        yield from _text(element.get("text"), f"{place}/text", 75, ("plain_text",))
        for name, most in (("action_id", 255), ("value", 2_000), ("url", 3_000)):
            if len(str(element.get(name, ""))) > most:
                yield f"[ERROR] must be less than {most + 1} characters [json-pointer:{place}/{name}]"
        if element.get("action_id") in seen:
            yield f"[ERROR] `action_id` {element['action_id']} already exists [json-pointer:{place}/action_id]"
        seen.add(element.get("action_id", ""))


def _text(text: Any, at: str, most: int, kinds: tuple[str, ...]) -> Iterator[str]:
    if not isinstance(text, dict) or text.get("type") not in kinds:
        yield f"[ERROR] must provide an object of type {' or '.join(kinds)} [json-pointer:{at}]"
        return
    content = text.get("text")
    if not isinstance(content, str) or not content:
        yield f"[ERROR] must be more than 0 characters [json-pointer:{at}/text]"
    elif len(content) > most:
        yield f"[ERROR] must be less than {most + 1} characters [json-pointer:{at}/text]"
    if "verbatim" in text and text["type"] != "mrkdwn":
        yield f"[ERROR] no more than the allowed properties: verbatim [json-pointer:{at}]"


def _count(items: Any, least: int, most: int, at: str) -> Iterator[str]:
    if not isinstance(items, list) or not least <= len(items) <= most:
        yield f"[ERROR] no more than {most} items allowed, no fewer than {least} [json-pointer:{at}]"
