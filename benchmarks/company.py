"""The main path at one size: `steward demo --once` in; seconds by phase, CPU seconds and peak memory by process out.

`--again` runs it a second time on the same data, where nothing is new.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.processes import Watch


def main() -> int:
    """Print one JSON object; 1 when the demo did not get through."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.company", description=__doc__)
    parser.add_argument("--accounts", type=int, default=500)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--data-dir", type=Path, help="keep the data here (default: a folder that is deleted)")
    parser.add_argument("--again", action="store_true", help="measure the second run on the same data instead")
    parser.add_argument("--json", action="store_true", help="one line instead of an indented object")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as folder:
        home = chosen.data_dir or Path(folder)
        found = measure(chosen.accounts, chosen.seed, home)
        if chosen.again and found["ok"]:
            found = measure(chosen.accounts, chosen.seed, home)
    print(json.dumps(found, indent=None if chosen.json else 2))
    return 0 if found["ok"] else 1


def measure(accounts: int, seed: int, home: Path) -> dict[str, Any]:
    """Run the main path over `accounts` in `home`."""
    began = time.perf_counter()
    demo = subprocess.Popen(
        [sys.executable, "-m", "steward.cli.main", "demo", "--once", "--json", f"--accounts={accounts}",
         f"--seed={seed}", f"--data-dir={home}"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )
    with Watch(demo.pid) as watch:
        said, trouble = demo.communicate()
    wall_s = time.perf_counter() - began
    costs = watch.costs()
    ours = [cost.cpu_s for name, cost in costs.items() if name == "flows"]
    found: dict[str, Any] = {
        "benchmark": "company", "ok": demo.returncode == 0, "accounts": accounts, "wall_s": round(wall_s, 2),
        "ours_s": round(sum(cost.cpu_s for cost in costs.values()), 2), "peers_s": {}, "ratios": {},
        "answers_equal": demo.returncode == 0,
        "processes": {name: asdict(cost) for name, cost in sorted(costs.items())},
        "peak_mb": max(cost.peak_mb for cost in costs.values()),
        "per_account_ms": round(sum(ours) * 1000 / accounts, 3),
    }
    if not said.strip():
        return {**found, "trouble": trouble.strip()[-2000:]}
    summary = json.loads(said)
    return {**found, "seconds": summary["seconds"], "records": sum(
        sum(streams.values()) for streams in summary["records"].values()), "actions": summary["actions"],
        "runs": {run["name"]: run["seconds"] for run in summary["flow_runs"]}}


if __name__ == "__main__":
    sys.exit(main())
