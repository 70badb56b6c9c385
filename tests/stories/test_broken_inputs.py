"""What operators get wrong: each a clear message and the right exit code, never a stack trace, never a secret."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

import polars as pl
import pytest

TYPO = """\
id: quiet
title: Gone quiet
why: Who stops does not come back by themselves.
when: usage.active_user.change_28d <= -30%
do:
  - message: {to: csm}
"""


def _written(story: Any, settings: dict[str, dict[str, Any]]) -> Path:
    file: Path = story.write_config(story.folder, settings, story.write_everyone(story.folder / "playbooks", "check_in"))
    return file


@pytest.fixture
def config(story: Any, company: Any) -> Path:
    """A company whose vendors are up."""
    file: Path = company(5, "check_in").config
    return file


def _broken(config: Path, old: str, new: str) -> Path:
    text = config.read_text()
    assert old in text
    config.write_text(text.replace(old, new))
    return config


def test_a_typo_in_a_playbook_is_shown_where_it_stands(story: Any) -> None:
    """Findings are 1: the playbook is wrong, not the machine."""
    file = story.folder / "quiet.yaml"
    file.write_text(TYPO)
    done = story.steward("playbook", "check", file)

    assert done.code == 1
    assert "quiet.yaml:4:7" in done.out
    assert 'usage.active_users.change_28d' in done.out
    assert "id you mean" in done.out


def test_a_typo_is_not_applied_and_what_is_live_goes_on(story: Any, config: Path) -> None:
    """What cannot be read is never guessed at; and a half-saved file must not stop the alerts of today."""
    story.apply(config)
    (story.folder / "playbooks" / "quiet.yaml").write_text(TYPO)
    done = story.steward("playbook", "apply", "--yes", "--config", config)
    listed = story.steward("playbook", "list", "--config", config)
    evaluated = story.steward("evaluate", "--config", config)

    assert done.code == 2
    assert "quiet.yaml:4:7" in done.err
    assert "id you mean" in done.err
    assert "1 error in the folder" in listed.out
    assert evaluated.code == 0, evaluated.err


def test_wrong_credentials_are_named_and_not_shown(story: Any, config: Path) -> None:
    """The one who reads the message may be on a shared screen."""
    _broken(config, "na1-refresh-token-of-the-sandbox", "wrong-secret-9876543210")
    config.write_text(re.sub(r"access_token: .*", "access_token: wrong-secret-9876543210", config.read_text()))
    _broken(config, "sandbox-consumer-secret-0123456789", "wrong-secret-9876543210")
    _broken(config, "xoxb-sandbox-0123456789", "xoxb-wrong-secret-9876543210")
    _broken(config, "usage-sandbox-token", "wrong-secret-9876543210")
    checked = story.steward("connector", "check", "--json", "--config", config)
    synced = story.steward("sync", "--json", "--config", config)

    assert checked.code == 1, "a finding"
    for name in ("hubspot", "salesforce", "slack", "usage"):
        first = checked.json()[name][0]
        assert not first["ok"]
        assert name in first["remedy"]
    assert synced.code == 1
    for name in ("hubspot", "salesforce", "usage"):
        report = synced.json()["connections"][name]["streams"]
        troubles = {each["stream"]: each["trouble"] for each in report if each["trouble"]}
        assert {each["stream"] for each in report} - set(troubles) <= {"surveys", "usage_events"}, "no object is named"
        assert all("heck" in trouble for trouble in troubles.values()), "and what to do"
    assert "9876543210" not in checked.out + checked.err + synced.out + synced.err


def test_an_unreachable_host_is_said_to_be_unreachable(story: Any, company: Any, closed_port: int) -> None:
    """A firewall is the operator's to open; the message must point there."""
    made = company(5, "check_in")
    url = made.sandboxes["hubspot"].url
    _broken(made.config, url, f"http://127.0.0.1:{closed_port}")
    checked = story.steward("connector", "check", "hubspot", "--config", made.config)
    synced = story.steward("sync", "hubspot", "--config", made.config)

    assert checked.code == 1, "a finding"
    assert "connect" in checked.out
    assert synced.code in (1, 2)
    assert "connect" in synced.out + synced.err


def test_a_parquet_file_cut_in_half_is_refused_by_name(story: Any) -> None:
    """A file that was still being copied: nothing of it is taken, and the person learns which it was."""
    folder = story.folder / "exports"
    folder.mkdir()
    pl.DataFrame({"id": [str(each) for each in range(2000)], "name": [f"Company {each}" for each in range(2000)]}
                 ).write_parquet(folder / "accounts.parquet")
    whole = (folder / "accounts.parquet").read_bytes()
    (folder / "accounts.parquet").write_bytes(whole[:len(whole) // 2])
    config = _written(story, {})
    config.write_text(config.read_text().replace("connections: {}", (
        "connections:\n  files:\n    connector: csvfile\n    settings:\n      folder: " + str(folder) + "\n      files:\n"
        "        - {path: accounts.parquet, noun: account, external_id: id, columns: {name: name}}\n")))
    done = story.steward("sync", "--config", config)

    assert done.code in (1, 2)
    assert "accounts.parquet" in " ".join((done.out + done.err).split())
    assert story.steward("accounts", "--json", "--config", config).json()["accounts"] == []


def test_a_database_of_a_newer_version_is_left_alone(story: Any) -> None:
    """Going back one version must not destroy what the newer one wrote."""
    config = _written(story, {})
    assert story.steward("accounts", "--config", config).code == 0
    with sqlite3.connect(story.folder / "data" / "steward.db") as db:
        db.execute("UPDATE alembic_version SET version_num = '9999_from_the_future'")
    for command in (("sync",), ("accounts",), ("serve", "--port=0")):
        done = story.steward(*command, "--config", config)

        assert done.code == 2, command
        assert "newer Steward" in done.err, command


def test_settings_with_a_typo_name_the_key(story: Any) -> None:
    """The first file that anybody writes by hand."""
    config = _written(story, {})
    config.write_text(config.read_text().replace("routing:", "rooting:"))
    done = story.steward("doctor", "--config", config)

    assert done.code == 2
    assert 'Did you mean "routing"?' in done.err
