"""What is live changes only by an act of a person: a typo is held, an edit leaves those in flight alone, all goes back."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.slack.sandbox import SlackSandbox
from steward.cli.main import run
from steward.wiring import open_hub

CONFIG = """\
company: {name: Rows, currency: EUR}
connections:
  files:
    connector: csvfile
    settings:
      folder: exports
      files:
        - path: accounts.csv
          noun: account
          external_id: Id
          columns: {name: Name, lifecycle: {constant: customer}, arr: {column: ARR, currency: EUR}}
  slack: {connector: slack, settings: %(slack)s}
store: {data_dir: data, url: %(url)s}
playbooks: playbooks
routing: {message: slack, channel: cs-alerts}
"""
LARGE = """\
id: large
title: A large account
why: Who pays that much has somebody to call.
mode: live
when: account.arr >= %(least)s EUR
until: account.arr < 1 EUR
timeout: 3000d
do:
  - message: {to: channel:cs-alerts}
"""
STEPS = """\
id: steps
title: Two messages
why: To be asked twice.
mode: live
limit: 1000 or 100%%
when: account.arr >= %(least)s EUR
until: account.arr < 1 EUR
timeout: 3000d
on_update: %(on_update)s
do:
%(do)s
"""
FEW = 3
pytestmark = pytest.mark.parametrize("database_url", [
    "sqlite", *([pytest.param("postgresql", marks=pytest.mark.postgres)] if os.environ.get("STEWARD_TORTURE") else []),
], indirect=True)


@dataclass
class Rows:
    """A company of one file, its Slack, and `steward` in this process."""

    home: Path
    slack: SlackSandbox
    capsys: pytest.CaptureFixture[str]

    @property
    def config(self) -> Path:
        return self.home / "steward.yaml"

    def playbook(self, name: str, text: str) -> None:
        (self.home / "playbooks" / f"{name}.yaml").write_text(text)

    def steward(self, *arguments: object, code: int = 0) -> str:
        """What a command says on stdout."""
        self.capsys.readouterr()
        ended = run([*map(str, arguments), "--config", str(self.config)])
        said = self.capsys.readouterr()
        assert ended == code, said.out + said.err
        return said.out if code in (0, 1) else said.err

    def json(self, *arguments: object) -> Any:
        return json.loads(self.steward(*arguments, "--json"))

    def states(self, playbook: str) -> Counter[tuple[str, str]]:
        """How many enrollments stand where, on which version."""
        rows = self.json("enrollments", "list", "--playbook", playbook, "--limit", 5000)["enrollments"]
        return Counter((row["state"], row["version"]) for row in rows)


@pytest.fixture
def rows(database_url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[[int], Rows]]:
    """Makes the company with so many accounts, synced; three of them pay more than 500k, all pay more than 5k."""
    with SlackSandbox() as slack:
        def make(accounts: int) -> Rows:
            (tmp_path / "exports").mkdir()
            (tmp_path / "playbooks").mkdir()
            lines = [f"{at},Account {at},{600_000 if at < FEW else 6_000 + at}" for at in range(accounts)]
            (tmp_path / "exports/accounts.csv").write_text("\n".join(("Id,Name,ARR", *lines)) + "\n")
            (tmp_path / "steward.yaml").write_text(CONFIG % {
                "slack": json.dumps(slack.settings()), "url": json.dumps(database_url)})
            made = Rows(tmp_path, slack, capsys)
            made.steward("sync")
            return made

        yield make


def test_a_threshold_typo_is_held_at_the_limit_until_somebody_says_yes(rows: Any, story: Any) -> None:
    """A lost "k" must reach nobody's customer: not by the plan, not by the apply, not by the next evaluation."""
    accounts = 3000 if story.long else 300
    us = rows(accounts)
    us.playbook("large", LARGE % {"least": "500k"})
    us.steward("playbook", "apply", "--yes")
    us.steward("evaluate")
    us.steward("deliver")
    told = len(us.slack.ledger)
    us.playbook("large", LARGE % {"least": "500"})
    planned = us.json("playbook", "plan", "large")["plans"][0]
    plan = us.steward("playbook", "plan", "large")
    us.steward("playbook", "apply", "large", "--yes", "--by", "ana")
    evaluated = us.steward("evaluate")
    us.steward("deliver")
    held = us.states("large")
    listed = us.json("playbook", "approve")["waiting"]
    told_while_held = len(us.slack.ledger)
    shown = us.steward("playbook", "approve")
    approved = us.steward("playbook", "approve", "large", "--by", "ana")
    us.steward("evaluate")
    us.steward("deliver")
    after = us.states("large")

    assert told == FEW
    assert len(planned["enters"]) == accounts - FEW
    assert planned["over_limit"] == max(25, accounts // 20)
    assert all("account.arr >= 500 EUR" in move["clause"] for move in planned["enters"])
    assert "all of them would wait for approval" in plan
    assert "playbook approve" in evaluated.splitlines()[-1], "the next command"
    assert sum(count for (state, _), count in held.items() if state == "awaiting_approval") == accounts - FEW
    assert told_while_held == told, "nobody was contacted"
    assert len(listed) == accounts - FEW
    assert f"{accounts - FEW} wait" in shown
    assert "steward playbook approve large" in shown
    assert f"{accounts - FEW} approved by ana" in approved
    assert sum(count for (state, _), count in after.items() if state == "active") == accounts
    assert len(us.slack.ledger) > told
    story.tell(f"--- the plan of the typo\n{plan[-600:]}\n--- what waits\n{shown[-400:]}")


def test_an_edit_leaves_those_in_flight_on_their_version(rows: Any, story: Any) -> None:
    """Sixty customers stand between two messages while the playbook is edited: each ends as it began, or is moved."""
    us = rows(60)
    two = "  - message: {to: channel:cs-alerts}\n  - wait: 5d\n  - message: {to: channel:cs-alerts}\n"
    three = "  - cta: {type: risk, due: 3bd, assign: csm}\n" + two
    us.playbook("steps", STEPS % {"least": "6k", "on_update": "pin", "do": two})
    us.steward("playbook", "apply", "--yes")
    us.steward("evaluate")
    (first,) = {version for _, version in us.states("steps")}
    us.playbook("steps", STEPS % {"least": "5k", "on_update": "pin", "do": three})
    plan = us.steward("playbook", "plan", "steps")
    us.steward("playbook", "apply", "steps", "--yes")
    second = us.json("playbook", "list")["playbooks"][0]["version"]
    us.steward("evaluate")
    pinned = us.states("steps")
    why = us.steward("explain", "Account 7", "--playbook", "steps")
    refused = us.steward("playbook", "migrate", "steps", code=2)
    shown = us.steward("playbook", "migrate", "steps", "--yes")
    moved = us.states("steps")
    beside = us.steward("playbook", "plan", "steps", "--against", f"steps@{first[:4]}")
    back = us.steward("playbook", "rollback", "steps", "--by", "ana")
    live = us.json("playbook", "list")["playbooks"][0]
    forth = us.steward("playbook", "rollback", f"steps@{second[:4]}")
    again = us.steward("playbook", "rollback", f"steps@{second[:5]}")

    assert first != second
    assert pinned == {("active", first): 60}
    assert f"60 in flight on {first[:4]} end on it" in plan
    assert f"Account 7 · steps@{first[:4]} · " in why
    assert f"version  {first[:4]}, with which it entered; live is {second[:4]}" in why
    assert "nothing was done" in refused
    assert "do[1] -> do[2]" in shown, "the map: the wait stands one step later now"
    assert f"steps@{first[:4]} -> {second[:4]}: 60 in flight" in shown
    assert moved == {("active", second): 60}
    assert f"steps@{first[:4]} is live again" in back
    assert (live["version"], live["differs"], live["by"]) == (first, "edited", "ana")
    assert f"steps@{second[:4]}, mode live beside {first[:4]}" in beside
    assert f"steps@{second[:4]} is live again, in place of {first[:4]}" in forth
    assert f"steps@{second[:4]} is live already" in again
    story.tell(f"--- explain\n{why}\n--- migrate\n{shown}\n--- rollback\n{back}")


def test_nothing_is_live_before_somebody_applies_it(rows: Any) -> None:
    """A file that is saved, half or whole, decides nothing; and no file that is deleted stops what runs."""
    us = rows(5)
    us.playbook("large", LARGE % {"least": "5k"})
    nothing = us.steward("evaluate", code=2)
    unsure = us.steward("playbook", "apply", code=2)
    still_nothing = us.steward("evaluate", code=2)
    us.steward("playbook", "apply", "--yes")
    (us.home / "playbooks" / "large.yaml").unlink()
    us.steward("evaluate")

    assert "steward playbook apply" in nothing
    assert "nothing was done" in unsure
    assert "no playbook is live" in still_nothing
    assert us.json("playbook", "list")["playbooks"][0]["differs"] == "no file"
    assert sum(us.states("large").values()) == 5


def test_pause_resume_silence_and_retire(rows: Any) -> None:
    """Who finds their team drowned in messages at night needs one word, and one to go back."""
    us = rows(6)
    us.playbook("large", LARGE % {"least": "5k"})
    us.steward("playbook", "apply", "--yes")
    us.steward("playbook", "pause", "large", "--by", "bo", "--note", "they migrate")
    us.steward("evaluate")
    paused = us.states("large")
    assert us.json("playbook", "list")["playbooks"][0]["mode"] == "paused"
    us.steward("playbook", "resume", "large")
    us.steward("playbook", "silence", "--playbook", "large", "--until", "1d", "--reason", "fair in Hannover", "--by", "bo")
    us.steward("evaluate")
    silenced = us.states("large")
    why = us.steward("explain", "Account 1", "--playbook", "large")
    listed = us.json("playbook", "silences")["silences"]
    us.steward("playbook", "unsilence", listed[0]["id"][:8])
    us.steward("evaluate")
    spoken = us.states("large")
    retired = us.steward("playbook", "retire", "large", "--yes")
    with open_hub(us.config) as hub, hub.db.read() as tx:
        from steward.store import audit

        acts = [line.what for line in reversed(audit.list_(tx))]

    assert not paused
    assert {state for state, _ in silenced} == {"blocked"}
    assert "silenced: until" in why
    assert "fair in Hannover" in why
    assert {state for state, _ in spoken} == {"active"}
    assert "6 enrollments were closed" in retired
    assert acts == ["apply", "pause", "resume", "silence", "unsilence", "retire"]
