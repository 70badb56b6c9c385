"""One playbook over a year of daily snapshots, beside one DuckDB window query over the same files.

Ours is the whole backtest of `steward.views.backtest`: the lifecycle with all its states, outcomes, load of the owners.
The peer answers one question of it with what people would write by hand: on which days `when` has been true for `for`
days on end, as one query with windows. `answers_equal`: both name the same first entries; ours is played with a
playbook that never clears, so that the query has nothing to know of recovering and cooldown.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.measure import apart, figures, grown, interleaved, peak_mb, show
from benchmarks.snapshots import write_days
from steward.engine.load import load_playbook
from steward.facts.catalog import catalog
from steward.settings import Company, Settings
from steward.store import lake as lakes
from steward.store.database import Database
from steward.views.backtest import backtest

UNTIL = datetime(2026, 11, 1, 6, tzinfo=UTC)
MORE = 24                                       # facts besides, that no playbook asks for
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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--alone", action="store_true", help="without peers; for the growth")
    parser.add_argument("--json", action="store_true", help="one line instead of an indented object")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as folder:
        measured = alone if chosen.alone else measure
        found = measured(Path(folder), chosen.accounts, chosen.days, chosen.rounds)
    if not chosen.alone:
        found["growth"] = grown(
            "benchmarks.backtest", (max(chosen.accounts // 10, 1), chosen.accounts), "--accounts")
    show(found, chosen.json)
    return 0 if chosen.alone or found["answers_equal"] else 1


def alone(home: Path, accounts: int, days: int, rounds: int) -> dict[str, Any]:
    """Ours and nothing else, with what is in memory before."""
    db, facts = _filled(home, accounts, days), catalog()
    whole, settings = load_playbook(WHOLE, "it.yaml", facts), Settings(company=Company())
    before = peak_mb()
    took = interleaved({"ours": lambda: backtest(db, whole, facts, settings)}, rounds)
    db.close()
    return {"ours_s": took["ours"], "peak_mb": peak_mb(), "before_mb": before}


def _filled(home: Path, accounts: int, days: int) -> Database:
    apart(_fill, home, accounts, days)
    return _open(home)


def _open(home: Path) -> Database:
    return Database.open(f"sqlite:///{home / 'steward.db'}", home)


def _fill(home: Path, accounts: int, days: int) -> None:
    db = _open(home)
    write_days(db, accounts, days, UNTIL, more=MORE)
    db.close()


def measure(home: Path, accounts: int, days: int, rounds: int) -> dict[str, Any]:
    """The medians of interleaved runs, in CPU seconds."""
    db, facts = _filled(home, accounts, days), catalog()
    whole, first = (load_playbook(text, "it.yaml", facts) for text in (WHOLE, FIRST))
    settings = Settings(company=Company())
    with db.read() as tx:
        files = [str(lakes.of(tx).root / each.path) for each in lakes.of(tx).visible(tx, "facts", "base")]
    told = backtest(db, whole, facts, settings)
    memory = peak_mb()
    contestants: dict[str, Callable[[], Any]] = {
        "ours": lambda: backtest(db, whole, facts, settings),
        "ours_first_entries": lambda: backtest(db, first, facts, settings),
        "duckdb_windows": lambda: duckdb.connect().execute(QUERY, [files]).fetchall(),
    }
    mine: dict[str, datetime] = {}
    for each in backtest(db, first, facts, settings).entries:
        mine.setdefault(each.account_id, each.entered_at)
    equal = mine == {name: at.astimezone(UTC) for name, at in contestants["duckdb_windows"]()}
    took = interleaved(contestants, rounds)
    db.close()
    simple = took.pop("ours_first_entries")
    found = figures("backtest", took.pop("ours"), took, equal, accounts=accounts, snapshots=days, rounds=rounds,
                    enrolled=told.enrolled, ours_first_entries_s=round(simple, 3),
                    first_entries_ratio=round(simple / took["duckdb_windows"], 2))
    return {**found, "peak_mb": memory}         # before the peer


if __name__ == "__main__":
    sys.exit(main())
