"""How it goes on and ends: escalate, goal, exit, revoke_on. Nodes in, checked values out."""

from __future__ import annotations

import re
from typing import Literal

from steward.engine.document import Block, Listing, Node, Scalar
from steward.engine.expression import Expression
from steward.engine.field_table import FIELD_TABLE, RUNG_TABLE, inside, names
from steward.engine.fields import Fields
from steward.engine.findings import near
from steward.engine.language import DEFAULT_TIMEOUT, Goal, Rung

_WORDS = ("acknowledged", "resolved")
_RUNG = "{after: 2bd, to: csm_manager}"
_EVENT = re.compile(r"\s*[\w-]+(?:\.[\w-]+)*\s*")


def read_rungs(node: Node | None, fields: Fields) -> tuple[Rung, ...]:
    """The list under `escalate`."""
    if node is None:
        return ()
    if not isinstance(node, Listing):
        fields.wrong(node.mark, '"escalate" is a list', f"write: - {_RUNG}")
        return ()
    found = (_rung(item, f"escalate[{at}]", fields) for at, item in enumerate(node.items))
    return tuple(rung for rung in found if rung)


def _rung(node: Node, path: str, fields: Fields) -> Rung | None:
    body = fields.block(node, names(RUNG_TABLE), "a rung of escalate", _RUNG)
    if body is None:
        return None
    after = fields.duration(fields.needed(body, "after", "a rung", _RUNG))
    to = fields.recipients(fields.needed(body, "to", "a rung", _RUNG))
    only_if, via = body.get("only_if"), fields.connection(body.get("via"))
    condition = fields.conditions.read(only_if, f"{path}.only_if") if only_if is not None else None
    unless = _unless(body.get("unless"), f"{path}.unless", fields)
    return None if after is None or to is None else Rung(after, to, unless, condition, via or "")


def _unless(
    node: Node | None, path: str, fields: Fields,
) -> Literal["acknowledged", "resolved"] | Expression | None:
    if node is None:
        return None
    word = node.text if isinstance(node, Scalar) else ""
    if word == "acknowledged":
        return "acknowledged"
    if word == "resolved":
        return "resolved"
    if re.fullmatch(r"\w+", word):
        fields.wrong(node.mark, f'"{word}" is not possible here',
                     near(word, _WORDS) or "write acknowledged, resolved or a condition")
        return None
    return fields.conditions.read(node, path)


def read_goal(node: Node | None, fields: Fields) -> Goal | None:
    """A condition, or {when, within}."""
    if node is None:
        return None
    if isinstance(node, Block) and (node.get("when") is not None or node.get("within") is not None):
        fields.known_only(node, inside(FIELD_TABLE, "goal"), " in goal")
        asked = fields.needed(node, "when", '"goal"', "goal: {when: health.score >= 80, within: 60d}")
        condition = fields.conditions.read(asked, "goal.when") if asked is not None else None
        return Goal(condition, fields.duration(node.get("within")) or DEFAULT_TIMEOUT) if condition else None
    condition = fields.conditions.read(node, "goal.when")
    return Goal(condition) if condition else None


def read_exits(node: Node | None, fields: Fields) -> tuple[tuple[str, Expression], ...]:
    """Conditions by name."""
    if node is None:
        return ()
    if not isinstance(node, Block):
        fields.wrong(node.mark, '"exit" names its conditions', "write: exit: {churned: account.lifecycle == churned}")
        return ()
    found = []
    for key, condition in node.entries:
        name, read_in = fields.ident(key), fields.conditions.read(condition, f"exit.{key.text}")
        if name and read_in:
            found.append((name, read_in))
    return tuple(found)


def read_revoke_on(node: Node | None, fields: Fields) -> str | Expression | None:
    """The name of an event, or a condition."""
    if isinstance(node, Scalar) and _EVENT.fullmatch(node.text):
        return fields.event(node)
    return fields.conditions.read(node, "revoke_on") if node is not None else None
