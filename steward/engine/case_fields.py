"""Values of a file of cases: nodes in, ticks, spans of ticks and values of facts out."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from steward.engine.document import Block, Listing, Node, Scalar
from steward.engine.durations import parse_duration
from steward.engine.fields import listed
from steward.engine.findings import Findings, Mark, near
from steward.engine.literals import LiteralError, parse_literal
from steward.model.facts import FactSpec

_REPEATED = re.compile(r"(.+?)x(\d{1,4})")


@dataclass(frozen=True, slots=True)
class Span:
    """From tick `first` on, until before tick `end`; None is for good."""

    first: int
    end: int | None = None

    def holds(self, tick: int) -> bool:
        """Whether `tick` lies in it."""
        return self.first <= tick and (self.end is None or tick < self.end)


class CaseFields:
    """Reads values; what is wrong goes into `findings`. `subjects` are those of the case that is read."""

    def __init__(self, findings: Findings, catalog: Mapping[str, FactSpec]) -> None:
        self.findings, self.catalog = findings, catalog
        self.tick = timedelta(days=1)
        self.subjects: tuple[str, ...] = ()

    def wrong(self, mark: Mark, message: str, remedy: str = "") -> None:
        """Note what cannot be."""
        self.findings.error("STW130", mark, message, remedy)

    def known(self, block: Block, keys: Iterable[str]) -> None:
        """Note each key that is none of `keys`."""
        keys = tuple(keys)
        for key, _ in block.entries:
            if key.text not in keys:
                self.findings.error("STW103", key.mark, f'unknown key "{key.text}"',
                                    near(key.text, keys) or f"known here: {', '.join(keys)}")

    def block(self, node: Node | None) -> Block:
        """The fields in `node`; none where there is nothing."""
        if isinstance(node, Block):
            return node
        if node is not None:
            self.wrong(node.mark, "here belong fields", "write: name: value")
        return Block((), Mark())

    def items(self, node: Node | None, mark: Mark) -> tuple[Node, ...]:
        """The items of a list that must be there."""
        if isinstance(node, Listing):
            return node.items
        self.wrong(node.mark if node else mark, "here belongs a list", "write: - …")
        return ()

    def some(self, node: Node | None) -> tuple[Node, ...]:
        """The items of a list, or one value alone; none where there is nothing."""
        return () if node is None else listed(node)

    def word(self, node: Node) -> str:
        """One value as text."""
        if isinstance(node, Scalar):
            return node.text.strip()
        self.wrong(node.mark, "this must be one value", "write a word")
        return ""

    def by_subject(self, block: Block, name: str) -> tuple[tuple[Scalar, Node], ...]:
        """The entries of the field `name`, whose keys are subjects."""
        entries = self.block(block.get(name)).entries
        for who, _ in entries:
            self.subject(who)
        return entries

    def subject(self, node: Node) -> str:
        """One of the subjects of the case."""
        word = self.word(node)
        if word not in self.subjects:
            self.wrong(node.mark, f'no series has "{word}"', near(word, self.subjects))
        return word

    def spans(self, node: Node) -> tuple[Span, ...]:
        """ "2d", "2d..6d", or a list of such."""
        out = []
        for item in self.some(node):
            first, dots, end = self.word(item).partition("..")
            begins = self._ticks(first.strip(), item.mark)
            ends = self._ticks(end.strip(), item.mark) if dots else None
            if ends is not None and ends <= begins:
                self.wrong(item.mark, "this ends before it begins", "write: 2d..6d")
            out.append(Span(begins, ends))
        return tuple(out)

    def ticks(self, node: Node | None) -> int:
        """A time since the start, in ticks."""
        return self._ticks(node.text if isinstance(node, Scalar) else "", node.mark if node else Mark())

    def _ticks(self, text: str, mark: Mark) -> int:
        length = self._length(text)
        if length is None or length % self.tick:
            self.wrong(mark, "this is no whole number of ticks", "write at: 3d")
            return 0
        return length // self.tick

    def length(self, node: Node | None) -> timedelta | None:
        """A time as it elapses."""
        return self._length(node.text) if isinstance(node, Scalar) else None

    def _length(self, text: str) -> timedelta | None:
        found = parse_duration(text)
        return found.elapsed() if found else None

    def series(self, fact: Scalar, node: Node) -> tuple[Any, ...]:
        """The values of one fact, tick by tick."""
        out: list[Any] = []
        for token in self._tokens(fact, node.text) if isinstance(node, Scalar) else ():
            repeated = _REPEATED.fullmatch(token)
            value = self._literal(fact, repeated[1] if repeated else token, node.mark)
            out += [value] * (int(repeated[2]) + 1 if repeated else 1)
        if not out:
            self.wrong(node.mark, f'"{fact.text}" has no values', 'write them in one text: "72 58x6 _"')
        return tuple(out) or (None,)

    def _tokens(self, fact: Scalar, text: str) -> list[str]:
        """The values of a series one by one; a unit belongs to the number before it: "10k EUR 60k EURx2"."""
        spec, out = self.catalog.get(fact.text), list[str]()
        units = {"day", "days", spec.unit} if spec else set[str]()
        for token in text.split():
            repeated = _REPEATED.fullmatch(token)
            if out and (repeated[1] if repeated else token) in units:
                out[-1] += f" {token}"
            else:
                out.append(token)
        return out

    def value(self, fact: Scalar, node: Node) -> Any:
        """The value of one fact."""
        if not isinstance(node, Scalar):
            self.wrong(node.mark, "this must be one value", "write: renewal.days_left: 90")
            return None
        return self._literal(fact, node.text, node.mark)

    def _literal(self, fact: Scalar, text: str, mark: Mark) -> Any:
        if fact.text not in self.catalog:
            self.findings.error("STW110", fact.mark, f'unknown fact "{fact.text}"', near(fact.text, self.catalog))
            return None
        if text == "_":
            return None
        try:
            return parse_literal(text, self.catalog[fact.text])
        except LiteralError as error:
            self.findings.error(error.code, mark, str(error), error.help)
            return None
