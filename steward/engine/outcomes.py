"""What became of accounts: block after block of snapshots in; who churned when, and who reached a goal, out.

An account churns at the first instant at which we know
  * that its `account.lifecycle` is `churned`, and it was known to be something else before; or
  * that a term ended without renewal: `subscription.active_count` is 0 and was 1 or more before, and no signed
    follow-on term is waiting (`renewal.days_left` is not known to be 0 or more).
It churns once until it is a customer again (terms active, not `churned`). A renewal that is booked at most `LATE` after
the term ended takes the churn back: paperwork was late, nobody left. An account that is no longer known at all
(deleted, merged) did not churn. Values are taken as they were known at each instant, however old their source was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import polars as pl

from steward.engine.batch import expr
from steward.engine.blocks import AT, DAY, Block, Changes, freshen_block
from steward.engine.expression import Expression, facts_of
from steward.model.facts import FactSpec

LATE = timedelta(days=30)
LIFECYCLE, TERMS, DAYS_LEFT = "account.lifecycle", "subscription.active_count", "renewal.days_left"
DO_NOT_CONTACT = "account.do_not_contact"
CHURN_FACTS = frozenset({LIFECYCLE, TERMS, DAYS_LEFT})


@dataclass(slots=True)
class _Account:
    """What was last known of one."""

    churned: bool | None = None             # its lifecycle
    served: bool | None = None              # a term is active
    away: bool = False                      # churned, and not back yet
    by_term: bool = False                   # only a term's end says so


@dataclass
class Churns:
    """Fed with every block in order; `by_account` holds the instants at which each churned."""

    by_account: dict[str, list[datetime]] = field(default_factory=dict)
    _accounts: dict[str, _Account] = field(default_factory=dict)
    _changes: Changes = field(default_factory=lambda: Changes("account_id", ("churned", "served", "follows")))

    def look(self, block: Block) -> None:
        """What is known in `block`."""
        frame = block.frame
        seen = frame.select(
            "account_id", DAY, (_column(frame, LIFECYCLE, pl.String) == "churned").alias("churned"),
            (_column(frame, TERMS, pl.Int64) > 0).alias("served"),
            (_column(frame, DAYS_LEFT, pl.Float64) >= 0).fill_null(value=False).alias("follows"))
        if block.ids != "account_id":
            seen = seen.unique(["account_id", DAY], keep="first", maintain_order=True)
        for at, (changed, _) in zip(block.instants, self._changes.of(seen, len(block.instants)), strict=True):
            for account_id, (churned, served, follows) in changed.items():
                self._see(at, account_id, churned, served, bool(follows))

    def within(self, account_id: str, after: datetime, until: datetime) -> datetime | None:
        """The first churn of the account later than `after` and not later than `until`."""
        return next((at for at in self.by_account.get(account_id, ()) if after < at <= until), None)

    def _see(self, at: datetime, account_id: str, churned: object, served: object, follows: bool) -> None:
        was = self._accounts.setdefault(account_id, _Account())
        left = bool(churned) and was.churned is False
        ended = served is False and was.served is True and not follows
        was.churned = was.churned if churned is None else bool(churned)
        was.served = was.served if served is None else bool(served)
        if was.away:
            was.by_term = was.by_term and not left
            self._comes_back(at, account_id, was)
        elif left or ended:
            self.by_account.setdefault(account_id, []).append(at)
            was.away, was.by_term = True, not left

    def _comes_back(self, at: datetime, account_id: str, now: _Account) -> None:
        if now.churned or not (now.served or (now.churned is False and not now.by_term)):
            return
        if now.by_term and at - self.by_account[account_id][-1] <= LATE:
            self.by_account[account_id].pop()
        now.away = now.by_term = False


@dataclass(frozen=True, slots=True)
class Window:
    """One enrollment that is watched: later than `after` and not later than `until`."""

    key: str
    subject_id: str
    after: datetime
    until: datetime


@dataclass
class Reached:
    """Whether a condition became TRUE of subjects within their windows; fed with every block in order."""

    condition: Expression
    catalog: Mapping[str, FactSpec]
    first: dict[str, datetime] = field(default_factory=dict)    # key -> when it was first TRUE
    known: set[str] = field(default_factory=set)                # keys of those of whom it was TRUE or FALSE once
    _windows: list[Window] = field(default_factory=list)

    @property
    def columns(self) -> frozenset[str]:
        """What it reads of a snapshot."""
        asked = facts_of(self.condition)
        return asked | {f"as_of.{self.catalog[name].group}" for name in asked if name in self.catalog}

    def watch(self, windows: Iterable[Window]) -> None:
        """Look for these from now on, in this block too."""
        self._windows += windows

    def look(self, block: Block) -> None:
        """What is known in `block`."""
        self._windows = [each for each in self._windows
                         if each.until >= block.instants[0] and each.key not in self.first]
        current = [each for each in self._windows if each.after < block.instants[-1]]
        if not current:
            return
        windows = pl.DataFrame(
            {"key": [each.key for each in current], block.ids: [each.subject_id for each in current],
             "after": [each.after for each in current], "until": [each.until for each in current]},
            schema_overrides={name: pl.Datetime("us", "UTC") for name in ("after", "until")})
        frame = block.frame.filter(pl.col(block.ids).is_in(windows[block.ids].unique().implode()))
        fresh = freshen_block(frame, facts_of(self.condition), self.catalog)
        told = fresh.select(block.ids, AT, expr(self.condition, fresh.schema).alias("verdict")).filter(
            pl.col("verdict").is_not_null())
        seen = told.join(windows, on=block.ids).filter(pl.col(AT) > pl.col("after"), pl.col(AT) <= pl.col("until"))
        self.known.update(seen["key"].unique().to_list())
        for key, at in seen.filter("verdict").group_by("key").agg(pl.col(AT).min()).iter_rows():
            self.first[key] = at


def _column(frame: pl.DataFrame, name: str, dtype: type[pl.DataType]) -> pl.Expr:
    return pl.col(name).cast(dtype) if name in frame.columns else pl.lit(None, dtype=dtype)
