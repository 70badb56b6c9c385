"""Facts about support: what is open, how it changes, how fast and how well it was answered."""

from __future__ import annotations

from functools import partial

import polars as pl

from steward.facts.basis import Basis
from steward.facts.spec import spec
from steward.model.facts import FactType

_I, _N, _S = FactType.INTEGER, FactType.NUMBER, "ticket"
_support = partial(spec, "support")

SPECS = (
    _support("support.open_tickets", _I, "Tickets that are not closed.", _S, unit="tickets", low=0),
    _support("support.open_urgent", _I, "Tickets of priority urgent that are not closed.", _S, unit="tickets", low=0),
    _support("support.oldest_open_days", FactType.DAYS, "Age of the oldest ticket that is not closed; unknown where "
             "none is open.", _S),
    _support("support.open_high", _I, "Tickets of priority high or urgent that are not closed.", _S, unit="tickets",
             low=0),
    _support("support.open_over_7d", _I, "Tickets that are not closed and were opened more than 7 days ago.", _S,
             unit="tickets", low=0),
    _support("support.opened_7d", _I, "Tickets opened in the last 7 days.", _S, unit="tickets", low=0),
    _support("support.opened_pace_7d", FactType.RATIO, "Tickets opened in the last 7 days against what 7 days brought "
             "on average in the 90 days before; unknown where those had none.", _S, low=0),
    _support("support.opened_28d", _I, "Tickets opened in the last 28 days.", _S, unit="tickets", low=0),
    _support("support.opened_change_28d", FactType.RATIO, "Tickets opened in the last 28 days against the 28 days "
             "before; unknown where those had none.", _S, low=-1),
    _support("support.first_response_hours_90d", _N, "Hours to the first answer, average over tickets opened in the "
             "last 90 days that were answered.", _S, unit="hours", low=0),
    _support("support.resolution_hours_90d", _N, "Hours from opening to closing, average over tickets closed in the "
             "last 90 days.", _S, unit="hours", low=0),
    _support("support.csat_90d", _N, "Satisfaction with tickets opened in the last 90 days, average of 1 to 5.", _S,
             unit="points", low=1, high=5),
)
WITHOUT_RECORDS = dict.fromkeys((
    "support.open_tickets", "support.open_urgent", "support.open_high", "support.open_over_7d", "support.opened_7d",
    "support.opened_28d",
), 0)


def facts(tickets: pl.DataFrame, basis: Basis) -> pl.DataFrame:
    """The support facts of every account that has a ticket. Where a ticket has no status, its closing day decides."""
    still_open = ~pl.coalesce(pl.col("status") == "closed", pl.col("closed_at").is_not_null())
    opened, closed = basis.day("opened_at"), basis.day("closed_at")
    now_7d, before_7d = basis.within(opened, 7).sum(), basis.within(opened, 90, before=7).sum()
    now_28d, before_28d = basis.within(opened, 28).sum(), basis.within(opened, 28, before=28).sum()
    return tickets.group_by("account_id").agg(
        still_open.sum().alias("support.open_tickets"),
        (still_open & (pl.col("priority") == "urgent")).sum().alias("support.open_urgent"),
        pl.when(still_open).then(basis.days_since(opened)).max().alias("support.oldest_open_days"),
        (still_open & pl.col("priority").is_in(["high", "urgent"])).sum().alias("support.open_high"),
        (still_open & (basis.days_since(opened) > 7)).sum().alias("support.open_over_7d"),
        now_7d.alias("support.opened_7d"),
        pl.when(before_7d > 0).then(now_7d / (before_7d * (7 / 90))).alias("support.opened_pace_7d"),
        now_28d.alias("support.opened_28d"),
        pl.when(before_28d > 0).then(now_28d / before_28d - 1).alias("support.opened_change_28d"),
        _mean(basis.within(opened, 90), _hours("first_response_at")).alias("support.first_response_hours_90d"),
        _mean(basis.within(closed, 90) & ~still_open, _hours("closed_at")).alias("support.resolution_hours_90d"),
        _mean(basis.within(opened, 90) & pl.col("csat").is_between(1, 5), pl.col("csat")).alias("support.csat_90d"),
    )


def _hours(until: str) -> pl.Expr:
    hours = (pl.col(until) - pl.col("opened_at")).dt.total_seconds() / 3600
    return pl.when(hours >= 0).then(hours)                   # an answer before the question is a fault of the source


def _mean(which: pl.Expr, value: pl.Expr) -> pl.Expr:
    return pl.when(which).then(value).mean()
