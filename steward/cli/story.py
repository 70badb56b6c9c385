"""What happened to a company, account by account: the answers of `steward.views` in, lines for a terminal out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import TYPE_CHECKING

from steward.cli.show import word
from steward.model.missing import MISSING

if TYPE_CHECKING:
    from steward.model.enrollments import Clause
    from steward.views import ActionLine, Touched

MOST_OF_ONE = 10                            # accounts that are shown of each playbook
_MARKS = {"delivered": "✓", "pending": "…", "sending": "…", "failed": "✗", "unknown": "?"}
_LEAST_WHY = 24
_LONGEST_NAME = 26
_SAYS_LITTLE = re.compile(r"usage|active|open|days|left|since|last|score|utilization|change|avg|sum|count|known|\d+d")


def told(touched: Sequence[Touched], titles: Mapping[str, str], width: int) -> Iterator[str]:
    """One line for each account that something was done for, under the playbook that did it.

    `titles` are those of the playbooks by id, in the order in which they are told; `width` is in columns.
    """
    order = {name: at for at, name in enumerate(titles)}
    ranked = sorted(touched, key=lambda each: (order.get(each.playbook, len(order)), each.playbook))
    names = {each.enrollment_id: _cut(word(each.account), _LONGEST_NAME) for each in ranked}
    did = {each.enrollment_id: done(each.actions) for each in ranked}
    widest = max(map(len, names.values()), default=0)
    room = max(_LEAST_WHY, width - widest - max(map(len, did.values()), default=0) - 5)
    for playbook, group in groupby(ranked, key=lambda each: each.playbook):
        those = list(group)
        yield ""
        yield f"{playbook}: {word(titles.get(playbook, ''))} ({len(those)})"
        for each in those[:MOST_OF_ONE]:
            yield (f" {names[each.enrollment_id]:{widest}}  {causes(each.clauses, room):{room}}  "
                   f"{did[each.enrollment_id]}")
        if len(those) > MOST_OF_ONE:
            yield f" and {len(those) - MOST_OF_ONE} more: steward enrollments --playbook {playbook}"


def causes(clauses: Sequence[Clause], room: int) -> str:
    """Why, in a few words: "health 41, renewal 70d, users -51%"; what does not fit in `room` columns is left out."""
    seen = [each for each in clauses if not each.path.startswith("scope") and each.observed is not MISSING]
    telling = [each for each in seen if each.observed is not True] or seen
    said = ""
    for each in telling:
        longer = f"{said}, {cause(each)}" if said else cause(each)
        if len(longer) > room - 2 * (each is not telling[-1]):
            return f"{said} …" if said else _cut(longer, room)
        said = longer
    return said


def cause(clause: Clause) -> str:
    """One condition by what was seen: "renewal 70d" for `renewal.days_left <= 120 days`."""
    fact, seen = clause.text.split(" ", 1)[0], clause.observed
    group, *rest = fact.split(".")
    words = [each for part in rest for each in part.split("_") if not _SAYS_LITTLE.fullmatch(each)]
    label = " ".join(words) or group
    if isinstance(seen, bool):
        return word(f"{group} {'' if seen else 'not '}{label}")
    if not isinstance(seen, int | float):
        return word(f"{label} {seen}")
    if "%" in clause.text:
        return f"{label} {seen:.0%}"
    amount = f"{seen / 1000:,.0f}k" if abs(seen) >= 10_000 else f"{seen:.1f}".removesuffix(".0")
    return f"{label} {amount}{'d' if 'days' in fact else ''}"


def done(actions: Sequence[ActionLine]) -> str:
    """What was done, where, whether it arrived, and whom it reached: "CTA salesforce ✓, slack ✓ → Hana"."""
    parts = [
        f"{'CTA ' if each.kind == 'open_cta' else ''}{each.connection} {_MARKS.get(each.state, each.state)}"
        for each in actions if each.kind != "update_message"
    ]
    people = dict.fromkeys(each.to_name or each.to for each in actions if each.kind == "message")
    who = ", ".join(filter(None, people)) or next((each.to for each in actions if each.to), "")
    return ", ".join(parts) + (f" → {_cut(word(who), _LONGEST_NAME)}" if who else "")


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else text[:most - 1].rstrip() + "…"
