"""Leases stand in the database: nobody's change is lost, whichever process made it."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from steward.store import budgets
from steward.store.database import Database
from steward.store.schema import budget


def kept(database: Database) -> dict[str, str]:
    with database.read() as tx:
        return {row.name: row.leases for row in tx.execute(budget.select())}


def test_each_change_builds_on_the_one_before(database: Database) -> None:
    """Two that read the same leases would both give out the last call."""
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: budgets.change(database, "a", lambda told: told + "x"), range(40)))
    budgets.change(database, "b", lambda told: told + "y")

    assert kept(database) == {"a": "x" * 40, "b": "y"}


def test_processes_do_not_lose_one_another_s_changes(database: Database, database_url: str, tmp_path: Path) -> None:
    """Every flow is a process of its own."""
    script = textwrap.dedent(f"""
        from pathlib import Path
        from steward.store import budgets
        from steward.store.database import Database
        db = Database.open({database_url!r}, Path({str(tmp_path / "data")!r}))
        for _ in range(25):
            budgets.change(db, "a", lambda told: told + "x")
        db.close()
    """)
    running = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]

    assert [each.wait(120) for each in running] == [0, 0, 0]
    assert kept(database) == {"a": "x" * 75}
