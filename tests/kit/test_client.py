"""The HTTP client against a sandbox that goes wrong in every way."""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from steward.contracts import Tools
from steward.kit.client import Client
from steward.kit.sandbox import Fault, Reply, Request, Sandbox, route
from steward.model.errors import ConfigError, GiveUp, OutcomeUnknown, StewardError, Unavailable

TOOLS = Tools(now=lambda: datetime.now(UTC), sleep=lambda _: None, deadline_s=0.4)


class Shop(Sandbox):
    """Answers a read, a write and a redirect."""

    name = "shop"

    @route("GET", "/things")
    def things(self, request: Request) -> Reply:
        return Reply(200, {"things": ["a" * 100]})

    @route("POST", "/things")
    def make(self, request: Request) -> Reply:
        self.ledger.append("thing", request.json()["key"], {})
        return Reply(201, {"id": "1"})

    @route("GET", "/moved")
    def moved(self, request: Request) -> Reply:
        return Reply(302, headers={"Location": f"{self.url}/things"})


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    shop.start()
    yield shop
    shop.stop()


@pytest.fixture
def client(shop: Shop) -> Iterator[Client]:
    client = Client("shop", shop.url, TOOLS, {"authorization": "Bearer s3cret-token-of-shop"})
    yield client
    client.close()


@pytest.mark.parametrize("kind", ["hang", "drip"])
def test_a_call_ends_in_time_however_slowly_it_is_answered(shop: Shop, client: Client, kind: str) -> None:
    """One vendor that answers a byte a second must not stop a night's sync."""
    shop.faults = [Fault(kind)]

    started = time.monotonic()
    with pytest.raises(Unavailable):
        client.get("/things", "list things")

    assert time.monotonic() - started < 5


def test_headers_that_drip_end_in_time_too() -> None:
    """httpx bounds each read; only a total deadline bounds many short ones."""
    over = threading.Event()

    def drip(server: socket.socket) -> None:
        line, _ = server.accept()
        with line:
            line.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
            while not over.wait(0.1):
                try:
                    line.sendall(b"x")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=(server,))
        thread.start()
        started = time.monotonic()
        with pytest.raises(Unavailable):
            Client("shop", f"http://127.0.0.1:{server.getsockname()[1]}", TOOLS).get("/things", "list things")
        took_s = time.monotonic() - started
        over.set()
        thread.join()

    assert took_s < 5


@pytest.mark.parametrize("kind", ["cut", "refuse", "hang", "drip"])
def test_a_write_whose_line_broke_is_unknown_and_sent_once(shop: Shop, client: Client, kind: str) -> None:
    """A client that tries again by itself makes two tasks of one."""
    shop.faults = [Fault(kind)]

    with pytest.raises(OutcomeUnknown):
        client.post("/things", "make a thing", {"key": "k"})

    assert len(shop.calls) == 1
    assert len(shop.ledger) <= 1


def test_a_redirect_is_not_followed(shop: Shop, client: Client) -> None:
    """A redirect could send our token somewhere else."""
    with pytest.raises(GiveUp):
        client.get("/moved", "read what moved")

    assert [path for _, _, path, _ in shop.calls] == ["/moved"]


def test_an_answer_too_long_is_not_read_to_its_end(client: Client) -> None:
    """An answer without end must not fill the memory."""
    with pytest.raises(GiveUp, match="more than 50 bytes"):
        client.get("/things", "list things", most_bytes=50)


def test_nobody_listening_is_said(shop: Shop) -> None:
    """The operator must see that it is the address or the network."""
    url = shop.url
    shop.stop()

    with pytest.raises(Unavailable, match="no connection"):
        Client("shop", url, TOOLS).post("/things", "make a thing", {"key": "k"})


@pytest.mark.parametrize("url", ["ftp://127.0.0.1/", "not an address", "http://[::1", "http://\ud800/"])
def test_an_address_that_is_none_is_a_setting_to_correct(url: str) -> None:
    """A typing error in steward.yaml must not come out as a traceback."""
    with pytest.raises(ConfigError, match="shop"):
        Client("shop", url, TOOLS).get("/things", "list things")


def test_neither_address_nor_token_is_logged_or_told(
    shop: Shop, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """Logs are read by more people than secrets are meant for."""
    caplog.set_level(logging.DEBUG)
    client.get("/things", "list things", {"customer": "Acme Secret Merger"})
    shop.faults = [Fault("status", status=401)]
    with pytest.raises(StewardError) as caught:
        client.get("/things", "list things")

    told = caplog.text + str(caught.value) + repr(client)
    assert "s3cret" not in told
    assert "Merger" not in told


@pytest.mark.parametrize(("write", "expected"), [(False, Unavailable), (True, OutcomeUnknown)])
def test_what_is_not_understood_is_no_success(client: Client, write: bool, expected: type[StewardError]) -> None:
    """A proxy's friendly page is not the vendor's word."""
    answer = client.get("/things", "list things")

    with pytest.raises(expected):
        client.understood(answer, "list things", lambda body: body["nothing"], write=write)
