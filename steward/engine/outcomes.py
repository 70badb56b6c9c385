"""What became of accounts: the facts of one instant after another in; who churned when, and who reached a goal, out.

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
from steward.engine.expression import Expression, facts_of
from steward.engine.freshness import freshen
from steward.model.facts import FactSpec

LATE = timedelta(days=30)
LIFECYCLE, TERMS, DAYS_LEFT = "account.lifecycle", "subscription.active_count", "renewal.days_left"
DO_NOT_CONTACT = "account.do_not_contact"
CHURN_FACTS = frozenset({LIFECYCLE, TERMS, DAYS_LEFT})


@dataclass
class Churns:
    """Fed with every snapshot in order; `by_account` holds the instants at which each churned."""

    by_account: dict[str, list[datetime]] = field(default_factory=dict)
    _away: dict[str, bool] = field(default_factory=dict)        # churned and not back; whether a term's end said so
    _last: pl.DataFrame | None = None

    def look(self, at: datetime, frame: pl.DataFrame) -> None:
        """What is known at `at`."""
        seen = frame.select(
            "account_id", _column(frame, LIFECYCLE).cast(pl.String).alias("life"),
            _column(frame, TERMS).cast(pl.Int64).alias("terms"),
            _column(frame, DAYS_LEFT).cast(pl.Float64).alias("left"))
        if self._last is not None:
            joined = seen.join(self._last, on="account_id", how="left", maintain_order="left")
            self._back(at, joined)
            self._gone(at, joined)
            seen = joined.with_columns(pl.coalesce("life", "life_was").alias("life"),
                                       pl.coalesce("terms", "terms_was").alias("terms"))
        self._last = seen.select("account_id", pl.col("life").alias("life_was"), pl.col("terms").alias("terms_was"))

    def within(self, account_id: str, after: datetime, until: datetime) -> datetime | None:
        """The first churn of the account later than `after` and not later than `until`."""
        return next((at for at in self.by_account.get(account_id, ()) if after < at <= until), None)

    def _gone(self, at: datetime, seen: pl.DataFrame) -> None:
        by_life = (pl.col("life") == "churned") & (pl.col("life_was") != "churned")
        by_term = (pl.col("terms") == 0) & (pl.col("terms_was") > 0) & ~(pl.col("left") >= 0).fill_null(value=False)
        found = seen.filter(by_life.fill_null(value=False) | by_term.fill_null(value=False)).select(
            "account_id", by_life.fill_null(value=False).alias("by_life"))
        for account_id, life in found.iter_rows():
            if account_id not in self._away:
                self.by_account.setdefault(account_id, []).append(at)
                self._away[account_id] = not life
            elif life:
                self._away[account_id] = False

    def _back(self, at: datetime, seen: pl.DataFrame) -> None:
        if not self._away:
            return
        stays = (pl.col("life") != "churned").fill_null(value=True)
        here = seen.filter(pl.col("account_id").is_in(list(self._away)), stays)
        for account_id, life, terms in here.select("account_id", "life", "terms").iter_rows():
            by_term = self._away[account_id]
            if not (terms or 0) > 0 and (by_term or life is None):
                continue
            if by_term and at - self.by_account[account_id][-1] <= LATE:
                self.by_account[account_id].pop()
            del self._away[account_id]


@dataclass(frozen=True, slots=True)
class Window:
    """One enrollment that is watched: later than `after` and not later than `until`."""

    key: str
    subject_id: str
    after: datetime
    until: datetime


@dataclass
class Reached:
    """Whether a condition became TRUE of subjects within their windows; fed with every snapshot in order."""

    condition: Expression
    catalog: Mapping[str, FactSpec]
    first: dict[str, datetime] = field(default_factory=dict)    # key -> when it was first TRUE
    known: set[str] = field(default_factory=set)                # keys of those of whom it was TRUE or FALSE once
    _watched: dict[str, list[Window]] = field(default_factory=dict)

    def watch(self, windows: Iterable[Window]) -> None:
        """Look for these from now on."""
        for window in windows:
            self._watched.setdefault(window.subject_id, []).append(window)

    def look(self, at: datetime, frame: pl.DataFrame) -> None:
        """What is known at `at`; `subject_id` of an account is its `account_id`."""
        self._forget(at)
        if not self._watched:
            return
        ids = "subject_id" if "subject_id" in frame.columns else "account_id"
        chosen = frame.filter(pl.col(ids).is_in(list(self._watched)))
        fresh = freshen(chosen, facts_of(self.condition), self.catalog, at)
        for subject_id, verdict in fresh.select(ids, expr(self.condition, fresh.schema).alias("_verdict")).iter_rows():
            for window in self._watched[subject_id]:
                if verdict is not None and window.after < at <= window.until:
                    self.known.add(window.key)
                    if verdict:
                        self.first.setdefault(window.key, at)

    def _forget(self, at: datetime) -> None:
        for subject_id, windows in list(self._watched.items()):
            left = [each for each in windows if each.until >= at and each.key not in self.first]
            if left:
                self._watched[subject_id] = left
            else:
                del self._watched[subject_id]


def _column(frame: pl.DataFrame, name: str) -> pl.Expr:
    return pl.col(name) if name in frame.columns else pl.lit(None, dtype=pl.String)
