"""What a playbook can never do, or does always: decided exactly, by made-up accounts, or not said at all.

Every leaf compares one fact with literals, so a fact needs trying only at, between and beyond its literals, and
where it is unknown. A condition over more combinations than `MOST_TRIES` is passed over in silence.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Any

from steward.engine.closures import closure
from steward.engine.expression import All, Expression, Leaf, facts_of, leaves
from steward.engine.findings import Findings, Mark
from steward.engine.language import Playbook
from steward.engine.literals import range_of, show
from steward.model.facts import FactSpec, FactType

MOST_TRIES = 20_000


def warn_about(playbook: Playbook, catalog: Mapping[str, FactSpec], findings: Findings) -> None:
    """Note what is true of this playbook alone: never, always, overlapping, undamped."""
    for name, condition in {**playbook.conditions(), "until": playbook.until}.items():
        if condition is None:
            continue
        mark = next(iter(leaves(condition))).mark
        for each in (leaf for leaf in leaves(condition) if leaf.op not in ("is known", "is unknown")):
            if (always := _always(each, catalog[each.fact])) is not None:
                findings.error("STW121" if always else "STW120", each.mark,
                               f'"{each.text}" is {"always" if always else "never"} true of a known value',
                               range_of(catalog[each.fact]))
        if example(condition, True, catalog) is None:
            findings.error("STW120", mark, f'"{name}" is never true', "two of its parts exclude each other")
        elif example(condition, False, catalog) is None and name in ("when", "until"):
            findings.error("STW121", mark, f'"{name}" is always true', "no account could ever leave it")
    if playbook.until is None:
        if not playbook.for_.amount and not playbook.keep_for.amount:
            findings.warning("STW123", playbook.marks.get("when", Mark()),
                             'without "until", "for" or "keep_for" an account that goes back and forth is closed and '
                             "opened again and again",
                             "add: until: … (as health.score >= 70 for when: health.score < 60)")
    elif both := example(All((playbook.when, playbook.until)), True, catalog):
        findings.warning("STW122", playbook.marks.get("until", Mark()), '"when" and "until" can be true at once',
                         f"such an account would enter and be closed at once: {_account(both, catalog)}")


def example(condition: Expression, wanted: bool, catalog: Mapping[str, FactSpec]) -> dict[str, Any] | None:
    """Facts of a made-up account for which `condition` is `wanted`; None where there is none.

    Gives an empty account where there are too many combinations to say.
    """
    values = {fact: _worth_trying(condition, fact, catalog[fact]) for fact in sorted(facts_of(condition))}
    tries = 1
    for each in values.values():
        tries *= len(each)
    if tries > MOST_TRIES:
        return {}
    ask = closure(condition)
    return next((row for row in _rows(list(values.items()), {}) if ask(row) is wanted), None)


def _rows(values: list[tuple[str, list[Any]]], row: dict[str, Any]) -> Iterator[dict[str, Any]]:
    if not values:
        yield row
        return
    (fact, candidates), rest = values[0], values[1:]
    for value in candidates:
        yield from _rows(rest, {**row, fact: value})


def _worth_trying(condition: Expression, fact: str, spec: FactSpec) -> list[Any]:
    literals = [value for leaf in leaves(condition) if leaf.fact == fact for value in leaf.values]
    return [*_known_values(literals, spec), None]


def _known_values(literals: Sequence[Any], spec: FactSpec) -> list[Any]:
    match spec.type:
        case FactType.BOOLEAN:
            return [True, False]
        case FactType.TEXT:
            return list(dict.fromkeys(spec.one_of or [*literals, "something else"]))
        case FactType.DATE:
            day = timedelta(days=1)
            days = {near for value in literals for near in (value - day, value, value + day)}
            return sorted(days or {date(2026, 1, 1)})
    ends = [end for end in (spec.low, spec.high) if end is not None]
    steps = sorted({*literals, *ends})
    if spec.type in (FactType.INTEGER, FactType.DAYS):
        near_by = {whole for value in steps for whole in (int(value // 1) - 1, int(value // 1), int(value // 1) + 1)}
    else:
        between = {(left + right) / 2 for left, right in pairwise(steps)}
        near_by = {*steps, *between, *((min(steps) - 1, max(steps) + 1) if steps else (0,))}
    low = spec.low if spec.low is not None else float("-inf")
    high = spec.high if spec.high is not None else float("inf")
    return sorted(value for value in near_by or {0} if low <= value <= high)


def _always(leaf: Leaf, spec: FactSpec) -> bool | None:
    """True or False where a leaf is that of every possible known value."""
    if spec.type is FactType.TEXT and not spec.one_of:
        return None
    ask = closure(leaf)
    answers = {ask({leaf.fact: value}) for value in _known_values(leaf.values, spec)}
    return answers.pop() if len(answers) == 1 else None


def _account(row: Mapping[str, Any], catalog: Mapping[str, FactSpec]) -> str:
    said = [f"{name} {'unknown' if value is None else show(value, catalog[name])}" for name, value in row.items()]
    return ", ".join(said[:6])

