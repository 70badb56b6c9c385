"""The JSON Schema of playbooks, by which an editor completes, explains and checks while one writes.

The words come from `field_table`, the facts from the catalog, so that it cannot say anything else than the reader does.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from steward.engine import moments
from steward.engine.acts import CUSTOMER_ROLES, OPPORTUNITY_TYPES, PRIORITIES, SENDS, TOUCHPOINT_TYPES
from steward.engine.editor_conditions import condition_defs
from steward.engine.field_table import (
    FIELD_TABLE,
    MESSAGE_TABLE,
    MODIFIER_TABLE,
    NEEDED,
    RECIPIENT_TABLE,
    RUNG_TABLE,
    STEP_TABLE,
    TRIGGER_TABLE,
    FieldDoc,
)
from steward.engine.fields import PEOPLE
from steward.engine.language import CTA_TYPES, Backlog, Mode, OnUpdate, Subject
from steward.engine.steps import KINDS
from steward.engine.template import TONES
from steward.model.events import EVENTS
from steward.model.facts import FactSpec, FactType

Schema = dict[str, Any]
USAGE = "# yaml-language-server: $schema="
"""What the first line of a playbook says, before the path of the schema."""

_TEXT: Schema = {"type": ["string", "number", "boolean"]}
_ID: Schema = {"type": "string", "pattern": "^[a-z][a-z0-9_]{0,47}$"}
_CONNECTION: Schema = {"type": "string", "pattern": "^[A-Za-z][A-Za-z0-9_-]{0,63}$"}
_LENGTH: Schema = {"type": "string", "pattern": "^[0-9]{1,5} *(d|h|bd|bh)$"}
_DAYS: Schema = {"type": "string", "pattern": "^[0-9]{1,5} *d$"}
_SHARE: Schema = {"type": "string", "pattern": r"^[0-9]{1,3}(\.[0-9]{1,6})? *%$"}
_CONDITION: Schema = {"$ref": "#/$defs/condition"}
_STEPS: Schema = {"$ref": "#/$defs/steps"}
_NO_DEFAULT = {NEEDED, "none", "nobody", "always", "never", "everyone", "everywhere", ""}


def playbook_schema(catalog: Mapping[str, FactSpec]) -> Schema:
    """The schema of a playbook that may name the facts of `catalog`."""
    needs_when = {"required": ["trigger"], "properties": {"trigger": {"not": {"const": "condition"}}}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A playbook of Steward",
        "description": f"For whom, when, for how long, do what, until when. First line of a playbook: {USAGE}PATH",
        **_mapping(FIELD_TABLE, _fields(catalog), needed=("id", "title", "why", "do")),
        "if": needs_when, "then": {}, "else": {"required": ["when"]},
        "$defs": {
            **condition_defs(catalog), "recipient": _recipient(), "recipients": _one_or_more(_ref("recipient")),
            "event": _event(), "fact": {"type": "string", "enum": list(catalog)},
            "steps": {"type": "array", "minItems": 1, "items": _ref("step")}, "step": _step(catalog),
            "message": _mapping(MESSAGE_TABLE, _message()),
        },
    }


def _fields(catalog: Mapping[str, FactSpec]) -> Mapping[str, Schema]:
    count = {"type": "integer", "minimum": 1}
    holdout = _mapping(_inside(FIELD_TABLE, "holdout"), {
        "share": _SHARE, "salt": _TEXT, "by": _one_or_more(_ref("fact"))})
    migrate = {"type": "object", "additionalProperties": {"type": "string"}}
    return {
        "id": _ID, "title": _TEXT, "why": _TEXT, "owner": _TEXT, "subject": _enum(Subject), "scope": _CONDITION,
        "trigger": _trigger(catalog), "when": _CONDITION, "until": _CONDITION, "for": _LENGTH, "keep_for": _LENGTH,
        "backlog": _enum(Backlog), "again_after": _LENGTH,
        "at_most": {"type": "string", "pattern": "^[0-9]{1,4} +per +[0-9]{1,5} *(d|h|bd|bh)$"},
        "priority": {"type": "integer", "minimum": 0, "maximum": 100},
        "caps": _mapping(_inside(FIELD_TABLE, "caps"), {"account": count, "owner": count}),
        "inhibited_by": _one_or_more(_ID, least=0),
        "limit": {"type": ["string", "integer"], "minimum": 0,
                  "pattern": r"^([0-9]{1,6})?( *(or)? *[0-9]{1,3}(\.[0-9]+)? *%)?$"},
        "holdout": {"anyOf": [_SHARE, holdout]}, "calendar": {**_ID, "examples": ["owner", "account"]}, "do": _STEPS,
        "escalate": {"type": "array", "items": _mapping(RUNG_TABLE, {
            "after": _LENGTH, "to": _ref("recipients"), "only_if": _CONDITION, "via": _CONNECTION,
            "unless": {"anyOf": [_enum(("acknowledged", "resolved")), _CONDITION]}})},
        "goal": {"anyOf": [_CONDITION, _mapping(_inside(FIELD_TABLE, "goal"), {
            "when": _CONDITION, "within": _LENGTH})]},
        "exit": {"type": "object", "propertyNames": _ID, "additionalProperties": _CONDITION}, "timeout": _LENGTH,
        "revoke_on": {"anyOf": [_ref("event"), _CONDITION]}, "compensate": _STEPS,
        "on_update": {"anyOf": [_enum(OnUpdate), _mapping(_inside(FIELD_TABLE, "on_update"), {"migrate": migrate})]},
        "messages": {"type": "object", "propertyNames": _ID, "additionalProperties": _ref("message")},
        "mode": {"anyOf": [_enum((Mode.SHADOW, Mode.LIVE, Mode.PAUSED)), {
            "type": "object", "required": ["ramp"], "additionalProperties": False, "properties": {"ramp": _SHARE}}]},
    }


def _trigger(catalog: Mapping[str, FactSpec]) -> Schema:
    inside: Mapping[str, Schema] = {
        "event": _ref("event"),
        "deadline": _mapping(_inside(TRIGGER_TABLE, "deadline"), {
            "expect": _enum(moments.expected(catalog)), "within": _DAYS, "of": _enum(moments.past(catalog))}),
        "date": _mapping(_inside(TRIGGER_TABLE, "date"), {"before": _enum(moments.coming(catalog)), "by": _DAYS}),
    }
    docs = {doc.name: doc for doc in TRIGGER_TABLE}
    ways = [{"type": "object", "required": [name], "additionalProperties": False,
             "properties": {name: _documented(docs[name], schema)}} for name, schema in inside.items()]
    return {"anyOf": [_enum(("condition", "manual")), *ways]}


def _step(catalog: Mapping[str, FactSpec]) -> Schema:
    """One kind, and what may stand beside it."""
    money = [name for name, spec in catalog.items() if spec.type is FactType.MONEY]
    work = {"type": _enum(CTA_TYPES), "due": _LENGTH, "assign": _ref("recipients"), "priority": _enum(PRIORITIES)}
    acts: Mapping[str, Mapping[str, Schema]] = {
        "cta": work, "task": work,
        "message": {"to": _ref("recipients"), "template": _ID, "via": _CONNECTION, "send": _enum(SENDS)},
        "touchpoint": {"type": _enum(TOUCHPOINT_TYPES), "subject": _TEXT},
        "update": {"field": _TEXT, "value": _TEXT, "via": _CONNECTION},
        "opportunity": {"type": _enum(OPPORTUNITY_TYPES), "title": _TEXT, "amount": _enum(money), "closes": _LENGTH,
                        "assign": _ref("recipients")},
        "success_plan": {"template": _TEXT, "assign": _ref("recipients")},
        "webhook": {"via": _CONNECTION, "facts": _one_or_more(_ref("fact"))},
        "email_draft": {"to": _enum(CUSTOMER_ROLES), "template": _ID, "assign": _ref("recipients")},
    }
    kinds = {name: _mapping(_inside(STEP_TABLE, name), fields) for name, fields in acts.items()}
    docs = {doc.name: doc for doc in _inside(STEP_TABLE, "branch")}
    way = {"type": "object", "required": ["if", "do"], "additionalProperties": False, "properties": {
        "if": _documented(docs["if"], _CONDITION), "do": _documented(docs["do"], _STEPS)}}
    last = {"type": "object", "required": ["else"], "additionalProperties": False, "properties": {
        "else": _documented(docs["else"], _STEPS)}}
    branch = {"type": "array", "minItems": 1, "items": {"anyOf": [way, last]}}
    beside = {"id": _ID, "if": _CONDITION, "needs": _one_or_more(_ID), "approve": _ref("recipients")}
    whole = _mapping((*STEP_TABLE, *MODIFIER_TABLE), {**kinds, "wait": _LENGTH, "branch": branch, **beside}, needed=())
    return {**whole, "oneOf": [{"required": [kind]} for kind in KINDS]}


def _message() -> Mapping[str, Schema]:
    return {
        "tone": _enum(TONES), "title": _TEXT, "sentence": _TEXT, "next_step": _TEXT,
        "fields": {"type": "object", "maxProperties": 10, "additionalProperties": _TEXT},
        "changes": {"type": "array", "maxItems": 3, "items": _TEXT},
    }


def _recipient() -> Schema:
    people = {doc.name: doc.meaning for doc in RECIPIENT_TABLE}
    return {"anyOf": [
        *({"const": name, "description": people[name]} for name in (*PEOPLE, "owner")),
        *({"type": "string", "pattern": rf"^{name}:[^\s:]{{1,80}}$", "description": people[f"{name}:x"]}
          for name in ("role", "queue", "channel"))]}


def _event() -> Schema:
    known = "|".join(re.escape(name) for name in EVENTS)
    return {"anyOf": [
        *({"const": name, "description": spec.meaning} for name, spec in EVENTS.items()),
        {"type": "string", "pattern": rf"^[A-Za-z][A-Za-z0-9_-]*\.({known})$",
         "description": "The same, of one connection only: salesforce.opportunity.closed_won"}]}


def _mapping(
    table: tuple[FieldDoc, ...], shapes: Mapping[str, Schema], needed: tuple[str, ...] | None = None,
) -> Schema:
    """A mapping of the fields of `table`, each with its shape; those that must stand there are `needed`."""
    must = [doc.name for doc in table if doc.default == NEEDED] if needed is None else list(needed)
    return {"type": "object", "additionalProperties": False, **({"required": must} if must else {}),
            "properties": {doc.name: _documented(doc, shapes[doc.name]) for doc in table}}


def _documented(doc: FieldDoc, shape: Schema) -> Schema:
    """The shape with what the field means, as an editor shows it, and its default."""
    meaning = doc.meaning[:1].upper() + doc.meaning[1:]
    usual = "" if doc.default in ("", NEEDED) else f" Default: {doc.default}."
    out: Schema = {"description": f"{meaning}.{usual}"}
    if (default := _default(doc.default, shape)) is not None:
        out["default"] = default
    return {**shape, **out, **({"examples": [doc.shape]} if shape is _TEXT or "pattern" in shape else {})}


def _default(text: str, shape: Schema) -> str | int | None:
    """The default as a value, where it is one and not a word about it."""
    if text in _NO_DEFAULT:
        return None
    if "enum" in shape:
        return text if text in shape["enum"] else None
    if shape.get("type") == "integer":
        return int(text) if text.isdigit() else None
    if "pattern" in shape:
        return text if re.search(shape["pattern"], text) else None
    return next((found for way in shape.get("anyOf", ()) if (found := _default(text, way)) is not None), None)


def _inside(table: tuple[FieldDoc, ...], name: str) -> tuple[FieldDoc, ...]:
    return next(doc.fields for doc in table if doc.name == name)


def _enum(words: Any) -> Schema:
    return {"type": "string", "enum": [str(word) for word in words]}


def _ref(name: str) -> Schema:
    return {"$ref": f"#/$defs/{name}"}


def _one_or_more(item: Schema, least: int = 1) -> Schema:
    return {"anyOf": [item, {"type": "array", "minItems": least, "items": item}]}
