"""A playbook's mapping in, the checked `Playbook` out, findings for what cannot be."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from steward.engine import moments
from steward.engine.bounds import (
    read_at_most,
    read_calendar,
    read_caps,
    read_holdout,
    read_limit,
    read_mode,
    read_on_update,
)
from steward.engine.canonical import version_of
from steward.engine.condition import Conditions
from steward.engine.document import Block, Scalar
from steward.engine.endings import read_exits, read_goal, read_revoke_on, read_rungs
from steward.engine.expression import ALWAYS, Expression
from steward.engine.field_table import FIELD_TABLE, names
from steward.engine.fields import Fields
from steward.engine.findings import Findings, near
from steward.engine.language import (
    Backlog,
    EmailDraftStep,
    MessageStep,
    Mode,
    Playbook,
    Step,
    Subject,
    TriggerKind,
    all_steps,
)
from steward.engine.messages import templates_in
from steward.engine.steps import read_steps
from steward.engine.template import MessageTemplate
from steward.engine.triggers import read_trigger
from steward.model.facts import FactSpec

FIELDS = names(FIELD_TABLE)
_NEEDED = ("id", "title", "why", "do")


def read_playbook(
    node: Block, file: str, catalog: Mapping[str, FactSpec], findings: Findings, *,
    messages: Mapping[str, MessageTemplate] | None = None, calendars: Collection[str] | None = None,
) -> Playbook | None:
    """The playbook in `node`; None where so much is wrong that there is none."""
    subject = node.get("subject")
    word = subject.text if isinstance(subject, Scalar) and subject.text in list(Subject) else Subject.ACCOUNT
    conditions = Conditions(catalog, findings, word)
    inline = node.get("messages")
    own = templates_in(inline, conditions.catalog, findings) if inline is not None else {}
    fields = Fields(conditions, findings, Subject(word), calendars=calendars, shared=messages, own=own)
    fields.known_only(node, FIELDS)
    fields.one_of(subject, Subject)
    return _Reader(node, fields).playbook(file)


class _Reader:
    def __init__(self, node: Block, fields: Fields) -> None:
        self.node, self.fields = node, fields

    def playbook(self, file: str) -> Playbook | None:
        node, fields = self.node, self.fields
        trigger = read_trigger(node.get("trigger"), fields)
        needed = (*_NEEDED, "when") if node.get("trigger") is None or (
            trigger and trigger.kind is TriggerKind.CONDITION) else _NEEDED
        for field in (each for each in FIELDS if each in needed):
            fields.needed(node, field, "a playbook", f"{field}: …")
        name, title, why = fields.ident(node.get("id")), fields.text(node.get("title")), fields.text(node.get("why"))
        asked = self.condition("when")
        do = read_steps(node.get("do"), "do", fields)
        compensate = read_steps(node.get("compensate"), "compensate", fields, do)
        rest = self.rest((*all_steps(do), *all_steps(compensate)))
        self.note_what_is_never_used((*all_steps(do), *all_steps(compensate)))
        if name is None or title is None or why is None or trigger is None or not do:
            return None
        when = moments.with_meaning(trigger, asked)
        if when is None:
            if "when" in needed:
                return None
            when = ALWAYS
        if rest["until"] is None:
            rest["until"] = moments.usual_until(trigger)
        playbook = Playbook(
            name, title, why, when, do, subject=fields.subject, trigger=trigger, asked=asked, compensate=compensate,
            file=file, messages=self.named((*all_steps(do), *all_steps(compensate))),
            marks={key.text: key.mark for key, _ in node.entries},
            **{key: value for key, value in rest.items() if value is not None})
        return replace(playbook, version=version_of(playbook))

    def rest(self, steps: tuple[Step, ...]) -> dict[str, Any]:
        """The fields that may be left out; None where they are."""
        get, fields = self.node.get, self.fields
        mode, ramp = read_mode(get("mode"), fields) or (Mode.SHADOW, 0.0)
        on_update, step_map = read_on_update(get("on_update"), steps, fields) or (None, None)
        backlog = fields.one_of(get("backlog"), Backlog)
        return {
            "owner": fields.text(get("owner")), "scope": self.condition("scope"), "until": self.condition("until"),
            "for_": fields.duration(get("for")), "keep_for": fields.duration(get("keep_for")),
            "backlog": Backlog(backlog) if backlog else None, "again_after": fields.duration(get("again_after")),
            "at_most": read_at_most(get("at_most"), fields), "caps": read_caps(get("caps"), fields),
            "limit": read_limit(get("limit"), fields), "holdout": read_holdout(get("holdout"), fields),
            "calendar": read_calendar(get("calendar"), fields), "escalate": read_rungs(get("escalate"), fields),
            "goal": read_goal(get("goal"), fields), "exits": read_exits(get("exit"), fields),
            "timeout": fields.duration(get("timeout")), "revoke_on": read_revoke_on(get("revoke_on"), fields),
            "on_update": on_update, "step_map": step_map, "mode": mode, "ramp": ramp,
            "priority": fields.whole(get("priority"), 0, 100), "inhibited_by": fields.names(get("inhibited_by")),
        }

    def condition(self, name: str) -> Expression | None:
        found = self.node.get(name)
        return self.fields.conditions.read(found, name) if found is not None else None

    def note_what_is_never_used(self, steps: tuple[Step, ...]) -> None:
        """What is written and can do nothing is a slip more often than a wish."""
        compensate, inline = self.node.get("compensate"), self.node.get("messages")
        if compensate is not None and self.node.get("revoke_on") is None:
            self.fields.findings.warning("STW131", compensate.mark, "nothing ever revokes it, so this is never done",
                                         "add: revoke_on: opportunity.reopened")
        called = {step.do.template for step in steps if isinstance(step.do, (MessageStep, EmailDraftStep))}
        for key, _ in inline.entries if isinstance(inline, Block) else ():
            if key.text not in called:
                self.fields.findings.warning("STW126", key.mark, f'no step names the message template "{key.text}"',
                                             near(key.text, called) or "remove it, or name it: template: …")

    def named(self, steps: tuple[Step, ...]) -> tuple[MessageTemplate, ...]:
        """The templates that the steps name, each once."""
        known = {**(self.fields.shared or {}), **self.fields.own}
        called = (step.do.template for step in steps if isinstance(step.do, (MessageStep, EmailDraftStep)))
        return tuple(known[name] for name in dict.fromkeys(called) if name in known)
