"""Facts about the feeds themselves: how old what they brought is. Known also while all that a feed brings is stale."""

from __future__ import annotations

from datetime import datetime
from functools import partial

import polars as pl

from steward.facts.basis import INSTANT, Basis
from steward.facts.spec import spec
from steward.model.facts import FactType

_OF = {
    "crm": "master data, terms, contacts and deals", "usage": "product usage", "support": "tickets",
    "survey": "survey answers", "onboarding": "milestones",
}
_feed = partial(spec, "feed")

SPECS = tuple(
    _feed(f"feed.{group}_age_hours", FactType.INTEGER, f"Hours since the data about {what} was whole; unknown where it "
          "never was.", group, unit="hours", low=0)
    for group, what in _OF.items()
)


def facts(snapshot: pl.DataFrame, basis: Basis, usage_whole: datetime | None) -> list[pl.Expr]:
    """The facts of every row of `snapshot`, out of its columns `as_of.<group>`; and their own as-of instant: now.

    `usage_whole`: up to when the usage feed is whole. An account that is missing in it is told how old the feed is:
    whether it is missing in fresh data, or nobody can say.
    """
    now = pl.lit(basis.now, INSTANT)                         # reckoned once: a literal of an instant is dear
    whole = pl.lit(usage_whole, INSTANT)
    there = [group for group in _OF if f"as_of.{group}" in snapshot.columns]
    of = {group: pl.col(f"as_of.{group}") for group in there}
    if "usage" in of:
        of["usage"] = of["usage"].fill_null(whole)
    ages = [
        (now - at).dt.total_hours().clip(lower_bound=0).alias(f"feed.{group}_age_hours") for group, at in of.items()
    ]
    return [*ages, now.alias("as_of.feed")]
