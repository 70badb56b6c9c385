"""Who of many accounts can change at all: facts and open enrollments in, the verdicts of those few out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import polars as pl

from steward.engine.batch import verdicts
from steward.engine.closures import Closure, Row, closure
from steward.engine.language import Playbook
from steward.engine.lifecycle import Verdicts


@dataclass(frozen=True, slots=True)
class Swept:
    """`looks` holds every account that is enrolled or could be; `waiting` counts those that lack data to say so."""

    looks: Mapping[str, Verdicts]
    waiting: int


def sweep(playbook: Playbook, frame: pl.DataFrame, enrolled: Collection[str]) -> Swept:
    """All accounts of `frame` (freshened, with `account_id`) at once."""
    conditions = playbook.conditions()
    found = verdicts(frame, conditions).with_columns(frame["account_id"])
    scope = pl.col("scope") if "scope" in conditions else pl.lit(True)
    is_open = pl.col("account_id").is_in(list(enrolled))
    lacking = pl.col("when").is_null() | (pl.col("when") & scope.is_null())
    waiting = found.filter(~is_open, lacking, scope.fill_null(True))
    chosen = found.filter(is_open | (pl.col("when") & scope))
    looks = {row.pop("account_id"): Verdicts(row) for row in chosen.iter_rows(named=True)}
    return Swept(looks, waiting.height)


def sweep_rows(playbook: Playbook, rows: Iterable[Row], enrolled: Collection[str]) -> Swept:
    """The same for a few accounts, whose rows are freshened; for one it takes microseconds."""
    asked, looks, waiting = closures_of(playbook), {}, 0
    for row in rows:
        account_id = row["account_id"]
        found = {path: ask(row) for path, ask in asked.items()}
        scope = found.get("scope", True)
        if account_id in enrolled or (found["when"] and scope):
            looks[account_id] = Verdicts(found)
        elif scope is not False and (found["when"] is None or (found["when"] and scope is None)):
            waiting += 1
    return Swept(looks, waiting)


@lru_cache(maxsize=512)
def closures_of(playbook: Playbook) -> Mapping[str, Closure]:
    """The closure of each condition, by its path."""
    return {path: closure(condition) for path, condition in playbook.conditions().items()}
