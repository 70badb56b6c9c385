"""The battery's bench: one connector, its sandbox on loopback, and an ear on everything that is told about it."""

from __future__ import annotations

import logging
import socket
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from types import TracebackType
from typing import Any, TypeVar

from pydantic import BaseModel, SecretStr

from steward.contracts import Connection, Connector, Cursor, Page, Tools
from steward.kit.sandbox import Fault, Reply, Request
from steward.model.errors import StewardError

DEADLINE_S = 1.2
ACCOUNTS = 23
PAGE_SIZE = 5
ALWAYS = 1_000_000
MOST_PAGES = 1_000

E = TypeVar("E", bound=StewardError)


@dataclass(frozen=True, slots=True)
class Rule:
    """One promise: `name` reads as a sentence, `check` raises AssertionError where it is broken."""

    name: str
    check: Callable[[Bench], None]
    applies: Callable[[Any], bool] = field(default=lambda _: True)


@dataclass(slots=True)
class Call:
    """One call that reached the sandbox and how many effects it applied."""

    name: str                               # "POST /services/data/v67.0/sobjects/Task"
    effects: int


class Bench:
    """A started and seeded sandbox of `connector`; only loopback can be reached while it is entered."""

    def __init__(self, connector: Connector) -> None:
        self.connector = connector
        self.sandbox = connector.load_sandbox()()
        self.sandbox.page_size = PAGE_SIZE
        self.sandbox.alter = self.hear
        self.calls: list[Call] = []         # what the sandbox answered, faults that applied nothing left out
        self._told: list[str] = []          # log lines, errors with their chains, representations
        self._secrets: set[str] = set()
        self._effects = 0
        self._log = _Ear(self._told)
        self._connect_socket = socket.socket.connect

    # ---- in and out ----

    def __enter__(self) -> Bench:
        logging.getLogger().addHandler(self._log)
        self._level = logging.getLogger().level
        logging.getLogger().setLevel(logging.DEBUG)
        socket.socket.connect = _loopback_only(self._connect_socket)  # type: ignore[method-assign]  # the guard
        self.sandbox.start()
        self.sandbox.seed(ACCOUNTS)
        return self

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        self.sandbox.stop()
        socket.socket.connect = self._connect_socket  # type: ignore[method-assign]  # the guard goes
        logging.getLogger().setLevel(self._level)
        logging.getLogger().removeHandler(self._log)

    # ---- the connector at work ----

    def settings(self) -> BaseModel:
        settings = self.connector.load_settings().model_validate(self.sandbox.settings())
        self._secrets |= set(_secrets(settings))
        return settings

    def connect(self, later: timedelta = timedelta(0)) -> Connection:
        """A new connection, as after a restart; its clock runs ahead by `later` and its sleep does not wait."""
        return self.connect_with(self.settings(), later)

    def connect_with(self, settings: BaseModel, later: timedelta = timedelta(0)) -> Connection:
        """As `connect`, with `settings` read earlier."""
        tools = Tools(
            now=lambda: datetime.now(UTC) + later, sleep=lambda _: None, deadline_s=DEADLINE_S,
            public_url="https://steward.example.com",
        )
        connection = self.connector.connect(settings, tools)
        self._told += [repr(part) for part in (connection, connection.source, connection.sink, connection.inbox)]
        return connection

    def pull(self, stream: str, after: Cursor | None = None) -> list[Page]:
        """Every page of one pull by a new connection."""
        found = list(islice(self.pages(stream, after), MOST_PAGES))
        assert len(found) < MOST_PAGES, f'"{stream}": a pull does not end; {MOST_PAGES} pages were given'
        return found

    def pages(self, stream: str, after: Cursor | None = None) -> Iterator[Page]:
        source = self.connect().source
        assert source, f'the manifest lists the stream "{stream}", but connect() gave no source'
        return iter(source.pull(stream, after))

    # ---- what goes wrong ----

    def fail(self, fault: Fault) -> None:
        """From now on, every call after the next `fault.skip` meets the fault."""
        self.sandbox.faults = [replace(fault, times=ALWAYS)]

    def mend(self) -> None:
        self.sandbox.faults = []

    def error_of(self, what: str, expected: type[E], try_it: Callable[[], object]) -> E:
        """The error that `try_it` raised in time.

        Raises:
            AssertionError: it raised nothing, another kind of exception, or took far longer than the deadline.
        """
        started = time.monotonic()
        error = self.attempt(what, try_it)
        took_s = time.monotonic() - started
        assert error is not None, f"{what}: no error was raised; expected {expected.__name__}"
        assert isinstance(error, expected), (
            f"{what}: expected {expected.__name__}, got {type(error).__name__}: {error}"
        )
        allowed_s = 4 * DEADLINE_S + 6              # generous: the machine may be busy; a hang lasts 120 s
        assert took_s < allowed_s, f"{what}: the error came after {took_s:.1f} s; deadline_s was {DEADLINE_S}"
        return error

    def attempt(self, what: str, try_it: Callable[[], object]) -> StewardError | None:
        """The error that `try_it` raised, or None; any exception that is not ours breaks the rule."""
        try:
            try_it()
        except StewardError as error:
            self._told.append("".join(traceback.format_exception(error)))
            return error
        except Exception as error:
            self._told.append("".join(traceback.format_exception(error)))
            raise AssertionError(
                f"{what}: raised {type(error).__name__} ({error}); only errors of steward.model.errors may leave"
            ) from error
        return None

    def tell(self, text: str) -> None:
        """Note something the connector said, to be searched for secrets."""
        self._told.append(text)

    def no_secret_was_told(self) -> None:
        """No secret of the settings, and no token the sandbox gave out, stands in anything that was told."""
        for secret in self._secrets:
            for text in self._told:
                at = text.find(secret)
                if at >= 0:
                    around = text[max(0, at - 120):at] + "<THE SECRET>" + text[at + len(secret):][:60]
                    raise AssertionError(f"a secret was told in a log line, an error or a repr: …{around}…")

    def hear(self, request: Request, reply: Reply) -> Reply:
        """Note a call and what it applied; the `alter` of the sandbox unless a rule changes answers."""
        self.calls.append(Call(f"{request.method} {request.path}", len(self.sandbox.ledger) - self._effects))
        self._effects = len(self.sandbox.ledger)
        if isinstance(reply.body, dict):
            for name in ("access_token", "refresh_token"):
                if isinstance(reply.body.get(name), str):
                    self._secrets.add(reply.body[name])
        return reply


class _Ear(logging.Handler):
    def __init__(self, told: list[str]) -> None:
        super().__init__(logging.DEBUG)
        self._told = told

    def emit(self, record: logging.LogRecord) -> None:
        self._told.append(self.format(record))


def _secrets(settings: object) -> Iterable[str]:
    if isinstance(settings, SecretStr):
        if settings.get_secret_value():
            yield settings.get_secret_value()
    elif isinstance(settings, BaseModel):
        for name in type(settings).model_fields:
            yield from _secrets(getattr(settings, name))
    elif isinstance(settings, dict):
        for value in settings.values():
            yield from _secrets(value)
    elif isinstance(settings, list | tuple):
        for value in settings:
            yield from _secrets(value)


def _loopback_only(connect: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(line: socket.socket, address: Any) -> Any:
        if line.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "::1", "localhost"):
            raise AssertionError(f'the connector called "{address[0]}"; only the sandbox on loopback may be called')
        return connect(line, address)

    return guarded
