"""How hubspot-api-client's calls reach the network here: sent exactly once, within a total deadline.

The client's own transport follows redirects, sends again after a broken line, times each read alone, and hands a
failed answer over unread. `Transport` stands in its place (`ApiClient.rest_client`) and gives every answer as `Answer`.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import orjson
import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NameResolutionError,
    NewConnectionError,
    SSLError,
)

MOST_BYTES = 64 * 2**20
_CHUNK = 256 * 1024


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back: any status, and the whole body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)


class NotSent(Exception):
    """No connection was made, so nothing was sent."""


class LineBroke(Exception):
    """The line broke, or the deadline passed, after something may have been sent."""


class Transport:
    """The `rest_client` of a generated ApiClient. Thread-safe; calls carry the token that `use` was last told."""

    def __init__(self, deadline_s: float) -> None:
        self._deadline_s = deadline_s
        self._mine = threading.local()
        self._pool = urllib3.PoolManager(maxsize=16, retries=False)
        self._pool.pool_classes_by_scheme = {"http": _HttpPool, "https": _HttpsPool}

    def GET(self, url: str, **call: Any) -> Answer:  # noqa: N802  the name that ApiClient calls
        return self._call("GET", url, **call)

    def POST(self, url: str, **call: Any) -> Answer:  # noqa: N802  the name that ApiClient calls
        return self._call("POST", url, **call)

    def PUT(self, url: str, **call: Any) -> Answer:  # noqa: N802  the name that ApiClient calls
        return self._call("PUT", url, **call)

    def _call(
        self, method: str, url: str, *, query_params: Sequence[tuple[str, object]] | None = None,
        headers: Mapping[str, str] | None = None, body: object = None, **_: object,
    ) -> Answer:
        if query_params:
            url += "?" + urlencode(query_params)
        payload = None if body is None else orjson.dumps(body)
        sent = {**(headers or {}), **({"Content-Type": "application/json"} if payload is not None else {})}
        token = getattr(self._mine, "token", "")
        return self.send(method, url, payload, {**sent, **({"Authorization": f"Bearer {token}"} if token else {})})

    def use(self, token: str) -> None:
        """From now on, calls of this thread carry `token`."""
        self._mine.token = token

    def send(self, method: str, url: str, payload: bytes | None, sent: Mapping[str, str]) -> Answer:
        """One call as it is given.

        Raises:
            NotSent, LineBroke: as their names say.
        """
        ends = time.monotonic() + self._deadline_s
        try:
            answer = self._pool.request(
                method, url, body=payload, headers=sent, timeout=urllib3.Timeout(total=self._deadline_s),
                retries=False, redirect=False, preload_content=False,
            )
            try:
                return Answer(answer.status, dict(answer.headers), _read(answer, ends))
            except BaseException:
                answer.close()
                raise
        except (NewConnectionError, ConnectTimeoutError, NameResolutionError, SSLError) as error:
            raise NotSent(type(error).__name__) from None
        except (HTTPError, OSError) as error:
            raise LineBroke(type(error).__name__) from None


def _read(answer: urllib3.BaseHTTPResponse, ends: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    while chunk := answer.read1(_CHUNK, decode_content=True):
        parts.append(chunk)
        size += len(chunk)
        if time.monotonic() > ends:
            raise LineBroke("the answer did not end before the deadline")
        if size > MOST_BYTES:
            raise LineBroke(f"the answer is larger than {MOST_BYTES // 2**20} MB")
    answer.release_conn()
    return b"".join(parts)


class _Prompt:
    """A connection whose answer's head cannot trickle in for longer than its timeout."""

    def getresponse(self) -> Any:
        sock, timeout = getattr(self, "sock", None), getattr(self, "timeout", None)
        if not isinstance(timeout, int | float) or sock is None:
            return super().getresponse()  # type: ignore[misc]  # of the urllib3 connection beside it
        watch = threading.Timer(timeout, _cut, (sock,))
        watch.daemon = True
        watch.start()
        try:
            return super().getresponse()  # type: ignore[misc]  # of the urllib3 connection beside it
        finally:
            watch.cancel()


def _cut(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return                              # the other side was faster


class _HttpLine(_Prompt, HTTPConnection):
    pass


class _HttpsLine(_Prompt, HTTPSConnection):
    pass


class _HttpPool(HTTPConnectionPool):
    ConnectionCls = _HttpLine


class _HttpsPool(HTTPSConnectionPool):
    ConnectionCls = _HttpsLine
