"""`steward sync`: status and audit, to a person and to a program."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Steward = Callable[..., Any]


def _append(company: Path, line: str) -> None:
    with (company / "accounts.csv").open("a", encoding="utf-8") as file:
        file.write(line + "\n")


def test_what_is_well_is_said_to_be_whole(company: Path, steward: Steward) -> None:
    """The share of agreement is a number that an executive may quote."""
    said, told = steward("sync", "audit"), json.loads(steward("sync", "audit", "files", "--json").out)

    assert said.code == 0
    assert "files: 100 % of" in said.out
    assert told["connections"]["files"]["agreement"] == 1.0
    assert told["connections"]["files"]["streams"]["accounts"]["fields"]["name"] == 1.0


def test_what_changed_since_is_below_the_goal_and_named(company: Path, steward: Steward) -> None:
    """A number without the rows behind it cannot be worked on."""
    text = (company / "accounts.csv").read_text(encoding="utf-8")
    (company / "accounts.csv").write_text(text.replace("60000", "70000"), encoding="utf-8")
    said = steward("sync", "audit", "--stream", "accounts")
    one = steward("sync", "audit", "--sample", "1", "--json")

    assert said.code == 1
    assert "accounts 1 arr: there {'amount': '70000'" in said.out
    assert "1 undated" in said.out
    assert "That is below 95 %" in said.out
    assert json.loads(one.out)["connections"]["files"]["streams"]["accounts"]["records"] == 1


def test_a_row_that_is_refused_stands_in_the_status_until_it_is_well(company: Path, steward: Steward) -> None:
    """Whoever put the row there looks here to see whether it is well now."""
    _append(company, "4,Initech,initech.example,customer,a lot")
    steward("sync")
    refused, doctor = steward("sync", "status"), steward("doctor")
    text = (company / "accounts.csv").read_text(encoding="utf-8").replace("a lot", "5")
    (company / "accounts.csv").write_text(text, encoding="utf-8")
    steward("sync", "files")
    well = steward("sync", "status")

    assert "accounts.csv row 5" in refused.out
    assert "1 rows refused" in refused.out
    assert "1 rows refused" in doctor.out
    assert "0 rows refused" in well.out
    assert "over" in well.out


def test_a_new_column_is_noticed_by_status_and_check(company: Path, steward: Steward) -> None:
    """It may be the field that everybody waits for."""
    lines = (company / "accounts.csv").read_text(encoding="utf-8").splitlines()
    (company / "accounts.csv").write_text("\n".join(
        f"{line},{'Region' if not at else 'EMEA'}" for at, line in enumerate(lines)), encoding="utf-8")
    steward("sync")

    for command in (("sync", "status"), ("connector", "check")):
        assert "accounts.csv.Region" in steward(*command).out, command
    assert json.loads(steward("sync", "status", "--json").out)["notices"][0]["what"] == "new_field"


def test_what_cannot_be_asked_is_answered_with_what_can(company: Path, steward: Steward) -> None:
    """A typo on the command line."""
    assert 'has no connection "statu"' in steward("sync", "statu").err
    assert 'has no stream "acounts"' in steward("sync", "audit", "--stream", "acounts").err
    assert "says nothing" in steward("sync", "audit", "--sample", "0").err
