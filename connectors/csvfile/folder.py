"""The files of a folder: found by path or pattern, never outside of it, and told apart by size, time and content."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from steward.kit.tabular import ENDINGS
from steward.model.errors import ConfigError, Unavailable

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Version:
    """One state of a file: equal content has the same `sha`; `stat` spares reading it where nothing was touched."""

    stat: str
    sha: str


def find(folder: Path, pattern: str) -> list[tuple[str, Path]]:
    """Each file that `pattern` names, by its name within `folder`. A pattern may name none; a path must exist.

    Raises:
        ConfigError: there is no such folder or file, or it lies outside of the folder.
    """
    home = folder.resolve()
    if not home.is_dir():
        raise ConfigError(f'csvfile: there is no folder "{folder}". Correct the setting "folder".')
    if not any(mark in pattern for mark in "*?["):
        if not (home / pattern).is_file():
            there = ", ".join(sorted(file.name for file in home.iterdir() if file.name.lower().endswith(ENDINGS))[:8])
            raise ConfigError(
                f'csvfile: there is no file "{pattern}" in "{folder}". It holds: {there or "no table"}. '
                "Put the file there, or correct the path."
            )
        return [(pattern, _inside(home, home / pattern, pattern))]
    found = sorted(home.glob(pattern))
    return [
        (file.relative_to(home).as_posix(), _inside(home, file, pattern)) for file in found
        if file.is_file() and not file.name.startswith((".", "~$"))     # Excel's own lock files begin with ~$
    ]


def stat_of(file: Path, name: str) -> str:
    """The size and the time of the last change."""
    try:
        found = file.stat()
    except OSError as error:
        raise Unavailable(f"csvfile: {name} cannot be read ({error.strerror}).") from None
    return f"{found.st_size}-{found.st_mtime_ns}"


def version_of(file: Path, name: str) -> Version:
    """What the file is now; reads the whole of it."""
    stat, digest = stat_of(file, name), hashlib.sha256()
    try:
        with file.open("rb") as content:
            while chunk := content.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise Unavailable(f"csvfile: {name} cannot be read ({error.strerror}).") from None
    return Version(stat, digest.hexdigest()[:20])


def _inside(home: Path, file: Path, pattern: str) -> Path:
    real = file.resolve()
    if not real.is_relative_to(home):
        raise ConfigError(f'csvfile: "{pattern}" leads out of the folder (a link?). Put the file into the folder.')
    return real
