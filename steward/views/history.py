"""The stored snapshots, one after the other, with only the columns that are asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import polars as pl

from steward.engine.blocks import Block, block
from steward.engine.language import Subject
from steward.model.errors import ConfigError
from steward.store import lake as lakes
from steward.store.lake import Lake, Segment

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction


_PARTS = {Subject.ACCOUNT: "base", Subject.CONTACT: "contact", Subject.OPPORTUNITY: "opportunity"}
_ROWS_AT_ONCE = 400_000                     # a few dozen megabytes with the columns that a playbook asks for


@dataclass(frozen=True, slots=True)
class History:
    """Every snapshot of the subjects, oldest first; `accounts` of the same instants where these are not accounts."""

    lake: Lake
    segments: tuple[Segment, ...]
    accounts: tuple[Segment, ...] = ()

    @property
    def instants(self) -> list[datetime]:
        """When each was known."""
        return [each.known_at for each in self.segments]

    def between(self, first: datetime, last: datetime) -> History:
        """Those from `first` to `last`, both included."""
        chosen = tuple(each for each in self.segments if first <= each.known_at <= last)
        return History(self.lake, chosen, self.accounts)

    def blocks(self, names: Iterable[str]) -> Iterator[Block]:
        """The snapshots some at a time, with their ids and those columns of `names` that they have."""
        wanted, held, rows = sorted({"account_id", *names}), list[tuple[datetime, pl.DataFrame]](), 0
        for each in self.segments:
            held.append((each.known_at, self._frame(each, wanted)))
            rows += each.rows
            if rows >= _ROWS_AT_ONCE:
                yield block(held)
                held, rows = [], 0
        if held:
            yield block(held)

    def _frame(self, segment: Segment, wanted: list[str]) -> pl.DataFrame:
        if not self.accounts:
            return self.lake.read(segment, None, wanted)
        subjects = self.lake.read(segment, None, [*wanted, "subject_id"])
        earlier = [account for account in self.accounts if account.known_at <= segment.known_at]
        if not earlier:
            return subjects
        facts = self.lake.read(earlier[-1], None, wanted)
        rest = [name for name in facts.columns if name == "account_id" or name not in subjects.columns]
        return subjects.join(facts.select(rest), on="account_id", how="left", maintain_order="left")


def history(tx: Transaction, subject: Subject = Subject.ACCOUNT) -> History:
    """What is stored.

    Raises:
        ConfigError: nothing is.
    """
    lake = lakes.of(tx)
    found = tuple(lake.visible(tx, "facts", _PARTS[subject]))
    if not found:
        raise ConfigError(f"no snapshot of {subject.value}s is stored yet. Run: steward evaluate")
    return History(lake, found, () if subject is Subject.ACCOUNT else tuple(lake.visible(tx, "facts", "base")))


def span(stored: History, first: datetime | None, last: datetime | None) -> tuple[datetime, datetime]:
    """From and to, as asked or as far as the snapshots go.

    Raises:
        ConfigError: no snapshot lies there.
    """
    instants = stored.instants
    begins, ends = first or instants[0], last or instants[-1]
    if not any(begins <= at <= ends for at in instants):
        raise ConfigError(
            f"no snapshot is stored from {_day(begins)} to {_day(ends)}. There are {len(instants)}, from "
            f"{_day(instants[0])} to {_day(instants[-1])}")
    return begins, ends


def _day(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}Z"
