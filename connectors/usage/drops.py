"""Where drops lie: behind an HTTP list, in a folder, or nowhere. Gives their names and their bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from connectors.usage.settings import UsageSettings
from steward.contracts import Tools
from steward.kit.client import Client
from steward.kit.retry import again
from steward.model.errors import ConfigError, GiveUp, Unavailable

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._=-]{0,199}\.(parquet|csv)")
_LIST = "list drops"
_MOST_PAGES = 10_000


@dataclass(frozen=True, slots=True)
class Drop:
    """A file; `etag` changes with its content, `size` is in bytes."""

    name: str
    etag: str
    size: int


class Drops(Protocol):
    """Where drops lie."""

    def names(self) -> list[Drop]:
        """All of them, by name."""
        ...

    def read(self, drop: Drop) -> bytes:
        """The whole of one."""
        ...


def drops_of(settings: UsageSettings, tools: Tools) -> Drops:
    """The place that the settings name."""
    if settings.url:
        return HttpDrops(settings, tools)
    return FolderDrops(settings.folder, settings.most_bytes) if settings.folder else NoDrops()


class NoDrops:
    """Only events come."""

    def names(self) -> list[Drop]:
        return []

    def read(self, drop: Drop) -> bytes:
        raise GiveUp(f"usage: there is no place to read {drop.name} from. Set url or folder.")


class FolderDrops:
    """Files of one folder; what starts with "." or "_" is being written and is left alone."""

    def __init__(self, folder: Path, most_bytes: int) -> None:
        self._folder, self._most_bytes = folder, most_bytes

    def names(self) -> list[Drop]:
        if not self._folder.is_dir():
            raise ConfigError(f'usage: there is no folder "{self._folder}". Correct the setting "folder".')
        files = sorted(file for file in self._folder.iterdir() if _NAME.fullmatch(file.name) and file.is_file())
        return [Drop(file.name, f"{stat.st_size}-{stat.st_mtime_ns}", stat.st_size)
                for file, stat in ((file, file.stat()) for file in files)]

    def read(self, drop: Drop) -> bytes:
        file = self._folder / drop.name
        try:
            size = file.stat().st_size
            if size > self._most_bytes:
                raise GiveUp(f'usage: {drop.name} has {size:,} bytes. Split it, or raise "most_bytes".')
            return file.read_bytes()
        except OSError as error:
            raise Unavailable(f"usage: {drop.name} cannot be read ({error.strerror}).") from None


class HttpDrops:
    """An HTTP server that lists drops and gives each."""

    def __init__(self, settings: UsageSettings, tools: Tools) -> None:
        token = settings.token.get_secret_value()
        self._client = Client("usage", settings.url, tools, {"authorization": f"Bearer {token}"} if token else {})
        self._most_bytes, self._tools = settings.most_bytes, tools

    def names(self) -> list[Drop]:
        return sorted({drop.name: drop for drop in self._pages()}.values(), key=lambda drop: drop.name)

    def read(self, drop: Drop) -> bytes:
        return again(lambda: self._whole(drop), self._tools)

    def _whole(self, drop: Drop) -> bytes:
        path = f"/drops/{quote(drop.name, safe='')}"
        content = self._client.get(path, f"read {drop.name}", most_bytes=self._most_bytes).body
        if len(content) != drop.size:       # a proxy's page, or the drop is being replaced
            raise Unavailable(
                f"usage: read {drop.name} was answered with {len(content):,} bytes, but {drop.size:,} are listed."
            )
        return content

    def _pages(self) -> Iterator[Drop]:
        after = ""
        for _ in range(_MOST_PAGES):
            drops, following = self._page(after)
            yield from drops
            if not following:
                return
            if following <= after:
                raise Unavailable(f'usage: {_LIST}: the list goes back from "{after}". Sort it by name.')
            after = following
        raise GiveUp(f"usage: {_LIST}: the list has no end.")

    def _page(self, after: str) -> tuple[list[Drop], str]:
        params = {"after": after} if after else {}
        answer = again(lambda: self._client.get("/drops", _LIST, params), self._tools)
        return self._client.understood(answer, _LIST, _listed)


def _listed(body: Any) -> tuple[list[Drop], str]:
    drops = [Drop(row["name"], str(row.get("etag") or row["bytes"]), int(row["bytes"])) for row in body["drops"]]
    for drop in drops:
        if not _NAME.fullmatch(drop.name):
            raise ValueError("a name of a drop is not that of a file")
    following = body.get("next") or ""
    if not isinstance(following, str):
        raise TypeError("next is not text")
    return drops, following
