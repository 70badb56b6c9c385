"""YAML text in, nodes with positions out. Nothing is guessed: every plain value stays the text that was written.

Allowed is the small part of YAML that people write by hand: mappings, lists, scalars. Anchors, aliases, tags,
merge keys, duplicate keys, directives and more than one document are refused, and so is what is too large.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)
from ruamel.yaml.main import CParser  # type: ignore[attr-defined]  # None where the parser in C is not installed

from steward.engine.findings import Findings, Mark, playbook_error

MOST_BYTES = 256 * 1024
MOST_NODES = 20_000
MOST_DEPTH = 40
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Scalar:
    """One value as written; `quoted` where quotes (or a block) say that it is text."""

    text: str
    mark: Mark
    quoted: bool = False
    inset: int = 0                          # columns from the mark to the first character of `text`
    one_line: bool = True


@dataclass(frozen=True, slots=True)
class Listing:
    """A list of nodes."""

    items: tuple[Node, ...]
    mark: Mark


@dataclass(frozen=True, slots=True)
class Block:
    """A mapping; keys are unique."""

    entries: tuple[tuple[Scalar, Node], ...]
    mark: Mark

    def get(self, key: str) -> Node | None:
        """The node under `key`."""
        for name, node in self.entries:
            if name.text == key:
                return node
        return None


Node = Scalar | Listing | Block


def read(text: str, file: str) -> Node:
    """The document in `text`; `file` is its name in errors.

    Raises:
        PlaybookError: it is not YAML, too large, or uses what is not allowed here.
    """
    findings = Findings(file, text)
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        findings.error("STW108", Mark(), f"the file is larger than {MOST_BYTES // 1024} kB", "split it")
        raise playbook_error(findings.found)
    try:
        node = _document(_events(text), findings)
    except _Refused:
        node = None
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Mark(mark.line + 1, mark.column + 1) if mark else Mark()
        fault = f"not YAML: {error.problem or error.context}"
        tab = "'\\t'" in fault
        findings.error("STW101", place, "not YAML: a tab where the line is indented" if tab else fault,
                       "indent with spaces only, two for each level" if tab else _HINT)
    except (YAMLError, ValueError) as error:
        findings.error("STW101", Mark(), f"not YAML: {str(error).splitlines()[0]}", _HINT)
    if findings.found:
        raise playbook_error(findings.found)
    if node is None:
        findings.error("STW101", Mark(), "the file is empty", "write at least: id, title, why, when, do")
        raise playbook_error(findings.found)
    return node


def read_json(text: str, file: str) -> Node:
    """The same for a document that we wrote ourselves as JSON: a hundred times faster, and without places.

    Raises:
        PlaybookError: it is not JSON.
    """
    try:
        return _plain(json.loads(text, object_pairs_hook=_Pairs))
    except ValueError as error:
        findings = Findings(file, "")
        message = f"not what was stored: {str(error).splitlines()[0]}"
        findings.error("STW101", Mark(), message, "apply the playbook again")
        raise playbook_error(findings.found) from None


class _Pairs(list[tuple[str, object]]):
    """The entries of a JSON object, which is not a JSON list."""


def _plain(value: object) -> Node:
    if isinstance(value, _Pairs):
        return Block(tuple((Scalar(key, Mark(), quoted=True), _plain(each)) for key, each in value), Mark())
    if isinstance(value, list):
        return Listing(tuple(_plain(each) for each in value), Mark())
    return Scalar(value if isinstance(value, str) else json.dumps(value), Mark(), isinstance(value, str))


_HINT = "check the indentation, and put quotes around a value that contains \": \" or \" #\""


def _events(text: str) -> Iterator[Event]:
    """The events of the document.

    The parser in C is ten times faster and knows YAML 1.1 only, in which `{to: channel:x}` is wrong. What it refuses is
    read again by the one that knows 1.2; what it takes, both take alike, as no plain value is interpreted here.
    """
    if CParser is not None:                     # asked itself: to set up a `YAML` takes five times as long as to parse
        try:
            return iter(list(iter(CParser(text).get_event, None)))
        except YAMLError:
            pass
    events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)
    return events


class _Refused(Exception):
    """Stops reading; the finding is noted."""


def _document(events: Iterator[Event], findings: Findings) -> Node | None:
    count, documents, root = 0, 0, None
    for event in events:
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1 or event.version or event.tags:
                _refuse(findings, event, "a playbook is one document without directives", "remove the line")
        elif isinstance(event, NodeEvent):
            builder = _Builder(events, findings, count)
            root = builder.node(event, 1)
            count = builder.count
    return root


class _Builder:
    """Builds nodes from events; `count` is how many there are so far."""

    def __init__(self, events: Iterator[Any], findings: Findings, count: int) -> None:
        self.events, self.findings, self.count = events, findings, count

    def node(self, event: Any, depth: int) -> Node:
        self.count += 1
        if self.count > MOST_NODES:
            _refuse(self.findings, event, f"more than {MOST_NODES} values", "split the file", "STW108")
        if depth > MOST_DEPTH:
            _refuse(self.findings, event, f"nested deeper than {MOST_DEPTH}", "flatten it", "STW108")
        if event.anchor is not None or event.ctag is not None:
            self._not_allowed(event)
        if isinstance(event, ScalarEvent):
            if not event.value.isascii() and _SURROGATE.search(event.value):
                _refuse(self.findings, event, "half a character cannot be stored", "write the whole character")
            return _scalar(event)
        if isinstance(event, SequenceStartEvent):
            return self._listing(event, depth)
        return self._block(event, depth)

    def _not_allowed(self, event: Any) -> None:
        if isinstance(event, AliasEvent):
            _refuse(self.findings, event, f'alias "*{event.anchor}" is not allowed', "write the value out")
        if event.anchor is not None:
            _refuse(self.findings, event, f'anchor "&{event.anchor}" is not allowed', "write the value out")
        _refuse(self.findings, event, f'tag "{event.tag}" is not allowed', "remove it; quotes make a value text")

    def _listing(self, start: Event, depth: int) -> Listing:
        items = []
        for event in self.events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self.node(event, depth + 1))
        return Listing(tuple(items), _mark(start))

    def _block(self, start: Event, depth: int) -> Block:
        entries: list[tuple[Scalar, Node]] = []
        seen: dict[str, Mark] = {}
        for event in self.events:
            if isinstance(event, MappingEndEvent):
                break
            key = self.node(event, depth + 1)
            if not isinstance(key, Scalar):
                _refuse(self.findings, event, "a key must be a word", "put quotes around a value that holds braces")
                raise _Refused
            if key.text == "<<" and not key.quoted:
                _refuse(self.findings, event, 'merge key "<<" is not allowed', "write the keys out")
            value = self.node(next(self.events), depth + 1)
            if key.text in seen:
                self.findings.error(
                    "STW104", key.mark, f'key "{key.text}" stands twice', f"the first is in line {seen[key.text].line}")
                continue
            seen[key.text] = key.mark
            entries.append((key, value))
        return Block(tuple(entries), _mark(start))


def _refuse(findings: Findings, event: Event, message: str, remedy: str, code: str = "STW102") -> None:
    findings.error(code, _mark(event), message, remedy)
    raise _Refused


def _mark(event: Event) -> Mark:
    start, end = event.start_mark, event.end_mark
    length = end.column - start.column if end.line == start.line else 1
    return Mark(start.line + 1, start.column + 1, max(1, length))


def _scalar(event: ScalarEvent) -> Scalar:
    quoted = event.style not in (None, "")      # plain: the parser in C says "", the other None
    one_line = event.start_mark.line == event.end_mark.line and event.style not in ("|", ">")
    return Scalar(event.value, _mark(event), quoted, 1 if quoted and one_line else 0, one_line)
