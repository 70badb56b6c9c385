"""The whole evaluation: 50 playbooks over all accounts, of whom 2 % have changed since the last one.

Ours reads the snapshot, sweeps, asks every gate, and stores enrollments, decisions with their clauses and actions, in
one transaction on SQLite. The peer is the least that anybody could do: read and write the same Parquet and insert the
very rows that ours wrote into tables with the same keys and indexes, with prepared statements of the bare driver.

Each measured run has a process and a copy of the company of its own; a run over a few accounts warms it up.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from benchmarks import conditions as made
from benchmarks.measure import show
from steward.contracts import Connector
from steward.engine.batch import verdicts
from steward.engine.canonical import canonical
from steward.engine.freshness import freshen
from steward.engine.language import Playbook
from steward.engine.load import load_playbook
from steward.facts.catalog import catalog
from steward.model.actions import DeliveryClass
from steward.model.records import Noun, Record
from steward.pipeline.evaluate import evaluate
from steward.settings import Routing, Settings
from steward.store import bulk, facts, records, releases, versions
from steward.store.database import Database
from steward.store.instants import to_text
from steward.store.releases import Release
from steward.store.schema import account, identity

NOW = datetime(2026, 11, 22, 6, tzinfo=UTC)
BEFORE = NOW - timedelta(days=1)
CHANGED = 0.02
ACCOUNTS_OF_AN_OWNER = 40
RARE = ("usage.exports.sum_28d", "usage.reports.sum_28d", "usage.api_calls.sum_28d", "usage.logins.sum_28d")
FEW_OF_400 = 12                             # so that a playbook is about some 1 % of the accounts
WARM = 400
TEXT = """\
id: p{at}
title: Playbook {at}
why: The benchmark asks for it.
mode: live
when: {{all: [{condition}, {rare} < {few}]}}
caps: {{account: 20, owner: 500}}
again_after: 14d
do:
  - cta: {{type: risk, due: 3bd, assign: csm}}
  - message: {{to: csm}}
escalate:
  - {{after: 2bd, unless: acknowledged, to: csm_manager}}
"""
TABLES = ("enrollment", "decision", "outbox")


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluate_verb", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="without the peer; for the growth")
    parser.add_argument("--json", action="store_true", help="one line instead of an indented object")
    parser.add_argument("--run", choices=("ours", "peer"), help=argparse.SUPPRESS)
    parser.add_argument("--in", dest="home", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.run:
        show((_ours if chosen.run == "ours" else _peer)(chosen.home), one_line=True)
        return
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as folder:
        show(measure(Path(folder), chosen.accounts, chosen.rounds, chosen.alone), chosen.json)


def measure(home: Path, accounts: int, rounds: int, alone: bool) -> dict[str, Any]:
    """Build the company once, and measure on copies of it."""
    prepare(home / "warm", WARM)
    prepare(home / "company", accounts)
    found: dict[str, list[dict[str, Any]]] = {"ours": [], "peer": []}
    equal, counts = True, {}
    for turn in range(rounds):
        work = home / f"turn{turn}"
        shutil.copytree(home / "company", work)
        shutil.copytree(home / "warm", work / "warm")
        found["ours"].append(_child("ours", work))
        if turn == 0:
            equal, counts = check(work)
        if not alone:
            _strip(work)
            found["peer"].append(_child("peer", work))
        shutil.rmtree(work)
    took = {name: median(each["cpu_s"] for each in runs) for name, runs in found.items() if runs}
    wall = {name: median(each["wall_s"] for each in runs) for name, runs in found.items() if runs}
    peak = max(each["peak_mb"] for each in found["ours"])
    report: dict[str, Any] = {
        "benchmark": "evaluate_verb", "accounts": accounts, "playbooks": len(made.TEXTS),
        "ours_s": round(took["ours"], 4),
        "wall_s": {name: round(each, 4) for name, each in wall.items()}, "peak_mb": peak,
        "before_mb": found["ours"][0]["before_mb"], "answers_equal": equal, "wrote": counts,
    }
    if not alone:
        report["peers_s"] = {"parquet and bare inserts": round(took["peer"], 4)}
        report["ratios"] = {"parquet and bare inserts": round(took["ours"] / took["peer"], 3)}
    return report


# ---- the company ----

def prepare(home: Path, accounts: int) -> None:
    """A company at rest, evaluated a day ago; and the snapshot of today, in which some have changed."""
    home.mkdir(parents=True)
    ids = [f"acct_{at:010d}" for at in range(accounts)]
    owners = [f"p{at // ACCOUNTS_OF_AN_OWNER}" for at in range(accounts)]
    old, new = _facts(ids, owners, 7), _facts(ids, owners, 8)
    changed = pl.Series(np.random.default_rng(9).random(accounts) < CHANGED)
    today = pl.DataFrame([old[name].zip_with(~changed, new[name]) for name in old.columns])
    db = Database.open(f"sqlite:///{home / 'steward.db'}", home)
    try:
        _people(db, ids, owners)
        _apply(db)
        facts.save_snapshot(db, _dated(old, BEFORE), BEFORE)
        _evaluate(db, BEFORE)
        facts.save_snapshot(db, _dated(today, NOW), NOW)
        with db.write() as tx:                  # what was decided yesterday was sent yesterday
            bulk.change(tx, "UPDATE outbox SET state = ?", "delivered")
    finally:
        db.close()


def playbooks() -> list[Playbook]:
    """Each about some 1 % of the accounts."""
    known = catalog()
    return [load_playbook(_text(at, condition), f"p{at}.yaml", known) for at, condition in enumerate(made.TEXTS)]


def _text(at: int, condition: str) -> str:
    plain = made._LIST.sub(r'"\1"', condition)
    return TEXT.format(at=at, condition=plain, rare=RARE[at % len(RARE)], few=FEW_OF_400)


def _facts(ids: Sequence[str], owners: Sequence[str], seed: int) -> pl.DataFrame:
    frame = made.accounts(len(ids), seed)
    return frame.with_columns(
        pl.Series("account_id", ids), pl.Series("account.csm_email", [f"{each}@us.test" for each in owners]),
        pl.Series("account.name", [f"Customer {each[5:]}" for each in ids]),
        pl.lit(False).alias("account.do_not_contact"),
        *(pl.Series(name, np.random.default_rng(seed * 100 + at).integers(0, 400, len(ids)))
          for at, name in enumerate(RARE)))


def _dated(frame: pl.DataFrame, at: datetime) -> pl.DataFrame:
    groups = sorted({spec.group for spec in catalog().values()})
    return frame.with_columns(pl.lit(at - timedelta(hours=1)).dt.cast_time_unit("us").alias(f"as_of.{each}")
                              for each in groups)


def _people(db: Database, ids: Sequence[str], owners: Sequence[str]) -> None:
    with db.write() as tx:
        bulk.upsert(tx, account, [(each, f"Customer {each[5:]}", to_text(BEFORE), None, None) for each in ids], "")
        bulk.upsert(tx, identity, [("crm", f"x{each}", each, "new", to_text(BEFORE)) for each in ids], "")
        records.upsert(tx, "crm", "people", [Record(Noun.PERSON, "boss", {
            "name": "Boss", "email": "boss@us.test", "active": True})] + [Record(Noun.PERSON, each, {
                "name": each, "email": f"{each}@us.test", "active": True, "manager_external_id": "boss"})
                for each in dict.fromkeys(owners)], BEFORE)
        for start in range(0, len(ids), 20_000):
            records.upsert(tx, "crm", "accounts", [
                Record(Noun.ACCOUNT, f"x{each}", {"name": f"Customer {each[5:]}", "csm_external_id": owner})
                for each, owner in zip(ids[start:start + 20_000], owners[start:start + 20_000], strict=True)], BEFORE)


def _apply(db: Database) -> None:
    with db.write() as tx:
        for each in playbooks():
            versions.keep(tx, each.id, each.version, body=canonical(each), mode=each.mode.value, now=BEFORE)
            releases.apply(tx, Release(each.id, each.version, each.mode.value, BEFORE, "bench"))


def _evaluate(db: Database, at: datetime, books: Sequence[Playbook] | None = None) -> Any:
    def absent(*_: object) -> Any:
        raise AssertionError("evaluating connects to nothing")

    connectors = {
        "crm": Connector("salesforce", "S", absent, absent, absent, actions={"open_cta": DeliveryClass.A}),
        "slack": Connector("slack", "S", absent, absent, absent, actions={"message": DeliveryClass.C})}
    settings = Settings(routing=Routing(message="slack", cta=("crm",), channel="#cs"))
    return evaluate(db, books or playbooks(), catalog(), settings, connectors, at)


# ---- the contestants, each in a process of its own ----

def _child(which: str, home: Path) -> dict[str, Any]:
    out = subprocess.run([sys.executable, "-m", "benchmarks.evaluate_verb", "--run", which, "--in", str(home)],
                         capture_output=True, check=True)
    found: dict[str, Any] = json.loads(out.stdout)
    return found


def _ours(home: Path) -> dict[str, Any]:
    warm = Database.open(f"sqlite:///{home / 'warm' / 'steward.db'}", home / "warm")
    _evaluate(warm, NOW)
    warm.close()
    db = Database.open(f"sqlite:///{home / 'steward.db'}", home)
    books, before = playbooks(), peak_mb()
    cpu, wall = time.process_time(), time.perf_counter()
    _evaluate(db, NOW, books)
    took = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    db.close()
    return {**took, "peak_mb": peak_mb(), "before_mb": before}


def _peer(home: Path) -> dict[str, Any]:
    """Read and write the snapshot, and insert the rows that ours wrote; nothing is decided."""
    rows = json.loads((home / "rows.json").read_text())
    snapshot = max((home / "lake" / "facts").rglob("*.parquet"), key=lambda path: path.stat().st_mtime)
    tx = sqlite3.connect(home / "steward.db", isolation_level=None)
    for pragma in ("synchronous=FULL", "temp_store=MEMORY", "cache_size=-32000"):
        tx.execute(f"PRAGMA {pragma}")
    before = peak_mb()
    cpu, wall = time.process_time(), time.perf_counter()
    frame = pl.read_parquet(snapshot)
    frame.write_parquet(home / "state.parquet", compression="zstd")
    tx.execute("BEGIN IMMEDIATE")
    for table, found in rows.items():
        marks = ", ".join("?" * len(found["columns"]))
        names = ", ".join(f'"{name}"' for name in found["columns"])
        tx.executemany(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", found["rows"])
    tx.execute("COMMIT")
    took = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    tx.close()
    return {**took, "peak_mb": peak_mb(), "before_mb": before}


def peak_mb() -> float:
    """The most memory that this process has held: a child inherits the peak of its parent in getrusage, not here."""
    status = Path("/proc/self/status").read_text()
    return round(int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024, 1)


def _strip(home: Path) -> None:
    """Write down the rows that the run wrote, and put the company back to where it was."""
    tx = sqlite3.connect(home / "steward.db")
    rows = {}
    since = {"enrollment": "looked_at", "decision": "decided_at", "outbox": "created_at"}
    for table in TABLES:
        cursor = tx.execute(f"SELECT * FROM {table} WHERE {since[table]} = ?", (to_text(NOW),))
        rows[table] = {"columns": [each[0] for each in cursor.description], "rows": cursor.fetchall()}
    tx.close()
    (home / "rows.json").write_text(json.dumps(rows))
    shutil.copy(home.parent / "company" / "steward.db", home / "steward.db")
    for extra in ("steward.db-wal", "steward.db-shm"):
        (home / extra).unlink(missing_ok=True)


# ---- whether it is right ----

def check(home: Path) -> tuple[bool, Mapping[str, int]]:
    """Who stands in each playbook after the run is who a plain look at both snapshots says; and what was written."""
    db = Database.open(f"sqlite:///{home / 'steward.db'}", home)
    try:
        with db.read() as tx:
            old, new = facts.known_at(tx, BEFORE), facts.latest(tx)
            rows = bulk.fetch(tx, "SELECT playbook_id, account_id FROM enrollment WHERE state <> 'closed'")
            counts = {table: bulk.fetch(tx, f"SELECT count(*) FROM {table} WHERE {column} = ?", to_text(NOW))[0][0]
                      for table, column in zip(TABLES, ("looked_at", "decided_at", "created_at"), strict=True)}
            counts["open"] = len(rows)
    finally:
        db.close()
    assert old is not None
    assert new is not None
    stand: dict[str, set[str]] = {}
    for playbook_id, account_id in rows:
        stand.setdefault(playbook_id, set()).add(account_id)
    conditions = {each.id: each.when for each in playbooks()}
    were = verdicts(freshen(old.frame, catalog(), catalog(), BEFORE), conditions)
    are = verdicts(freshen(new.frame, catalog(), catalog(), NOW), conditions)
    ids = new.frame["account_id"]
    equal = all(
        set(ids.filter(are[name].fill_null(were[name].fill_null(False)))) == stand.get(name, set())
        for name in conditions)
    return equal, counts


if __name__ == "__main__":
    main()
