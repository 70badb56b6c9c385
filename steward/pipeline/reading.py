"""Which facts a look at everybody reads of all accounts; the others are read of the few who are acted on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import polars as pl

from steward.engine import template
from steward.engine.language import Playbook, Subject
from steward.model.facts import FactSpec
from steward.pipeline.cards import words_of
from steward.store import facts
from steward.store.facts import Snapshot

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction


def of_everybody(
    tx: Transaction, playbooks: Sequence[Playbook], catalog: Mapping[str, FactSpec], always: Iterable[str], few: int,
) -> tuple[Snapshot | None, Rest | None]:
    """What is known of all accounts, and with what to read the facts that are not in it.

    `always` are facts that are asked whatever the playbooks say. Up to so `few` accounts, and those whose facts are
    also those of their contacts and opportunities, are read whole.
    """
    if any(each.subject is not Subject.ACCOUNT for each in playbooks):
        return facts.latest(tx), None
    names = set(always).union(*(each.facts().union(each.holdout.by) for each in playbooks))
    snapshot = facts.latest(tx, None, sorted({*names, *dates_of(names, catalog)}))
    if snapshot is None or snapshot.frame.height <= few:
        return facts.latest(tx), None
    return snapshot, Rest(tx, catalog, _spoken(playbooks) - names)


def dates_of(names: Iterable[str], catalog: Mapping[str, FactSpec]) -> set[str]:
    """The columns that say of which instant these facts are."""
    return {f"as_of.{catalog[name].group}" for name in names if name in catalog}


class Rest:
    """Reads facts that were not read of everybody. `spoken`: those that messages name, read together."""

    def __init__(self, tx: Transaction, catalog: Mapping[str, FactSpec], spoken: frozenset[str]) -> None:
        self._tx, self._catalog, self._spoken = tx, catalog, spoken
        self.names = frozenset({*catalog, *dates_of(catalog, catalog)})

    def of(self, account_ids: Sequence[str], name: str) -> pl.DataFrame:
        """The column `name` and others of these accounts, in their order; what nobody knows is not in it."""
        names = self._spoken if name in self._spoken else {name}
        return self._read(sorted(set(account_ids)), names)

    def of_all(self, names: Iterable[str]) -> pl.DataFrame:
        """These columns of all accounts, with their dates."""
        return self._read(None, names)

    def _read(self, account_ids: Sequence[str] | None, names: Iterable[str]) -> pl.DataFrame:
        wanted = {*names, *dates_of(names, self._catalog)}
        found = facts.latest(self._tx, account_ids, sorted(wanted))
        return pl.DataFrame() if found is None else found.frame.drop("account_id")


def _spoken(playbooks: Iterable[Playbook]) -> frozenset[str]:
    """The facts that the texts of the playbooks name."""
    words = (each for playbook in playbooks for each in (*playbook.messages, words_of(playbook)))
    return frozenset(name for each in words for text in each.texts() for name in template.facts_in(text))
