"""The demo, the whole way: from the vendors through a real Prefect server to Slack, as a newcomer starts it."""

from __future__ import annotations

import json
import os
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
import pytest

ACCOUNTS = 60
LONG = bool(os.environ.get("STEWARD_TORTURE"))


def _ledgers(home: Path) -> Counter[str]:
    """How often each idempotency key was applied by any vendor."""
    files = sorted(home.glob("sandboxes/*/ledger.jsonl"))
    assert [file.parent.name for file in files] == ["hubspot", "salesforce", "slack"]
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
    return Counter(each["key"] for each in lines if each["key"])


def _delivered(summary: Any) -> int:
    return sum(each.get("delivered", 0) for each in summary["actions"].values())


def _assert_whole(summary: Any, home: Path) -> None:
    """What the README promises of the object."""
    assert {"accounts", "records", "facts", "enrollments", "actions", "flow_runs", "seconds", "data_dir"} <= set(summary)
    assert summary["accounts"] >= ACCOUNTS
    assert set(summary["records"]) >= {"salesforce", "hubspot"}
    assert summary["facts"] > 60 * ACCOUNTS
    assert set(summary["enrollments"]) >= {"expansion_seats", "health_drop", "onboarding_stall", "sales_handoff"}
    assert set(summary["actions"]) == {"hubspot", "salesforce", "slack"}
    assert {state for each in summary["actions"].values() for state in each} == {"delivered"}
    names = [run["name"] for run in summary["flow_runs"]]
    assert names == ["sync-hubspot", "sync-salesforce", "sync-usage", "evaluate-all-accounts", "deliver-due-actions"]
    assert {run["state"] for run in summary["flow_runs"]} == {"Completed"}
    assert set(summary["seconds"]) == {"sandboxes", "prefect", "sync", "evaluate", "deliver"}
    assert Path(summary["data_dir"]) == home


def _assert_twice_is_once(story: Any, *more: object) -> None:
    home = story.folder / "demo"
    arguments = ("demo", "--once", "--json", "--accounts", ACCOUNTS, "--data-dir", home, *more)
    first = story.steward(*arguments, within_s=600)
    assert first.code == 0, first.err
    after_one = _ledgers(home)
    second = story.steward(*arguments, within_s=600)
    assert second.code == 0, second.err
    other = story.steward("demo", "--once", "--json", "--accounts", ACCOUNTS + 1, "--data-dir", home, *more)

    _assert_whole(first.json(), home)
    _assert_whole(second.json(), home)
    assert set(after_one.values()) == {1}
    assert len(after_one) == _delivered(first.json()) > 5
    assert _ledgers(home) == after_one, "the second run delivers nothing new"
    assert second.json()["actions"] == first.json()["actions"]
    assert second.json()["enrollments"] == first.json()["enrollments"]
    records = second.json()["records"]
    opened = {name: records[name].pop("tasks") for name in ("hubspot", "salesforce")}
    assert records == first.json()["records"]
    assert opened == {name: first.json()["actions"][name]["delivered"] for name in opened}, "our own work is read back"
    assert (other.code, other.out) == (2, "")
    assert f"{ACCOUNTS} accounts" in other.err
    assert "--data-dir" in other.err


def test_the_demo_twice_does_everything_once(story: Any) -> None:
    """The first thing that anybody sees of Steward; and the second start must not bother the CSMs again."""
    _assert_twice_is_once(story)


@pytest.mark.postgres
@pytest.mark.skipif(not LONG, reason="STEWARD_TORTURE=1 runs the demo on PostgreSQL too")
def test_the_demo_on_postgresql(story: Any, request: pytest.FixtureRequest) -> None:
    """What is tried on a laptop must be what runs in production."""
    url = request.getfixturevalue("_postgres_shelf").make()
    _assert_twice_is_once(story, "--postgres", url)


def _family(pid: int) -> list[psutil.Process]:
    with_children = psutil.Process(pid)
    return [with_children, *with_children.children(recursive=True)]


def _runs(family: list[psutil.Process], *words: str) -> bool:
    """Whether a process of the family was started with these words."""
    for each in family:
        try:
            if set(words) <= set(each.cmdline()):
                return True
        except psutil.NoSuchProcess:
            continue
    return False


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_a_stopped_demo_leaves_no_process(story: Any, how: signal.Signals) -> None:
    """Who tries it on their laptop gets the laptop back, whenever they stop it."""
    demo = story.programs.start("demo", "--accounts", 12, "--data-dir", story.folder / "demo")
    parts = (("sandbox", "serve"), ("flows", "live"), ("prefect", "server"))
    story.wait_until(lambda: all(_runs(_family(demo.pid), *part) for part in parts), 240, "the start of all parts")
    family = _family(demo.pid)
    demo.send_signal(how)
    code = demo.wait(60)
    _, alive = psutil.wait_procs(family, 60)

    assert alive == []
    assert code in (0, 130, -how)
    assert "Traceback" not in (story.folder / "program.log").read_text()


@pytest.mark.skipif(not LONG, reason="STEWARD_TORTURE=1 runs the live demo too")
def test_the_demo_stays_up_until_it_is_stopped(story: Any) -> None:
    """Without --once it goes on: schedules, API and webhooks; Ctrl-C ends all of it."""
    demo = story.programs.start("demo", "--accounts", 12, "--data-dir", story.folder / "demo")
    lines: list[str] = []
    for line in iter(demo.stdout.readline, b""):
        lines.append(line.decode())
        if lines[-1].startswith("Start afresh") or "Start afresh" in lines[-1]:
            break
    text = "".join(lines)
    family = _family(demo.pid)
    assert "Up until Ctrl-C" in text
    assert "Where to look next" in text
    assert "/hooks/hubspot" in text
    assert _runs(family, "serve")
    demo.send_signal(signal.SIGINT)
    demo.wait(60)
    _, alive = psutil.wait_procs(family, 60)

    assert alive == []
