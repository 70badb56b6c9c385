"""The commands on a small company: what they say, to a person and to a program."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Steward = Callable[..., Any]

READERS = [
    ("accounts",), ("accounts", "show", "acme.example"), ("playbook", "list"), ("playbook", "check"),
    ("playbook", "test"), ("playbook", "plan"), ("playbook", "explain", "Acme"), ("enrollments",), ("outbox",),
    ("explain", "Acme"), ("playbook", "approve"),
    ("playbook", "silences"), ("identity",), ("connector", "list"), ("connector", "check"), ("doctor",), ("sync",), ("sync", "status"), ("sync", "audit"), ("evaluate",), ("deliver",),
]


def test_every_command_ends_with_the_next_one_or_says_one_object(company: Path, steward: Steward) -> None:
    """A newcomer is led through; a program reads one JSON object and nothing else."""
    for command in READERS:
        told, told_json = steward(*command), steward(*command, "--json")

        assert told.code == told_json.code, command
        assert told.code in (0, 1), (command, told.err)
        assert "explain" in command or {"Next:", "again:"} & set(told.out.split()), command
        assert isinstance(json.loads(told_json.out), dict), command
        assert told_json.err == "", command


def test_numbers_and_names_are_told(company: Path, steward: Steward) -> None:
    """What was done stands there, with how much of it."""
    assert "synced 0 records from 1 of 1 connections" in steward("sync").out
    assert "evaluated 3 accounts" in steward("evaluate").out
    assert "Acme" in steward("enrollments").out
    assert "A large account" in steward("playbook", "list").out
    assert "checked 1 file: 0 findings" in steward("playbook", "check").out
    assert "1 passed, 0 failed" in steward("playbook", "test").out


@pytest.mark.parametrize("columns", ["", "80", "40"])
def test_a_hostile_name_cannot_move_the_terminal(
    company: Path, steward: Steward, monkeypatch: pytest.MonkeyPatch, columns: str,
) -> None:
    """Names come from outside; one with escape sequences must neither clear the screen nor reverse a line."""
    monkeypatch.setenv("COLUMNS", columns)
    for command in (("accounts",), ("accounts", "show", "evil.example"), ("playbook", "explain", "evil.example"),
                    ("playbook", "plan"), ("accounts", "--json"), ("accounts", "show", "Evil")):
        said = steward(*command)

        assert not {"\x1b", "\x9b", "\u202e"} & set(said.out + said.err), command


def test_a_line_is_as_long_as_the_terminal_and_a_row_of_a_pipe_is_one_line(
    company: Path, steward: Steward, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A narrow window stays readable, `grep` and `cut` find a row on one line."""
    piped = steward("accounts").out.splitlines()
    monkeypatch.setenv("COLUMNS", "44")
    narrow = steward("accounts").out.splitlines()

    assert len([line for line in piped if line.startswith("acct_")]) == 3
    assert not [line for line in piped if line != line.rstrip()]
    assert max(len(line) for line in narrow[:-1]) <= 44
    assert "株式会社あくめ" in "\n".join(narrow)


@pytest.mark.parametrize(("command", "said"), [
    (("accounts", "show", "Acm"), 'there is no account "Acm". Did you mean "Acme"?'),
    (("playbook", "plan", "large_acount"), 'has no playbook "large_acount". Did you mean "large_account"?'),
    (("playbook", "explain", "Acme", "--playbook", "large_acount"), 'Did you mean "large_account"?'),
    (("enrollments", "--playbook", "large_acount"), 'Did you mean "large_account"?'),
    (("enrollments", "--state", "actve"), 'Did you mean "active"?'),
    (("outbox", "--state", "faild"), 'Did you mean "failed"?'),
    (("sync", "fles"), 'has no connection "fles". Did you mean "files"?'),
    (("connector", "check", "fles"), 'has no connection "fles". Did you mean "files"?'),
    (("playbook", "check", "--folder", "nowhere"), 'there is no "*.yaml" in "nowhere"'),
    (("playbook", "test", "--folder", "nowhere"), 'there is no "*.cases.yaml" in "nowhere"'),
    (("playbook", "check", "nope.yaml"), '"nope.yaml" cannot be read'),
    (("accounts", "--limit", "0"), "Must be >= 1"),
    (("serve", "--port", "70000"), "Must be <= 65535"),
    (("sandbox", "serve", "--as-of", "yesterday"), 'unable to convert "yesterday"'),
    (("outbox", "retry", "nope"), 'there is no action "nope"'),
    (("identity", "merge", "a", "b"), 'there is no account "a"'),
    (("playbook", "approve", "nope"), 'nothing called "nope" waits'),
    (("playbook", "apply", "large_acount", "--yes"), 'has no playbook "large_acount". Did you mean "large_account"?'),
    (("playbook", "pause", "large_acount"), 'no playbook "large_acount" is live. Did you mean "large_account"?'),
    (("playbook", "rollback", "large_account"), 'had no other version before'),
    (("playbook", "enroll", "large_account", "Acme"), 'enrols by itself and not by hand'),
    (("playbook", "silence", "--until", "3d", "--reason", "x"), 'a silence must say what it is about'),
    (("playbook", "silence", "--until", "soon", "--reason", "x", "--account", "Acme"), '"soon" is no instant'),
    (("playbook", "unsilence", "nope"), 'there is no silence "nope"'),
    (("explain", "Acme", "--at", "2020-01-01"), 'was not live at 2020-01-01 00:00Z'),
])
def test_what_is_wrongly_named_is_refused_with_advice(
    company: Path, steward: Steward, command: tuple[str, ...], said: str,
) -> None:
    """Exit code 2, nothing on stdout, one thing to correct; never a stack trace, never silence."""
    refused = steward(*command)

    assert refused.code == 2
    assert refused.out == ""
    assert said in " ".join(refused.err.replace("│", " ").split())
    assert "Traceback" not in refused.err


def test_a_troubled_source_is_named_once(company: Path, steward: Steward) -> None:
    """One cause, one line: not one for each of ten streams."""
    (company / "accounts.csv").unlink()
    said = steward("sync")

    assert said.code == 1
    assert said.out.count("accounts.csv") == 1
    assert "connector check files" in said.out


def test_a_company_of_another_folder_is_named_in_what_to_type_next(
    company: Path, steward: Steward, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next command can be copied as it stands."""
    (company / "elsewhere").mkdir()
    config = company / "steward.yaml"
    config.write_text(config.read_text().replace("folder: .", f"folder: {company}"))
    monkeypatch.chdir(company / "elsewhere")

    assert f"--config {config}" in steward("sync", "--config", config).out
    assert "checked 1 file" in steward("playbook", "check", "--config", config).out
    monkeypatch.setenv("STEWARD_CONFIG", str(config))
    assert "--config" not in steward("sync").out


def test_a_wrong_name_in_the_settings_is_found_by_the_doctor(company: Path, steward: Steward) -> None:
    """A message routed to a connection that is not there would never arrive."""
    config = company / "steward.yaml"
    config.write_text(config.read_text() + "routing: {message: slak}\ntruth: {account.name: [filez]}\n")
    said = steward("doctor")

    assert said.code == 1
    assert "FAIL routing.message" in said.out
    assert 'there is no connection "filez". Did you mean "files"?' in said.out


def test_a_fact_that_is_gone_stops_its_own_playbook_only(company: Path, steward: Steward) -> None:
    """Somebody tidies up steward.yaml: one line says which playbook stands still, and everything else goes on."""
    config, text = company / "steward.yaml", (company / "steward.yaml").read_text()
    config.write_text(text + "facts:\n  company.arr_again: {sum: [account.arr, account.arr], meaning: Twice the ARR.}\n")
    (company / "playbooks/again.yaml").write_text(
        (company / "playbooks/large_account.yaml").read_text().replace("id: large_account", "id: again")
        .replace("when: account.arr", "when: company.arr_again"))
    assert steward("playbook", "apply", "again", "--yes").code == 0
    assert "again" in steward("evaluate").out
    (company / "playbooks/again.yaml").unlink()
    config.write_text(text)
    said = steward("evaluate")

    assert said.code == 0, said.err
    assert said.out.count("needs attention: again@") == said.out.count("can be read no more") == 1
    assert "company.arr_again" in said.out
    assert "FAIL playbook \"again\" as it is live" in steward("doctor").out
    assert "again" in steward("playbook", "list").out
    assert steward("playbook", "retire", "again", "--yes").code == 0
    assert "needs attention" not in steward("evaluate").out


def test_a_port_that_is_taken_is_said_in_words(company: Path) -> None:
    """The commonest trouble of a second start; a stack trace says it to nobody."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([sys.executable, "-m", "steward.cli.main", "serve", "--port", port],
                              capture_output=True, text=True, timeout=60, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"cannot listen on 127.0.0.1, port {port}" in done.stderr
    assert len(done.stderr.splitlines()) == 1
