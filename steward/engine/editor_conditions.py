"""Conditions in the JSON Schema of playbooks: a pattern for each kind of fact, by which an editor marks mistakes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import inf
from typing import Any

from steward.engine.literals import normal
from steward.model.facts import FactSpec, FactType

_NUMBER = r"[+-]?[0-9][0-9_]*(\.[0-9]+)?"
_ORDER, _SAME = "(<=|>=|==|!=|<|>)", "(==|!=)"
_WORD = r"(\"[^\"]*\"|'[^']*'|[^\s\[\"'][^\[]*?)"
_MOST_EXAMPLES = 2
_USUAL = {FactType.NUMBER: 60, FactType.INTEGER: 3, FactType.RATIO: 0.1, FactType.MONEY: 10_000, FactType.DAYS: 30}


def condition_defs(catalog: Mapping[str, FactSpec]) -> dict[str, Any]:
    """The definitions `condition` and `leaf`."""
    many: dict[str, Any] = {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/condition"}}
    ways = {"all": (many, "Every one of them is true."), "any": (many, "At least one of them is true."),
            "not": ({"$ref": "#/$defs/condition"}, "It is false.")}
    groups = [{"type": "object", "required": [name], "additionalProperties": False,
               "properties": {name: {**shape, "description": meaning}}} for name, (shape, meaning) in ways.items()]
    return {
        "condition": {"anyOf": [{"$ref": "#/$defs/leaf"}, *groups]},
        "leaf": {
            "type": "string",
            "description": "One comparison: fact op value. Also: fact is known, fact is unknown, fact in [a, b].",
            "anyOf": [{"pattern": pattern, "description": meaning, "examples": examples}
                      for pattern, meaning, examples in _kinds(catalog)],
        },
    }


def _kinds(catalog: Mapping[str, FactSpec]) -> Iterator[tuple[str, str, list[str]]]:
    """For all facts that are written alike: the pattern of their leaves, what they are, and examples."""
    alike: dict[tuple[FactType, str, tuple[str, ...]], list[FactSpec]] = {}
    for spec in catalog.values():
        alike.setdefault((spec.type, _literal(spec), spec.one_of), []).append(spec)
    for (kind, literal, _), specs in alike.items():
        names = "|".join(re.escape(spec.name) for spec in specs)
        op = _SAME if kind in (FactType.TEXT, FactType.BOOLEAN) else _ORDER
        listed = rf"\[\s*{literal}(\s*,\s*{literal})*\s*\]"
        pattern = (rf"^\s*({names})(\s*{op}\s*{literal}|\s+(not\s+)?in\s+{listed}|\s+is\s+(known|unknown))\s*$")
        some = specs if len(specs) < _MOST_EXAMPLES else specs[:_MOST_EXAMPLES]
        meaning = specs[0].meaning if len(specs) == 1 else f"{kind.value}: {', '.join(spec.name for spec in specs)}"
        yield pattern, meaning, [f"{spec.name} {'==' if op is _SAME else '>='} {_example(spec)}" for spec in some]


def _literal(spec: FactSpec) -> str:
    match spec.type:
        case FactType.TEXT:
            words = "|".join(re.escape(word) for word in spec.one_of)
            return rf"[\"']?({words})[\"']?" if words else _WORD
        case FactType.BOOLEAN:
            return "(true|false)"
        case FactType.DATE:
            return "[0-9]{4}-[0-9]{2}-[0-9]{2}"
        case FactType.RATIO:
            return rf"{_NUMBER}\s*%"
        case FactType.MONEY:
            return rf"{_NUMBER}\s*[kKmM]?\s*{re.escape(spec.unit)}"
        case FactType.DAYS:
            return rf"{_NUMBER}\s*(days|day|d)?"
        case _:
            unit = spec.unit.removesuffix("s")
            return rf"{_NUMBER}\s*[kKmM]?" + (rf"(\s*{re.escape(unit)}s?)?" if unit else "")


def _example(spec: FactSpec) -> str:
    match spec.type:
        case FactType.TEXT:
            return next(iter(spec.one_of), "something")
        case FactType.BOOLEAN:
            return "true"
        case FactType.DATE:
            return "2026-12-31"
        case _:
            low, high = -inf if spec.low is None else spec.low, inf if spec.high is None else spec.high
            # Not the lowest value: everything is at least that, and the checker says so.
            number = next(each for each in (_USUAL[spec.type], high, low + 1) if low < each <= high)
            return normal((number,), ">=", spec)
