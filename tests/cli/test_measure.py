"""`steward playbook backtest | score | lift` on a company of three files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


def ask(steward: Any, *arguments: str) -> tuple[int, str, str]:
    said = steward(*arguments)
    return said.code, said.out, said.err


@pytest.mark.parametrize("command", ["backtest", "score", "lift"])
def test_each_is_one_object_for_machines(company: Path, steward: Any, command: str) -> None:
    """The API and the pages draw the same answer."""
    code, out, err = ask(steward, "playbook", command, "large_account", "--json")

    assert (code, err) == (0, "")
    [found] = json.loads(out)[f"{command}s"]
    assert found["playbook_id"] == "large_account"


def test_a_backtest_says_what_it_saw_and_what_it_did_not(company: Path, steward: Any) -> None:
    """Nobody may take it for a promise."""
    code, out, _ = ask(steward, "playbook", "backtest", "large_account")

    assert code == 0
    assert "Only 1 day of facts is stored yet" in out
    assert "enrolled (" in out
    assert "churn: 0 accounts, 0 caught, 0 missed" in out
    assert "not simulated:" in out
    assert "Nothing was performed. Next: " in out


def test_days_without_snapshots_are_refused_with_those_that_there_are(company: Path, steward: Any) -> None:
    """A mistyped year must not look like a quiet one."""
    code, out, err = ask(steward, "playbook", "backtest", "large_account", "--from", "2019-01-01", "--to", "2019-02-01")

    assert (code, out) == (2, "")
    assert "no snapshot is stored from 2019-01-01 00:00Z to 2019-02-01 23:59Z" in err


def test_a_score_of_one_enrollment_is_no_verdict(company: Path, steward: Any) -> None:
    """One account is no evidence."""
    _, out, _ = ask(steward, "playbook", "score", "large_account")

    assert "not enough data yet to say whether it is right (n = 0, 20 are needed)" in out


def test_lift_without_a_holdout_says_how_to_begin(company: Path, steward: Any) -> None:
    """The first step is one line of YAML."""
    _, out, _ = ask(steward, "playbook", "lift", "large_account")

    assert "large_account holds nobody out, so nothing will ever be shown. Add to it: holdout: 10%" in out
    assert "with 10% held out" in out


def test_a_wrong_name_is_refused(company: Path, steward: Any) -> None:
    code, _, err = ask(steward, "playbook", "score", "large_acount")

    assert code == 2
    assert 'Did you mean "large_account"?' in err
