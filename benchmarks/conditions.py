"""Fifty conditions as Customer Success writes them, and accounts by chance to ask them about: the input of
`evaluate`, `evaluate_one` and `check`.
"""

from __future__ import annotations

import re
from datetime import date
from functools import lru_cache
from typing import Any as Anything

import numpy as np
import polars as pl

from steward.engine.condition import Conditions
from steward.engine.document import read
from steward.engine.expression import OPPOSITE, All, Any, Expression, Leaf, Not, leaves
from steward.engine.findings import Findings
from steward.facts.catalog import catalog
from steward.model.facts import FactSpec, FactType

TODAY = date(2026, 11, 22)
COLUMNS = 64
UNKNOWN_SHARE = 0.05

_LIST = re.compile(r"([\w.]+ (?:not )?in \[[^\]]*\])")

TEXTS = (
    ("{all: [health.score < 60, renewal.days_left <= 120 days, {any: [usage.active_users.change_28d <= -30%, "
     "support.open_urgent >= 1]}]}"),
    "health.score >= 70",
    "{all: [renewal.days_left <= 90 days, renewal.days_left >= 0 days]}",
    "{all: [renewal.days_left <= 30 days, renewal.auto_renew == false]}",
    "{all: [champion.known == false, account.segment in [enterprise, mid_market]]}",
    "{any: [champion.known is unknown, champion.active_count < 1]}",
    "usage.active_users.change_28d <= -50%",
    "{all: [usage.active_users.change_28d <= -30%, usage.logins.change_28d <= -30%]}",
    "{any: [usage.active_users.change_28d > -10%, usage.active_users.sum_7d >= 100]}",
    "usage.logins.days_since_last > 14 days",
    "{all: [support.open_tickets >= 5, support.open_urgent >= 2]}",
    "support.open_tickets < 2",
    "{all: [account.lifecycle == customer, account.arr >= 100k USD]}",
    "{any: [account.lifecycle == customer, account.lifecycle is unknown]}",
    "account.lifecycle in [onboarding, customer]",
    "account.lifecycle == churned",
    ("{all: [seats.utilization >= 90%, usage.active_users.change_28d >= 0%, health.score >= 65, "
     "expansion.open_opportunities == 0]}"),
    "seats.utilization < 80%",
    "expansion.open_opportunities >= 1",
    "{all: [onboarding.in_progress == true, onboarding.stalled_days >= 14 days, onboarding.days_overdue >= 1 day]}",
    "{any: [onboarding.stalled_days < 14 days, onboarding.in_progress == false]}",
    "{all: [onboarding.progress < 50%, account.age_days > 60 days]}",
    "{all: [handoff.days_since_won <= 30 days, handoff.complete == false]}",
    "handoff.complete == true",
    "{all: [touchpoint.held_90d < 1, account.segment == enterprise]}",
    "{not: {any: [account.segment == smb, account.do_not_contact == true]}}",
    "{all: [subscription.seats >= 100, subscription.products_count == 1, health.band == green]}",
    "{all: [health.band in [red, yellow], account.arr >= 50k USD]}",
    "health.band == red",
    "{all: [health.change_28d <= -10, health.coverage >= 60%]}",
    "renewal.on <= 2027-01-31",
    "{all: [renewal.on >= 2027-02-01, renewal.on < 2027-05-01]}",
    "{all: [renewal.arr >= 250k USD, health.score < 75]}",
    "{any: [renewal.arr is unknown, renewal.on is unknown]}",
    "{all: [account.employees >= 1000, account.segment != enterprise]}",
    "{all: [account.country in [DE, AT, CH], account.industry not in [banking, insurance]]}",
    "account.industry == software",
    "{all: [usage.reports.sum_28d == 0, account.age_days >= 90 days]}",
    "{all: [usage.dashboards.avg_28d >= 5, usage.automations.sum_28d < 1]}",
    "{any: [usage.api_calls.change_28d >= 100%, usage.exports.change_28d >= 100%]}",
    "{all: [usage.integrations.sum_28d >= 1, usage.api_calls.sum_28d < 100]}",
    "usage.active_users.slope_90d < 0",
    "{all: [usage.active_users.avg_28d >= 20, usage.active_users.slope_90d > 1]}",
    "{not: {all: [account.arr >= 20k USD, health.score >= 50]}}",
    ("{all: [account.lifecycle == customer, account.segment == smb, health.score < 40, {not: {any: [champion.known == "
     "true, touchpoint.held_90d >= 2]}}]}"),
    "{all: [expansion.open_amount >= 25k USD, renewal.days_left > 180 days]}",
    ("{any: [{all: [account.segment == enterprise, support.open_urgent >= 1]}, {all: [account.segment == smb, "
     "support.open_tickets >= 10]}]}"),
    "account.arr >= 1M USD",
    "{all: [account.in_crm_count >= 2, account.age_days < 30 days]}",
    "{all: [expansion.last_won_days >= 365 days, seats.utilization > 70%, health.score >= 80]}",
)


def facts() -> dict[str, FactSpec]:
    """The catalog that the conditions are read with."""
    return dict(catalog())


def conditions() -> dict[str, Expression]:
    """All of them, by number."""
    known, found = facts(), {}
    for at, plain in enumerate(TEXTS):
        text = _LIST.sub(r'"\1"', plain) if plain.startswith("{") else plain
        findings = Findings("conditions.py", text)
        condition = Conditions(known, findings).read(read(text, "conditions.py"), "when")
        assert condition is not None, findings.found
        found[f"c{at}"] = condition
    return found


conditions_once = lru_cache(maxsize=1)(conditions)


def accounts(count: int, seed: int = 7) -> pl.DataFrame:
    """`COLUMNS` facts of so many accounts, the facts of the conditions first; one of twenty values is unknown."""
    known = facts()
    asked = list(dict.fromkeys(leaf.fact for condition in conditions().values() for leaf in leaves(condition)))
    names = [*asked, *(name for name in known if name not in asked)][:COLUMNS]
    chance = np.random.default_rng(seed)
    return pl.DataFrame([_column(known[name], count, chance) for name in names])


_WORDS = {
    "account.country": ["DE", "AT", "CH", "US", "FR", "GB"],
    "account.industry": ["software", "banking", "insurance", "retail", "media"],
}


def _column(spec: FactSpec, count: int, chance: np.random.Generator) -> pl.Series:
    unknown = chance.random(count) < UNKNOWN_SHARE
    values: Anything
    match spec.type:
        case FactType.TEXT:
            words = list(spec.one_of) or _WORDS.get(spec.name, [f"{spec.name} {at}" for at in range(50)])
            picked = chance.integers(0, len(words), count)
            values = pl.Series(words, dtype=pl.String).gather(picked).cast(pl.Categorical)
        case FactType.BOOLEAN:
            values = pl.Series(chance.random(count) < 0.5)
        case FactType.DATE:
            days = chance.integers(-30, 400, count)
            values = pl.Series(days.astype(np.int32) + (TODAY - date(1970, 1, 1)).days).cast(pl.Date)
        case FactType.INTEGER | FactType.DAYS:
            values = pl.Series(np.minimum(chance.integers(0, 400, count), int(spec.high or 400)).astype(np.int64))
        case FactType.MONEY:
            values = pl.Series(np.round(chance.lognormal(10, 1.5, count), 2))
        case FactType.RATIO:
            low = -1.0 if spec.low is None or spec.low < 0 else spec.low
            values = pl.Series(chance.uniform(low, spec.high or 1.5, count))
        case _:
            low, high = (0.0 if spec.low is None else spec.low), (100.0 if spec.high is None else spec.high)
            values = pl.Series(chance.uniform(low, high, count))
    return values.zip_with(pl.Series(~unknown), pl.Series([None], dtype=values.dtype).new_from_index(0, count)).alias(
        spec.name)


# ---- the same conditions for the peers ----

def negated(expression: Expression) -> Expression:
    """What is TRUE where `expression` is FALSE, without a `not`; so that two-valued peers answer alike."""
    match expression:
        case Leaf():
            return Leaf(expression.fact, OPPOSITE[expression.op], expression.values, expression.literal)
        case Not(child):
            return straight(child)
        case All(children):
            return Any(tuple(negated(child) for child in children))
        case Any(children):
            return All(tuple(negated(child) for child in children))


def straight(expression: Expression) -> Expression:
    """The same without `not`: TRUE of the same accounts."""
    match expression:
        case Leaf():
            return expression
        case Not(child):
            return negated(child)
        case All(children):
            return All(tuple(straight(child) for child in children))
        case Any(children):
            return Any(tuple(straight(child) for child in children))
