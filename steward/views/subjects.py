"""The subjects of a playbook with all that they see, as known now or at an earlier instant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from steward.engine.language import Playbook
from steward.pipeline.frames import Frames
from steward.store import facts as store_facts
from steward.store.facts import Snapshot

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

    from steward.model.facts import FactSpec


def frames_of(
    tx: Transaction, playbook: Playbook, catalog: Mapping[str, FactSpec], now: datetime,
) -> Frames | None:
    """The facts of all accounts and of what the playbook enrols; None where nothing is known."""
    found = snapshot_of(tx, None, None)
    return None if found is None else Frames(tx, found.frame, (playbook,), catalog, now, None)


def snapshot_of(tx: Transaction, account_ids: Sequence[str] | None, at: datetime | None) -> Snapshot | None:
    """What is known now, or was at `at`, of all accounts or of those named.

    Of contacts and opportunities only what is known now is kept.
    """
    if at is None:
        return store_facts.latest(tx, account_ids)
    found = store_facts.known_at(tx, at)
    if found is None or account_ids is None:
        return found
    return Snapshot(found.frame.filter(pl.col("account_id").is_in(list(account_ids))), found.known_at)
