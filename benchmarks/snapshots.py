"""Made-up daily snapshots: so many accounts over so many days into the store of a database. The same seed, the same.

Health wanders; who renews with poor health mostly churns, so that a warning playbook has something to catch. One day
in a hundred the usage feed is off. `more` adds facts that no playbook asks for, as a real snapshot has them.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import polars as pl

from steward.store import facts
from steward.store.database import Database

GROUPS = ("crm", "health", "usage", "support")


def write_days(
    db: Database, accounts: int, days: int, until: datetime, *, seed: int = 7, more: int = 0,
) -> list[datetime]:
    """Store one snapshot a day, the last one at `until`; when each is of."""
    instants = []
    for at, frame in frames(accounts, days, until, seed=seed, more=more):
        facts.save_snapshot(db, frame, at)
        instants.append(at)
    return instants


def frames(
    accounts: int, days: int, until: datetime, *, seed: int = 7, more: int = 0,
) -> Iterator[tuple[datetime, pl.DataFrame]]:
    """One frame a day."""
    draw = np.random.default_rng(seed)
    ids = [f"acct_{at:07d}" for at in range(accounts)]
    fixed = {
        "account_id": ids, "account.name": [f"Company {at}" for at in range(accounts)],
        "account.csm_email": [f"csm{at % max(accounts // 40, 1)}@us.test" for at in range(accounts)],
        "account.arr": np.round(draw.lognormal(10.5, 0.8, accounts), 0),
        "account.segment": draw.choice(["smb", "mid_market", "enterprise"], accounts, p=[0.5, 0.35, 0.15]),
        "account.do_not_contact": draw.random(accounts) < 0.01,
    }
    usual, health = draw.uniform(35, 90, accounts), draw.uniform(40, 90, accounts)
    urgent = np.zeros(accounts, dtype=np.int64)
    left, churned = draw.integers(0, 365, accounts), np.zeros(accounts, dtype=bool)
    for day in range(days):
        at = until - timedelta(days=days - 1 - day)
        health = np.clip(health + 0.04 * (usual - health) + draw.normal(0, 3.0, accounts), 0, 100)
        left = np.where(churned, left, left - 1)
        leaves = (left < 0) & ~churned & (health < 50) & (draw.random(accounts) < 0.7)
        churned |= leaves
        left = np.where((left < 0) & ~churned, 364, left)
        urgent = draw.binomial(urgent, 0.85) + (draw.random(accounts) < 0.01)       # a few open, for a week each
        blind = churned | (draw.random(accounts) < 0.005)
        dated = {f"as_of.{group}": at if group != "usage" or draw.random() > 0.01 else at - timedelta(days=3)
                 for group in GROUPS}
        frame = pl.DataFrame({
            **fixed,
            "account.lifecycle": np.where(churned, "churned", "customer"),
            "subscription.active_count": np.where(churned, 0, 1),
            "renewal.days_left": pl.Series(left).scatter(np.flatnonzero(churned), None),
            "health.score": pl.Series(np.round(health, 1)).scatter(np.flatnonzero(blind), None),
            "usage.active_users.change_28d": np.round((health - usual) / 50, 3),
            "support.open_urgent": urgent,
            **{f"more.fact_{number}": np.round(draw.normal(0, 1, accounts), 2) for number in range(more)},
        }).with_columns(pl.lit(value).cast(pl.Datetime("us", "UTC")).alias(name) for name, value in dated.items())
        yield at, frame
