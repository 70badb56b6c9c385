"""The outbox claimed and completed by four workers, beside the bare loop: the same table and the fewest statements.

A worker claims 20 rows in one transaction and completes them in the next. Ours keeps lanes in order, fences by epochs,
reads the rows back as actions, and closes row and attempt with the receipt, as delivery does for a target that takes
many in one call; the bare loop claims any due row, closes it and writes a receipt, by the driver. `bare` closes one row
after the other, `bare_many`, the goal's peer, a batch with two statements for all of it.
Rows a second by the wall, and CPU seconds of all workers. Each row has a lane of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.measure import apart, figures, grown, peak_mb, show
from benchmarks.postgres import run_postgres
from steward.model.actions import Card, DeliveryClass, IdempotencyKey, Message, Receipt, Recipient
from steward.store import bulk, outbox
from steward.store.database import Database
from steward.store.instants import to_text
from steward.store.outbox import OutboxRow

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
WORKERS, BATCH, LEASE_S = 4, 20, 600.0
_BARE_CLAIM = {
    "sqlite": """
        UPDATE outbox SET lease_until = ?, epoch = epoch + 1 WHERE key IN (
            SELECT key FROM outbox WHERE state = 'pending' AND due_at <= ? AND lease_until IS NULL
            ORDER BY due_at LIMIT ?) RETURNING key
    """,
    "postgresql": """
        WITH due AS (SELECT key FROM outbox WHERE state = 'pending' AND due_at <= ? AND lease_until IS NULL
                     ORDER BY due_at LIMIT ? FOR UPDATE SKIP LOCKED)
        UPDATE outbox SET lease_until = ?, epoch = epoch + 1 FROM due WHERE outbox.key = due.key RETURNING outbox.key
    """,
}


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.outbox", description=__doc__)
    parser.add_argument("--rows", type=int, default=8_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-postgres", action="store_true", help="only SQLite")
    parser.add_argument("--alone", action="store_true", help="ours by one worker on SQLite; for the growth")
    parser.add_argument("--json", action="store_true", help="one line instead of an indented object")
    chosen = parser.parse_args()
    if chosen.alone:
        show(alone(chosen.rows, chosen.rounds), chosen.json)
        return
    found = {}
    for name, place in (("sqlite", _sqlite), *(() if chosen.no_postgres else (("postgresql", _postgresql),))):
        with place() as (url, folder):
            found[name] = _beside(url, folder, chosen.rows, chosen.rounds)
    first = found["sqlite"]
    growth = grown("benchmarks.outbox", (max(BATCH, chosen.rows // 10), chosen.rows), "--rows")
    show(figures("outbox", first["ours_s"], {name: first[f"{name}_s"] for name in ("bare", "bare_many")},
                 all(each["answers_equal"] for each in found.values()), rows=chosen.rows, workers=WORKERS,
                 batch=BATCH, databases=found, growth=growth), chosen.json)


def alone(rows: int, rounds: int) -> dict[str, Any]:
    """CPU seconds of one worker, and nothing else."""
    took = []
    before = peak_mb()
    with _sqlite() as (url, folder):
        for _ in range(rounds + 1):
            apart(_fill, url, folder, rows)
            db = Database.open(url, folder)
            began = time.process_time()
            ours(db)
            took.append(time.process_time() - began)
            db.close()
    return {"ours_s": median(took[1:]), "peak_mb": peak_mb(), "before_mb": before}


def _beside(url: str, folder: Path, rows: int, rounds: int) -> dict[str, Any]:
    """Both, in turns, on one database that is emptied in between."""
    walls: dict[str, list[float]] = {name: [] for name in _RUN}
    cpus: dict[str, list[float]] = {name: [] for name in _RUN}
    done: set[tuple[int, int]] = set()
    for turn in range(-1, rounds):
        for name in _RUN:
            wall, cpu = _work(name, url, folder, rows)
            done.add(_closed(url, folder))
            if turn >= 0:
                walls[name].append(wall)
                cpus[name].append(cpu)
    wall = {name: median(each) for name, each in walls.items()}
    cpu = {name: median(each) for name, each in cpus.items()}
    return {
        **{f"{name}_s": round(each, 3) for name, each in wall.items()},
        **{f"{name}_rows_per_s": round(rows / each) for name, each in wall.items()},
        **{f"share_of_{name}_wall": round(wall[name] / wall["ours"], 3) for name in wall if name != "ours"},
        **{f"share_of_{name}_cpu": round(cpu[name] / cpu["ours"], 3) for name in cpu if name != "ours"},
        "answers_equal": done == {(rows, rows)},
    }


def ours(db: Database) -> int:
    """Claim and complete until nothing is due; how many rows."""
    done = 0
    while True:
        with db.write() as tx:
            claims = outbox.claim(tx, NOW, BATCH, LEASE_S)
        if not claims:
            return done
        with db.write() as tx:
            done += len(outbox.complete_all(tx, [
                (claimed, Receipt(external_id=f"C1:{claimed.row.key}", delivered_at=NOW)) for claimed in claims], NOW))


def bare(db: Database) -> int:
    """The same with the fewest statements, one row after the other."""
    return _bare(db, many=False)


def bare_many(db: Database) -> int:
    """The same with the fewest statements, all rows of a batch at once."""
    return _bare(db, many=True)


def _bare(db: Database, many: bool) -> int:
    lease, now = to_text(NOW + timedelta(seconds=LEASE_S)), to_text(NOW)
    values = (lease, now, BATCH) if db.dialect == "sqlite" else (now, BATCH, lease)
    mark = "?" if db.dialect == "sqlite" else "%s"
    done = 0
    while True:
        with db.write() as tx:
            if db.dialect == "postgresql":
                bulk.change(tx, "SET LOCAL enable_sort = off")      # else it reads the whole backlog for each claim
            keys = [row[0] for row in bulk.fetch(tx, _BARE_CLAIM[db.dialect], *values)]
        if not keys:
            return done
        with db.write() as tx:
            cursor = tx.connection.cursor()
            for some in [keys] if many else [[key] for key in keys]:
                cursor.executemany(
                    f"UPDATE outbox SET state = 'delivered', lease_until = NULL, done_at = {mark} WHERE key = {mark}",
                    [(now, key) for key in some])
                cursor.executemany(
                    f"INSERT INTO receipt (key, external_id, delivered_at, found) VALUES ({mark}, {mark}, {mark}, 0)",
                    [(key, f"C1:{key}", now) for key in some])
            done += len(keys)


_RUN: dict[str, Callable[[Database], int]] = {"ours": ours, "bare": bare, "bare_many": bare_many}


def _work(name: str, url: str, folder: Path, rows: int) -> tuple[float, float]:
    """Wall seconds from the common start to the last worker's end, and the CPU seconds of all of them."""
    spawn = multiprocessing.get_context("spawn")
    start, told = spawn.Barrier(WORKERS + 1), spawn.Queue()
    workers = [spawn.Process(target=_worker, args=(name, url, folder, start, told)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    start.wait()                                # all are warm
    _fill(url, folder, rows)
    start.wait()
    began = time.perf_counter()
    cpu = sum(told.get() for _ in workers)
    wall = time.perf_counter() - began
    for worker in workers:
        worker.join()
    return wall, cpu


def _worker(name: str, url: str, folder: Path, start: Any, told: Any) -> None:
    db = Database.open(url, folder)
    run = _RUN[name]
    run(db)                                     # nothing is due: what a first call costs is paid
    start.wait()
    start.wait()
    began = time.process_time()
    run(db)
    told.put(time.process_time() - began)
    db.close()


def _fill(url: str, folder: Path, rows: int) -> None:
    """Empty the outbox, and put `rows` messages into it."""
    db = Database.open(url, folder)
    card = Card(sentence="Acme dropped to 42.", title="Health drop: Acme", tone="risk", next_step="Call them.")
    with db.write() as tx:
        for table in ("attempt", "receipt", "outbox"):
            bulk.change(tx, f"DELETE FROM {table}")
        outbox.add(tx, [OutboxRow(
            key=IdempotencyKey(f"health_drop/acct_{at}/1/do.1/1"), enrollment_id=f"health_drop/acct_{at}/1",
            account_id=f"acct_{at}", playbook_id="health_drop", connection="slack", connector="slack",
            delivery_class=DeliveryClass.C, action=Message(to=Recipient(channel="cs-alerts"), card=card),
            created_at=NOW, due_at=NOW) for at in range(rows)])
    db.close()


def _closed(url: str, folder: Path) -> tuple[int, int]:
    """Rows that are delivered, and receipts."""
    db = Database.open(url, folder)
    with db.read() as tx:
        found = [bulk.fetch(tx, f"SELECT count(*) FROM {which}")[0][0]
                 for which in ("outbox WHERE state = 'delivered'", "receipt")]
    db.close()
    return found[0], found[1]


@contextmanager
def _sqlite() -> Iterator[tuple[str, Path]]:
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{folder}/steward.db", Path(folder)


@contextmanager
def _postgresql() -> Iterator[tuple[str, Path]]:
    """A server of our own, from PyPI, that ends with us."""
    with tempfile.TemporaryDirectory() as folder, contextmanager(run_postgres)(Path(folder)) as url:
        yield url.replace("postgresql://", "postgresql+psycopg://"), Path(folder)


if __name__ == "__main__":
    main()
