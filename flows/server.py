"""One Prefect server of our own: a child process on a free port, with its own home, on loopback only."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from steward.model.errors import ConfigError
from steward.processes import free_port, start_child, stop_child

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
    with log.open("ab") as out:
        server = start_child(
            [sys.executable, "-m", "prefect", "server", "start", "--host", "127.0.0.1", "--port", str(port)],
            os.environ, out,
        )
    try:
        meanwhile()
        _wait_until_healthy(server, variables["PREFECT_API_URL"], log)
        yield variables["PREFECT_API_URL"]
    finally:
        stop_child(server)
        for name in variables:
            os.environ.pop(name, None)


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
