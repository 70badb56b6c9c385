"""Pressed buttons: only Slack's own calls count, and each says who answered for what."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from urllib.parse import urlencode

import pytest

from connectors.slack import CONNECTOR
from connectors.slack.sandbox import SlackSandbox
from connectors.slack.sandbox_shapes import CARD
from steward.contracts import Connection, Inbox, Tools
from steward.model.actions import IdempotencyKey, Message, Recipient
from steward.model.errors import RecordRejected, SignatureRejected

Connect = Callable[..., Connection]
ACTION = Message(to=Recipient(email="ana@sandbox.example"), card=CARD, enrollment_id="health_drop/acme/1")


def _inbox(connection: Connection) -> Inbox:
    assert connection.inbox
    return connection.inbox


def _pressed(connect: Connect, sandbox: SlackSandbox) -> bytes:
    sink = connect().sink
    assert sink
    sink.deliver(ACTION, IdempotencyKey("k"))
    return sandbox.pressed(sandbox.ledger.of("k")[0].detail, "acknowledge")


def test_a_pressed_button_says_who_answered_for_what(connect: Connect, sandbox: SlackSandbox) -> None:
    """The escalation clock stops for that enrollment only."""
    body = _pressed(connect, sandbox)
    inbox = _inbox(connect())
    inbox.verify(sandbox.sign(body), body)
    [record] = inbox.parse(body)

    assert record.values["enrollment_id"] == "health_drop/acme/1"
    assert record.values["answer"] == "acknowledge"
    assert record.values["by"] == next(user for user in sandbox._users)
    assert isinstance(record.values["responded_at"], datetime)


def test_the_sandbox_presses_over_http(connect: Connect, sandbox: SlackSandbox) -> None:
    """The demo and the stories press real buttons on a real server."""
    heard: list[tuple[dict[str, str], bytes]] = []

    class App(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            heard.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  http.server's name
            return

    _pressed(connect, sandbox)
    with HTTPServer(("127.0.0.1", 0), App) as server:
        Thread(target=server.handle_request, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/hooks/slack"
        status = sandbox.press(sandbox.ledger.of("k")[0].detail, "acknowledge", url)

    assert status == 200
    _inbox(connect()).verify(*heard[0])


def test_a_new_secret_is_rolled_out_without_a_gap(connect: Connect, sandbox: SlackSandbox) -> None:
    """For a day Slack may sign with either secret; afterwards the old one is refused."""
    body = _pressed(connect, sandbox)
    headers, old, new = sandbox.sign(body), sandbox.signing_secret, "another-secret-0123456789"
    _inbox(connect(signing_secret=new, previous_signing_secret=old)).verify(headers, body)

    with pytest.raises(SignatureRejected):
        _inbox(connect(signing_secret=new)).verify(headers, body)


@pytest.mark.parametrize("seconds", [-301, 301])
def test_a_call_from_another_time_is_refused(sandbox: SlackSandbox, seconds: int) -> None:
    """A recorded call played again later must do nothing."""
    settings = CONNECTOR.load_settings().model_validate(sandbox.settings())
    later = Tools(now=lambda: datetime.now(UTC) + timedelta(seconds=seconds), sleep=lambda _: None)
    body = b"payload=%7B%7D"
    inbox = _inbox(CONNECTOR.connect(settings, later))

    with pytest.raises(SignatureRejected):
        inbox.verify(sandbox.sign(body), body)


@pytest.mark.parametrize("stamp", ["nan", "1e9", "١٧٠٠٠٠٠٠٠٠", "1700000000.0", "", "9" * 400])
def test_a_strange_timestamp_is_refused_and_not_an_accident(connect: Connect, sandbox: SlackSandbox, stamp: str) -> None:
    """slack_sdk's own verifier stumbles over these (reliability.md fact 9)."""
    body = b"payload=%7B%7D"
    with pytest.raises(SignatureRejected):
        _inbox(connect()).verify({**sandbox.sign(body), "x-slack-request-timestamp": stamp}, body)


def test_a_button_of_another_workspace_is_refused(connect: Connect, sandbox: SlackSandbox) -> None:
    """Holding the button is not enough (reliability.md row 35)."""
    with pytest.raises(RecordRejected, match="not ours"):
        _inbox(connect(team_id="TOTHER")).parse(_pressed(connect, sandbox))


@pytest.mark.parametrize("value", ["", "{}", "[]", "7", '{"a": 1}', '{"a": ""}', "[" * 3000])
def test_a_button_with_a_strange_value_is_refused(connect: Connect, sandbox: SlackSandbox, value: str) -> None:
    """An old or foreign card must not break the receiver."""
    payload = {
        "type": "block_actions", "team": {"id": sandbox.settings()["team_id"]}, "user": {"id": "U1"},
        "actions": [{"action_id": "acknowledge", "value": value, "action_ts": "1700000000.1"}],
    }
    with pytest.raises(RecordRejected):
        _inbox(connect()).parse(urlencode({"payload": json.dumps(payload)}).encode())


def test_a_link_that_was_opened_says_nothing(connect: Connect, sandbox: SlackSandbox) -> None:
    """Slack reports a pressed link too; looking is not answering."""
    payload = {"type": "block_actions", "team": {"id": sandbox.settings()["team_id"]}, "user": {"id": "U1"},
               "actions": [{"action_id": "open_1", "action_ts": "1700000000.1"}]}

    assert not _inbox(connect()).parse(urlencode({"payload": json.dumps(payload)}).encode())
