"""What lets a subject in: the node under `trigger` in, a checked `Trigger` out."""

from __future__ import annotations

from steward.engine import moments
from steward.engine.document import Block, Node, Scalar
from steward.engine.durations import Duration
from steward.engine.field_table import TRIGGER_TABLE, inside, names
from steward.engine.fields import Fields, names_event
from steward.engine.findings import near
from steward.engine.language import Trigger, TriggerKind

KINDS = names(TRIGGER_TABLE)
_ALONE = (TriggerKind.CONDITION, TriggerKind.MANUAL)
_EXAMPLES = {each.name: each.shape for each in TRIGGER_TABLE}


def read_trigger(node: Node | None, fields: Fields) -> Trigger | None:
    """The trigger; that of a condition where none is written, None where a finding says why there is none."""
    if node is None:
        return Trigger()
    if isinstance(node, Scalar):
        return _word(node, fields)
    if not isinstance(node, Block) or len(node.entries) != 1:
        fields.wrong(node.mark, "a trigger is one of its kinds", f"write one of: {', '.join(_EXAMPLES.values())}")
        return None
    key, body = node.entries[0]
    if key.text in _ALONE:
        fields.wrong(key.mark, f'"{key.text}" has no fields', f"write: trigger: {key.text}")
        return None
    fields.known_only(node, KINDS, " in trigger")
    if key.text == TriggerKind.EVENT:
        event = fields.event(body)
        return Trigger(TriggerKind.EVENT, event=event) if event else None
    if key.text == TriggerKind.DEADLINE:
        return _deadline(key, body, fields)
    return _date(key, body, fields) if key.text == TriggerKind.DATE else None


def _word(node: Scalar, fields: Fields) -> Trigger | None:
    if node.text in _ALONE:
        return Trigger(TriggerKind(node.text))
    if node.text in KINDS:
        fields.wrong(node.mark, f'"{node.text}" needs its fields', f"write: trigger: {_EXAMPLES[node.text]}")
    else:
        event = f"write: trigger: {{event: {node.text}}}" if names_event(node.text) else ""
        fields.wrong(node.mark, f'"{node.text}" is no trigger',
                     event or near(node.text, KINDS) or f"write one of: {', '.join(_EXAMPLES.values())}", "STW113")
    return None


def _deadline(key: Scalar, node: Node, fields: Fields) -> Trigger | None:
    body = fields.block(node, inside(TRIGGER_TABLE, key.text), '"deadline"', f"trigger: {_EXAMPLES[key.text]}")
    if body is None:
        return None
    catalog = fields.conditions.catalog
    expect = _moment(body, "expect", moments.expected(catalog), fields)
    within, of = _days(body, "within", fields), _moment(body, "of", moments.past(catalog), fields)
    if expect is None or within is None or of is None:
        return None
    return Trigger(TriggerKind.DEADLINE, expect=expect, within=within, of=of)


def _date(key: Scalar, node: Node, fields: Fields) -> Trigger | None:
    body = fields.block(node, inside(TRIGGER_TABLE, key.text), '"date"', f"trigger: {_EXAMPLES[key.text]}")
    if body is None:
        return None
    before = _moment(body, "before", moments.coming(fields.conditions.catalog), fields)
    by = _days(body, "by", fields)
    return None if before is None or by is None else Trigger(TriggerKind.DATE, before=before, by=by)


def _moment(body: Block, name: str, known: tuple[str, ...], fields: Fields) -> str | None:
    node = fields.needed(body, name, "this trigger", f"{name}: {next(iter(known), '…')}")
    text = fields.text(node)
    if text is None or node is None or text in known:
        return text
    fields.wrong(node.mark, f'nothing is known of the moment "{text}"',
                 near(text, known) or (f"one of: {', '.join(known)}" if known else "the catalog has no such moments"),
                 "STW117")
    return None


def _days(body: Block, name: str, fields: Fields) -> Duration | None:
    node = fields.needed(body, name, "this trigger", f"{name}: 30d")
    found = fields.duration(node)
    if found is None or node is None or (found.unit == "d" and found.amount <= 36_600):
        return found
    fields.wrong(node.mark, "this is counted in days", f"write: {name}: 30d")
    return None
