"""What a step does: the mapping under `cta`, `message`, `update` … in, the act out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from steward.engine.document import Block, Node, Scalar
from steward.engine.field_table import STEP_TABLE, inside
from steward.engine.fields import Fields, listed
from steward.engine.language import (
    CTA_TYPES,
    Act,
    CtaStep,
    EmailDraftStep,
    MessageStep,
    OpportunityStep,
    SuccessPlanStep,
    TouchpointStep,
    UpdateStep,
    WebhookStep,
)
from steward.model.facts import FactType

TOUCHPOINT_TYPES = ("call", "meeting", "email", "qbr")
OPPORTUNITY_TYPES = ("expansion", "renewal")
CUSTOMER_ROLES = ("champion", "sponsor", "admin", "billing")
PRIORITIES = ("low", "normal", "high")
SENDS = ("now", "digest")


def read_act(key: Scalar, node: Node, fields: Fields) -> Act | None:
    """The act of the kind `key`; None where a finding says why there is none."""
    example = next(each.shape for each in STEP_TABLE if each.name == key.text)
    body = fields.block(node, inside(STEP_TABLE, key.text), f'"{key.text}"', f"{key.text}: {example}")
    if body is None:
        return None
    before = len(fields.findings.found)
    act = _READERS[key.text](key, body, fields)
    return act if len(fields.findings.found) == before else None


def _cta(key: Scalar, body: Block, fields: Fields) -> Act | None:
    kind = fields.one_of(_needed(key, body, "type", fields, f"one of {', '.join(CTA_TYPES)}"), CTA_TYPES)
    given = _given(due=fields.duration(body.get("due")), assign=fields.people(body.get("assign")),
                   priority=fields.one_of(body.get("priority"), PRIORITIES))
    return CtaStep("task" if key.text == "task" else "cta", kind, **given) if kind else None


def _message(key: Scalar, body: Block, fields: Fields) -> Act | None:
    to = fields.recipients(_needed(key, body, "to", fields, "to: csm"))
    given = _given(template=fields.card(body.get("template")), via=fields.connection(body.get("via")),
                   send=fields.one_of(body.get("send"), SENDS))
    return MessageStep(to, **given) if to else None


def _touchpoint(key: Scalar, body: Block, fields: Fields) -> Act | None:
    kind = fields.one_of(
        _needed(key, body, "type", fields, f"one of {', '.join(TOUCHPOINT_TYPES)}"), TOUCHPOINT_TYPES)
    return TouchpointStep(kind, **_given(subject=fields.template(body.get("subject")))) if kind else None


def _update(key: Scalar, body: Block, fields: Fields) -> Act | None:
    name = fields.text(_needed(key, body, "field", fields, "field: CS_Risk__c"), 120)
    value = fields.template(_needed(key, body, "value", fields, 'value: "{{ health.score }}"'))
    given = _given(via=fields.connection(body.get("via")))
    return UpdateStep(name, value, **given) if name and value else None


def _opportunity(key: Scalar, body: Block, fields: Fields) -> Act | None:
    kind = fields.one_of(
        _needed(key, body, "type", fields, f"one of {', '.join(OPPORTUNITY_TYPES)}"), OPPORTUNITY_TYPES)
    amount = fields.fact(body.get("amount"))
    node = body.get("amount")
    if amount and node and fields.conditions.catalog[amount].type is not FactType.MONEY:
        fields.wrong(node.mark, f'"{amount}" is no money', "name a money fact, as subscription.arr", "STW115")
    given = _given(title=fields.template(body.get("title")), amount=amount, closes=fields.duration(body.get("closes")),
                   assign=fields.people(body.get("assign")))
    if kind is None:
        return None
    return OpportunityStep("renewal" if kind == "renewal" else "expansion", **given)


def _success_plan(key: Scalar, body: Block, fields: Fields) -> Act | None:
    template = fields.text(_needed(key, body, "template", fields, "template: enterprise_onboarding"), 120)
    return SuccessPlanStep(template, **_given(assign=fields.people(body.get("assign")))) if template else None


def _webhook(key: Scalar, body: Block, fields: Fields) -> Act | None:
    via = fields.connection(_needed(key, body, "via", fields, "via: zapier"))
    node = body.get("facts")
    facts = tuple(fact for item in listed(node) if (fact := fields.fact(item))) if node is not None else None
    return WebhookStep(via, **_given(facts=facts)) if via else None


def _email_draft(key: Scalar, body: Block, fields: Fields) -> Act | None:
    to = fields.one_of(_needed(key, body, "to", fields, f"one of {', '.join(CUSTOMER_ROLES)}"), CUSTOMER_ROLES)
    given = _given(template=fields.card(body.get("template")), assign=fields.people(body.get("assign")))
    return EmailDraftStep(to, **given) if to else None


_READERS: Mapping[str, Callable[[Scalar, Block, Fields], Act | None]] = {
    "cta": _cta, "task": _cta, "message": _message, "touchpoint": _touchpoint, "update": _update,
    "opportunity": _opportunity, "success_plan": _success_plan, "webhook": _webhook, "email_draft": _email_draft,
}


def _needed(key: Scalar, body: Block, name: str, fields: Fields, example: str) -> Node | None:
    return fields.needed(body, name, f'"{key.text}"', example, key.mark)


def _given(**values: Any) -> dict[str, Any]:
    """Those that were written; the others keep their default."""
    return {name: value for name, value in values.items() if value is not None}
