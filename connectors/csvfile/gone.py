"""Rows gone from a whole list are deletions; but a list that shrinks suddenly is more likely a broken export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.csvfile.cursor import FileState
from connectors.csvfile.settings import FileMapping
from steward.model.records import Record, Refusal

MOST_SHARE = 0.05
AT_LEAST = 20
MOST_IDS = 100_000
"""Of a longer list, the ids are not kept in the cursor and nothing is deleted."""


@dataclass(slots=True)
class Seen:
    """The ids of a file's rows; `nameless` counts refused rows whose id could not be read."""

    ids: set[str] = field(default_factory=set)
    nameless: int = 0

    def note(self, name: str, *, refused: bool) -> None:
        if name:
            self.ids.add(name)
        else:
            self.nameless += refused


def after_reading(old: FileState | None, new: FileState, seen: Seen) -> None:
    """Set the ids of `new`, and which of the old ones are gone; any old id may be that of a nameless row."""
    before = old.ids if old else frozenset()
    waiting = old.gone if old else frozenset()
    if len(seen.ids) > MOST_IDS:
        new.tracked = False
        return
    new.ids = frozenset(seen.ids) | (before if seen.nameless else frozenset())
    new.gone = (waiting | before) - new.ids


def deletions(
    files: Mapping[str, FileState], mappings: Mapping[str, FileMapping],
) -> tuple[list[Record], list[Refusal]]:
    """Tombstones for what is gone from every one of `files`, each forgotten in its state; and what is not believed."""
    if not all(state.tracked for state in files.values()):
        return [], []
    present = frozenset[str]().union(*(state.ids for state in files.values()))
    records: dict[str, Record] = {}
    refusals = []
    for name, state in files.items():
        gone, mapping = state.gone - present, mappings[name]
        if not gone:
            state.gone = frozenset()
            continue
        most = mapping.deletions_at_most
        if most is None:
            most = max(AT_LEAST, int(MOST_SHARE * (len(state.ids) + len(gone)))) if state.ids else 0
        if len(gone) > most:
            total = len(state.ids) + len(gone)
            refusals.append(Refusal(name, None, (
                f"{len(gone):,} of {total:,} rows are gone, more than {most:,}: nothing was deleted. If that is right, "
                f"set deletions_at_most: {len(gone)} for this file; else put the whole list back"
            )))
            continue
        records |= {each: Record(mapping.noun, each, {}, deleted=True) for each in sorted(gone)}
        state.gone = frozenset()
    return list(records.values()), refusals
