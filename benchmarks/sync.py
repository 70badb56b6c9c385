"""Our sync of HubSpot's companies and Salesforce's accounts from their sandboxes, beside dlt and beside the floor.

Each reader has a process of its own and reads the same server, which has another: a first load, then what changed
after 1 % of the rows did. CPU seconds are the reader's own; `wall_s` includes waiting for the server. `ours` is the
whole verb (records, cursor and an account for each, in SQLite), dlt loads the same fields into DuckDB, `client` is the
vendor's own library with every row thrown away, `bytes` are the same calls with every body thrown away unparsed.
`least_pages` is what the vendor's paging allows.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from statistics import median
from typing import Any

from benchmarks.measure import show

VENDORS = ("hubspot", "salesforce")
ON_A_PAGE: Mapping[str, int] = {"hubspot": 100, "salesforce": 2_000}
READERS = ("ours", "dlt", "client", "bytes")
SHARE = 0.01


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sync", description=__doc__)
    parser.add_argument("--accounts", type=int, default=2_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="one line instead of an indented object")
    chosen = parser.parse_args()
    found = {vendor: _beside(vendor, chosen.accounts, chosen.rounds) for vendor in VENDORS}
    first = {vendor: each["first"] for vendor, each in found.items()}
    show({
        "benchmark": "sync", "accounts": chosen.accounts, "changed": _changed(chosen.accounts),
        "ours_s": {vendor: each["ours"]["cpu_s"] for vendor, each in first.items()},
        "peers_s": {vendor: {who: each[who]["cpu_s"] for who in READERS[1:]} for vendor, each in first.items()},
        "ratios": {vendor: each["ratios"] for vendor, each in found.items()},
        "peak_mb": max(each["ours"]["peak_mb"] for each in first.values()),
        "answers_equal": all(each["answers_equal"] for each in found.values()), "vendors": found,
    }, chosen.json)


def _beside(vendor: str, accounts: int, rounds: int) -> dict[str, Any]:
    """All readers in turns, on one server."""
    told: dict[str, list[dict[str, Any]]] = {who: [] for who in READERS}
    with _served(vendor, accounts) as server:
        _read("bytes", vendor, server, accounts)         # the server makes its pages once
        for _ in range(rounds):
            for who in READERS:
                told[who].append(_read(who, vendor, server, accounts))
    phases = {
        phase: {who: _median([each[phase] for each in told[who]], accounts if phase == "first" else _changed(accounts))
                for who in READERS} for phase in ("first", "changed")}
    ours = {phase: each["ours"] for phase, each in phases.items()}
    totals = {each["total"] for who in ("ours", "dlt") for each in told[who]}
    rows = {each["first"]["rows"] for each in told["ours"]}
    return {
        "ratios": {f"{phase}_cpu_by_{who}": round(ours[phase]["cpu_s"] / phases[phase][who]["cpu_s"], 3)
                   for phase in phases for who in READERS[1:] if phases[phase][who]["cpu_s"]},
        "answers_equal": len(totals) == 1 and rows == {accounts},
        "least_pages": math.ceil(accounts / ON_A_PAGE[vendor]), **phases,
    }


def _changed(accounts: int) -> int:
    return max(1, round(accounts * SHARE))


@contextmanager
def _served(vendor: str, accounts: int) -> Iterator[str]:
    """How the server is reached, as JSON."""
    command = _program("sync_vendor", vendor, str(accounts))
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout
        assert server.stdin
        yield server.stdout.readline()
        server.stdin.close()


def _read(who: str, vendor: str, server: str, accounts: int) -> dict[str, Any]:
    command = _program("sync_readers", who, vendor, server, str(_changed(accounts)))
    out = subprocess.run(command, capture_output=True, text=True, check=False)
    if out.returncode:
        raise SystemExit(f"{who} on {vendor}: {out.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(out.stdout.splitlines()[-1])
    return found


def _program(module: str, *arguments: str) -> list[str]:
    """One that is of use to this benchmark only."""
    return [sys.executable, "-c", f"from benchmarks.{module} import main; main()", *arguments]


def _median(runs: list[dict[str, Any]], rows: int) -> dict[str, Any]:
    found = {name: median(each[name] for each in runs) for name in ("wall_s", "cpu_s", "calls", "pages", "peak_mb")}
    return {**found, "rows_per_cpu_s": round(rows / max(found["cpu_s"], 0.001)), "rows_per_s": round(
        rows / max(found["wall_s"], 0.001))}


if __name__ == "__main__":
    main()
