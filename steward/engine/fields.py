"""The fields of a playbook besides its conditions: nodes in, checked values out, findings for what cannot be."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Literal

from steward.engine.condition import Conditions
from steward.engine.document import Block, Listing, Node, Scalar
from steward.engine.durations import Duration, parse_duration
from steward.engine.expression import Expression
from steward.engine.findings import Findings, near
from steward.engine.language import CTA_TYPES, Act, CtaStep, Limit, MessageStep, Mode, Rung, Step

PEOPLE = ("csm", "account_manager", "csm_manager")
_KINDS = ("cta", "task", "message")
_STEP_2 = ("touchpoint", "update", "opportunity", "success_plan", "webhook", "email_draft", "branch", "wait", "if",
           "needs", "approve")
_MEANT = {
    "on": "when", "if": "when", "condition": "when", "conditions": "when", "then": "do",
    "actions": "do", "steps": "do", "name": "title", "description": "why", "reason": "why", "cooldown": "again_after",
    "enabled": "mode", "status": "mode", "channel": "to", "recipient": "to", "assignee": "assign", "due_in": "due",
}
_LIMIT = re.compile(r"(?:(\d{1,6}))?(?:\s*(?:or)?\s*(\d{1,3}(?:\.\d+)?)\s*%)?")
_RAMP = re.compile(r"(\d{1,3}(?:\.\d+)?)\s*%")
_ID = re.compile(r"[a-z][a-z0-9_]{0,47}")
_TARGET = re.compile(r"(role|channel):[^\s:]{1,80}")


class Fields:
    """Reads fields; every method gives None where a finding says why there is no value."""

    def __init__(self, conditions: Conditions, findings: Findings) -> None:
        self.conditions, self.findings = conditions, findings

    def known_only(self, block: Block, known: Iterable[str], later: Iterable[str] = (), where: str = "") -> None:
        """Note each key that is not `known`; those of `later` are named as coming."""
        known, later = tuple(known), tuple(later)
        for key, _ in block.entries:
            if key.text in later:
                self.findings.error("STW107", key.mark, f'"{key.text}" is not supported by this version of Steward',
                                    "remove it; nothing is ever ignored silently")
            elif key.text not in known:
                meant = _MEANT.get(key.text)        # what other tools call it
                remedy = f'did you mean "{meant}"?' if meant in known else near(key.text, known)
                self.findings.error("STW103", key.mark, f'unknown key "{key.text}"{where}',
                                    remedy or f"known here: {', '.join(known)}")

    def text(self, node: Node | None, most: int = 500) -> str | None:
        """One value as text."""
        if node is None:
            return None
        if not isinstance(node, Scalar) or not node.text.strip():
            self.findings.error("STW106", node.mark, "this must be a text", "write some words")
            return None
        if len(node.text) > most:
            self.findings.error("STW106", node.mark, f"this is longer than {most} characters", "shorten it")
            return None
        return " ".join(node.text.split())

    def ident(self, node: Node | None) -> str | None:
        """An id: small letters, digits and _."""
        text = self.text(node)
        if text is not None and node is not None and not _ID.fullmatch(text):
            self.findings.error("STW106", node.mark, f'"{text}" is no id',
                                "small letters, digits and _, as health_drop")
            return None
        return text

    def duration(self, node: Node | None) -> Duration | None:
        """ "3d", "12h", "2bd"."""
        if node is None:
            return None
        found = parse_duration(node.text) if isinstance(node, Scalar) else None
        if found is None:
            shown = node.text if isinstance(node, Scalar) else "this"
            self.findings.error("STW106", node.mark, f'"{shown}" is no length of time',
                                "write it as 3d, 12h, 2bd (business days) or 4bh (business hours)")
        return found

    def whole(self, node: Node | None, low: int, high: int) -> int | None:
        """A whole number between `low` and `high`."""
        if node is None:
            return None
        if isinstance(node, Scalar) and re.fullmatch(r"\d{1,9}", node.text) and low <= int(node.text) <= high:
            return int(node.text)
        self.findings.error("STW106", node.mark, "this must be a whole number", f"from {low} to {high}")
        return None

    def limit(self, node: Node | None) -> Limit | None:
        """ "25", "5%", "25 or 5%"."""
        if node is None:
            return None
        found = _LIMIT.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
        if not found or not (found[1] or found[2]) or float(found[2] or 0) > 100:
            self.findings.error("STW106", node.mark, "this is no limit", "write it as 25, 5% or 25 or 5%")
            return None
        return Limit(int(found[1] or 0), float(found[2] or 0) / 100)

    def mode(self, node: Node | None) -> tuple[Mode, float] | None:
        """ "shadow", "live", "paused" or "ramp: 25%"."""
        if node is None:
            return None
        if isinstance(node, Block):
            self.known_only(node, ("ramp",), where=" in mode")
            share = node.get("ramp")
            found = _RAMP.fullmatch(share.text) if isinstance(share, Scalar) else None
            if found and float(found[1]) <= 100:
                return Mode.RAMP, float(found[1]) / 100
        elif isinstance(node, Scalar) and node.text in (Mode.SHADOW, Mode.LIVE, Mode.PAUSED):
            return Mode(node.text), 0.0
        word = node.text if isinstance(node, Scalar) else ""
        self.findings.error("STW106", node.mark, f'"{word}" is no mode' if word else "this is no mode",
                            near(word, [mode.value for mode in Mode]) or "write shadow, live, paused or {ramp: 25%}")
        return None

    def names(self, node: Node | None) -> tuple[str, ...] | None:
        """One id or a list of them."""
        if node is None:
            return None
        found = [self.ident(item) for item in (node.items if isinstance(node, Listing) else (node,))]
        return tuple(name for name in found if name)

    def recipients(self, node: Node | None) -> tuple[str, ...] | None:
        """One recipient or a list, best first: csm, account_manager, csm_manager, role:x, channel:x."""
        if node is None:
            return None
        found = []
        for item in node.items if isinstance(node, Listing) else (node,):
            text = self.text(item)
            if text is None:
                continue
            if text.startswith("queue:"):
                self.findings.error("STW107", item.mark, "queues are not supported by this version of Steward",
                                    "write channel:… or role:…")
            elif text not in PEOPLE and not _TARGET.fullmatch(text):
                self.findings.error("STW106", item.mark, f'nobody is "{text}"',
                                    near(text, PEOPLE) or f"write one of {', '.join(PEOPLE)}, role:x, channel:x")
            else:
                found.append(text)
        return tuple(found) or None

    def steps(self, node: Node | None) -> tuple[Step, ...]:
        """The list under `do`."""
        if not isinstance(node, Listing):
            if node is not None:
                self.findings.error("STW106", node.mark, '"do" is a list of steps', "write: - message: {to: csm}")
            return ()
        return tuple(Step(step, f"do[{at}]") for at, item in enumerate(node.items) if (step := self._step(item)))

    def _step(self, node: Node) -> Act | None:
        if not isinstance(node, Block) or not node.entries:
            self.findings.error("STW106", node.mark, "this is no step", "write: - message: {to: csm}")
            return None
        self.known_only(node, _KINDS, _STEP_2, " in do")
        key, body = node.entries[0]
        if key.text not in _KINDS:
            return None
        if not isinstance(body, Block):
            self.findings.error("STW106", body.mark, f'"{key.text}" needs its fields',
                                "write: {to: csm} or {type: risk}")
            return None
        return self._message(body) if key.text == "message" else self._cta(key, body)

    def _message(self, body: Block) -> MessageStep | None:
        self.known_only(body, ("to", "template"), ("via", "if", "thread"), " in message")
        to = self.recipients(body.get("to"))
        if body.get("to") is None:
            self.findings.error("STW105", body.mark, '"message" needs "to"', "write: {to: csm}")
        template = self.ident(body.get("template")) if body.get("template") else ""
        return None if to is None or template is None else MessageStep(to, template)

    def _cta(self, key: Scalar, body: Block) -> CtaStep | None:
        self.known_only(body, ("type", "due", "assign", "priority"), ("if", "playbook", "to"), f" in {key.text}")
        kind = self._one_of(body.get("type"), CTA_TYPES)
        if body.get("type") is None:
            self.findings.error("STW105", key.mark, f'"{key.text}" needs "type"', f"one of {', '.join(CTA_TYPES)}")
        assign, due = self.recipients(body.get("assign")), self.duration(body.get("due"))
        priority = self._one_of(body.get("priority"), ("low", "normal", "high"))
        if any(name.startswith("channel:") for name in assign or ()):
            self.findings.error("STW106", key.mark, "a channel cannot do work", "assign it to a person or a role")
        if kind is None:
            return None
        usual = CtaStep("cta", kind)
        return CtaStep(
            "task" if key.text == "task" else "cta", kind, due or usual.due, assign or usual.assign,
            priority or usual.priority,  # type: ignore[arg-type]  # _one_of let only these through
        )

    def _one_of(self, node: Node | None, known: tuple[str, ...]) -> str | None:
        if node is None:
            return None
        text = node.text if isinstance(node, Scalar) else ""
        if text in known:
            return text
        self.findings.error("STW113", node.mark, f'"{text}" is not possible here',
                            near(text, known) or f"one of: {', '.join(known)}")
        return None

    def rungs(self, node: Node | None) -> tuple[Rung, ...]:
        """The list under `escalate`."""
        if node is None:
            return ()
        if not isinstance(node, Listing):
            self.findings.error("STW106", node.mark, '"escalate" is a list', "write: - {after: 2bd, to: csm_manager}")
            return ()
        found = (self._rung(item, f"escalate[{at}]") for at, item in enumerate(node.items))
        return tuple(rung for rung in found if rung)

    def _rung(self, node: Node, path: str) -> Rung | None:
        if not isinstance(node, Block):
            self.findings.error("STW106", node.mark, "this is no rung", "write: {after: 2bd, to: csm_manager}")
            return None
        self.known_only(node, ("after", "unless", "to", "only_if"), ("via",), " in escalate")
        for needed in ("after", "to"):
            if node.get(needed) is None:
                self.findings.error("STW105", node.mark, f'a rung needs "{needed}"',
                                    "write: {after: 2bd, to: csm_manager}")
        after, to = self.duration(node.get("after")), self.recipients(node.get("to"))
        only_if = node.get("only_if")
        condition = self.conditions.read(only_if, f"{path}.only_if") if only_if else None
        unless = self._unless(node.get("unless"), f"{path}.unless")
        return None if after is None or to is None else Rung(after, to, unless, condition)

    def _unless(self, node: Node | None, path: str) -> Literal["acknowledged", "resolved"] | Expression | None:
        words = ("acknowledged", "resolved")
        if node is None:
            return None
        if isinstance(node, Scalar) and node.text == "acknowledged":
            return "acknowledged"
        if isinstance(node, Scalar) and node.text == "resolved":
            return "resolved"
        if isinstance(node, Scalar) and re.fullmatch(r"\w+", node.text):
            self.findings.error("STW106", node.mark, f'"{node.text}" is not possible here',
                                near(node.text, words) or "write acknowledged, resolved or a condition")
            return None
        return self.conditions.read(node, path)

