"""The HTTP server of a sandbox on loopback, and what a fault does to a line."""

from __future__ import annotations

import random
import socket
import time
from dataclasses import asdict
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

from steward.kit.sandbox_calls import Fault, Reply, Request
from steward.kit.weather import Weather, as_report

if TYPE_CHECKING:
    from steward.kit.sandbox import Sandbox


class Server(ThreadingHTTPServer):
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


def serving(sandbox: Sandbox, port: int) -> Server:
    """A server on loopback that answers for `sandbox`; it must be told to serve. Port 0 takes a free one."""
    return Server(("127.0.0.1", port), type("BoundHandler", (_Handler,), {"sandbox": sandbox}))


class _Handler(BaseHTTPRequestHandler):
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
        answered = fault.kind in ("status", "html", "empty", "error_in_200")
        self._note(request, fault.status if answered else 0)
        if fault.kind == "status":
            self._send(sandbox.error(fault.status, fault.retry_after))
        elif fault.kind == "empty":
            self._send(Reply(fault.status, b""))
        elif fault.kind == "html":
            self._send(Reply(fault.status, b"<html><body>Bad gateway</body></html>", content_type="text/html"))
        elif fault.kind == "error_in_200":
            self._send(sandbox.error_in_200() or Reply(200, b""))
        elif fault.kind == "truncated":
            self._send(sandbox.respond(request), half=True)
            self.close_connection = True
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

    def _send(self, reply: Reply, drip_s: float = 0, *, half: bool = False) -> None:
        payload = reply.payload()
        self.send_response(reply.status)
        if reply.status not in (204, 304):
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(payload)))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        if not drip_s:
            self.wfile.write(payload[:len(payload) // 2] if half else payload)
            return
        for index in range(len(payload)):
            self.wfile.write(payload[index:index + 1])
            self.wfile.flush()
            self.sandbox.wait_until_stopped(drip_s)

    def date_time_string(self, timestamp: float | None = None) -> str:
        """The header `Date`, by the vendor's own clock."""
        return super().date_time_string(self.sandbox.now().timestamp() if timestamp is None else timestamp)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the name that http.server gives it
        return


def _control(sandbox: Sandbox, request: Request) -> Reply:
    """The oracle's own doors, not the vendor's, under `/_sandbox/`: `ledger`, `calls`, `faults` (POST a list),
    `weather` (POST its seed, share, times, kinds, on, and skew_s; DELETE ends it), `stir` (POST a seed)."""
    match request.method, request.path.removeprefix("/_sandbox/"):
        case "GET", "ledger":
            return Reply(200, [asdict(effect) for effect in sandbox.ledger])
        case "GET", "calls":
            return Reply(200, [list(call) for call in list(sandbox.calls)])
        case "POST", "faults":
            sandbox.faults.extend(Fault(**fault) for fault in request.json())
            return Reply(204)
        case "POST", "weather":
            asked = request.json()
            skew = timedelta(seconds=asked.pop("skew_s", sandbox.skew.total_seconds()))
            try:
                sandbox.weather = Weather(**asked)
            except (TypeError, ValueError) as error:
                return Reply(400, {"error": str(error)})
            sandbox.skew = skew
        case "DELETE", "weather":
            sandbox.weather = None
        case "POST", "stir":
            with sandbox.lock:
                said = sandbox.stir(random.Random(request.json()["seed"]))  # noqa: S311  reproducible on purpose
            return Reply(200, {"stirred": said})
        case "GET", "weather":
            pass
        case _:
            return Reply(404, {"error": "the sandbox answers ledger, calls, faults, weather and stir"})
    return Reply(200, as_report(sandbox.weather, sandbox))
