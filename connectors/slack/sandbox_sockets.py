"""Slack's end of Socket Mode on loopback: lines that apps open, envelopes on them, and who acknowledged which."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Mapping
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection, serve

PATIENCE_S = 30.0                           # ends a hopeless wait; Slack itself waits three seconds


class Sockets:
    """A server of its own, as Slack's is; a line gets `hello` first."""

    def __init__(self) -> None:
        self._lines: list[ServerConnection] = []
        self._acknowledged: dict[str, threading.Event] = {}
        self._changed = threading.Condition()
        self._server: Server = serve(self._line, "127.0.0.1", 0)
        threading.Thread(target=self._server.serve_forever, daemon=True, name="sandbox-slack-sockets").start()

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self._server.socket.getsockname()[1]}/link/?ticket={uuid.uuid4().hex}"

    def send(self, payload: Mapping[str, Any]) -> bool:
        """Send an interaction on the newest line; whether it was acknowledged."""
        envelope = uuid.uuid4().hex
        with self._changed:
            if not self._changed.wait_for(lambda: self._lines, PATIENCE_S):
                return False
            line = self._lines[-1]
            done = self._acknowledged[envelope] = threading.Event()
        line.send(json.dumps({"envelope_id": envelope, "type": "interactive", "accepts_response_payload": True,
                              "payload": dict(payload)}))
        return done.wait(PATIENCE_S)

    def lines(self) -> int:
        """How many are open."""
        with self._changed:
            return len(self._lines)

    def hang_up(self) -> None:
        """Close every line, as Slack does now and then."""
        with self._changed:
            lines, self._lines = self._lines, []
        for line in lines:
            try:
                line.send(json.dumps({"type": "disconnect", "reason": "refresh_requested"}))
                line.close()
            except ConnectionClosed:
                continue

    def stop(self) -> None:
        self.hang_up()
        self._server.shutdown()

    def _line(self, line: ServerConnection) -> None:
        line.send(json.dumps({"type": "hello", "num_connections": 1, "connection_info": {"app_id": "A0STEWARD"}}))
        with self._changed:
            self._lines.append(line)
            self._changed.notify_all()
        try:
            for said in line:
                told = json.loads(said)
                if event := self._acknowledged.get(str(told.get("envelope_id"))):
                    event.set()
        except ConnectionClosed:
            pass
        finally:
            with self._changed:
                if line in self._lines:
                    self._lines.remove(line)
