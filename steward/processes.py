"""Child processes that cannot outlive us, even when we are killed."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import IO

STOP_WITHIN_S = 20.0
_PR_SET_PDEATHSIG = 1


def free_port() -> int:
    """A port of loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def start_child(
    command: Sequence[str], env: Mapping[str, str], log: IO[bytes], *, read_stdout: bool = False,
    write_stdin: bool = False,
) -> subprocess.Popen[bytes]:
    """Start `command` in a session of its own; its stderr goes to `log`, and its stdout too unless we read it.

    Call it from the main thread: Linux ends the child with the thread that started it.
    """
    libc = ctypes.CDLL(None)

    def die_with_parent() -> None:
        if sys.platform == "linux":
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)

    return subprocess.Popen(  # noqa: S603  every command is our own
        list(command), env=dict(env), stdin=subprocess.PIPE if write_stdin else subprocess.DEVNULL, stderr=log,
        stdout=subprocess.PIPE if read_stdout else log,
        preexec_fn=die_with_parent, start_new_session=True,  # noqa: PLW1509  one prctl call, no locks
    )


def stop_child(child: subprocess.Popen[bytes]) -> None:
    """Ask `child` to stop, and end it when it does not."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
        try:
            child.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
    for line in (child.stdin, child.stdout):
        if line:
            line.close()
