"""One Prefect server of our own: a child process on a free port, with its own home, on loopback only."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from steward.model.errors import ConfigError
from steward.processes import free_port, start_child, stop_child

START_AGAIN_AFTER_S = 0.5
START_WITHIN_S = 300.0      # a busy machine; the server is asked until it answers, this only ends a hopeless wait


def environment(home: Path, port: int) -> dict[str, str]:
    """What every process that talks to the server on `port` must have set before it imports Prefect."""
    api = f"http://127.0.0.1:{port}/api"
    return {
        "DO_NOT_TRACK": "1",
        "PREFECT_API_URL": api,
        "PREFECT_HOME": str(home),
        "PREFECT_LOGGING_LEVEL": "WARNING",
        "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
        "PREFECT_SERVER_UI_API_URL": api,
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }


@contextmanager
def prefect_server(
    home: Path, log: Path, port: int = 0, meanwhile: Callable[[], None] = lambda: None,
) -> Iterator[str]:
    """A running server's API URL; this process's environment points at it, and it stops with the block.

    `meanwhile` is called while the server starts. Where `PREFECT_API_URL` is set already, that server is used and
    none is started.

    Raises:
        ConfigError: the server did not come up; the message names its log.
    """
    given = os.environ.get("PREFECT_API_URL")
    if given:
        meanwhile()
        yield given
        return
    home.mkdir(parents=True, exist_ok=True)
    log.parent.mkdir(parents=True, exist_ok=True)
    port = port or free_port()
    variables = environment(home, port)
    os.environ.update(variables)
    command = [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)]
    with log.open("ab") as out:
        server = _Server(command, out)
        try:
            meanwhile()
            _wait_until_healthy(server.process, variables["PREFECT_API_URL"], log)
            server.keep_up()
            yield variables["PREFECT_API_URL"]
        finally:
            server.stop()
            for name in variables:
                os.environ.pop(name, None)


class _Server:
    """The server's process. Once kept up, it is started again on its port when it dies: whoever calls it tries for a
    minute, so a run goes on, which without it would neither go on nor end."""

    def __init__(self, command: Sequence[str], log: IO[bytes]) -> None:
        self._command, self._log, self._environment = command, log, dict(os.environ)
        self._stopping, self._lock = threading.Event(), threading.Lock()
        self.process = start_child(command, self._environment, log)

    def keep_up(self) -> None:
        """Start it again whenever it dies. The thread lives as long as we do, so its child may too."""
        threading.Thread(target=self._keep_up, name="prefect-server", daemon=True).start()

    def stop(self) -> None:
        self._stopping.set()
        with self._lock:
            stop_child(self.process)

    def _keep_up(self) -> None:
        while True:
            self.process.wait()
            if self._stopping.wait(START_AGAIN_AFTER_S):
                return
            with self._lock:
                if self._stopping.is_set():
                    return
                self.process = start_child(self._command, self._environment, self._log)


def _wait_until_healthy(server: subprocess.Popen[bytes], api: str, log: Path) -> None:
    give_up_at = time.monotonic() + START_WITHIN_S
    while time.monotonic() < give_up_at:
        if server.poll() is not None:
            raise ConfigError(f'the Prefect server ended with {server.returncode} before it was up; see "{log}"')
        try:
            with urllib.request.urlopen(f"{api}/health", timeout=5) as answer:  # noqa: S310  our own loopback URL
                if answer.status == 200:
                    return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            time.sleep(0.1)
    raise ConfigError(f'the Prefect server was not up after {START_WITHIN_S:.0f} s; see "{log}"')
