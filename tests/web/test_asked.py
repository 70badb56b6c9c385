"""A button in Teams leads to a page that asks once more; only the answer on that page says anything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlencode

import pytest
from fastapi.testclient import TestClient

from connectors.teams.links import Answer, token
from connectors.teams.sandbox import LINK_SECRET, TeamsSandbox
from steward.store import inbox
from steward.web.app import create_app
from steward.wiring import Hub, open_hub, utc_now

HTML = {"Accept": "text/html"}


@dataclass(frozen=True)
class Asked:
    hub: Hub
    client: TestClient

    def link(self, enrollment_id: str = "health_drop/acct_1/1", days: int = 1) -> dict[str, str]:
        return {"t": token(Answer(enrollment_id, "acknowledge", utc_now() + timedelta(days=days)), LINK_SECRET)}

    def stored(self) -> int:
        with self.hub.db.read() as tx:
            return sum(inbox.counts(tx).values())


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[Asked]:
    import json

    with TeamsSandbox() as sandbox:
        sandbox.seed(1)
        config = tmp_path / "steward.yaml"
        config.write_text(json.dumps({"connections": {"teams": {"connector": "teams", "settings": sandbox.settings()}}}))
        with open_hub(config) as hub, TestClient(create_app(hub), raise_server_exceptions=False) as client:
            yield Asked(hub, client)


def test_opening_the_link_says_nothing(asked: Asked) -> None:
    """Teams and mail scanners open every link to preview it."""
    answer = asked.client.get("/hooks/teams", params=asked.link())

    assert answer.status_code == 200
    assert "health_drop/acct_1/1: acknowledge?" in answer.text
    assert asked.stored() == 0


def test_the_answer_on_the_page_is_stored_once(asked: Asked) -> None:
    """Pressing twice is one answer."""
    body = urlencode({**asked.link(), "by": "ana@us.test"})
    headers = {**HTML, "Content-Type": "application/x-www-form-urlencoded"}

    first = asked.client.post("/hooks/teams", content=body, headers=headers)
    asked.client.post("/hooks/teams", content=body, headers=headers)

    assert "Noted" in first.text
    assert asked.stored() == 1


@pytest.mark.parametrize("days", [-1, None])
def test_a_link_that_is_old_or_forged_is_refused_on_a_page(asked: Asked, days: int | None) -> None:
    """A person reads it, not a program."""
    link = asked.link(days=days) if days else {"t": "forged.forged"}

    opened = asked.client.get("/hooks/teams", params=link)
    sent = asked.client.post("/hooks/teams", content=urlencode(link), headers=HTML)

    assert (opened.status_code, sent.status_code) == (401, 401)
    assert "does not work" in opened.text
    assert "does not work" in sent.text
    assert asked.stored() == 0


def test_the_page_runs_no_script_and_shows_text_as_text(asked: Asked) -> None:
    """An id from outside must not become a page of somebody else's."""
    answer = asked.client.get("/hooks/teams", params=asked.link("<script>alert(1)</script>\"x"))

    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["cache-control"] == "no-store"


def test_what_asks_nobody_has_no_page(asked: Asked) -> None:
    """Only connections with buttons that lead here have one."""
    assert asked.client.get("/hooks/nobody").status_code == 404
