"""A vendor played on loopback over real HTTP, with its limits, its errors, and a ledger of what it applied.

A connector's `sandbox.py` subclasses `Sandbox`, declares its routes with `@route`, and says in vendor words
what its errors look like. Everything a fault can do to a call is done here, so every sandbox can do it.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

from steward.kit.sandbox_calls import Effect, Fault, Ledger, Reply, Request
from steward.kit.sandbox_server import Server, serving
from steward.kit.weather import Weather
from steward.model.actions import Action

__all__ = ["Effect", "Fault", "Handler", "Ledger", "Reply", "Request", "Sandbox", "Weather", "route"]

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
        self.skew = timedelta(0)                             # the vendor's clock less ours
        self.now: Callable[[], datetime] = lambda: now() + self.skew
        self.state_dir = state_dir
        if state_dir:
            state_dir.mkdir(parents=True, exist_ok=True)
        self.ledger = Ledger(state_dir / "ledger.jsonl" if state_dir else None)
        self.faults: list[Fault] = []
        self.weather: Weather | None = None                  # met by calls that meet none of `faults`
        self.breaches: list[str] = []                        # each limit of the vendor's that a caller broke, in words
        self.calls: list[tuple[float, str, str, int]] = []   # monotonic seconds, method, path, status
        self.alter: Callable[[Request, Reply], Reply] | None = None   # the battery looks at, or changes, what goes out
        self.lock = threading.RLock()
        self._server: Server | None = None
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

    def error_in_200(self) -> Reply | None:
        """The vendor's error body under a 200; None of vendors that never do that."""
        return None

    def expire_tokens(self) -> None:
        """From now on every token given out so far is refused; one that is asked for anew is taken."""

    def exhaust_quota(self, calls: int) -> None:
        """Answer the next `calls` calls as the vendor does once the day's quota is gone; then it is a new day."""

    def stir(self, chance: random.Random) -> str | None:
        """Change one thing at the vendor, as its people and its processes do, and say it; None where nothing can.

        What there is of: edited rows, several rows with one equal timestamp, rows that become visible late with an
        older timestamp, deletes, merges, new rows, a new field, a new enum value, a changed type. `chance` decides.
        """
        return None

    def settle(self) -> None:
        """Let everything be seen that was done and is not visible yet: an index that lags, a row committed late."""

    @property
    def answers_calls(self) -> bool:
        """Whether there is anything to call: files in a folder answer nobody."""
        return bool(self._routes)

    # ---- the life of the server ----

    def start(self, port: int = 0) -> str:
        """Serve on loopback and return the URL. Port 0 takes a free one."""
        self._server = serving(self, port)
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
            if self.weather and re.search(self.weather.on, f"{request.method} {request.path}"):
                return self.weather.meet(self, request)
        return None

    def wait_until_stopped(self, seconds: float) -> None:
        """Hold a line open for at most `seconds`, or until the sandbox stops."""
        self._stopping.wait(seconds)
