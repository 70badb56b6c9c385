"""What a tree of processes costs: CPU seconds and peak memory of each, read from /proc while it runs."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")
# The first that fits names a process: what stands in its command line.
_NAMES = (
    ("-m flows", "flows"), ("-m prefect", "prefect_server"), ("prefect.server", "prefect_server"),
    ("main sandbox serve", "sandboxes"), ("main serve", "serve"), ("steward.web", "serve"), ("steward.cli.main", "cli"),
)


@dataclass(slots=True)
class Cost:
    """Of all processes of one name: `cpu_s` together, `peak_mb` of the largest."""

    cpu_s: float = 0.0
    peak_mb: float = 0.0


class Watch:
    """Looks at `root` and its descendants every `every_s` seconds until the block ends; Linux only."""

    def __init__(self, root: int, every_s: float = 0.1) -> None:
        self._root, self._every_s = root, every_s
        self._seen: dict[int, tuple[str, float, float]] = {}    # pid -> name, CPU seconds, peak MB
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look_until_ended, daemon=True)

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def costs(self) -> dict[str, Cost]:
        """By name of process, as seen so far."""
        found: dict[str, Cost] = {}
        for name, cpu_s, peak_mb in list(self._seen.values()):
            cost = found.setdefault(name, Cost())
            cost.cpu_s = round(cost.cpu_s + cpu_s, 2)
            cost.peak_mb = max(cost.peak_mb, round(peak_mb, 1))
        return found

    def _look_until_ended(self) -> None:
        while not self._ended.wait(self._every_s):
            for pid in _tree(self._root):
                seen = _look(pid)
                if seen:
                    self._seen[pid] = seen


def _tree(root: int) -> list[int]:
    found, at = [root], 0
    while at < len(found):
        pid, at = found[at], at + 1
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            try:
                found.extend(int(each) for each in task.read_text().split())
            except OSError:
                continue                       # it ended meanwhile
    return found


def _look(pid: int) -> tuple[str, float, float] | None:
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        times = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return None
    peak = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM")), None)
    if peak is None:
        return None                            # it ended; what was seen last counts
    name = next((name for part, name in _NAMES if part in command), "other")
    return name, (int(times[11]) + int(times[12])) / _TICKS, int(peak) / 1024
