"""A changed playbook is tried on real accounts before it is live: who enters, who leaves, why; and nobody is told."""

from __future__ import annotations

import hashlib
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from steward.cli.main import run
from steward.store import identity
from steward.wiring import open_hub, shipped_playbooks

_OPENED: list[str] | None = None            # while somebody listens: every socket that this process opens


def _listen(happening: str, _: tuple[Any, ...]) -> None:
    if _OPENED is not None and happening in ("socket.connect", "socket.sendto", "socket.getaddrinfo"):
        _OPENED.append(happening)


sys.addaudithook(_listen)


def _state(made: Any, folder: Path) -> tuple[Any, ...]:
    """Everything that a plan must not touch: what the vendors saw and did, and every file of ours."""
    files = {
        str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted((folder / "data").rglob("*")) if file.is_file() and not file.name.endswith(("-shm", ".lock"))
    }
    calls = {name: len(each.calls) for name, each in made.sandboxes.items()}
    return files, calls, {name: len(each.ledger) for name, each in made.sandboxes.items()}


@pytest.fixture
def acted(company: Any, tmp_path: Path) -> Any:
    """A company whose playbooks have fired, its actions delivered."""
    made = company(40)
    for file in shipped_playbooks().glob("*.yaml"):
        (tmp_path / "playbooks" / file.name).write_text(file.read_text())
    with open_hub(made.config) as hub:
        for name in ("salesforce", "hubspot", "usage"):
            assert not hub.sync(name).troubles
        hub.derive()
        hub.apply(hub.draft(), "test")
        hub.evaluate()
        hub.deliver()
    return made


def test_a_changed_playbook_is_planned_and_explained_without_touching_anything(
    acted: Any, story: Any, tmp_path: Path,
) -> None:
    """The person who changes a threshold must see whom it means before anybody's customer does."""
    shipped = (tmp_path / "playbooks" / "health_drop.yaml").read_text()
    wider, narrower = tmp_path / "changed" / "wider.yaml", tmp_path / "changed" / "narrower.yaml"
    wider.parent.mkdir()
    (wider.parent / "messages.yaml").write_text((tmp_path / "playbooks" / "messages.yaml").read_text())
    wider.write_text(shipped.replace("health.score < 60", "health.score < 95")
                     .replace("until: health.score >= 70", "until: health.score >= 96")
                     .replace("days_left <= 120 days", "days_left <= 700 days").replace("<= -30%", "<= 50%"))
    narrower.write_text(shipped.replace("health.score < 60", "health.score < 1")
                        .replace("until: health.score >= 70", "until: health.score >= 2"))
    before = _state(acted, tmp_path)
    config = ("--config", acted.config)
    plans = [
        story.steward("playbook", "plan", "--file", file, "--json", *config) for file in (wider, narrower)
    ]
    text = story.steward("playbook", "plan", "--file", wider, *config)
    enrolled = story.steward("enrollments", "list", "--json", *config).json()
    rows = enrolled.get("enrollments", enrolled)
    fired = next(each["account_id"] for each in rows if each["playbook_id"] == "health_drop")
    others = story.steward("accounts", "--json", "--limit", 200, *config).json()["accounts"]
    quiet = next(each["id"] for each in others if each["id"] not in {row["account_id"] for row in rows}
                 and each["health"] is not None)
    explained = [story.steward("playbook", "explain", each, "--playbook", "health_drop", *config)
                 for each in (fired, quiet)]

    assert [each.code for each in (*plans, text, *explained)] == [0] * 5
    more, less = (each.json()["plans"][0] for each in plans)
    assert more["enters"]
    assert all("health.score < 95" in move["clause"] or "days_left <= 700" in move["clause"]
               or "change_28d <= 50%" in move["clause"] for move in more["enters"]), "the clause that decides"
    assert {move["account_id"] for move in less["leaves"]} >= {fired}
    assert all("(" in move["clause"] for move in (*more["enters"], *less["leaves"])), "with the value that it saw"
    assert more["enters"][0]["account_id"] in text.out
    assert "Nothing was performed" in text.out
    assert "ACTIVE" in explained[0].out
    assert "fired" in explained[0].out
    assert re.search(r"FALSE +(when +)?health.score < 60", explained[1].out)
    assert "ACTIVE" not in explained[1].out
    story.tell(f"--- fired\n{explained[0].out}\n--- did not\n{explained[1].out}\n--- plan\n{text.out}")
    assert _state(acted, tmp_path) == before


def test_no_dry_run_opens_a_socket_or_writes_a_file(
    acted: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str],
) -> None:
    """Who only asks must be able to ask on the production machine, in the middle of the day."""
    global _OPENED                          # an audit hook cannot be given an object
    shipped = (tmp_path / "playbooks" / "health_drop.yaml").read_text()
    (tmp_path / "playbooks" / "health_drop.yaml").write_text(shipped.replace("health.score < 60", "health.score < 95"))
    other = tmp_path / "other.yaml"
    other.write_text(shipped)
    (tmp_path / "messages.yaml").write_text((tmp_path / "playbooks" / "messages.yaml").read_text())
    with open_hub(acted.config) as hub, hub.db.read() as tx:
        account = next(iter(identity.accounts(tx)))
    asked = [
        ("playbook", "list"), ("playbook", "check"), ("playbook", "plan"), ("playbook", "plan", "--file", other),
        ("playbook", "plan", "health_drop", "--against", other), ("playbook", "apply"), ("playbook", "approve"),
        ("playbook", "migrate", "health_drop"), ("playbook", "silences"), ("playbook", "backtest", "health_drop"),
        ("playbook", "score"), ("playbook", "lift"), ("explain", account), ("enrollments",), ("outbox",),
    ]
    before, _OPENED = _state(acted, tmp_path), []
    try:
        codes = {command[:2]: run([*map(str, command), "--config", str(acted.config)]) for command in asked}
    finally:
        opened, _OPENED = _OPENED, None
    said = capsys.readouterr()

    assert opened == []
    assert _state(acted, tmp_path) == before
    assert codes.pop(("playbook", "apply")) == 2, "nobody could be asked"
    assert "nothing was done" in said.err
    assert set(codes.values()) <= {0, 1}, said.err
