"""The HTTP line to Salesforce: requests with a deadline for the whole call, a cap on the body, and no detours.

requests alone waits without end for an answer that drips, reads bodies of any size, follows redirects with the
token, and takes proxies from the environment. An answer that is not 2xx leaves here as `Answered`, before
simple-salesforce could read it: it forgets headers, recurses on a dead session, and stumbles over HTML.
"""

from __future__ import annotations

import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.cookiejar import DefaultCookiePolicy
from typing import Any, NamedTuple
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from connectors.salesforce.settings import LOOPBACK

MOST_BODY_BYTES = 64 * 2**20
_CHUNK_BYTES = 64 * 1024


class Answered(Exception):
    """Salesforce, or something before it, answered with another status than 2xx."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        super().__init__(f"answered {status}")
        self.status, self.headers, self.body = status, headers, body


class Broken(Exception):
    """The line broke or the deadline passed; `sent` is False where Salesforce provably saw nothing of the call.

    `too_large`: the answer was, and would be again.
    """

    def __init__(self, why: str, sent: bool, *, too_large: bool = False) -> None:
        super().__init__(why)
        self.sent, self.too_large = sent, too_large


class Usage(NamedTuple):
    """Calls of the last 24 hours, of all programs and people of the org, and how many there may be."""

    used: int
    most: int


class Session(requests.Session):
    """A session for one org. `loopback` is the URL of a sandbox to which every call goes instead, or None."""

    def __init__(self, deadline_s: float, loopback: str | None) -> None:
        super().__init__()
        self.trust_env = False
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        self._deadline_s = deadline_s
        self.usage: Usage | None = None
        self.mount("https://", _Adapter(loopback))
        self.mount("http://", _Adapter(loopback))

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """The answer, read to its end within the deadline. Raises Answered and Broken, nothing else of requests."""
        kwargs |= {"stream": True, "allow_redirects": False, "timeout": self._deadline_s}
        try:
            with _watched(self._deadline_s):
                response = super().send(request, **kwargs)
                # requests has no public way to set a body that was read with a limit.
                response._content = _read(response, time.monotonic() + self._deadline_s)
        except requests.RequestException as error:
            raise Broken(_why(error), sent=not _never_connected(error)) from None
        self.usage = _usage_of(response.headers) or self.usage
        if not 200 <= response.status_code < 300:
            raise Answered(response.status_code, dict(response.headers), response.content)
        return response


def _read(response: requests.Response, until: float) -> bytes:
    body = bytearray()
    try:
        for chunk in response.iter_content(_CHUNK_BYTES):
            body += chunk
            if len(body) > MOST_BODY_BYTES:
                raise Broken(f"the answer is larger than {MOST_BODY_BYTES // 2**20} MB", sent=True, too_large=True)
            if time.monotonic() > until:
                raise requests.ReadTimeout("the deadline passed while the answer was read")
    finally:
        response.close()
    return bytes(body)


def _usage_of(headers: Mapping[str, str]) -> Usage | None:
    """What `Sforce-Limit-Info: api-usage=25/15000; per-app-api-usage=…` says."""
    found = re.search(r"(?:^|[;,\s])api-usage=(\d{1,12})/(\d{1,12})", headers.get("Sforce-Limit-Info", ""))
    return Usage(int(found[1]), int(found[2])) if found else None


def _never_connected(error: requests.RequestException) -> bool:
    from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError

    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(reason, ConnectTimeoutError | NameResolutionError | NewConnectionError):
        return True
    return isinstance(error, requests.ConnectTimeout) or _bad_certificate(error)


def _bad_certificate(error: requests.RequestException) -> bool:
    reason = getattr(error.args[0], "reason", None) if error.args else None
    return any(isinstance(part, ssl.SSLCertVerificationError) for part in getattr(reason, "args", ()))


def _why(error: requests.RequestException) -> str:
    # The text of requests' errors holds the whole URL with its query: names of people among it.
    if isinstance(error, requests.ReadTimeout):
        return "no whole answer before the deadline"
    if _bad_certificate(error):
        return "the certificate was not accepted"
    return "could not connect" if _never_connected(error) else "the line broke"


# ---- the deadline: a watch that cuts the line, so that neither headers nor body can drip for longer ----

_line = threading.local()


@contextmanager
def _watched(deadline_s: float) -> Iterator[None]:
    watch = _Watch()
    timer = threading.Timer(deadline_s, watch.cut)
    timer.daemon = True
    _line.watch = watch
    timer.start()
    try:
        yield
        if watch.is_cut:
            raise requests.ReadTimeout("the deadline passed")
    except requests.RequestException as error:
        if watch.is_cut and not _never_connected(error):
            raise requests.ReadTimeout("the deadline passed") from None
        raise
    finally:
        timer.cancel()
        _line.watch = None


class _Watch:
    def __init__(self) -> None:
        self.connection: HTTPConnection | None = None
        self.is_cut = False

    def cut(self) -> None:
        line = self.connection.sock if self.connection else None
        self.is_cut = True
        if line is not None:
            try:
                # Not SSLSocket.shutdown: that forgets the TLS state under the thread that is reading.
                socket.socket.shutdown(line, socket.SHUT_RDWR)
            except OSError:
                return                      # it is closed already


class _Watched:
    """Tells the watch of this thread which line its call uses."""

    def request(self, *args: Any, **kwargs: Any) -> None:
        watch = getattr(_line, "watch", None)
        if watch is not None:
            watch.connection = self
        super().request(*args, **kwargs)  # type: ignore[misc]  # mixed into urllib3's connections below


class _PlainConnection(_Watched, HTTPConnection):
    pass


class _TlsConnection(_Watched, HTTPSConnection):
    pass


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _PlainConnection


class _TlsPool(HTTPSConnectionPool):
    ConnectionCls = _TlsConnection


class _Adapter(HTTPAdapter):
    """simple-salesforce always builds https:// URLs; for a sandbox on loopback they are turned to its own. An
    instance that the sandbox itself named at sign-in stands on loopback too, and stays what it is."""

    def __init__(self, loopback: str | None) -> None:
        self._loopback = urlsplit(loopback) if loopback else None
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _TlsPool}

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        if self._loopback:
            parts = urlsplit(request.url or "")
            host = parts.netloc if parts.hostname in LOOPBACK else self._loopback.netloc
            there = (self._loopback.scheme, host, parts.path, parts.query, "")
            request.url = urlunsplit([str(part) for part in there])
        return super().send(request, *args, **kwargs)
