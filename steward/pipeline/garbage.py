"""Python's search for garbage in cycles, put off: a run makes many thousands of objects and hardly a cycle."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

_LOCK = Lock()
_running = 0


@contextmanager
def looked_for_later() -> Iterator[None]:
    """Until the last of those who are inside is done. What nothing refers to any more is freed at once as ever."""
    global _running  # noqa: PLW0603  # of the process, as the collector is
    with _LOCK:
        if not _running and not gc.isenabled():
            ours = False
        else:
            ours, _running = True, _running + 1
            gc.disable()
    try:
        yield
    finally:
        if ours:
            with _LOCK:
                _running -= 1
                if not _running:
                    gc.enable()
