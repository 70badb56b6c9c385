"""Message templates: `messages.yaml` in, templates by name out, findings for what they cannot fill in."""

from __future__ import annotations

from collections.abc import Mapping

from steward.engine.document import Block, Listing, Node, Scalar, read
from steward.engine.field_table import MESSAGE_TABLE, names
from steward.engine.findings import Finding, Findings, Mark, errors_of, near
from steward.engine.template import FILTERS, TONES, MessageTemplate, faults_of
from steward.model.errors import PlaybookError
from steward.model.facts import FactSpec

_KEYS = names(MESSAGE_TABLE)
_MOST_FIELDS, _MOST_CHANGES, _MOST_LABEL = 10, 3, 100


def read_messages(
    text: str, file: str, catalog: Mapping[str, FactSpec],
) -> tuple[dict[str, MessageTemplate], tuple[Finding, ...]]:
    """The templates in `text` that can be used, and all findings."""
    try:
        node = read(text, file)
    except PlaybookError as error:
        return {}, tuple(finding for finding in error.findings if isinstance(finding, Finding))
    findings = Findings(file, text)
    return templates_in(node, catalog, findings), tuple(findings.found)


def templates_in(node: Node, catalog: Mapping[str, FactSpec], findings: Findings) -> dict[str, MessageTemplate]:
    """The templates in `node` that can be used; what is wrong with the others goes into `findings`."""
    reader = _Reader(catalog, findings)
    found = {}
    if not isinstance(node, Block):
        findings.error("STW106", node.mark, "message templates stand under their names", "write: health_drop: …")
        return {}
    for key, body in node.entries:
        before = len(errors_of(findings.found))
        template = reader.template(key, body)
        if template and len(errors_of(findings.found)) == before:
            found[key.text] = template
    return found


class _Reader:
    def __init__(self, catalog: Mapping[str, FactSpec], findings: Findings) -> None:
        self.catalog, self.findings = catalog, findings

    def template(self, name: Scalar, body: Node) -> MessageTemplate | None:
        if not isinstance(body, Block):
            self.findings.error("STW106", body.mark, f'"{name.text}" needs its fields', f"write: {', '.join(_KEYS)}")
            return None
        for key, _ in body.entries:
            if key.text not in _KEYS:
                self.findings.error("STW103", key.mark, f'unknown key "{key.text}" in a template',
                                    near(key.text, _KEYS) or f"known here: {', '.join(_KEYS)}")
        for needed in ("title", "sentence"):
            if not self.says(body.get(needed)):
                self.findings.error("STW105", name.mark, f'template "{name.text}" needs "{needed}"',
                                    f"add: {needed}: …")
        tone = body.get("tone")
        word = tone.text if isinstance(tone, Scalar) else "neutral"
        if word not in TONES:
            self.findings.error("STW113", tone.mark if tone else body.mark, f'"{word}" is no tone',
                                near(word, TONES) or f"one of: {', '.join(TONES)}")
        return MessageTemplate(
            name.text, self.text(body.get("title")), self.text(body.get("sentence")), word,
            tuple(self.fields(body.get("fields"))), tuple(self.listing(body.get("changes"))),
            self.text(body.get("next_step")))

    @staticmethod
    def says(node: Node | None) -> bool:
        """Whether anything is written there."""
        return node is not None and not (isinstance(node, Scalar) and not node.text.strip())

    def text(self, node: Node | None) -> str:
        if node is None:
            return ""
        if not isinstance(node, Scalar):
            self.findings.error("STW106", node.mark, "this must be a text", "put quotes around it")
            return ""
        for message, word in faults_of(node.text, self.catalog):
            at = node.text.find(word) if node.one_line and word else -1
            mark = Mark(node.mark.line, node.mark.column + node.inset + at, len(word)) if at >= 0 else node.mark
            remedy = near(word, FILTERS if "filter" in message else self.catalog) if word else ""
            self.findings.error("STW125", mark, message, remedy)
        return " ".join(node.text.split())

    def fields(self, node: Node | None) -> list[tuple[str, str]]:
        if node is None:
            return []
        if not isinstance(node, Block) or len(node.entries) > _MOST_FIELDS:
            self.findings.error("STW106", node.mark, f"fields are labels with a text each, at most {_MOST_FIELDS}",
                                'write: ARR: "{{ account.arr | money }}"')
            return []
        found: dict[str, str] = {}
        for label, value in node.entries:
            name = " ".join(label.text.split())
            if name in found or len(name) > _MOST_LABEL:
                self.findings.error("STW104", label.mark, f'the label "{name[:_MOST_LABEL]}" stands twice or is long',
                                    f"use another of at most {_MOST_LABEL} characters")
            found[name] = self.text(value)
        return list(found.items())

    def listing(self, node: Node | None) -> list[str]:
        if node is None:
            return []
        if not isinstance(node, Listing) or len(node.items) > _MOST_CHANGES:
            self.findings.error("STW106", node.mark, f"this is a list of at most {_MOST_CHANGES} texts", "write: - …")
            return []
        return [self.text(item) for item in node.items]
