"""Logic-less templates: `{{ fact | filter }}` and nothing else. What is not known reads "not known".

The output is plain text: every sink escapes it for itself. Values are cut, so that a hostile name cannot flood.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any

from steward.engine.literals import show
from steward.model.facts import FactSpec, FactType

MOST_VALUE = 200
MOST_OUTPUT = 2000
NOT_KNOWN = "not known"
FILTERS = ("money", "percent", "date", "days", "number", "text")
TONES = ("risk", "stall", "growth", "handoff", "done", "neutral")

_HOLE = re.compile(r"\{\{\s*([A-Za-z_][\w.]*)\s*(?:\|\s*(\w+)\s*)?\}\}")
_BRACES = re.compile(r"\{\{|\}\}|\{%|%\}")
_USUAL = {
    FactType.MONEY: "money", FactType.RATIO: "percent", FactType.DATE: "date", FactType.DAYS: "days",
    FactType.NUMBER: "number", FactType.INTEGER: "number",
}


@dataclass(frozen=True, slots=True)
class MessageTemplate:
    """A card to be filled in; every text is a template."""

    name: str
    title: str
    sentence: str
    tone: str = "neutral"
    fields: tuple[tuple[str, str], ...] = ()
    changes: tuple[str, ...] = ()
    next_step: str = ""

    def texts(self) -> tuple[str, ...]:
        """All its templates."""
        return (self.title, self.sentence, *(text for _, text in self.fields), *self.changes, self.next_step)


def facts_in(text: str) -> tuple[str, ...]:
    """The facts that the template names."""
    return tuple(name for _, name, _ in _parts(text) if name)


def says_something(text: str, row: Mapping[str, Any]) -> bool:
    """Whether the template names no fact, or one that is known."""
    named = facts_in(text)
    return not named or any(row.get(name) is not None for name in named)


def faults_of(text: str, catalog: Mapping[str, FactSpec]) -> tuple[tuple[str, str], ...]:
    """What is wrong with a template: (message, the word at fault), for each fault."""
    faults = []
    for found in _HOLE.finditer(text):
        if found[1] not in catalog:
            faults.append((f'template names the unknown fact "{found[1]}"', found[1]))
        if found[2] and found[2] not in FILTERS:
            faults.append((f'unknown filter "{found[2]}"', found[2]))
    if _BRACES.search(_HOLE.sub("", text)):
        faults.append(('only "{{ fact }}" and "{{ fact | filter }}" are possible in a template', ""))
    return tuple(faults)


def render(text: str, row: Mapping[str, Any], catalog: Mapping[str, FactSpec]) -> str:
    """`text` with the facts of `row` filled in, on one line, at most 2000 characters."""
    kept = _READ.get(text)
    holes = kept[1] if kept is not None and kept[0] is catalog else _read(text, catalog)
    if isinstance(holes, str):
        return holes
    parts = []
    for before, name, filter_name, spec in holes:
        parts.append(before)
        if name:
            parts.append(write(row.get(name), filter_name, spec))
    return _on_one_line("".join(parts))


_Holes = tuple[tuple[str, str, str, FactSpec | None], ...]
_READ: dict[str, tuple[Mapping[str, FactSpec], _Holes | str]] = {}      # the same few hundred for every subject
_MOST_READ = 4096


def _read(text: str, catalog: Mapping[str, FactSpec]) -> _Holes | str:
    """What stands before each hole, its fact, its filter and its spec; the whole line where it has no hole."""
    parts = _parts(text)
    holes: _Holes | str = _on_one_line(text) if len(parts) == 1 else tuple(
        (before, name, filter_name or (_USUAL.get(spec.type, "text") if spec else "text"), spec)
        for before, name, filter_name in parts for spec in [catalog.get(name)])
    if len(_READ) >= _MOST_READ:
        _READ.clear()
    _READ[text] = catalog, holes
    return holes


def _on_one_line(text: str) -> str:
    out = " ".join(text.split())
    return out if len(out) <= MOST_OUTPUT else out[:MOST_OUTPUT - 1] + "…"


@lru_cache(maxsize=4096)                    # the same few hundred for every subject
def _parts(text: str) -> tuple[tuple[str, str, str], ...]:
    """What stands before each hole, its fact and its filter; what stands behind the last one."""
    found, at = [], 0
    for hole in _HOLE.finditer(text):
        found.append((text[at:hole.start()], hole[1], hole[2] or ""))
        at = hole.end()
    return (*found, (text[at:], "", ""))


def write(value: Any, filter_name: str, spec: FactSpec | None) -> str:
    """`value` as the filter writes it; a filter that does not fit the value writes it as text."""
    if value is None or value != value:  # noqa: PLR0124  # only NaN differs from itself
        return NOT_KNOWN
    numeric = isinstance(value, (int, float)) and not isinstance(value, bool)
    match filter_name:
        case "money" if numeric:
            return f"{round(value):,} {spec.unit if spec else ''}".rstrip()
        case "percent" if numeric:
            return f"{value * 100:.0f}%"
        case "days" if numeric:
            return f"{value:.0f} day" if round(value) == 1 else f"{value:.0f} days"
        case "number" if numeric:
            return f"{value:,.0f}" if abs(value) >= 100 or value == int(value) else f"{value:.1f}"
        case "date" if isinstance(value, (date, datetime)):
            return f"{value.day} {value:%b %Y}"
    shown = " ".join((value if isinstance(value, str) else show(value, spec)).split())
    return shown if len(shown) <= MOST_VALUE else shown[:MOST_VALUE - 1] + "…"


def plain(name: str, title: str, why: str) -> MessageTemplate:
    """The card of a playbook that names no template."""
    safe_title, safe_why = (_BRACES.sub("", text) for text in (title, why))
    fields = (("ARR", "{{ account.arr | money }}"), ("Renewal in", "{{ renewal.days_left | days }}"),
              ("Segment", "{{ account.segment }}"), ("CSM", "{{ account.csm }}"))
    return MessageTemplate(name, f"{{{{ account.name }}}}: {safe_title}",
                           f"{{{{ account.name }}}}: {safe_title}. {safe_why}", fields=fields, next_step=safe_why)
