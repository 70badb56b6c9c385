"""A small company on this machine, made of three files; no network, no vendor."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from steward.cli.main import run

HOSTILE = "Evil\x1b[2J\u202e\x9b31m Ltd"
_CONFIG = """\
company: {currency: EUR}
store: {data_dir: data}
playbooks: playbooks
connections:
  files:
    connector: csvfile
    settings:
      folder: .
      files:
        - path: accounts.csv
          noun: account
          external_id: Id
          columns: {name: Name, domain: Domain, lifecycle: Stage, arr: {column: ARR, currency: EUR}}
"""
PLAYBOOK = """\
id: large_account
title: A large account
why: To have one that fires.
mode: live
when: account.arr >= 50k EUR
until: account.arr < 40k EUR
do:
  - cta: {type: expansion, due: 3bd, assign: csm}
"""
CASES = """\
cases:
  - name: fires at 50k
    series:
      acme: {account.arr: "10k EUR 60k EURx2"}
    expect:
      - {at: 0d, acme: idle}
      - {at: 1d, acme: active, actions: {acme: [cta]}}
"""


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a company, synced and evaluated: steward.yaml, playbooks, one CSV file, a database."""
    home = tmp_path_factory.mktemp("company")
    (home / "steward.yaml").write_text(_CONFIG)
    (home / "playbooks").mkdir()
    (home / "playbooks/large_account.yaml").write_text(PLAYBOOK)
    (home / "playbooks/large_account.cases.yaml").write_text(CASES)
    (home / "accounts.csv").write_text(
        f'Id,Name,Domain,Stage,ARR\n1,Acme,acme.example,customer,60000\n2,"{HOSTILE}",evil.example,customer,10\n'
        "3,株式会社あくめ,akume.example,customer,20000\n", encoding="utf-8")
    with contextlib.chdir(home):
        assert run(["sync"]) == 0
        assert run(["playbook", "apply", "--yes"]) == 0
        assert run(["evaluate"]) == 0
    return home


@dataclass(frozen=True)
class Said:
    """What a command answered."""

    code: int
    out: str
    err: str


@pytest.fixture
def steward(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command in this process: `steward("accounts", "--json")`."""

    def call(*arguments: object) -> Said:
        capsys.readouterr()
        try:
            code = run([str(each) for each in arguments])
        except SystemExit as ended:         # a mistake in the command itself
            code = int(ended.code or 0)
        said = capsys.readouterr()
        return Said(code, said.out, said.err)

    return call


@pytest.fixture
def company(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the company, for one test; its folder is the working directory."""
    home = tmp_path / "company"
    shutil.copytree(made, home)
    monkeypatch.chdir(home)
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.delenv("STEWARD_CONFIG", raising=False)
    return home
