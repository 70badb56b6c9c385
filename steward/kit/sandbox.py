"""A vendor played on loopback over real HTTP, with its limits, its errors, and a ledger of what it applied.

A connector's `sandbox.py` subclasses `Sandbox`, declares its routes with `@route`, and says in vendor words
what its errors look like. Everything a fault can do to a call is done here, so every sandbox can do it.
"""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

from steward.model.actions import Action


@dataclass(frozen=True, slots=True)
class Request:
    """One call as it arrived. `headers` have lower-case names; `params` are those of the path's pattern."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    params: Mapping[str, str] = field(default_factory=dict)
    pairs: Sequence[tuple[str, str]] = ()    # the query as it came: a name may come more than once

    def json(self) -> Any:
        return json.loads(self.body or b"null")

    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))


@dataclass(frozen=True, slots=True)
class Reply:
    """What the vendor answers; a body that is not bytes is sent as JSON."""

    status: int = 200
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    def payload(self) -> bytes:
        if self.body is None:
            return b""
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body, ensure_ascii=False).encode()


@dataclass(slots=True)
class Fault:
    """Something that goes wrong for the next `times` calls whose "METHOD path" matches `on`.

    `kind`: `hang` (never answered, nothing applied), `cut` (applied, then the line is cut), `refuse` (the line
    is cut before anything is read), `status` (the vendor's own error body for `status`, nothing applied),
    `empty` (200 without a body, nothing applied), `html` (a proxy's page with `status`, nothing applied),
    `drip` (applied, the answer comes a byte at a time), `slow` (applied, the answer comes `delay_s` later).
    `skip` lets that many matching calls pass first.
    """

    kind: str
    on: str = "."
    times: int = 1
    skip: int = 0
    status: int = 200
    retry_after: str | None = None
    delay_s: float = 0.5


@dataclass(frozen=True, slots=True)
class Effect:
    """One change that the vendor applied: `kind` in the vendor's words, `key` the idempotency key it carried."""

    number: int
    applied_at: str
    kind: str
    key: str
    detail: Mapping[str, Any]


class Ledger:
    """Every effect applied, in order; kept in `path`, one JSON object a line, where one is given."""

    def __init__(self, path: Path | None = None) -> None:
        self._path, self._lock = path, threading.Lock()
        self._effects: list[Effect] = []
        if path and path.exists():
            self._effects = [Effect(**json.loads(line)) for line in path.read_text().splitlines() if line]

    def append(self, kind: str, key: str, detail: Mapping[str, Any]) -> Effect:
        with self._lock:
            effect = Effect(len(self._effects) + 1, datetime.now(UTC).isoformat(), kind, key, dict(detail))
            if self._path:
                with self._path.open("a") as file:
                    file.write(json.dumps(asdict(effect), ensure_ascii=False) + "\n")
            self._effects.append(effect)
            return effect

    def __iter__(self) -> Iterator[Effect]:
        with self._lock:
            return iter(list(self._effects))

    def __len__(self) -> int:
        with self._lock:
            return len(self._effects)

    def of(self, key: str) -> list[Effect]:
        """The effects that carried `key`."""
        return [effect for effect in self if effect.key == key]


Handler = Callable[[Any, Request], Reply]


def route(method: str, pattern: str) -> Callable[[Handler], Handler]:
    """Answer `method` on paths that match `pattern`, where `{name}` stands for one segment."""

    def mark(handler: Handler) -> Handler:
        expression = re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(pattern)) + "/?")
        marks = [*getattr(handler, "routes", ()), (method, expression)]
        handler.routes = marks  # type: ignore[attr-defined]
        return handler

    return mark


class Sandbox:
    """The vendor. `state_dir` keeps the ledger over a restart; subclasses rebuild what they applied from it.

    Thread-safe: handlers run under `self.lock`, one at a time.
    """

    name: ClassVar[str]
    tables: ClassVar[tuple[str, ...]] = ()   # the names `load` accepts
    page_size: int = 2000                    # the most rows on one page, however many are asked for; the battery says 5

    def __init__(self, state_dir: Path | None = None, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.now, self.state_dir = now, state_dir
        if state_dir:
            state_dir.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(state_dir / "ledger.jsonl" if state_dir else None)
        self.faults: list[Fault] = []
        self.calls: list[tuple[float, str, str, int]] = []   # monotonic seconds, method, path, status
        self.alter: Callable[[Request, Reply], Reply] | None = None   # the battery looks at, or changes, what goes out
        self.lock = threading.RLock()
        self._server: _Server | None = None
        self._stopping = threading.Event()
        members = [getattr(type(self), name) for name in dir(type(self))]
        self._routes = [
            (method, pattern, member) for member in members for method, pattern in getattr(member, "routes", ())
        ]

    # ---- what a subclass says ----

    def load(self, table: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take over `rows` of `table`, in the vendor's own field names."""
        raise NotImplementedError

    def seed(self, accounts: int) -> None:
        """Load a small made-up company with that many accounts, for the battery and for trying it out."""
        raise NotImplementedError

    def settings(self) -> dict[str, Any]:
        """The settings with which a connection reaches this sandbox (it must be started)."""
        raise NotImplementedError

    def sample_actions(self) -> Sequence[Action]:
        """One action of each kind the connector can do, valid against what `seed` loaded."""
        return ()

    def effects_of(self, action: Action, key: str) -> list[Effect]:
        """The changes that `action` under `key` made. Where the vendor stores no key, they are told by what they say:
        `update_record` by its record, field and value."""
        return self.ledger.of(key)

    def sample_bodies(self) -> Sequence[bytes]:
        """Bodies of calls that the vendor makes to us, one of each kind the connector's inbox takes."""
        return ()

    def sign(self, body: bytes) -> dict[str, str]:
        """The headers with which the vendor calls us with `body`: lower-case names, and `:method` and `:url`."""
        raise NotImplementedError

    def error(self, status: int, retry_after: str | None = None) -> Reply:
        """The vendor's answer with `status` and its own error body."""
        headers = {"Retry-After": retry_after} if retry_after is not None else {}
        return Reply(status, {"error": f"status {status}"}, headers)

    def allow(self, request: Request) -> Reply | None:
        """The vendor's refusal where the caller is not known or too fast, else None."""
        return None

    # ---- the life of the server ----

    def start(self, port: int = 0) -> str:
        """Serve on loopback and return the URL. Port 0 takes a free one."""
        handler = type("BoundHandler", (_HttpHandler,), {"sandbox": self})
        self._server = _Server(("127.0.0.1", port), handler)
        self._stopping.clear()
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.05,), daemon=True, name=f"sandbox-{self.name}").start()
        return self.url

    @property
    def url(self) -> str:
        assert self._server, "the sandbox is not started"
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def stop(self) -> None:
        """Stop serving; open lines are cut. What was loaded and applied stays."""
        if self._server:
            self._stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._server.cut_lines()
            self._server = None

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    # ---- one call ----

    def answer(self, request: Request) -> Reply:
        """What the vendor answers when nothing goes wrong on the way."""
        with self.lock:
            refused = self.allow(request)
            if refused:
                return refused
            for method, pattern, handler in self._routes:
                found = pattern.fullmatch(request.path)
                if found and method == request.method:
                    reply: Reply = handler(self, replace(request, params=found.groupdict()))
                    return reply
            return self.error(404)

    def respond(self, request: Request) -> Reply:
        """`answer`, as `alter` lets it go out."""
        reply = self.answer(request)
        return self.alter(request, reply) if self.alter else reply

    def take_fault(self, request: Request) -> Fault | None:
        """The next fault for this call, used up by the asking."""
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.on, f"{request.method} {request.path}"):
                    if fault.skip > 0:
                        fault.skip -= 1
                        continue
                    fault.times -= 1
                    return fault
        return None

    def wait_until_stopped(self, seconds: float) -> None:
        """Hold a line open for at most `seconds`, or until the sandbox stops."""
        self._stopping.wait(seconds)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._lines: set[socket.socket] = set()

    def get_request(self) -> tuple[socket.socket, Any]:
        line, address = super().get_request()
        self._lines.add(line)
        return line, address

    def shutdown_request(self, request: Any) -> None:
        self._lines.discard(request)
        super().shutdown_request(request)

    def cut_lines(self) -> None:
        for line in list(self._lines):
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue                       # the other side was faster

    def handle_error(self, request: Any, client_address: Any) -> None:
        return                                 # a cut line is not news here


class _HttpHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    sandbox: Sandbox

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        body = self._body()
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, parts.path, dict(pairs), headers, body, pairs=pairs)
        if parts.path.startswith("/_sandbox/"):
            self._send(_control(self.sandbox, request))
            return
        fault = self.sandbox.take_fault(request)
        if fault:
            self._fail(fault, request)
            return
        reply = self.sandbox.respond(request)
        self._note(request, reply.status)
        self._send(reply)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  the names that http.server calls

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _fail(self, fault: Fault, request: Request) -> None:
        sandbox = self.sandbox
        self._note(request, fault.status if fault.kind in ("status", "html", "empty") else 0)
        if fault.kind == "status":
            self._send(sandbox.error(fault.status, fault.retry_after))
        elif fault.kind == "empty":
            self._send(Reply(fault.status, b""))
        elif fault.kind == "html":
            self._send(Reply(fault.status, b"<html><body>Bad gateway</body></html>", content_type="text/html"))
        elif fault.kind == "drip":
            self._send(sandbox.respond(request), drip_s=0.2)
        elif fault.kind == "slow":
            reply = sandbox.respond(request)
            sandbox.wait_until_stopped(fault.delay_s)
            self._send(reply)
        elif fault.kind == "hang":
            sandbox.wait_until_stopped(120)
            self._cut()
        else:
            if fault.kind == "cut":
                sandbox.respond(request)
            self._cut()

    def _cut(self) -> None:
        # A linger of 0 makes the close a reset, as when a peer dies.
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.close_connection = True
        self.connection.close()

    def _note(self, request: Request, status: int) -> None:
        self.sandbox.calls.append((time.monotonic(), request.method, request.path, status))

    def _send(self, reply: Reply, drip_s: float = 0) -> None:
        payload = reply.payload()
        self.send_response(reply.status)
        if reply.status not in (204, 304):
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(payload)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if not drip_s:
            self.wfile.write(payload)
            return
        for index in range(len(payload)):
            self.wfile.write(payload[index:index + 1])
            self.wfile.flush()
            self.sandbox.wait_until_stopped(drip_s)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name that http.server gives it
        return


def _control(sandbox: Sandbox, request: Request) -> Reply:
    """The oracle's own doors, not the vendor's: `/_sandbox/ledger`, `/_sandbox/calls`, `/_sandbox/faults`."""
    if request.path == "/_sandbox/ledger":
        return Reply(200, [asdict(effect) for effect in sandbox.ledger])
    if request.path == "/_sandbox/calls":
        return Reply(200, [list(call) for call in list(sandbox.calls)])
    if request.path == "/_sandbox/faults" and request.method == "POST":
        sandbox.faults.extend(Fault(**fault) for fault in request.json())
        return Reply(204)
    return Reply(404, {"error": "the sandbox answers ledger, calls and faults"})
