"""Since when a condition is true: the stored snapshots, from the newest back, say so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from steward.engine.batch import verdicts
from steward.engine.expression import facts_of
from steward.engine.freshness import freshen
from steward.engine.language import Playbook
from steward.model.facts import FactSpec
from steward.store import facts

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

_WEEKENDS = 2                               # business days reach further back than they are many


def true_since(
    tx: Transaction, playbook: Playbook, account_ids: Collection[str], catalog: Mapping[str, FactSpec], now: datetime,
) -> dict[str, datetime]:
    """By account, the oldest snapshot since which `when` was TRUE in every one; as far back as `for` asks."""
    found: dict[str, datetime] = {}
    left = set(account_ids)
    length = playbook.for_.elapsed() or timedelta(days=playbook.for_.amount * _WEEKENDS + 7)
    names = facts_of(playbook.when)
    for at in reversed([each for each in facts.history(tx) if each <= now]):
        if not left or at < now - length - timedelta(days=1):
            break
        snapshot = facts.known_at(tx, at)
        if snapshot is None:
            break
        frame = freshen(snapshot.frame.filter(pl.col("account_id").is_in(list(left))), names, catalog, at)
        held = frame.filter(verdicts(frame, {"when": playbook.when})["when"].fill_null(False))
        left = set(held["account_id"])
        found.update(dict.fromkeys(left, at))
    return found
