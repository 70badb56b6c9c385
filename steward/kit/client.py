"""HTTP for connectors without a vendor's library: total deadlines, capped answers, and only the errors of the model.

Redirects are not followed, the environment is not read, and no address is logged: one may carry a customer's name.
"""

from __future__ import annotations

import functools
import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

import httpcore
import httpx

from steward.contracts import Tools
from steward.kit.addresses import public_address
from steward.kit.http import failure
from steward.model.errors import ConfigError, GiveUp, OutcomeUnknown, StewardError, Unavailable

for _name in ("httpx", "httpcore"):
    logging.getLogger(_name).setLevel(logging.WARNING)   # below that they write addresses into the log

MOST_BYTES = 16 * 1024 * 1024
_UNUSABLE = "{}: the address or a header in the settings cannot be used. Correct it."
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer with a 2xx status, or one of those that the caller takes as well."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Client:
    """Calls to one system under `url`. Thread-safe; `close` it, or leave that to the end of the process.

    `system` stands in every error ("usage"), `headers` may hold secrets and are never shown. `public_only`: the address
    is one that a user may set freely, so nothing is called that is not on the public Internet. `words` finds the
    vendor's own short words in an error body, where they are not the JSON that all know.
    """

    def __init__(
        self, system: str, url: str, tools: Tools, headers: Mapping[str, str] | None = None, *,
        public_only: bool = False, words: Callable[[bytes], str] | None = None,
    ) -> None:
        self._system, self._tools, self._said = system, tools, words or _words
        self._deadline = _Deadline()
        transport = httpx.HTTPTransport(verify=_tls(), trust_env=False)
        # The only way to bound the whole of a call, headers that drip included; httpx has timeouts for single reads.
        transport._pool._network_backend = _Backend(self._deadline, system if public_only else "")
        try:
            self._http = httpx.Client(
                base_url=url, headers=dict(headers or {}), transport=transport, trust_env=False, follow_redirects=False,
            )
        except (httpx.InvalidURL, UnicodeError, TypeError):
            raise ConfigError(_UNUSABLE.format(system)) from None

    def close(self) -> None:
        self._http.close()

    def get(
        self, path: str, what: str, params: Mapping[str, str] | None = None, *, most_bytes: int = MOST_BYTES,
        also: Collection[int] = (),
    ) -> Answer:
        """The answer to a read; `what` names it in errors ("list drops"), `also` are statuses that are no error here.

        Raises:
            TryAgain, AccessDenied, GiveUp: as `steward.kit.http` says; too long an answer is a GiveUp.
        """
        return self._call("GET", path, what, params=dict(params or {}), write=False, most_bytes=most_bytes, also=also)

    def ask(
        self, path: str, what: str, body: Any, *, most_bytes: int = MOST_BYTES, also: Collection[int] = (),
    ) -> Answer:
        """As `get`, where the vendor takes the question by POST."""
        return self._call("POST", path, what, body=body, write=False, most_bytes=most_bytes, also=also)

    def post(
        self, path: str, what: str, body: Any, headers: Mapping[str, str] | None = None, *, also: Collection[int] = (),
    ) -> Answer:
        """The answer to a write of `body` as JSON; bytes are sent as they are.

        Raises:
            OutcomeUnknown: the line broke after sending, or the answer says nothing.
        """
        return self._call("POST", path, what, body=body, headers=headers, write=True, also=also)

    def put(
        self, path: str, what: str, body: Any, headers: Mapping[str, str] | None = None, *, also: Collection[int] = (),
    ) -> Answer:
        """As `post`, by PUT."""
        return self._call("PUT", path, what, body=body, headers=headers, write=True, also=also)

    def call(
        self, method: str, path: str, what: str, *, write: bool, body: Any = None,
        params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """As `post`, or `get` where it is no `write`, by any method."""
        return self._call(method, path, what, write=write, body=body, params=params, headers=headers)

    def understood(self, answer: Answer, what: str, read: Callable[[Any], T], *, write: bool = False) -> T:
        """What `read` makes of the JSON in `answer`.

        Raises:
            Unavailable, OutcomeUnknown: it is not JSON, or not of the shape that `read` expects; a proxy may have
                answered, so the next try may be understood. A write may have been done.
        """
        try:
            return read(json.loads(answer.body))
        except (ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            text = f"{self._system}: {what} was answered {answer.status} with something that is not what was promised"
        raise self._lost(f"{text}. Check the address in the settings.", write)

    def _call(
        self, method: str, path: str, what: str, *, write: bool, body: Any = None,
        params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None, most_bytes: int = MOST_BYTES,
        also: Collection[int] = (),
    ) -> Answer:
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        given = {"content-type": "application/json", **(headers or {})} if content is not None else dict(headers or {})
        self._deadline.starts(self._tools.deadline_s)
        try:
            with self._http.stream(
                method, path, params=params, content=content, headers=given, timeout=self._tools.deadline_s,
            ) as answer:
                body_read = self._read(answer, most_bytes, what, write)
                told = dict(answer.headers)
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as error:
            raise Unavailable(
                f"{self._system}: {what}: no connection ({type(error).__name__}). Check the address and the network."
            ) from None
        except (httpx.UnsupportedProtocol, httpx.LocalProtocolError, httpx.InvalidURL, UnicodeError):
            raise ConfigError(_UNUSABLE.format(self._system)) from None
        except httpx.HTTPError as error:
            raise self._lost(f"{self._system}: {what}: the line broke ({type(error).__name__}).", write) from None
        if 200 <= answer.status_code < 300 or answer.status_code in also:
            return Answer(answer.status_code, told, body_read)
        raise failure(
            self._system, what, answer.status_code, told, self._said(body_read), write=write, now=self._tools.now(),
        )

    def _read(self, answer: httpx.Response, most_bytes: int, what: str, write: bool) -> bytes:
        parts, size = [], 0
        for part in answer.iter_bytes():
            size += len(part)
            if size > most_bytes:
                text = f"{self._system}: {what} was answered with more than {most_bytes:,} bytes"
                raise OutcomeUnknown(text) if write else GiveUp(f"{text}. Ask for less, or raise the limit.")
            parts.append(part)
        return b"".join(parts)

    def lost(self, what: str, write: bool) -> StewardError:
        """What to raise where the answer to `what` cannot be understood by the caller."""
        return self._lost(f"{self._system}: {what} was answered with something that is not what was promised.", write)

    def _lost(self, text: str, write: bool) -> StewardError:
        if write:
            return OutcomeUnknown(f"{text} Whether it was done is not known; Steward looks before it tries again.")
        return Unavailable(f"{text} Steward tries again later.")


@functools.cache
def _tls() -> ssl.SSLContext:
    """One for all clients: reading the certificates takes longer than most calls."""
    return httpx.create_ssl_context(trust_env=False)


def _words(body: bytes) -> str:
    """The vendor's own short words in an error body, where it is JSON and has some."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return _plain_words(body)
    if not isinstance(told, dict):
        return ""
    named = [told.get(name) for name in ("message", "error", "errorDesc", "detail")]
    # OData: {"error": {"code": …, "message": …}}
    words = [said.get("message") if isinstance(said, dict) else said for said in named]
    return next((said[:200] for said in words if isinstance(said, str) and said), "")


def _plain_words(body: bytes) -> str:
    """A short answer in plain text; a page of HTML says nothing."""
    said = body[:200].decode("utf-8", "replace").strip()
    return said if said.isprintable() and "<" not in said and len(body) <= 200 else ""


class _Deadline(threading.local):
    """When the call that this thread makes must be over."""

    ends_at = float("inf")

    def starts(self, seconds: float) -> None:
        self.ends_at = time.monotonic() + seconds

    def left(self, timeout: float | None) -> float:
        """The seconds that one read may still take."""
        left = self.ends_at - time.monotonic()
        return max(0.001, left if timeout is None else min(timeout, left))


class _Backend(httpcore.SyncBackend):
    def __init__(self, deadline: _Deadline, public_for: str) -> None:
        self._ends, self._public_for = deadline, public_for

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        if self._public_for:
            host = public_address(self._public_for, host, port)
        stream = super().connect_tcp(host, port, self._ends.left(timeout), local_address, socket_options)
        return _Stream(stream, self._ends)


class _Stream(httpcore.NetworkStream):
    """A line whose every read and write ends with the call."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: _Deadline) -> None:
        self._stream, self._ends = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, self._ends.left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, self._ends.left(timeout))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None,
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, self._ends.left(timeout)), self._ends)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
