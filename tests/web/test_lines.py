"""A Steward that nothing outside can reach hears pressed buttons on the line that it opens."""

from __future__ import annotations

import threading
from pathlib import Path

from fastapi.testclient import TestClient

from connectors.slack.blocks import draw
from connectors.slack.sandbox import CHANNEL, SlackSandbox
from connectors.slack.sandbox_shapes import CARD, make_id
from steward.settings import Settings
from steward.store import enrollments
from steward.store.database import Database
from steward.web.app import create_app
from steward.wiring import Hub
from tests.listening import Listening


def test_a_button_pressed_on_the_line_stops_the_escalation(tmp_path: Path) -> None:
    """Whoever presses in Slack has it in hand, firewall or not."""
    db = Database.open(f"sqlite:///{tmp_path / 'steward.db'}", tmp_path)
    with SlackSandbox() as slack:
        slack.seed(5)
        name = Listening.enrolled(db)
        settings = {**slack.settings(), "app_token": slack.app_token, "signing_secret": None}
        hub = Hub(Settings.model_validate({
            "connections": {"slack": {"connector": "slack", "settings": settings}}, "path": tmp_path / "steward.yaml",
            "playbooks": tmp_path}), db)
        message = {"channel": make_id("C", CHANNEL), "ts": "1700000000.000100", "blocks": draw(CARD, name)}
        with TestClient(create_app(hub)):
            pause = threading.Event()
            while not (slack.sockets and slack.sockets.lines()):
                pause.wait(0.02)
            assert slack.press_by_socket(message, "acknowledge")
            for _ in range(1200):           # the bound only ends a hopeless wait
                with db.read() as tx:
                    found = enrollments.one(tx, name)
                if found and found.acknowledged_by:
                    break
                pause.wait(0.05)
    db.close()

    assert found
    assert found.acknowledged_by == make_id("U", "ana")
