"""How the clauses of a condition stand on lines: verdict, condition, value, source and age."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime

from steward.engine.freshness import age_text
from steward.engine.walk import seen_text
from steward.model.enrollments import Clause, Verdict
from steward.model.facts import FactSpec

FEEDS = {"usage": "usage feed"}
"""What a group of facts is called where no connection is known to bring it."""

_NODE = re.compile(r"\.(all|any|not)(?:\[(\d+)\])?")
_RANK = {Verdict.TRUE: 0, Verdict.UNKNOWN: 1, Verdict.FALSE: 2}
_WIDEST_VALUE = 30


def clause_lines(
    parts: Sequence[tuple[str, Sequence[Clause]]], catalog: Mapping[str, FactSpec], now: datetime,
    sources: Mapping[str, str] | None = None,
) -> list[str]:
    """The clauses of each part of a playbook ("scope", "when"); labelled where there are several parts.

    Within an `any`, what is true stands first. `sources`: what brings a group of facts, by the group.
    """
    told = [(label, clauses) for label, clauses in parts if clauses]
    wide = max((len(label) for label, _ in told), default=0) + 1 if len(told) > 1 else 0
    conditions, values, shown = [], [], []
    for label, clauses in told:
        for lead, clause in _led(clauses):
            conditions.append(f"{label:{wide}}{lead}{clause.text}" if wide else f"{lead}{clause.text}")
            values.append(_value(clause, catalog)[:_WIDEST_VALUE])
            shown.append(clause)
    left, right = max(map(len, conditions), default=0), max(map(len, values), default=0)
    names = {**FEEDS, **(sources or {})}
    return [
        f"  {clause.verdict.value:<8} {condition:<{left}}  {value:<{right}}  {_data(clause, now, names)}".rstrip()
        for clause, condition, value in zip(shown, conditions, values, strict=True)]


def _value(clause: Clause, catalog: Mapping[str, FactSpec]) -> str:
    """What was seen; "-" for what counts as unknown, however old a value there may be."""
    return "-" if clause.why else seen_text(clause, catalog.get(clause.text.split(" ", 1)[0]))


def _led(clauses: Sequence[Clause]) -> list[tuple[str, Clause]]:
    """Each clause after "any: " ("not: ", "all: "), or as many spaces where another of the same node stands first."""
    told: set[str] = set()
    out = []
    for clause in _sorted(clauses):
        lead, inner = "", False
        for found in _NODE.finditer(clause.path):
            if found[1] == "all" and not inner:
                continue                    # what all must hold goes without saying
            inner, node = True, clause.path[:found.start(1)] + found[1]
            lead += "     " if node in told else f"{found[1]}: "
            told.add(node)
        out.append((lead, clause))
    return out


def _sorted(clauses: Sequence[Clause]) -> list[Clause]:
    """Those that stand side by side in one `any`: what is true first, then what is unknown."""
    out: list[Clause] = []
    for clause in clauses:
        node = _beside(clause)
        at = len(out)
        while node and at and _beside(out[at - 1]) == node and _RANK[out[at - 1].verdict] > _RANK[clause.verdict]:
            at -= 1
        out.insert(at, clause)
    return out


def _beside(clause: Clause) -> str:
    """The `any` that the clause is a direct child of; "" where it is in none."""
    found = [*_NODE.finditer(clause.path)]
    return clause.path[:found[-1].start()] if found and found[-1][1] == "any" else ""


def _data(clause: Clause, now: datetime, sources: Mapping[str, str]) -> str:
    source = sources.get(clause.source, clause.source)
    if clause.why:
        return f"{source} {clause.why}" if clause.why[0].isdigit() else f"{source}: {clause.why}"
    return f"{source}, {age_text(now - clause.as_of)} old" if clause.as_of else source
