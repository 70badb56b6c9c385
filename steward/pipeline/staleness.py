"""Sources that fell behind: one incident for each, naming the playbooks on hold; closed once it is fresh again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

import polars as pl

from steward.engine.freshness import age_text
from steward.engine.language import Mode, Playbook
from steward.model.facts import FactSpec
from steward.store import incidents

if TYPE_CHECKING:
    from sqlalchemy import Connection as Transaction

STALE_SHARE = 0.1                           # a source is stale once this share of its accounts is


def look_for_stale_sources(
    tx: Transaction, frame: pl.DataFrame, playbooks: Sequence[Playbook], catalog: Mapping[str, FactSpec],
    now: datetime,
) -> tuple[str, ...]:
    """Open and close incidents; the sources that are stale now, in words."""
    waiting: dict[str, set[str]] = {}
    bounds: dict[str, timedelta] = {}
    for playbook in (each for each in playbooks if each.mode is not Mode.PAUSED):
        for name in playbook.facts():
            spec = catalog[name]
            if spec.fresh_within is not None:
                waiting.setdefault(spec.group, set()).add(playbook.id)
                bounds[spec.group] = min(spec.fresh_within, bounds.get(spec.group, spec.fresh_within))
    open_now = {incident.group for incident in incidents.list_(tx, open_only=True)}
    stale = []
    for group, bound in sorted(bounds.items()):
        reason = _stale(frame, group, bound, now)
        if reason:
            incidents.raise_(tx, group, reason, sorted(waiting[group]), now)
            stale.append(f"{group}: {reason}; on hold: {', '.join(sorted(waiting[group]))}")
        elif group in open_now:
            incidents.close(tx, group, now)
    return tuple(stale)


def _stale(frame: pl.DataFrame, group: str, bound: timedelta, now: datetime) -> str:
    column = f"as_of.{group}"
    dated = frame[column].drop_nulls() if column in frame.columns else pl.Series(dtype=pl.Datetime)
    if dated.is_empty():
        return ""                           # never any data: nothing fell behind
    old = int((dated < now - bound).sum())
    if old <= STALE_SHARE * dated.len():
        return ""
    newest = dated.max()
    assert isinstance(newest, datetime)
    return (f"{old} of {dated.len()} accounts have data older than {age_text(bound)}; "
            f"the newest is {age_text(now - newest)} old")
