"""Programs of others speak to our Slack sandbox, take what it signs, and play Slack to our connector."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from slack_bolt import App, BoltRequest
from slack_sdk import WebClient

from benchmarks.postgres import free_port
from connectors.slack import CONNECTOR
from connectors.slack.blocks import draw
from connectors.slack.sandbox import CHANNEL, SlackSandbox
from connectors.slack.sandbox_shapes import CARD, ENROLLMENT, TEAM_ID, make_id
from steward.contracts import Connection, Tools
from steward.model.actions import IdempotencyKey, Message, Recipient, UpdateMessage
from steward.model.errors import RecordRejected
from tests.foreign.conftest import INSTALLED


@pytest.fixture
def sandbox() -> Iterator[SlackSandbox]:
    with SlackSandbox() as started:
        started.seed(10)
        yield started


def test_slacks_own_node_client(sandbox: SlackSandbox, node: Any) -> None:
    """What Slack's library understands is Slack's shape."""
    said = node("slack.mjs", {"url": sandbox.settings()["base_url"], "token": sandbox.token,
                              "email": "ana@sandbox.example", "blocks": draw(CARD, ENROLLMENT)})

    assert said["team"] == TEAM_ID
    assert said["texts"] == ["in the thread", "hello again"]
    assert (said["key"], said["thread"], said["refused"]) == ("node-1", True, "channel_not_found")
    assert len(set(said["members"])) == len(said["members"]) == 4
    assert [effect.kind for effect in sandbox.ledger] == ["message", "update", "message"]


def test_bolt_takes_what_the_sandbox_signs_and_nothing_else(sandbox: SlackSandbox) -> None:
    """Bolt verifies as Slack documents: a signature that it takes is a real one."""
    app = App(token=sandbox.token, signing_secret=sandbox.signing_secret, process_before_response=True,
              client=WebClient(sandbox.token, base_url=sandbox.settings()["base_url"]))
    pressed: list[str] = []

    @app.action("acknowledge")
    def acknowledged(ack: Any, body: dict[str, Any]) -> None:
        ack()
        pressed.append(json.loads(body["actions"][0]["value"])["a"])

    body = sandbox.pressed({"channel": make_id("C", CHANNEL), "ts": "1700000000.000100",
                            "blocks": draw(CARD, ENROLLMENT)}, "acknowledge")
    headers = {name: [value] for name, value in sandbox.sign(body).items() if not name.startswith(":")}
    taken = app.dispatch(BoltRequest(body=body.decode(), headers=headers))
    forged = app.dispatch(BoltRequest(body=body.decode().replace("acme", "evil"), headers=headers))

    assert (taken.status, forged.status) == (200, 401)
    assert pressed == [ENROLLMENT]


@pytest.fixture(scope="module")
def emulated() -> Iterator[str]:
    """A Slack that nobody here wrote: npm `emulate`, pinned; its Web API's URL."""
    program = INSTALLED / "node_modules" / ".bin" / "emulate"
    if not program.exists():
        pytest.skip("the Node.js programs are not installed; run: make foreign")
    port = free_port()
    running = subprocess.Popen(
        ["node", str(program), "--service", "slack", "--port", str(port)], stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, env={**os.environ, "NO_COLOR": "1"})
    url, pause = f"http://127.0.0.1:{port}", threading.Event()
    try:
        for _ in range(1200):               # the bound only ends a hopeless wait
            with contextlib.suppress(OSError):
                _ask(f"{url}/api/auth.test")
                break
            pause.wait(0.05)
        yield f"{url}/api/"
    finally:
        running.terminate()
        running.wait()


def _ask(url: str, **form: str) -> Any:
    body = "&".join(f"{name}={value}" for name, value in form.items()).encode()
    request = urllib.request.Request(url, body or b"x=1", {
        "Authorization": "Bearer test_token_admin", "Content-Type": "application/x-www-form-urlencoded"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=30) as answer:
        return json.loads(answer.read())


def _connect(url: str) -> Connection:
    settings = CONNECTOR.load_settings().model_validate({
        "token": "test_token_admin", "base_url": url, "default_channel": "general", "per_channel_s": 0})
    return CONNECTOR.connect(settings, Tools(now=lambda: datetime.now(UTC), sleep=lambda _: None, deadline_s=30.0))


def test_our_connector_works_against_a_slack_that_others_wrote(emulated: str) -> None:
    """Our sandbox could share a misunderstanding with our connector; this one cannot."""
    sink = _connect(emulated).sink
    assert sink
    posted = sink.deliver(
        Message(to=Recipient(channel="C000000001"), card=CARD, enrollment_id=ENROLLMENT), IdempotencyKey("k1"))
    sink.deliver(UpdateMessage(
        message_id=posted.external_id, card=CARD.model_copy(update={"sentence": "Done."}), enrollment_id=ENROLLMENT),
        IdempotencyKey("k2"))
    answered = sink.deliver(
        Message(to=Recipient(channel="C000000001"), card=CARD, thread=posted.external_id), IdempotencyKey("k3"))
    history = _ask(f"{emulated}conversations.history", channel="C000000001")["messages"]

    channel, ts = posted.external_id.split(":")
    assert channel == "C000000001"
    assert [each["text"] for each in history if each["ts"] == ts] == ["Done."]
    assert answered.external_id != posted.external_id


def test_a_person_and_a_stranger_there(emulated: str) -> None:
    """Who is not in the workspace is told in the channel, and who may not be found is said."""
    sink = _connect(emulated).sink
    assert sink
    stranger = sink.deliver(
        Message(to=Recipient(email="nobody@emulate.dev", name="Nobody"), card=CARD), IdempotencyKey("k4"))

    assert stranger.external_id.startswith("C000000001:")
    with pytest.raises(RecordRejected, match="channel_not_found"):
        sink.deliver(Message(to=Recipient(channel="C999999999"), card=CARD), IdempotencyKey("k5"))
