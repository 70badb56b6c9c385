"""Values of a playbook: nodes in, checked values out, findings for what cannot be."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal

from steward.engine.condition import Conditions
from steward.engine.document import Block, Listing, Node, Scalar
from steward.engine.durations import Duration, parse_duration
from steward.engine.findings import Findings, Mark, near
from steward.engine.language import Subject
from steward.engine.template import MessageTemplate, facts_in, faults_of
from steward.model.events import EVENTS

PEOPLE = ("csm", "account_manager", "csm_manager")
_MEANT = {
    "on": "trigger", "event": "trigger", "schedule": "trigger",
    "if": "when", "condition": "when", "conditions": "when", "then": "do",
    "actions": "do", "steps": "do", "name": "title", "description": "why", "reason": "why", "cooldown": "again_after",
    "enabled": "mode", "status": "mode", "channel": "to", "recipient": "to", "assignee": "assign", "due_in": "due",
    "depends_on": "needs", "delay": "wait", "control": "holdout", "cases": "branch", "default": "else",
    "slack": "message", "notify": "message", "alert": "message", "email": "email_draft", "escalation": "escalate",
}
_SHARE = re.compile(r"(\d{1,3}(?:\.\d{1,6})?)\s*%")
_ID = re.compile(r"[a-z][a-z0-9_]{0,47}")
_CONNECTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_TARGET = re.compile(r"(role|channel|queue):[^\s:]{1,80}")


class Fields:
    """Reads values; every method gives None where there is nothing, or where a finding says why there is no value.

    `calendars` are those of the company by name, `own` the message templates in the playbook itself and `shared` those
    beside it; where nobody knows them, they are None, and any name may stand.
    """

    def __init__(
        self, conditions: Conditions, findings: Findings, subject: Subject = Subject.ACCOUNT, *,
        calendars: Collection[str] | None = None, shared: Mapping[str, MessageTemplate] | None = None,
        own: Mapping[str, MessageTemplate] | None = None,
    ) -> None:
        self.conditions, self.findings, self.subject, self.calendars = conditions, findings, subject, calendars
        self.own, self.shared = own or {}, shared

    def wrong(self, mark: Mark, message: str, remedy: str, code: str = "STW106") -> None:
        """Note what cannot be."""
        self.findings.error(code, mark, message, remedy)

    def known_only(
        self, block: Block, known: Iterable[str], where: str = "", elsewhere: Mapping[str, str] | None = None,
    ) -> None:
        """Note each key that is not `known`; `elsewhere` says where those stand that people look for here."""
        known = tuple(known)
        for key, body in block.entries:
            if key.text not in known:
                meant = _MEANT.get(key.text)        # what other tools call it
                remedy = f'did you mean "{meant}"?' if meant in known else near(key.text, known)
                if meant == "trigger" and isinstance(body, Scalar) and names_event(body.text):
                    remedy = f"write: trigger: {{event: {body.text}}}"
                self.wrong(key.mark, f'unknown key "{key.text}"{where}', (elsewhere or {}).get(key.text)
                           or remedy or f"known here: {', '.join(known)}", "STW103")

    def block(self, node: Node, known: Iterable[str], where: str, example: str) -> Block | None:
        """The mapping in `node`, whose keys are `known`."""
        if not isinstance(node, Block):
            self.wrong(node.mark, f"{where} needs its fields", f"write: {example}")
            return None
        self.known_only(node, known, f" in {where}")
        return node

    def needed(self, block: Block, name: str, where: str, example: str, mark: Mark | None = None) -> Node | None:
        """The node under `name`, or a finding that it must be written."""
        node = block.get(name)
        if node is None:
            self.wrong(mark or block.mark, f'{where} needs "{name}"', f"write: {example}", "STW105")
        return node

    def text(self, node: Node | None, most: int = 500) -> str | None:
        """One value as text, on one line."""
        if node is None:
            return None
        if not isinstance(node, Scalar) or not node.text.strip():
            self.wrong(node.mark, "this must be a text", "write some words")
            return None
        if len(node.text) > most:
            self.wrong(node.mark, f"this is longer than {most} characters", "shorten it")
            return None
        return " ".join(node.text.split())

    def template(self, node: Node | None) -> str | None:
        """A text in which facts may stand: "{{ health.score }}"."""
        text = self.text(node)
        if text is None or node is None:
            return text
        for message, word in faults_of(text, self.conditions.catalog):
            self.wrong(node.mark, message, near(word, self.conditions.catalog) if word else "", "STW125")
        return text

    def card(self, node: Node | None) -> str | None:
        """The name of a message template that exists and speaks of this subject."""
        name = self.ident(node)
        if name is None or node is None:
            return name
        found = self.own.get(name) or (self.shared or {}).get(name)
        if found is None and self.shared is not None:
            self.wrong(node.mark, f'there is no message template "{name}"',
                       near(name, (*self.own, *self.shared)) or
                       'add it to messages.yaml, or under "messages:" of this playbook', "STW124")
        for fact in (each for text in (found.texts() if found else ()) for each in facts_in(text)):
            if fact in self.conditions.elsewhere:
                self.conditions.unknown(fact, node.mark)
                break
        return name

    def ident(self, node: Node | None) -> str | None:
        """An id: small letters, digits and _."""
        return self._like(node, _ID, "is no id", "small letters, digits and _, as health_drop")

    def connection(self, node: Node | None) -> str | None:
        """The name of a connection."""
        return self._like(node, _CONNECTION, "names no connection", "write its name in steward.yaml, as slack")

    def fact(self, node: Node | None) -> str | None:
        """A fact of the catalog."""
        text = self.text(node)
        if text is None or node is None or text in self.conditions.catalog:
            return text
        self.conditions.unknown(text, node.mark)
        return None

    def event(self, node: Node | None) -> str | None:
        """An event, of any connection or of the one that is written before it."""
        text = self.text(node)
        if text is None or node is None:
            return None
        connection, _, name = text.partition(".")
        if names_event(text):
            return text
        guess = near(text, [f"{connection}.{each}" for each in EVENTS] if "." in name else EVENTS)
        self.wrong(node.mark, f'there is no event "{text}"', guess or f"one of: {', '.join(EVENTS)}", "STW117")
        return None

    def duration(self, node: Node | None) -> Duration | None:
        """ "3d", "12h", "2bd"."""
        if node is None:
            return None
        found = parse_duration(node.text) if isinstance(node, Scalar) else None
        if found is None:
            shown = f'"{node.text}" is no length of time' if isinstance(node, Scalar) else "this is no length of time"
            self.wrong(node.mark, shown,
                       "write it as 3d, 12h, 2bd (business days) or 4bh (business hours)")
        return found

    def whole(self, node: Node | None, low: int, high: int) -> int | None:
        """A whole number between `low` and `high`."""
        if node is None:
            return None
        if isinstance(node, Scalar) and re.fullmatch(r"\d{1,9}", node.text) and low <= int(node.text) <= high:
            return int(node.text)
        self.wrong(node.mark, "this must be a whole number", f"from {low} to {high}")
        return None

    def share(self, node: Node | None) -> float | None:
        """ "25%" as 0.25."""
        if node is None:
            return None
        found = _SHARE.fullmatch(node.text.strip()) if isinstance(node, Scalar) else None
        if found and Decimal(found[1]) <= 100:
            return float(Decimal(found[1]) / 100)
        self.wrong(node.mark, f'"{node.text if isinstance(node, Scalar) else "this"}" is no share', "write it as 25%")
        return None

    def one_of(self, node: Node | None, known: Iterable[str]) -> str | None:
        """One of the words that are `known`."""
        if node is None:
            return None
        known, text = tuple(known), node.text if isinstance(node, Scalar) else ""
        if text in known:
            return text
        self.wrong(node.mark, f'"{text}" is not possible here', near(text, known) or f"one of: {', '.join(known)}",
                   "STW113")
        return None

    def names(self, node: Node | None) -> tuple[str, ...] | None:
        """One id or a list of them."""
        if node is None:
            return None
        found = [self.ident(item) for item in listed(node)]
        return tuple(name for name in found if name)

    def people(self, node: Node | None) -> tuple[str, ...] | None:
        """Recipients who can do work or say yes: no channels."""
        found = self.recipients(node)
        if node is not None and any(name.startswith("channel:") for name in found or ()):
            self.wrong(node.mark, "a channel cannot do work", "assign it to a person, a role or a queue")
        return found

    def recipients(self, node: Node | None) -> tuple[str, ...] | None:
        """One recipient or a list, best first: csm, account_manager, csm_manager, role:x, queue:x, channel:x."""
        if node is None:
            return None
        found = []
        for item in listed(node):
            text = self.text(item)
            if text is None:
                continue
            if text == "owner" and self.subject is Subject.OPPORTUNITY:
                found.append(text)
            elif text == "owner":
                self.wrong(item.mark, f"only an opportunity has an owner; this playbook enrols each {self.subject}",
                           "write csm or account_manager, or: subject: opportunity")
            elif text not in PEOPLE and not _TARGET.fullmatch(text):
                self.wrong(item.mark, f'nobody is "{text}"', near(text, PEOPLE) or
                           f"write one of {', '.join(PEOPLE)}, role:x, queue:x, channel:x; a person by name is a "
                           "role:x, with an address under company.roles in steward.yaml")
            else:
                found.append(text)
        return tuple(found) or None

    def _like(self, node: Node | None, pattern: re.Pattern[str], fault: str, remedy: str) -> str | None:
        text = self.text(node)
        if text is not None and node is not None and not pattern.fullmatch(text):
            self.wrong(node.mark, f'"{text}" {fault}', remedy)
            return None
        return text


def names_event(text: str) -> bool:
    """Whether this is an event, with or without the connection before it."""
    connection, _, name = text.partition(".")
    return text in EVENTS or (name in EVENTS and bool(_CONNECTION.fullmatch(connection)))


def listed(node: Node) -> tuple[Node, ...]:
    """The items of a list; one value alone is a list of it."""
    return node.items if isinstance(node, Listing) else (node,)
