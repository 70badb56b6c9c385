"""One writer at a time on an SQLite file: threads and processes take turns by a lock file.

SQLite before 3.51.3 (Debian 12 has 3.40.1) can corrupt a database in WAL mode when one connection writes while
another checkpoints (https://sqlite.org/wal.html#walresetbug). Every write and every checkpoint here happens in
turn, so the two never meet. It is also fairer than SQLite's own busy handler, which sleeps and tries again.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from steward.model.errors import Unavailable

_PAUSE_S = 0.002


class Turn:
    """The right to write. A process that dies gives it back: the kernel drops its lock."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._threads = threading.Lock()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    @contextmanager
    def take(self, within_s: float) -> Iterator[None]:
        """Hold the turn for the block.

        Raises:
            Unavailable: another holds it for longer than `within_s`.
        """
        ends = time.monotonic() + within_s
        if not self._threads.acquire(timeout=within_s):
            raise Unavailable(self._busy(within_s))
        try:
            self._wait_for_others(ends, within_s)
            try:
                yield
            finally:
                fcntl.flock(self._file, fcntl.LOCK_UN)
        finally:
            self._threads.release()

    def close(self) -> None:
        """Let go of the lock file."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _wait_for_others(self, ends: float, within_s: float) -> None:
        while True:
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= ends:
                    raise Unavailable(self._busy(within_s)) from None
                time.sleep(_PAUSE_S)
            else:
                return

    def _busy(self, within_s: float) -> str:
        return f'"{self._path}" was held by another process for {within_s:.0f} s; find it with: fuser "{self._path}"'
