"""What happens after a webhook was answered: stored calls become records, facts, decisions and actions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping

from steward.model.errors import StewardError
from steward.wiring import Hub

LOOK_EVERY_S = 1.0
LISTEN_AGAIN_S = 60.0       # after a line that was refused
DELIVER_EVERY_S = 10.0      # what is due later, or was put off, waits for no webhook
_log = logging.getLogger(__name__)


class Worker:
    """One thread that takes the inbox in micro-batches, for as long as the door is open.

    It needs no Prefect: what it leaves undone when it dies is done by the next start, or by the next sweep.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._writer = hub.inbox_writer()
        self._news, self._due, self._stopping = threading.Event(), threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="inbox-worker", daemon=True)
        self._lines = [threading.Thread(target=self._listen, args=(name,), name=f"line-{name}", daemon=True)
                       for name in hub.sockets]

    def start(self) -> None:
        for each in (self._thread, *self._lines):
            each.start()

    def stop(self) -> None:
        """Finish the batch in hand and end."""
        self._stopping.set()
        self._news.set()
        for each in (*self._lines, self._thread):
            if each.is_alive():
                each.join(20)
        self._writer.close()

    def receive(self, connection: str, headers: Mapping[str, str], body: bytes) -> None:
        """Verify and store one call; returns once it is durable."""
        self._hub.receive(connection, headers, body, self._writer)
        self._news.set()

    def deliver_soon(self) -> None:
        """Deliver what is due without anybody waiting for it."""
        self._due.set()
        self._news.set()

    def _run(self) -> None:
        deliver_at = 0.0
        while not self._stopping.is_set():
            self._news.clear()
            if time.monotonic() >= deliver_at:
                self._due.set()
                deliver_at = time.monotonic() + DELIVER_EVERY_S
            if not self._work_off():
                self._news.wait(LOOK_EVERY_S)

    def _listen(self, name: str) -> None:
        """Keep the line of the connection `name` open, whatever becomes of it."""
        def take(body: bytes) -> None:
            self._hub.take(name, body, self._writer)
            self._news.set()

        while not self._stopping.is_set():
            try:
                socket = self._hub.connection(name).socket
                if socket is None:
                    return
                socket.listen(take, self._stopping)
            except StewardError as error:
                _log.warning("line_failed connection=%s trouble=%s", name, error)
            except Exception:  # noqa: BLE001  as below
                _log.exception("line_failed connection=%s", name)
            self._stopping.wait(LISTEN_AGAIN_S)

    def _work_off(self) -> bool:
        """One micro-batch; whether there was anything to do."""
        try:
            if self._due.is_set():
                self._due.clear()
                self._hub.deliver()
            return self._hub.work_off()
        except StewardError as error:
            _log.warning("inbox_batch_failed trouble=%s", error)
        except Exception:  # noqa: BLE001  the thread must live; the exception is logged whole
            # Our bug: the claim was counted before, so a call that does this again and again is parked.
            _log.exception("inbox_batch_failed")
        return False
