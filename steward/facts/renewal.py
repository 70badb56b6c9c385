"""Facts about what the account pays for: the terms, when they end and what they are worth."""

from __future__ import annotations

from functools import partial

import polars as pl

from steward.facts.basis import Basis, known_sum, sum_of_known
from steward.facts.spec import spec
from steward.model.facts import FactType

_S, _D = "subscription", FactType.DAYS
_UP = "Of the terms that end on renewal.on: "
_crm = partial(spec, "crm")

SPECS = (
    _crm("renewal.on", FactType.DATE, "The next day on which cover ends. Cover of a product ends with the last of its "
         "active and pending terms (a signed follow-on term is a renewal); of several products the earliest day to "
         "come counts, where all are past the latest.", _S),
    _crm("renewal.days_left", _D, "Days from today to renewal.on; negative while a term that has ended is still active "
         "in the source; unknown without an active or pending term that has an end.", _S, low=-36600),
    _crm("renewal.arr", FactType.MONEY, _UP + "their ARR, in the company's currency.", _S, low=0),
    _crm("renewal.auto_renew", FactType.BOOLEAN, _UP + "True where all renew by themselves.", _S),
    _crm("renewal.term_days", _D, _UP + "the length of the longest.", _S),
    _crm("renewal.overdue_payment_days", _D, "Days that the oldest unpaid invoice of an active term is overdue; 0 when "
         "nothing is.", _S),
    _crm("subscription.active_count", FactType.INTEGER, "Terms that are active today.", _S, unit="terms", low=0),
    _crm("subscription.products_count", FactType.INTEGER, "Different products among the active terms.", _S,
         unit="products", low=0),
    _crm("subscription.arr", FactType.MONEY, "ARR of the active terms together; unknown where one of them has no ARR "
         "or a currency without a rate.", _S, low=0),
    _crm("subscription.seats", FactType.INTEGER, "Seats of the active terms together; terms without a number of seats "
         "are left out.", _S, unit="seats", low=0),
    _crm("subscription.plan", FactType.TEXT, "Plan of the active term with the highest ARR.", _S),
    _crm("subscription.days_since_start", _D, "Days since the first term of all began.", _S),
    _crm("subscription.days_since_term_start", _D, "Days since the active term that began last began.", _S),
    _crm("subscription.days_since_end", _D, "Days since the last term ended; unknown while a term is active or "
         "pending.", _S),
    _crm("subscription.ended_arr", FactType.MONEY, "ARR of the terms that ended last, where none is active or pending.",
         _S, low=0),
    _crm("subscription.cancelled_count", FactType.INTEGER, "Terms that were cancelled, of all times.", _S,
         unit="terms", low=0),
)
WITHOUT_RECORDS = {
    "subscription.active_count": 0, "subscription.products_count": 0, "subscription.arr": 0.0, "subscription.seats": 0,
    "subscription.cancelled_count": 0,
}


def facts(subscriptions: pl.DataFrame, basis: Basis) -> pl.DataFrame:
    """The facts about terms of every account that has a subscription. A term without a status goes by its dates."""
    begun = basis.days_since(pl.col("starts_on")) >= 0
    over = (basis.days_since(pl.col("ends_on")) > 0).fill_null(value=False)
    terms = subscriptions.with_columns(
        pl.coalesce(pl.col("status") == "active", begun & ~over, pl.lit(False)).alias("active"),
        pl.coalesce(pl.col("status") == "pending", ~begun, pl.lit(False)).alias("pending"),
        basis.money("arr").alias("worth"),
        pl.col("product").fill_null(""),
    )
    held = _held(terms, basis)
    return held.join(_due(terms, basis), on="account_id", how="left")


def _held(terms: pl.DataFrame, basis: Basis) -> pl.DataFrame:
    """What is paid for today."""
    active = pl.col("active")
    since = basis.days_since(pl.col("starts_on"))
    last_end = pl.when(~(active | pl.col("pending")).any()).then(pl.col("ends_on").max())
    ended = basis.days_since(last_end)
    return terms.sort("worth", "starts_on", "external_id", nulls_last=False).group_by(
        "account_id", maintain_order=True,
    ).agg(
        active.sum().alias("subscription.active_count"),
        pl.col("product").filter(active).n_unique().alias("subscription.products_count"),
        known_sum(pl.col("worth").filter(active)).alias("subscription.arr"),
        sum_of_known(pl.col("seats").filter(active)).alias("subscription.seats"),
        pl.col("plan").filter(active).last().alias("subscription.plan"),
        pl.when(since >= 0).then(since).max().alias("subscription.days_since_start"),
        pl.col("payment_overdue_days").filter(active).max().alias("renewal.overdue_payment_days"),
        pl.when(active & (since >= 0)).then(since).min().alias("subscription.days_since_term_start"),
        pl.when(ended >= 0).then(ended).alias("subscription.days_since_end"),
        pl.when(ended >= 0).then(sum_of_known(pl.col("worth").filter(pl.col("ends_on") == last_end)))
        .alias("subscription.ended_arr"),
        (pl.col("status") == "cancelled").sum().alias("subscription.cancelled_count"),
    )


def _due(terms: pl.DataFrame, basis: Basis) -> pl.DataFrame:
    """What must be renewed next."""
    live = terms.filter(pl.col("active") | pl.col("pending"), pl.col("ends_on").is_not_null())
    covers = live.group_by("account_id", "product").agg(pl.col("ends_on").max().alias("cover_ends_on"))
    left = -basis.days_since(pl.col("cover_ends_on"))
    next_end = covers.group_by("account_id").agg(
        pl.coalesce(
            pl.when(left >= 0).then("cover_ends_on").min(), pl.col("cover_ends_on").max(),
        ).alias("renewal.on"),
    )
    ending = live.join(next_end, on="account_id").filter(pl.col("ends_on") == pl.col("renewal.on")).join(
        covers, on=["account_id", "product"],
    ).filter(pl.col("cover_ends_on") == pl.col("renewal.on"))
    return ending.group_by("account_id").agg(
        pl.col("renewal.on").first(),
        (-basis.days_since(pl.col("renewal.on").first())).alias("renewal.days_left"),
        known_sum(pl.col("worth")).alias("renewal.arr"),
        pl.col("auto_renew").all(ignore_nulls=False).alias("renewal.auto_renew"),
        (pl.col("ends_on") - pl.col("starts_on")).dt.total_days().max().alias("renewal.term_days"),
    )
