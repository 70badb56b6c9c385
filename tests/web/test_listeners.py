"""REST hooks: an automation subscribes, looks at samples and unsubscribes with a token, and never sees another's address."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from connectors.zapier.sandbox import ZapierSandbox
from steward.store.database import Database
from steward.web.app import create_app
from tests.listening import TOKEN, Listening

KEY = {"Authorization": f"Bearer {TOKEN}"}
WISH = {"target_url": "https://hooks.zapier.com/hooks/standard/1/abc/", "event": "enrollment.entered"}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Listening, TestClient]]:
    db = Database.open(f"sqlite:///{tmp_path / 'steward.db'}", tmp_path)
    with ZapierSandbox() as zapier:
        us = Listening(db, tmp_path, zapier)
        with TestClient(create_app(us.hub), raise_server_exceptions=False) as client:
            yield us, client
    db.close()


def test_it_is_asked_for_and_ended(served: Any) -> None:
    """A Zap is switched on, and off again; twice is as once."""
    _, client = served
    made = client.post("/api/v1/listeners", json=WISH, headers=KEY)
    listed = client.get("/api/v1/listeners", headers=KEY).json()
    ended = [client.delete(f"/api/v1/listeners/{made.json()['id']}", headers=KEY).status_code for _ in range(2)]

    assert made.status_code == 201
    assert [each["id"] for each in listed] == [made.json()["id"]]
    assert (made.json()["host"], made.json()["asked_by"]) == ("hooks.zapier.com", "zaps")
    assert "abc" not in str(listed)
    assert ended == [204, 204]
    assert client.get("/api/v1/listeners", headers=KEY).json() == []


@pytest.mark.parametrize(("wish", "said"), [
    ({**WISH, "event": "enrollment.entred"}, "enrollment.entered"),
    ({**WISH, "target_url": "ftp://x"}, "https://"),
    ({**WISH, "target_url": "https://evil.example/x"}, "this connection calls 127.0.0.1, hooks.zapier.com only"),
    ({**WISH, "playbook_id": "health_drop"}, "no playbook"),
    ({**WISH, "connection": "zapierr"}, "Did you mean"),
    ({"event": "enrollment.entered"}, "target_url"),
    ({**WISH, "target_url": "https://[x"}, "https://"),
    ({**WISH, "target_url": "https://x:99999/"}, "https://"),
    ({**WISH, "target_url": "https://a b/"}, "https://"),
    ({**WISH, "target_url": "https://hooks.zapier.com/\x00"}, "https://"),
])
def test_a_wish_that_does_not_fit_says_why(served: Any, wish: dict[str, str], said: str) -> None:
    """Zapier shows the answer to whoever builds the Zap."""
    _, client = served
    answer = client.post("/api/v1/listeners", json=wish, headers=KEY)

    assert answer.status_code == 422
    assert said in answer.text


@pytest.mark.parametrize(("method", "path"), [
    ("POST", ""), ("GET", ""), ("GET", "/sample?event=enrollment.entered"), ("DELETE", "/lst_1"),
])
def test_nobody_gets_in_without_a_token(served: Any, method: str, path: str) -> None:
    """Events name customers."""
    _, client = served
    assert client.request(method, f"/api/v1/listeners{path}", json=WISH if method == "POST" else None).status_code == 401


def test_an_unknown_listener_is_not_found(served: Any) -> None:
    """Zapier takes 404 for ended, and a person sees what is wrong."""
    _, client = served
    assert client.delete("/api/v1/listeners/lst_x", headers=KEY).status_code == 404


def test_a_sample_has_just_the_shape_that_is_posted(served: Any) -> None:
    """Whoever builds a Zap maps fields by it: one that is missing later breaks the Zap."""
    us, client = served
    path = "/api/v1/listeners/sample?event=enrollment.entered"
    made_up = client.get(path, headers=KEY).json()
    client.post("/api/v1/listeners", json={**WISH, "target_url": f"{us.zapier.url}/hooks/standard/1/abc/"}, headers=KEY)
    us.later(minutes=5)
    us.enter()
    us.announce()
    us.hub.deliver()
    real = client.get(path, headers=KEY).json()
    (effect,) = us.zapier.ledger

    assert set(made_up[0]) == set(real[0]) == set(effect.detail["event"])
    assert {**real[0], "key": ""} == {**effect.detail["event"], "key": ""}


def test_an_automation_takes_an_enrollment_in_hand(served: Any) -> None:
    """The escalation stops when a Zap says that somebody has it."""
    us, client = served
    name = us.enter()
    first = client.post("/api/v1/enrollments/acknowledge", json={"enrollment_id": name, "by": "ana@us.test"}, headers=KEY)
    again = client.post("/api/v1/enrollments/acknowledge", json={"enrollment_id": name}, headers=KEY)
    none = client.post("/api/v1/enrollments/acknowledge", json={"enrollment_id": "x"}, headers=KEY)

    assert (first.json()["changed"], first.json()["acknowledged_by"]) == (True, "ana@us.test")
    assert (again.json()["changed"], again.json()["acknowledged_by"]) == (False, "ana@us.test")
    assert none.status_code == 404


@pytest.mark.parametrize(("method", "path", "body"), [
    ("GET", "/api/v1/listeners/sample?event=enrollment.entered&playbook_id=%00", None),
    ("DELETE", "/api/v1/listeners/%00", None),
    ("GET", "/api/v1/cs-ops/health/a%00", None),
    ("POST", "/api/v1/enrollments/acknowledge", {"enrollment_id": "\x00"}),
    ("POST", "/api/v1/enrollments/acknowledge", {"enrollment_id": "a", "by": "Ana\x00"}),
    ("POST", "/api/v1/enrollments/acknowledge", {"enrollment_id": "a", "by": "Ana\nBen"}),
])
def test_what_no_database_can_hold_is_refused(
    database: Database, tmp_path: Path, method: str, path: str, body: dict[str, str] | None,
) -> None:
    """PostgreSQL holds no NUL: what is asked with one is no fault of ours, and must not look like one."""
    with ZapierSandbox() as zapier:
        app = create_app(Listening(database, tmp_path, zapier).hub)
        with TestClient(app, raise_server_exceptions=False) as client:
            assert client.request(method, path, json=body, headers=KEY).status_code == 422
