"""One playbook over a year of daily snapshots, beside one DuckDB window query over the same files.

Ours is the whole backtest of `steward.views.backtest`: the lifecycle with all its states, outcomes, load of the owners.
The peer answers one question of it with what people would write by hand: on which days `when` has been true for `for`
days on end, as one query with windows. `answers_equal`: both name the same first entries; ours is played with a
playbook that never clears, so that the query has nothing to know of recovering and cooldown.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from math import log
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.snapshots import write_days
from steward.engine.load import load_playbook
from steward.facts.catalog import catalog
from steward.settings import Company, Settings
from steward.store import lake as lakes
from steward.store.database import Database
from steward.views.backtest import backtest

UNTIL = datetime(2026, 11, 1, 6, tzinfo=UTC)
MORE = 24                                       # facts besides, that no playbook asks for
RUNS = 3
WHOLE = """\
id: warning
title: Health drop before renewal
why: A call in time saves most.
mode: live
scope: account.lifecycle == customer
when:
  all: [health.score < 55, renewal.days_left <= 120 days,
        {any: [usage.active_users.change_28d <= -10%, support.open_urgent >= 1]}]
until: health.score >= 65
for: 3d
keep_for: 3d
again_after: 30d
goal: {when: health.score >= 75, within: 60d}
do: [{cta: {type: risk}}, {message: {to: csm}}]
escalate: [{after: 2bd, unless: acknowledged, to: csm_manager}]
exit: {churned: account.lifecycle == churned}
"""
FIRST = WHOLE[:WHOLE.index("until:")] + """\
until: account.lifecycle == prospect
for: 3d
timeout: 3650d
do: [{cta: {type: risk}}]
"""
QUERY = """
    WITH seen AS (
        SELECT account_id, "as_of.crm" AS known_at, row_number() OVER w AS day,
               "health.score" < 55 AND "renewal.days_left" <= 120
                   AND ((CASE WHEN "as_of.usage" >= "as_of.crm" - INTERVAL 26 HOUR
                              THEN "usage.active_users.change_28d" END) <= -0.1 OR "support.open_urgent" >= 1) AS fires
        FROM read_parquet(?) WHERE NOT "account.do_not_contact"
        WINDOW w AS (PARTITION BY account_id ORDER BY "as_of.crm")
    ), marked AS (
        SELECT *, sum(CASE WHEN fires IS FALSE THEN 1 ELSE 0 END) OVER w AS stretch
        FROM seen WINDOW w AS (PARTITION BY account_id ORDER BY day)
    ), clocked AS (
        SELECT account_id, known_at, fires,
               sum(CASE WHEN fires IS NOT NULL THEN 1 ELSE 0 END) OVER w
               - first_value(CASE WHEN fires IS FALSE THEN 1 ELSE 0 END) OVER w AS held
        FROM marked WINDOW w AS (PARTITION BY account_id, stretch ORDER BY day)
    )
    SELECT account_id, min(known_at) FROM clocked WHERE fires AND held >= 4 GROUP BY account_id
"""


def main() -> int:
    """Print one JSON object; 1 where the answers differ."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.backtest", description=__doc__)
    parser.add_argument("--accounts", type=int, default=10_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--json", action="store_true", help="one line instead of an indented object")
    chosen = parser.parse_args()
    small = max(chosen.accounts // 10, 1)
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as folder:
        less = measure(Path(folder) / "less", small, chosen.days)
        found = measure(Path(folder) / "more", chosen.accounts, chosen.days)
    found["growth"] = {
        "from_accounts": small, "time_exponent": round(log(found["ours_s"] / less["ours_s"], 10), 3),
        "at_least_mb": less["peak_mb"]}
    print(json.dumps(found, indent=None if chosen.json else 2))
    return 0 if found["answers_equal"] and less["answers_equal"] else 1


def measure(home: Path, accounts: int, days: int) -> dict[str, Any]:
    """The medians of interleaved runs, in CPU seconds."""
    home.mkdir()
    db = Database.open(f"sqlite:///{home / 'steward.db'}", home)
    facts = catalog()
    write_days(db, accounts, days, UNTIL, more=MORE)
    whole, first = (load_playbook(text, "it.yaml", facts) for text in (WHOLE, FIRST))
    settings = Settings(company=Company())
    with db.read() as tx:
        files = [str(lakes.of(tx).root / each.path) for each in lakes.of(tx).visible(tx, "facts", "base")]
    ours, simple, peer = [], [], []
    for _ in range(RUNS):
        told, cost = _timed(lambda: backtest(db, whole, facts, settings))
        ours.append(cost)
        same, cost = _timed(lambda: backtest(db, first, facts, settings))
        simple.append(cost)
        theirs, cost = _timed(lambda: duckdb.connect().execute(QUERY, [files]).fetchall())
        peer.append(cost)
    db.close()
    mine: dict[str, datetime] = {}
    for each in same.entries:
        mine.setdefault(each.account_id, each.entered_at)
    cost_of = {name: sorted(costs)[RUNS // 2] for name, costs in (("ours", ours), ("simple", simple), ("duckdb", peer))}
    return {
        "benchmark": "backtest", "accounts": accounts, "snapshots": days, "ours_s": round(cost_of["ours"], 3),
        "ours_first_entries_s": round(cost_of["simple"], 3), "peers_s": {"duckdb_windows": round(cost_of["duckdb"], 3)},
        "ratios": {"ours/duckdb_windows": round(cost_of["ours"] / cost_of["duckdb"], 2),
                   "first_entries/duckdb_windows": round(cost_of["simple"] / cost_of["duckdb"], 2)},
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "enrolled": told.enrolled, "answers_equal": mine == {name: at.astimezone(UTC) for name, at in theirs},
    }


def _timed(call: Callable[[], Any]) -> tuple[Any, float]:
    begun = time.process_time()
    answer = call()
    return answer, time.process_time() - begun


if __name__ == "__main__":
    sys.exit(main())
