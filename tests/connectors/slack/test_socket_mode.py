"""Buttons come by a line that we open: durable before they are acknowledged, also after Slack hung up."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from connectors.slack.sandbox import SlackSandbox
from steward.contracts import Connection
from steward.model.actions import IdempotencyKey
from steward.model.errors import AccessDenied, Unavailable

Connect = Callable[..., Connection]


@contextmanager
def listening(connection: Connection, take: Callable[[bytes], None]) -> Iterator[None]:
    assert connection.socket
    stopping = threading.Event()
    thread = threading.Thread(target=connection.socket.listen, args=(take, stopping))
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(60)
        assert not thread.is_alive()


def posted(connect: Connect, sandbox: SlackSandbox) -> dict[str, Any]:
    sink = connect().sink
    assert sink
    sink.deliver(sandbox.sample_actions()[0], IdempotencyKey("k"))
    return dict(sandbox.ledger.of("k")[0].detail)


def wait_for_line(sandbox: SlackSandbox) -> None:
    """The bound only ends a hopeless wait."""
    pause = threading.Event()
    for _ in range(1200):
        if sandbox.sockets and sandbox.sockets.lines():
            return
        pause.wait(0.05)
    raise AssertionError("no line was opened")


def test_a_pressed_button_comes_on_the_line(connect: Connect, sandbox: SlackSandbox) -> None:
    """A Steward behind a firewall hears its people too; the inbox reads it as what came by HTTP."""
    message, taken = posted(connect, sandbox), []
    connection = connect(app_token=sandbox.app_token, signing_secret=None)
    with listening(connection, taken.append):
        wait_for_line(sandbox)
        assert sandbox.press_by_socket(message, "acknowledge")

    assert connection.inbox
    (response,) = connection.inbox.parse(taken[0])
    assert response.values["answer"] == "acknowledge"


def test_it_is_acknowledged_only_once_it_is_durable(connect: Connect, sandbox: SlackSandbox) -> None:
    """What was acknowledged and lost would be an escalation that climbs although somebody answered."""
    message, stored = posted(connect, sandbox), threading.Event()

    def take(_: bytes) -> None:
        if not stored.is_set():
            stored.set()
            raise Unavailable("the disk is full")

    with listening(connect(app_token=sandbox.app_token), take):
        wait_for_line(sandbox)
        assert sandbox.sockets
        done = []
        first = threading.Thread(target=lambda: done.append(sandbox.press_by_socket(message, "acknowledge")), daemon=True)
        first.start()
        assert stored.wait(60)
        assert not done
        assert sandbox.press_by_socket(message, "acknowledge")
        assert not done


def test_a_line_that_slack_closes_is_opened_again(connect: Connect, sandbox: SlackSandbox) -> None:
    """Slack refreshes lines every few hours."""
    message, taken = posted(connect, sandbox), []
    with listening(connect(app_token=sandbox.app_token), taken.append):
        wait_for_line(sandbox)
        assert sandbox.sockets
        sandbox.sockets.hang_up()
        wait_for_line(sandbox)
        assert sandbox.press_by_socket(message, "acknowledge")

    assert len(taken) == 1


def test_a_wrong_token_says_what_to_make(connect: Connect, sandbox: SlackSandbox) -> None:
    """xoxb and xapp tokens look alike."""
    socket = connect(app_token="xoxb-wrong").socket
    assert socket

    with pytest.raises(AccessDenied, match="xapp-"):
        socket.listen(lambda _: None, threading.Event())
