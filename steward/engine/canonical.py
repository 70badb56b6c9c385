"""The canonical form: a playbook in, the one text that says all it does out; its hash is the version.

It is a playbook document in JSON, which is YAML too: fields that have their default are left out, literals are in
their one way of writing, and the message templates that steps name stand inside. Mode and priority do not.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import fields as fields_of
from typing import Any as Anything

from steward.engine import moments
from steward.engine.durations import NO_TIME, Duration
from steward.engine.expression import ALWAYS, All, Any, Expression, Leaf, Not
from steward.engine.language import (
    DEFAULT_AGAIN_AFTER,
    DEFAULT_TIMEOUT,
    Act,
    Branch,
    Caps,
    Goal,
    Holdout,
    Limit,
    OnUpdate,
    Playbook,
    Rung,
    Step,
    Trigger,
    TriggerKind,
    Wait,
)
from steward.engine.literals import per_cent
from steward.engine.template import MessageTemplate

_USUAL = Playbook("", "", "", ALWAYS, ())
_TO_ESCAPE = re.compile("[\x7f-\uffff]")   # what YAML might fold, refuse or take for the end of a line


def canonical(playbook: Playbook) -> str:
    """The canonical body: `load.reload` gives the same playbook back."""
    text = json.dumps(document(playbook), ensure_ascii=False, separators=(", ", ": "))
    return text if text.isascii() and "\x7f" not in text else _TO_ESCAPE.sub(_escaped, text)


def version_of(playbook: Playbook) -> str:
    """8 hex digits of the canonical form: the same for the same playbook, however it is laid out."""
    return hashlib.sha256(canonical(playbook).encode()).hexdigest()[:8]


def document(playbook: Playbook) -> dict[str, Anything]:
    """The playbook as one would write it, in normal form."""
    usual = _USUAL
    until = None if playbook.until == moments.usual_until(playbook.trigger) else playbook.until
    stated = {
        "id": playbook.id, "title": playbook.title, "why": playbook.why,
        "owner": _unless(playbook.owner, usual.owner), "subject": _unless(playbook.subject.value, usual.subject.value),
        "scope": _condition(playbook.scope), "trigger": _trigger(playbook.trigger), "when": _when(playbook),
        "until": _condition(until), "for": _length(playbook.for_, NO_TIME),
        "keep_for": _length(playbook.keep_for, NO_TIME),
        "backlog": _unless(playbook.backlog.value, usual.backlog.value),
        "again_after": _length(playbook.again_after, DEFAULT_AGAIN_AFTER),
        "at_most": f"{playbook.at_most.count} per {playbook.at_most.within}" if playbook.at_most else None,
        "caps": {"account": playbook.caps.account, "owner": playbook.caps.owner} if playbook.caps != Caps() else None,
        "limit": _limit(playbook.limit), "holdout": _holdout(playbook.holdout),
        "calendar": _unless(playbook.calendar, usual.calendar), "do": _steps(playbook.do),
        "escalate": [_rung(rung) for rung in playbook.escalate], "goal": _goal(playbook.goal),
        "exit": {name: _condition(condition) for name, condition in playbook.exits},
        "timeout": _length(playbook.timeout, DEFAULT_TIMEOUT),
        "revoke_on": playbook.revoke_on if isinstance(playbook.revoke_on, str) else _condition(playbook.revoke_on),
        "compensate": _steps(playbook.compensate), "on_update": _on_update(playbook),
        "inhibited_by": list(playbook.inhibited_by),
        "messages": {template.name: _message(template) for template in playbook.messages},
    }
    return _stated(stated)


def _when(playbook: Playbook) -> Anything:
    """What the text asks: what the trigger means stands in the trigger."""
    if playbook.trigger.kind in (TriggerKind.DEADLINE, TriggerKind.DATE):
        return _condition(playbook.asked)
    return None if playbook.when == ALWAYS else _condition(playbook.when)


def _condition(expression: Expression | None) -> Anything:
    match expression:
        case None:
            return None
        case Leaf():
            return expression.text
        case Not(child):
            return {"not": _condition(child)}
        case All(children):
            return {"all": [_condition(child) for child in children]}
        case Any(children):
            return {"any": [_condition(child) for child in children]}


def _trigger(trigger: Trigger) -> Anything:
    match trigger.kind:
        case TriggerKind.CONDITION:
            return None
        case TriggerKind.MANUAL:
            return "manual"
        case TriggerKind.EVENT:
            return {"event": trigger.event}
        case TriggerKind.DEADLINE:
            return {"deadline": {"expect": trigger.expect, "within": str(trigger.within), "of": trigger.of}}
        case TriggerKind.DATE:
            return {"date": {"before": trigger.before, "by": str(trigger.by)}}


def _limit(limit: Limit) -> str | None:
    if limit == Limit():
        return None
    parts = [str(limit.count)] if limit.count or not limit.share else []
    return " or ".join([*parts, *([per_cent(limit.share)] if limit.share else [])])


def _holdout(holdout: Holdout) -> Anything:
    if not holdout.salt and not holdout.by:
        return per_cent(holdout.share) if holdout.share else None
    return _stated({"share": per_cent(holdout.share), "salt": holdout.salt, "by": list(holdout.by)})


def _goal(goal: Goal | None) -> Anything:
    if goal is None:
        return None
    return _stated({"when": _condition(goal.when), "within": _length(goal.within, DEFAULT_TIMEOUT)})


def _rung(rung: Rung) -> dict[str, Anything]:
    unless = rung.unless if rung.unless is None or isinstance(rung.unless, str) else _condition(rung.unless)
    return _stated({"after": str(rung.after), "unless": unless, "to": list(rung.to), "via": rung.via,
                    "only_if": _condition(rung.only_if)})


def _on_update(playbook: Playbook) -> Anything:
    if playbook.on_update is OnUpdate.PIN:
        return None
    return {"migrate": dict(playbook.step_map)} if playbook.step_map else "migrate"


def _steps(steps: Iterable[Step]) -> list[dict[str, Anything]]:
    return [_stated({
        step.do.kind: _does(step.do), "id": step.id, "if": _condition(step.only_if), "needs": list(step.needs),
        "approve": list(step.approve)}) for step in steps]


def _does(do: Act | Wait | Branch) -> Anything:
    if isinstance(do, Wait):
        return str(do.length)
    if isinstance(do, Branch):
        return [{"if": _condition(arm.when), "do": _steps(arm.do)} if arm.when is not None
                else {"else": _steps(arm.do)} for arm in do.arms]
    return _act(do)


def _act(act: Act) -> dict[str, Anything]:
    """The fields of an act that have not their default, in the order of its class."""
    out = {}
    for each in fields_of(act):
        value = getattr(act, each.name)
        if each.name == "kind" or value == each.default:
            continue
        plain = list(value) if isinstance(value, tuple) else value
        out[each.name] = str(value) if isinstance(value, Duration) else plain
    return out


def _message(template: MessageTemplate) -> dict[str, Anything]:
    return _stated({
        "tone": _unless(template.tone, "neutral"), "title": template.title, "sentence": template.sentence,
        "fields": dict(template.fields), "changes": list(template.changes), "next_step": template.next_step})


def _length(length: Duration, usual: Duration) -> str | None:
    return None if length == usual else str(length)


def _unless(value: str, usual: str) -> str | None:
    return None if value == usual else value


def _stated(entries: dict[str, Anything]) -> dict[str, Anything]:
    """Those that say something."""
    return {name: value for name, value in entries.items() if value not in (None, "", [], {})}


def _escaped(sign: re.Match[str]) -> str:
    return f"\\u{ord(sign[0]):04x}"
