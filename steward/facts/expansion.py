"""Facts about deals: what is open to grow the account, and what was won and must be handed over."""

from __future__ import annotations

from functools import partial

import polars as pl

from steward.facts.basis import Basis, known_sum
from steward.facts.spec import spec
from steward.model.facts import FactType

_S = "opportunity"
_LAST = "The new-business opportunity won last: "
_crm = partial(spec, "crm")

SPECS = (
    _crm("expansion.open_opportunities", FactType.INTEGER, "Open opportunities of kind expansion.", _S,
         unit="opportunities", low=0),
    _crm("expansion.open_amount", FactType.MONEY, "Their amounts together, in the company's currency; unknown where "
         "one has none or no rate.", _S, low=0),
    _crm("expansion.last_won_days", FactType.DAYS, "Days since an opportunity of kind expansion was last won.", _S),
    _crm("expansion.last_lost_days", FactType.DAYS, "Days since an opportunity of kind expansion was last lost.", _S),
    _crm("renewal.open_opportunities", FactType.INTEGER, "Open opportunities of kind renewal.", _S,
         unit="opportunities", low=0),
    _crm("handoff.days_since_won", FactType.DAYS, _LAST + "days since it was won.", _S),
    _crm("handoff.complete", FactType.BOOLEAN, _LAST + "True once what sales promised is written down.", _S),
    _crm("handoff.amount", FactType.MONEY, _LAST + "its amount, in the company's currency.", _S, low=0),
    _crm("handoff.opportunity", FactType.TEXT, _LAST + "its name. Text from outside: escape it wherever it is shown.",
         _S),
)
WITHOUT_RECORDS = {
    "expansion.open_opportunities": 0, "expansion.open_amount": 0.0, "renewal.open_opportunities": 0,
}


def facts(opportunities: pl.DataFrame, basis: Basis) -> pl.DataFrame:
    """The facts about deals of every account that has an opportunity."""
    growing = pl.col("kind") == "expansion"
    is_open = (growing & ~pl.col("is_closed")).fill_null(value=False)
    since = basis.days_since(pl.col("close_on"))
    won = (pl.col("is_won") & (since >= 0)).fill_null(value=False)
    lost = (pl.col("is_closed") & ~pl.col("is_won") & (since >= 0)).fill_null(value=False)
    renewing = ((pl.col("kind") == "renewal") & ~pl.col("is_closed")).fill_null(value=False)
    grown = opportunities.group_by("account_id").agg(
        is_open.sum().alias("expansion.open_opportunities"),
        known_sum(basis.money("amount").filter(is_open)).alias("expansion.open_amount"),
        pl.when(growing & won).then(since).min().alias("expansion.last_won_days"),
        pl.when(growing & lost).then(since).min().alias("expansion.last_lost_days"),
        renewing.sum().alias("renewal.open_opportunities"),
    )
    handed = opportunities.filter(won, pl.col("kind") == "new").sort(
        "close_on", "created_at", "external_id", nulls_last=False,
    ).group_by("account_id", maintain_order=True).agg(
        since.last().alias("handoff.days_since_won"),
        pl.col("handoff_complete").last().alias("handoff.complete"),
        basis.money("amount").last().alias("handoff.amount"),
        pl.col("name").last().alias("handoff.opportunity"),
    )
    return grown.join(handed, on="account_id", how="left")
