"""Conditions as written in a playbook: YAML nodes in, a checked expression out, findings for what cannot be."""

from __future__ import annotations

import re
from collections.abc import Mapping

from steward.engine.document import Block, Listing, Node, Scalar
from steward.engine.expression import All, Any, Expression, Leaf, Not, Op
from steward.engine.expression import Scalar as Value
from steward.engine.findings import Findings, Mark, near
from steward.engine.literals import LiteralError, normal, parse_literal, split_list
from steward.model.facts import FactSpec, FactType

_LEAF = re.compile(
    r"\s*(?P<fact>[A-Za-z_][\w.]*)(?:\s+(?P<word>not\s+in|in|is\s+not\s+known|is\s+known|is\s+unknown|is)(?![\w.])"
    r"|\s*(?P<sign><=|>=|==|!=|<>|=<|=>|=|<|>))\s*(?P<rest>.*)", re.DOTALL)
_MEANT = {"=": "==", "<>": "!=", "=<": "<=", "=>": ">=", "is": "is known", "is not known": "is unknown"}
_GROUPS = ("all", "any", "not")
_ORDERED = {FactType.NUMBER, FactType.INTEGER, FactType.RATIO, FactType.MONEY, FactType.DAYS, FactType.DATE}
_JOINED = re.compile(r"\s(and|or|&&|\|\|)\s", re.IGNORECASE)


class Conditions:
    """Reads conditions over the facts of `catalog`; what is wrong goes into `findings`."""

    def __init__(self, catalog: Mapping[str, FactSpec], findings: Findings, subject: str = "account") -> None:
        self.catalog = {name: spec for name, spec in catalog.items() if spec.subject in ("account", subject)}
        self.elsewhere = {name: spec.subject for name, spec in catalog.items() if name not in self.catalog}
        self.findings, self.subject = findings, subject

    def unknown(self, fact: str, mark: Mark) -> None:
        """Note that the playbook's subject has no such fact."""
        if other := self.elsewhere.get(fact):
            self.findings.error("STW116", mark, f'"{fact}" is a fact of one {other}; this playbook enrols each '
                                f"{self.subject}", f"write: subject: {other}")
        else:
            self.findings.error("STW110", mark, f'unknown fact "{fact}"',
                                near(fact, self.catalog) or "the catalog has no fact of a name like it")

    def read(self, node: Node, path: str) -> Expression | None:
        """The condition in `node`; None where a finding says why there is none. `path` addresses it ("when")."""
        match node:
            case Scalar():
                return self._leaf(node, path)
            case Listing():
                self.findings.error("STW106", node.mark, "a list alone says neither all nor any of it",
                                    'put it under "all:" or "any:"')
                return None
            case Block(entries):
                odd = next((key for key, _ in entries if key.text not in _GROUPS), None)
                if odd:
                    self.findings.error("STW103", odd.mark, f'unknown key "{odd.text}" in a condition',
                                        near(odd.text, _GROUPS) or "write one of all, any, not, or: fact op value")
                elif len(entries) != 1:
                    self.findings.error("STW106", node.mark, "a condition has one key", "write one of: all, any, not")
                else:
                    return self._group(entries[0][0], entries[0][1], f"{path}.{entries[0][0].text}")
                return None

    def _group(self, key: Scalar, node: Node, path: str) -> Expression | None:
        if key.text == "not":
            child = self.read(node, path)
            return None if child is None else Not(child)
        if not isinstance(node, Listing) or not node.items:
            self.findings.error("STW106", key.mark, f'"{key.text}" needs a list of conditions',
                                "write each on a line of its own: - …")
            return None
        children = [self.read(item, f"{path}[{at}]") for at, item in enumerate(node.items)]
        known = tuple(child for child in children if child is not None)
        if len(known) < len(children):
            return None
        return All(known) if key.text == "all" else Any(known)

    def _leaf(self, node: Scalar, path: str) -> Expression | None:
        found = _LEAF.fullmatch(node.text)
        if not found:
            self.findings.error("STW111", node.mark, f'"{node.text.strip()}" is no comparison',
                                "write: health.score < 60")
            return None
        spec = self.catalog.get(found["fact"])
        if spec is None:
            self.unknown(found["fact"], _part(node, found, "fact"))
            return None
        written = found["sign"] or " ".join((found["word"] or "").split())
        joined = _JOINED.search(found["rest"])
        if joined and spec.type is not FactType.TEXT:
            self.findings.error("STW111", _part(node, found, "rest"),
                                f'one comparison on a line; "{joined[1]}" joins two',
                                'write them as a list under "all:" (and) or "any:" (or)')
            return None
        part = "sign" if found["sign"] else "word"
        if written in _MEANT:
            self.findings.error("STW111", _part(node, found, part), f'"{written}" is no comparison',
                                f'did you mean "{_MEANT[written]}"?')
            return None
        if written in ("<", "<=", ">", ">=") and spec.type not in _ORDERED:
            self.findings.error("STW115", _part(node, found, part),
                                f'{spec.name} is {spec.type.value}; it has no order for "{written}"',
                                f"write: {spec.name} == …, or {spec.name} in [a, b]")
            return None
        values = self._values(node, found, written, spec)
        if values is None:
            return None
        return Leaf(spec.name, _op(written), values, normal(values, written, spec), path, node.mark)

    def _values(self, node: Scalar, found: re.Match[str], op: str, spec: FactSpec) -> tuple[Value, ...] | None:
        rest = found["rest"].strip()
        mark = _part(node, found, "rest") if rest else node.mark
        texts = [rest]
        if op in ("is known", "is unknown"):
            if rest:
                self.findings.error("STW111", mark, f'nothing comes after "{op}"', f"write: {spec.name} {op}")
            return None if rest else ()
        if op in ("in", "not in"):
            if not (rest.startswith("[") and rest.endswith("]") and rest[1:-1].strip()):
                self.findings.error("STW111", mark, f'"{op}" needs a list', f"write: {spec.name} {op} [a, b]")
                return None
            texts = split_list(rest[1:-1])
        try:
            return tuple(parse_literal(text, spec) for text in texts)
        except LiteralError as error:
            fault = f'"{rest}" is a fact, and no two facts are compared' if rest in self.catalog else str(error)
            self.findings.error(error.code, mark, fault, error.help)
            return None


def _op(text: str) -> Op:
    return text  # type: ignore[return-value]  # the pattern lets only these through


def _part(node: Scalar, found: re.Match[str], group: str) -> Mark:
    if not node.one_line:
        return node.mark
    start, end = found.span(group)
    end = start + len(node.text[start:end].rstrip())
    return Mark(node.mark.line, node.mark.column + node.inset + start, max(1, end - start))
