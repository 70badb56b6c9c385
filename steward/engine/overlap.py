"""What playbooks of one folder do to each other: duplicates of work and rings of inhibition.

STW157 a ring of inhibitions · STW158 one playbook enrols everybody whom another enrols, for the same kind of work.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from steward.engine.advice import Asked, account_text, entry_of
from steward.engine.expression import All, Any, Expression, Leaf, Not, holds, leaves
from steward.engine.findings import Finding, Findings, Mark
from steward.engine.language import CtaStep, EmailDraftStep, MessageStep, Mode, Playbook
from steward.engine.proofs import NOT_TRUE, TRUE, NotDecided, Proofs
from steward.model.facts import FactSpec

_Row = dict[str, object]
_BIT = tuple(bytes(each >> bit & 1 for each in range(256)) for bit in range(8))


def check_folder(playbooks: Sequence[Playbook], catalog: Mapping[str, FactSpec]) -> tuple[Finding, ...]:
    """The findings about `playbooks` together; what is wrong with one alone is not said again."""
    found: list[Finding] = []
    for ring in _rings({playbook.id: playbook for playbook in playbooks}):
        found += _ring(ring)
    for narrow, wide, both_ways, row in _duplicates(playbooks, catalog):
        found += _duplicate(narrow, wide, both_ways, account_text(row, catalog))
    return tuple(found)


# ---- rings of inhibition ----

def _rings(playbooks: Mapping[str, Playbook]) -> Iterator[tuple[Playbook, ...]]:
    """Each ring once, begun at its smallest id; of rings that share a playbook the shortest way round."""
    told: set[str] = set()
    for name in sorted(playbooks):
        way = None if name in told else _way_back(name, playbooks)
        if way:
            told |= {*way}
            yield tuple(playbooks[each] for each in way)


def _way_back(start: str, playbooks: Mapping[str, Playbook]) -> list[str]:
    """From `start` along `inhibited_by` back to it, `start` first; [] where no way leads back."""
    ways, seen = [[start]], set[str]()
    for way in ways:
        for following in playbooks[way[-1]].inhibited_by:
            if following == start:
                return way
            if following in playbooks and following not in seen:
                seen.add(following)
                ways.append([*way, following])
    return []


def _ring(ring: tuple[Playbook, ...]) -> list[Finding]:
    first, noted = ring[0], _findings_of(ring[0])
    shown = " -> ".join(f'"{each.id}"' for each in (*ring, first))
    say = "the playbook inhibits itself" if len(ring) == 1 else f"a ring of inhibitions: {shown}"
    noted.warning("STW157", first.marks.get("inhibited_by", Mark()), say,
                  "an account that is in one of them can enter none of the others, whichever came first; "
                  "decide which goes before")
    return noted.found


# ---- duplicates ----

def _duplicates(
    playbooks: Sequence[Playbook], catalog: Mapping[str, FactSpec],
) -> Iterator[tuple[Playbook, Playbook, bool, Mapping[str, object]]]:
    """(narrow, wide, whether they enrol just the same, an account that both enrol): one wide for each narrow."""
    asked = [each for each in playbooks
             if each.comes_by_itself and each.mode is not Mode.PAUSED and next(leaves(each.when), None)]
    entries = {each.id: entry_of(each) for each in asked}
    proofs = Proofs([condition for entry in entries.values() for condition, _ in entry], catalog)
    examples = {each.id: rows for each in asked if (rows := _corners(proofs, entries[each.id])) is not None}
    asked = [each for each in asked if each.id in examples]
    told: set[tuple[str, str]] = set()
    for narrow, candidates in _candidates(asked, entries, examples):
        wide = next((each for each in candidates if (each.id, narrow.id) not in told
                     and _implies(proofs, entries[narrow.id], entries[each.id])), None)
        if wide is not None:
            told.add((narrow.id, wide.id))
            both_ways = _implies(proofs, entries[wide.id], entries[narrow.id])
            yield narrow, wide, both_ways, examples[narrow.id][0]


def _candidates(
    asked: Sequence[Playbook], entries: Mapping[str, list[Asked]], examples: Mapping[str, tuple[_Row, _Row]],
) -> Iterator[tuple[Playbook, Iterator[Playbook]]]:
    """For each playbook those that no example refutes: its own made-up accounts are let in by them, too.

    A set of playbooks is a mask of bits here, as all pairs are looked at; only what is left of them is proved.
    """
    tables = [_Table([examples[each.id][at] for each in asked]) for at in (0, 1)]
    rows = _alike(asked)
    for at, wide in enumerate(asked):
        for table in tables:
            for condition, wanted in entries[wide.id]:
                true, _ = table.verdicts(condition)
                rows[at] &= true if wanted is TRUE else ~true
    for narrow, column in zip(asked, _columns(rows), strict=True):
        yield narrow, (asked[at] for at in _ones(column))


def _alike(asked: Sequence[Playbook]) -> list[int]:
    """For each the others of its subject that ask for some work as it does, where neither inhibits the other."""
    by_id: dict[str, int] = {each.id: 1 << at for at, each in enumerate(asked)}
    by_kind, inhibits = defaultdict[object, int](int), defaultdict[str, int](int)
    for each in asked:
        for kind in (each.subject, *_work(each)):
            by_kind[kind] |= by_id[each.id]
        for name in each.inhibited_by:
            inhibits[name] |= by_id[each.id]
    found = []
    for each in asked:
        same = apart = 0
        for kind in _work(each):
            same |= by_kind[kind]
        for name in each.inhibited_by:
            apart |= by_id.get(name, 0)
        found.append(same & by_kind[each.subject] & ~(apart | inhibits[each.id] | by_id[each.id]))
    return found


def _columns(rows: Sequence[int]) -> Iterator[bytes]:
    """For each bit one byte for each row: whether it has the bit."""
    size = len(rows) // 8 + 1
    packed = b"".join([row.to_bytes(size, "little") for row in rows])
    for at in range(len(rows)):
        yield packed[at >> 3::size].translate(_BIT[at & 7])


def _ones(column: bytes) -> Iterator[int]:
    at = column.find(1)
    while at >= 0:
        yield at
        at = column.find(1, at + 1)


def _work(playbook: Playbook) -> frozenset[tuple[str, ...]]:
    """What people get from it: a CTA of a type, a message to somebody, a draft."""
    found = set[tuple[str, ...]]()
    for step in playbook.steps():
        match step.do:
            case CtaStep(type=kind):
                found.add(("cta", kind))
            case MessageStep(to=to):
                found |= {("message", target) for target in to}
            case EmailDraftStep(to=role):
                found.add(("email", role))
    return frozenset(found)


def _corners(proofs: Proofs, asked: Sequence[Asked]) -> tuple[_Row, _Row] | None:
    try:
        return proofs.corners(*asked)
    except NotDecided:
        return None


def _implies(proofs: Proofs, narrow: Sequence[Asked], wide: Sequence[Asked]) -> bool:
    """Whether everybody whom `narrow` lets in is let in by `wide`; False where that is not decided."""
    try:
        return all(
            proofs.example(*narrow, (condition, NOT_TRUE if wanted is TRUE else TRUE)) is None
            for condition, wanted in wide)
    except NotDecided:
        return False


class _Table:
    """Many made-up accounts at once: the verdict of a condition is two masks, one bit for each account."""

    def __init__(self, rows: Sequence[_Row]) -> None:
        self.every = (1 << len(rows)) - 1
        self._by_fact: dict[str, dict[object, int]] = defaultdict(lambda: defaultdict(int))
        for at, row in enumerate(rows):
            for fact, value in row.items():
                if value is not None:
                    self._by_fact[fact][value] |= 1 << at
        self._leaves: dict[Leaf, tuple[int, int]] = {}

    def verdicts(self, condition: Expression) -> tuple[int, int]:
        """Of which accounts it is TRUE, and of which FALSE."""
        match condition:
            case Leaf():
                if condition not in self._leaves:
                    self._leaves[condition] = self._leaf(condition)
                return self._leaves[condition]
            case Not(child):
                true, false = self.verdicts(child)
                return false, true
            case All(children):
                true, false = self.every, 0
                for child in children:
                    also, not_so = self.verdicts(child)
                    true, false = true & also, false | not_so
                return true, false
            case Any(children):
                true, false = 0, self.every
                for child in children:
                    also, not_so = self.verdicts(child)
                    true, false = true | also, false & not_so
                return true, false

    def _leaf(self, leaf: Leaf) -> tuple[int, int]:
        true = false = known = 0
        for value, mask in self._by_fact.get(leaf.fact, {}).items():
            known |= mask
            if holds(leaf, value):
                true |= mask
            else:
                false |= mask
        if (absent := holds(leaf, None)) is not None:
            rest = self.every & ~known
            true, false = (true | rest, false) if absent else (true, false | rest)
        return true, false


def _duplicate(narrow: Playbook, wide: Playbook, both_ways: bool, account: str) -> list[Finding]:
    noted = _findings_of(narrow)
    say = f'"{wide.id}" enrols the same accounts' if both_ways else f'"{wide.id}" enrols every account that this enrols'
    noted.warning("STW158", narrow.marks.get("when", Mark()), f"{say}, for the same kind of work",
                  f"both would ask for it about {account}. Join them, or add to one of them: inhibited_by: [{wide.id}]")
    return noted.found


def _findings_of(playbook: Playbook) -> Findings:
    path = Path(playbook.file)
    try:
        text = path.read_text(encoding="utf-8-sig") if playbook.file else ""
    except (OSError, ValueError):
        text = ""                               # read from the store: there is no line to show
    return Findings(playbook.file, text)
