"""`steward export` and `steward publish`, as a person and a program meet them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

Steward = Callable[..., Any]


def test_it_writes_files_and_says_what_comes_next(company: Path, steward: Steward) -> None:
    """An analyst needs one command."""
    told = steward("export", "--to", "out")
    program = steward("export", "--to", "out", "--format", "csv", "--tables", "dim_account", "fact_account_day", "--json")

    assert told.code == 0
    assert "schema version 1. Next: read out/dictionary.md" in told.out
    said = json.loads(program.out)
    assert said["tables"] == {"dim_account": 3, "fact_account_day": 3}
    assert {each["name"] for each in said["files"]} == {"dim_account.csv", "fact_account_day.csv", "dictionary.md"}
    with duckdb.connect() as db:
        assert db.execute("SELECT sum(arr) FROM 'out/fact_account_day.parquet'").fetchone() == (80010,)
        assert db.execute("SELECT count(*) FROM 'out/fact_enrollment.parquet' WHERE state = 'active'").fetchone() == (1,)


def test_the_dictionary_needs_no_company(tmp_path: Path, steward: Steward, monkeypatch: Any) -> None:
    """Who plans a report reads it first."""
    monkeypatch.chdir(tmp_path)

    assert "## fact_account_day" in steward("export", "--dictionary").out
    said = json.loads(steward("export", "--dictionary", "--json").out)
    assert said["version"] == 1
    assert {"table": "fact_account_day", "column": "arr", "type": "money, exact to the cent"}.items() <= next(
        each for each in said["columns"] if (each["table"], each["column"]) == ("fact_account_day", "arr")).items()


def test_what_is_missing_is_said(company: Path, steward: Steward) -> None:
    """Exit code 2, one sentence, and what to do."""
    for command, said in (
        (("export",), "say where to write: steward export --to DIR"),
        (("export", "--to", "out", "--tables", "dim_acount"), 'Did you mean "dim_account"?'),
        (("export", "--to", "out", "--since", "yesterday"), "is no instant"),
        (("export", "--to", "steward.yaml"), "cannot be written"),
        (("export", "--to", "out", "--connect"), "BI tools read live from PostgreSQL"),
        (("publish",), "publishes to nobody. Add there"),
    ):
        told = steward(*command)

        assert (told.code, told.out) == (2, ""), command
        assert said in told.err, command


def test_publish_tells_what_it_sent_and_what_it_could_not(company: Path, steward: Steward) -> None:
    """Power BI on loopback; then its token is wrong."""
    from connectors.powerbi.sandbox import PowerBiSandbox

    with PowerBiSandbox() as sandbox:
        (company / "steward.yaml").write_text((company / "steward.yaml").read_text() + "".join((
            "  powerbi:\n    connector: powerbi\n    settings:\n",
            *(f"      {name}: {json.dumps(value)}\n" for name, value in sandbox.settings().items()),
            "publish:\n  powerbi: {tables: [dim_account, dim_person]}\n")))
        before = steward("doctor").out
        first, again, anew = steward("publish"), steward("publish"), steward("publish", "--now", "--json")
        after = steward("doctor").out
        sandbox.expire_tokens()
        sandbox.allow = lambda request: sandbox.error(403)      # type: ignore[method-assign]  # the membership is gone
        refused = steward("publish", "--now")

    assert "publish to powerbi: due (steward publish)" in before
    assert "publish to powerbi: queued for its period" in after
    assert first.code == 0
    assert "published 2 tables, 0 need you" in first.out
    assert len(sandbox.rows("dim_account")) == 3
    assert "nothing was due in this period (--now does it all the same)" in again.out
    assert json.loads(anew.out)["delivered"]["delivered"] == 2
    assert refused.code == 1
    assert "2 need you" in refused.out
    assert "outbox list" in refused.out


def test_help_imports_nothing_heavy() -> None:
    """`steward --help` must answer at once."""
    code = ("import sys; from steward.cli.main import app; app.help_print([]); import steward.cli.commands.export, "
            "steward.cli.commands.publish\n"
            "print([name for name in ('polars', 'pantab', 'xlsxwriter', 'tableauserverclient', 'sqlalchemy') if name in sys.modules])")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.splitlines()[-1] == "[]"
