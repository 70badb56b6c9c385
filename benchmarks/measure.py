"""How the benchmarks measure: contestants take turns, CPU seconds of the process, medians; one JSON object out."""

from __future__ import annotations

import gc
import json
import math
import multiprocessing
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from typing import Any


def interleaved(contestants: Mapping[str, Callable[[], Any]], rounds: int, slow: Mapping[str, int] | None = None,
                ) -> dict[str, float]:
    """Median CPU seconds of each after one warm-up; those in `slow` take part in so many rounds only."""
    took: dict[str, list[float]] = {name: [] for name in contestants}
    for turn in range(-1, rounds):
        for name, run in contestants.items():
            if turn >= (slow or {}).get(name, rounds) or (turn < 0 and name in (slow or {})):
                continue
            gc.collect()
            began = time.process_time()
            run()
            if turn >= 0:
                took[name].append(time.process_time() - began)
    return {name: median(each) for name, each in took.items()}


def peak_mb() -> float:
    """The most memory that this process has held, in MB. Not by `getrusage`, which counts what its parent held, too."""
    told = Path("/proc/self/status").read_text(encoding="ascii").partition("VmHWM:")[2]
    return round(int(told.split()[0]) / 1024, 1)


def apart(work: Callable[..., Any], *given: Any) -> None:
    """Do `work` in a process of its own: what it holds is not ours."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=given)
    process.start()
    process.join()
    if process.exitcode != 0:
        raise RuntimeError(f"{work.__name__} ended with {process.exitcode}")


def figures(name: str, ours_s: float, peers_s: Mapping[str, float], answers_equal: bool, **more: Any) -> dict[str, Any]:
    """What every benchmark prints. A ratio is ours divided by the peer's: below 1 we are faster."""
    return {
        "benchmark": name, "ours_s": _short(ours_s), "peers_s": {peer: _short(took) for peer, took in peers_s.items()},
        "ratios": {peer: _short(ours_s / took) for peer, took in peers_s.items() if took},
        "peak_mb": peak_mb(), "answers_equal": answers_equal, **more,
    }


def grown(module: str, sizes: tuple[int, ...], option: str) -> dict[str, Any]:
    """`module` run alone at each size in a process of its own; the exponents of time and memory between the ends.

    The module must take `option` N and `--alone`, and print `ours_s`, `peak_mb` and `before_mb`.
    """
    found = []
    for size in sizes:
        out = subprocess.run(
            [sys.executable, "-m", module, "--json", "--alone", option, str(size)], capture_output=True, check=True)
        found.append({"size": size, **json.loads(out.stdout)})
    first, last = found[0], found[-1]
    times = math.log(last["size"] / first["size"])
    held = [max(1.0, each["peak_mb"] - each["before_mb"]) for each in (first, last)]
    return {
        "sizes": [each["size"] for each in found], "ours_s": [each["ours_s"] for each in found],
        "peak_mb": [each["peak_mb"] for each in found],
        "time_exponent": round(math.log(last["ours_s"] / first["ours_s"]) / times, 3),
        "memory_exponent": round(math.log(held[1] / held[0]) / times, 3),
    }


def show(found: Mapping[str, Any], one_line: bool) -> None:
    """Print it, on one line for machines."""
    print(json.dumps(found, indent=None if one_line else 2))


def _short(value: float) -> float:
    return float(f"{value:.4g}")
