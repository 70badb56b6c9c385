"""Loads playbooks: YAML text in, a checked `Playbook` out, or every finding at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from steward.engine.condition import Conditions
from steward.engine.document import Block, Node, Scalar, read
from steward.engine.expression import Expression, canonical
from steward.engine.fields import Fields
from steward.engine.findings import Finding, Findings, Mark, errors_of, near, playbook_error
from steward.engine.language import DEFAULT_TIMEOUT, CtaStep, Goal, MessageStep, Mode, Playbook
from steward.engine.messages import read_messages
from steward.engine.reasoning import warn_about
from steward.engine.template import MessageTemplate
from steward.model.errors import PlaybookError
from steward.model.facts import FactSpec

MESSAGES = "messages.yaml"
FIELDS = ("id", "title", "why", "owner", "scope", "when", "until", "for", "keep_for", "again_after", "limit", "do",
          "escalate", "goal", "exit", "timeout", "mode", "priority", "inhibited_by")
STEP_2 = ("subject", "trigger", "backlog", "at_most", "caps", "holdout", "calendar", "revoke_on", "compensate",
          "on_update")
_NEEDED = ("id", "title", "why", "when", "do")


@dataclass(frozen=True, slots=True)
class Folder:
    """What stands in a folder: the playbooks that can be used, and all findings."""

    playbooks: tuple[Playbook, ...]
    findings: tuple[Finding, ...]


def load_playbook(
    text: str, file: str, catalog: Mapping[str, FactSpec], messages: Mapping[str, MessageTemplate] | None = None,
) -> Playbook:
    """The playbook in `text`; `messages` are the templates it may name, None where they do not matter.

    Raises:
        PlaybookError: `findings` say what is wrong, with line, column and what to write instead.
    """
    playbook, findings = examine(text, file, catalog, messages)
    if playbook is None:
        raise playbook_error(findings)
    return playbook


def load_file(path: Path, catalog: Mapping[str, FactSpec], folder: Path | None = None) -> Playbook:
    """The playbook in the file at `path`, with the templates of the `messages.yaml` beside it, else in `folder`.

    Raises:
        PlaybookError: the file cannot be read, or is wrong.
    """
    near = folder / path.name if folder and not (path.parent / MESSAGES).exists() else path
    return load_playbook(read_text(path), str(path), catalog, messages_beside(near, catalog))


def messages_beside(path: Path, catalog: Mapping[str, FactSpec]) -> Mapping[str, MessageTemplate]:
    """The templates of the `messages.yaml` in the folder of the playbook at `path`, those that can be used."""
    return _messages(path.parent / MESSAGES, catalog)[0]


def load_folder(folder: Path, catalog: Mapping[str, FactSpec]) -> tuple[Playbook, ...]:
    """Every playbook in `folder`, by id.

    Raises:
        PlaybookError: one of them is wrong; the findings are those of all of them.
    """
    found = read_folder(folder, catalog)
    if errors_of(found.findings):
        raise playbook_error(found.findings)
    return found.playbooks


def read_folder(folder: Path, catalog: Mapping[str, FactSpec]) -> Folder:
    """Every playbook in `folder` that can be used, and the findings of all files."""
    messages, findings = _messages(folder / MESSAGES, catalog)
    playbooks: dict[str, Playbook] = {}
    for path in playbook_files(folder):
        text = read_text(path)
        playbook, found = examine(text, str(path), catalog, messages)
        findings += found
        if playbook is None:
            continue
        if playbook.id in playbooks:
            findings += _again(playbook, text, playbooks[playbook.id].file)
            continue
        playbooks[playbook.id] = playbook
    findings += _inhibitions(playbooks)
    return Folder(tuple(playbooks[name] for name in sorted(playbooks)), findings)


def playbook_files(folder: Path) -> tuple[Path, ...]:
    """The files in `folder` that are playbooks."""
    return tuple(sorted(
        path for path in folder.glob("*.yaml") if path.name != MESSAGES and not path.name.endswith(".cases.yaml")))


def examine(
    text: str, file: str, catalog: Mapping[str, FactSpec], messages: Mapping[str, MessageTemplate] | None = None,
) -> tuple[Playbook | None, tuple[Finding, ...]]:
    """The playbook, None where it cannot be used, and all findings."""
    try:
        node = read(text, file)
    except PlaybookError as error:
        return None, tuple(finding for finding in error.findings if isinstance(finding, Finding))
    findings = Findings(file, text)
    if not isinstance(node, Block):
        findings.error("STW106", node.mark, "a playbook is a list of fields", "begin with: id: health_drop")
        return None, tuple(findings.found)
    playbook = _read(node, file, catalog, messages, findings)
    if playbook is not None:
        warn_about(playbook, catalog, findings)
    usable = playbook is not None and not errors_of(findings.found)
    return playbook if usable else None, tuple(findings.found)


def _read(
    node: Block, file: str, catalog: Mapping[str, FactSpec], messages: Mapping[str, MessageTemplate] | None,
    findings: Findings,
) -> Playbook | None:
    conditions = Conditions(catalog, findings)
    fields = Fields(conditions, findings)
    fields.known_only(node, FIELDS, STEP_2)
    for needed in _NEEDED:
        if node.get(needed) is None:
            findings.error("STW105", node.mark, f'a playbook needs "{needed}"', f"add: {needed}: …")

    def condition(name: str) -> Expression | None:
        found = node.get(name)
        return conditions.read(found, name) if found is not None else None

    name, title, why = fields.ident(node.get("id")), fields.text(node.get("title")), fields.text(node.get("why"))
    when, do = condition("when"), fields.steps(node.get("do"))
    mode, ramp = fields.mode(node.get("mode")) or (Mode.SHADOW, 0.0)
    rest: dict[str, Any] = {
        "scope": condition("scope"), "until": condition("until"), "limit": fields.limit(node.get("limit")),
        "owner": fields.text(node.get("owner")), "for_": fields.duration(node.get("for")),
        "keep_for": fields.duration(node.get("keep_for")), "escalate": fields.rungs(node.get("escalate")),
        "again_after": fields.duration(node.get("again_after")), "timeout": fields.duration(node.get("timeout")),
        "goal": _goal(node.get("goal"), fields), "exits": _exits(node.get("exit"), fields),
        "priority": fields.whole(node.get("priority"), 0, 100), "inhibited_by": fields.names(node.get("inhibited_by")),
    }
    named = _named(node.get("do"), messages, findings)
    if name is None or title is None or why is None or when is None or not do:
        return None
    given = {key: value for key, value in rest.items() if value is not None}
    playbook = Playbook(name, title, why, when, do, mode=mode, ramp=ramp, file=file, messages=named,
                        marks={key.text: key.mark for key, _ in node.entries}, **given)
    return replace(playbook, version=_version(playbook))


def _goal(node: Node | None, fields: Fields) -> Goal | None:
    if node is None:
        return None
    if isinstance(node, Block) and node.get("when") is not None:
        fields.known_only(node, ("when", "within"), where=" in goal")
        condition = fields.conditions.read(node.get("when") or node, "goal.when")
        return Goal(condition, fields.duration(node.get("within")) or DEFAULT_TIMEOUT) if condition else None
    condition = fields.conditions.read(node, "goal.when")
    return Goal(condition) if condition else None


def _exits(node: Node | None, fields: Fields) -> tuple[tuple[str, Expression], ...]:
    if node is None:
        return ()
    if not isinstance(node, Block):
        fields.findings.error("STW106", node.mark, '"exit" names its conditions',
                              "write: exit: {churned: account.lifecycle == churned}")
        return ()
    found = []
    for key, condition in node.entries:
        name, read_in = fields.ident(key), fields.conditions.read(condition, f"exit.{key.text}")
        if name and read_in:
            found.append((name, read_in))
    return tuple(found)


def _named(
    node: Node | None, messages: Mapping[str, MessageTemplate] | None, findings: Findings,
) -> tuple[MessageTemplate, ...]:
    """The templates that the steps name, checked to exist."""
    found: dict[str, MessageTemplate] = {}
    for scalar in _template_names(node):
        if messages is None:
            continue
        if scalar.text not in messages:
            findings.error("STW124", scalar.mark, f'there is no message template "{scalar.text}"',
                           near(scalar.text, messages) or f"add it to {MESSAGES}")
        else:
            found[scalar.text] = messages[scalar.text]
    return tuple(found.values())


def _template_names(node: Node | None) -> Iterable[Scalar]:
    for step in getattr(node, "items", ()):
        body = step.get("message") if isinstance(step, Block) else None
        name = body.get("template") if isinstance(body, Block) else None
        if isinstance(name, Scalar):
            yield name


def _version(playbook: Playbook) -> str:
    """8 hex digits of the canonical form; the same for the same playbook, however it is laid out."""
    return hashlib.sha256(canonical_form(playbook).encode()).hexdigest()[:8]


def canonical_form(playbook: Playbook) -> str:
    """All that decides what the playbook does, as JSON: without layout, mode and priority."""
    steps = [
        {"kind": step.kind, "to": step.to, "template": step.template} if isinstance(step, MessageStep)
        else {"kind": step.kind, "type": step.type, "due": str(step.due), "assign": step.assign,
              "priority": step.priority}
        for step in (each.do for each in playbook.do) if isinstance(step, (MessageStep, CtaStep))
    ]
    rungs = [
        [str(rung.after), rung.to, canonical(rung.only_if),
         rung.unless if rung.unless is None or isinstance(rung.unless, str) else canonical(rung.unless)]
        for rung in playbook.escalate
    ]
    form = {
        "id": playbook.id, "title": playbook.title, "why": playbook.why, "owner": playbook.owner, "do": steps,
        "scope": canonical(playbook.scope), "when": canonical(playbook.when), "until": canonical(playbook.until),
        "for": str(playbook.for_), "keep_for": str(playbook.keep_for), "again_after": str(playbook.again_after),
        "limit": [playbook.limit.count, playbook.limit.share], "escalate": rungs, "timeout": str(playbook.timeout),
        "goal": [canonical(playbook.goal.when), str(playbook.goal.within)] if playbook.goal else None,
        "exit": [[name, canonical(condition)] for name, condition in playbook.exits],
        "inhibited_by": playbook.inhibited_by,
    }
    return json.dumps(form, sort_keys=True)


def _messages(path: Path, catalog: Mapping[str, FactSpec]) -> tuple[dict[str, MessageTemplate], tuple[Finding, ...]]:
    return read_messages(read_text(path), str(path), catalog) if path.exists() else ({}, ())


def _inhibitions(playbooks: Mapping[str, Playbook]) -> tuple[Finding, ...]:
    out: list[Finding] = []
    for playbook in playbooks.values():
        for name in playbook.inhibited_by:
            if name not in playbooks:
                noted = Findings(playbook.file, read_text(Path(playbook.file)))
                noted.error("STW127", playbook.marks.get("inhibited_by", Mark()), f'there is no playbook "{name}"',
                            near(name, playbooks))
                out += noted.found
    return tuple(out)


def _again(playbook: Playbook, text: str, other: str) -> tuple[Finding, ...]:
    noted = Findings(playbook.file, text)
    noted.error("STW128", playbook.marks.get("id", Mark()), f'the id "{playbook.id}" is taken',
                f'"{other}" has it; ids are for ever, choose another')
    return tuple(noted.found)


def read_text(path: Path) -> str:
    """The whole text of a file of ours."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise PlaybookError(f'"{path}" cannot be read: {error.strerror}') from None
    except UnicodeDecodeError:
        raise PlaybookError(f'"{path}" is not UTF-8 text. Save it as UTF-8.') from None

