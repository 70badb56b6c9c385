"""The subjects of a playbook with all that they see: their own facts beside those of their account."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from steward.engine.language import Playbook, Subject
from steward.store import facts as store_facts
from steward.store.facts import Snapshot

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction


def seen(
    tx: Transaction, playbook: Playbook, account_ids: Sequence[str] | None = None, at: datetime | None = None,
) -> Snapshot | None:
    """One row for each subject, of all accounts or of those named; as known now, or `at` an earlier instant."""
    accounts = store_facts.latest(tx, account_ids) if at is None else _then(tx, account_ids, at)
    if accounts is None or playbook.subject is Subject.ACCOUNT:
        return accounts
    own = store_facts.subjects(tx, playbook.subject.value, account_ids)
    if own is None:
        return Snapshot(accounts.frame.clear().with_columns(subject_id=pl.lit(None, pl.String)), accounts.known_at)
    more = [name for name in accounts.frame.columns if name == "account_id" or name not in own.columns]
    return Snapshot(own.join(accounts.frame.select(more), on="account_id", how="inner"), accounts.known_at)


def _then(tx: Transaction, account_ids: Sequence[str] | None, at: datetime) -> Snapshot | None:
    found = store_facts.known_at(tx, at)
    if found is None or account_ids is None:
        return found
    return Snapshot(found.frame.filter(pl.col("account_id").is_in(list(account_ids))), found.known_at)
