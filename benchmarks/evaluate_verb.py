"""The whole evaluation: 50 playbooks over all accounts, of whom 2 % have changed since the last one.

Ours reads the snapshot, sweeps, asks every gate, and stores enrollments, decisions with their clauses and actions, in
one transaction on SQLite. The peer is the least that anybody could do: read and write the same Parquet, and put the
very rows that ours wrote into tables with the same keys and indexes, with prepared statements of the bare driver: new
rows are inserted, of those that were there only the columns that changed are updated. Both commit with a full sync.

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
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import polars as pl

from benchmarks import conditions as made
from benchmarks.measure import grown, show
from benchmarks.verb_company import BEFORE, NOW, QUIET, playbooks, prepare, run
from steward.engine.batch import verdicts
from steward.engine.freshness import freshen
from steward.engine.language import Playbook
from steward.facts.catalog import catalog
from steward.store import bulk, facts
from steward.store.database import Database
from steward.store.instants import to_text

WARM = 400
SIZES = (10_000, 100_000, 1_000_000)
WRITTEN = {"enrollment": "id", "decision": "id", "outbox": "key", "digest_line": "key", "arm": "rowid"}
"""The tables that the verb writes many rows to, and by what their rows are told apart."""


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.evaluate_verb", description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--alone", action="store_true", help="without the peer; for the growth")
    parser.add_argument("--growth", action="store_true", help="ours alone from 10k to 1M accounts too: half an hour")
    parser.add_argument("--json", action="store_true", help="one line instead of an indented object")
    parser.add_argument("--run", choices=("ours", "peer"), help=argparse.SUPPRESS)
    parser.add_argument("--in", dest="home", type=Path, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.run:
        show((_ours if chosen.run == "ours" else _peer)(chosen.home), one_line=True)
        return
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as folder:
        found = measure(Path(folder), chosen.accounts, chosen.rounds, chosen.alone)
    if chosen.growth:
        found["growth"] = grown("benchmarks.evaluate_verb", SIZES, "--accounts")
    show(found, chosen.json)


def measure(home: Path, accounts: int, rounds: int, alone: bool) -> dict[str, Any]:
    """Build the company once, and measure on copies of it."""
    prepare(home / "warm", WARM)
    prepare(home / "company", accounts)
    found: dict[str, list[dict[str, Any]]] = {"ours": [], "peer": []}
    equal, wrote = True, dict[str, int]()
    for turn in range(rounds):
        work = home / f"turn{turn}"
        _copied(home, work)
        found["ours"].append(_child("ours", work))
        if turn == 0:
            equal = check(work)
            wrote = _rows_written(work, home / "company" / "steward.db")
            shutil.move(work / "rows.json", home / "rows.json")
        shutil.rmtree(work)
        if not alone:
            _copied(home, work)
            shutil.copy(home / "rows.json", work / "rows.json")
            found["peer"].append(_child("peer", work))
            shutil.rmtree(work)
    took, wall = ({name: median(each[key] for each in runs) for name, runs in found.items() if runs}
                  for key in ("cpu_s", "wall_s"))
    report: dict[str, Any] = {
        "benchmark": "evaluate_verb", "accounts": accounts, "playbooks": len(made.TEXTS),
        "ours_s": round(took["ours"], 4),
        "wall_s": {name: round(each, 4) for name, each in wall.items()},
        "peak_mb": max(each["peak_mb"] for each in found["ours"]),
        "before_mb": found["ours"][0]["before_mb"], "answers_equal": equal, "wrote": wrote,
    }
    if not alone:
        report["peers_s"] = {"parquet and bare inserts": round(took["peer"], 4)}
        report["ratios"] = {"parquet and bare inserts": round(took["ours"] / took["peer"], 3)}
        report["peer_parts_s"] = {
            part: round(median(each["parts"][part] for each in found["peer"]), 4) for part in found["peer"][0]["parts"]}
    return report


# ---- the contestants, each in a process of its own ----

def _child(which: str, home: Path) -> dict[str, Any]:
    out = subprocess.run([sys.executable, "-m", "benchmarks.evaluate_verb", "--run", which, "--in", str(home)],
                         capture_output=True, check=True)
    found: dict[str, Any] = json.loads(out.stdout)
    return found


def _ours(home: Path) -> dict[str, Any]:
    books = playbooks()                     # loaded once, as a hub keeps them
    warm = Database.open(f"sqlite:///{home / 'warm' / 'steward.db'}", home / "warm")
    run(warm, NOW, books)
    warm.close()
    db = Database.open(f"sqlite:///{home / 'steward.db'}", home)
    before = peak_mb()
    cpu, wall = time.process_time(), time.perf_counter()
    run(db, NOW, books)
    took = {"cpu_s": time.process_time() - cpu, "wall_s": time.perf_counter() - wall}
    db.close()
    return {**took, "peak_mb": peak_mb(), "before_mb": before}


def _peer(home: Path) -> dict[str, Any]:
    """Read and write the snapshot, and store the rows that ours stored; nothing is decided."""
    rows = json.loads((home / "rows.json").read_text())
    snapshot = max((home / "lake" / "facts").rglob("*.parquet"), key=lambda path: path.stat().st_mtime)
    tx = sqlite3.connect(home / "steward.db", isolation_level=None)
    for pragma in ("synchronous=FULL", "temp_store=MEMORY", "cache_size=-32000"):
        tx.execute(f"PRAGMA {pragma}")
    before, cpu, wall = peak_mb(), [time.process_time()], time.perf_counter()
    frame = pl.read_parquet(snapshot)
    cpu.append(time.process_time())
    frame.write_parquet(home / "state.parquet", compression="zstd")
    cpu.append(time.process_time())
    tx.execute("BEGIN IMMEDIATE")
    for statement, values in rows:
        tx.executemany(statement, values)
    tx.execute("COMMIT")
    cpu.append(time.process_time())
    took = {"cpu_s": cpu[-1] - cpu[0], "wall_s": time.perf_counter() - wall}
    tx.close()
    parts = dict(zip(("read", "write", "store"), np.diff(cpu).tolist(), strict=True))
    return {**took, "parts": parts, "peak_mb": peak_mb(), "before_mb": before}


def peak_mb() -> float:
    """The most memory that this process has held: a child inherits the peak of its parent in getrusage, not here."""
    status = Path("/proc/self/status").read_text()
    return round(int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmHWM"))) / 1024, 1)


def _copied(home: Path, work: Path) -> None:
    shutil.copytree(home / "company", work)
    shutil.copytree(home / "warm", work / "warm")


def _rows_written(home: Path, before: Path) -> dict[str, int]:
    """Write down, as statements of the bare driver, what the run has made of the company; how many rows."""
    tx = sqlite3.connect(home / "steward.db")
    tx.execute("ATTACH ? AS old", (str(before),))
    statements: list[tuple[str, list[Any]]] = []
    wrote: dict[str, int] = {}
    for table, key in WRITTEN.items():
        names = [row[1] for row in tx.execute(f"PRAGMA table_info({table})")]
        new = tx.execute(f"SELECT n.* FROM {table} n LEFT JOIN old.{table} o ON o.{key} = n.{key} "
                         f"WHERE o.{key} IS NULL").fetchall()
        pairs = " OR ".join(f"n.{name} IS NOT o.{name}" for name in names)
        changed = [name for name in names if tx.execute(
            f"SELECT 1 FROM {table} n JOIN old.{table} o ON o.{key} = n.{key} WHERE n.{name} IS NOT o.{name} LIMIT 1",
        ).fetchone()]
        marks = ", ".join("?" * len(names))
        statements.append((f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})", new))
        wrote[table] = len(new)
        if changed:
            moved = tx.execute(f"SELECT {', '.join(f'n.{name}' for name in changed)}, n.{key} FROM {table} n "
                               f"JOIN old.{table} o ON o.{key} = n.{key} WHERE {pairs}").fetchall()
            statements.append((f"UPDATE {table} SET {', '.join(f'{name} = ?' for name in changed)} WHERE {key} = ?",
                               moved))
            wrote[f"{table} changed"] = len(moved)
    tx.close()
    (home / "rows.json").write_text(json.dumps(statements))
    return wrote


# ---- whether it is right ----

def check(home: Path) -> bool:
    """Whether those who stand in each playbook after the run are those whom a plain look at all snapshots finds, and
    somebody was let in by `for`."""
    db = Database.open(f"sqlite:///{home / 'steward.db'}", home)
    try:
        with db.read() as tx:
            days = [found.frame for at in (*BEFORE, NOW) if (found := facts.known_at(tx, at)) is not None]
            rows = bulk.fetch(tx, "SELECT playbook_id, account_id FROM enrollment WHERE state <> 'closed'")
            entered = {row[0] for row in bulk.fetch(
                tx, "SELECT DISTINCT playbook_id FROM enrollment WHERE entered_at = ?", to_text(NOW))}
    finally:
        db.close()
    stand: dict[str, set[str]] = {}
    for playbook_id, account_id in rows:
        stand.setdefault(playbook_id, set()).add(account_id)
    fresh = [freshen(frame, catalog(), catalog(), at) for frame, at in zip(days, (*BEFORE, NOW), strict=True)]
    return any(each.id in entered for each in playbooks() if each.for_.amount) and all(
        _stands(each, fresh, stand.get(each.id, set())) for each in playbooks())


def _stands(playbook: Playbook, days: list[pl.DataFrame], found: set[str]) -> bool:
    """Replays who is open: in by TRUE, out by FALSE or by the goal. Where `keep_for` or a goal has a say, those are
    compared of whom all was known, who never came back and whom no gate can have held."""
    count = days[0].height
    open_, recovering, left = (np.zeros(count, bool) for _ in range(3))
    sure = np.ones(count, bool)
    goal = playbook.goal.when if playbook.goal is not None else None
    asked = {name: each for name, each in (("when", playbook.when), ("scope", playbook.scope), ("goal", goal))
             if each is not None}
    for day in days:
        told = verdicts(day, asked)
        true, false = (told["when"].eq(value).fill_null(False).to_numpy() for value in (True, False))
        inside = told["scope"].fill_null(False).to_numpy() if "scope" in asked else np.ones(count, bool)
        met = told["goal"].fill_null(False).to_numpy() if "goal" in asked else np.zeros(count, bool)
        if playbook.keep_for.amount or goal is not None:
            sure &= (true | false) & (day["account.csm_email"] != QUIET).to_numpy() & (
                ~day["account.do_not_contact"].fill_null(False).to_numpy()) & ~(left & true)
        leaves = open_ & ((false & recovering if playbook.keep_for.amount else false) | met)
        recovering = open_ & false & ~leaves
        left |= leaves
        open_ = (open_ & ~leaves) | (~open_ & true & inside)
    ids = days[-1]["account_id"]
    wanted = set(ids.filter(pl.Series(open_ & sure)))
    return wanted == (found & set(ids.filter(pl.Series(sure))))


if __name__ == "__main__":
    main()
