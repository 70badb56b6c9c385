"""Our facts stand in the CRM, where the account team looks: once each, again when they change, and nothing else."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.salesforce.sandbox import SalesforceSandbox
from steward.cli.main import run
from steward.kit.sandbox import Fault
from steward.store import outbox
from steward.wiring import Hub, open_hub

_CONFIG = """
company: {{name: Acme}}
store: {{data_dir: data}}
connections:
  crm: {{connector: salesforce, settings: {settings}}}
writeback:
  crm:
    renewal.days_left: Health_Score__c
    account.segment: {{field: Risk__c, empty: true}}
"""
ACCOUNTS = 60


@dataclass
class Company:
    """One org, one Steward, one clock for both; no playbook."""

    vendor: SalesforceSandbox
    config: Path
    at: list[datetime] = field(default_factory=lambda: [datetime(2026, 3, 5, 8, 0, 30, tzinfo=UTC)])

    def round(self, later: timedelta = timedelta(minutes=5)) -> int:
        """Sync, derive, write back, deliver; how many values were decided."""
        self.at[0] += later
        with open_hub(self.config, lambda: self.at[0]) as hub:
            hub.sleep = lambda _: None
            assert not hub.sync("crm").troubles
            hub.derive()
            queued = hub.write_back().queued
            hub.deliver()
            with hub.db.read() as tx:
                assert outbox.conservation(tx).holds
            return queued

    def written(self) -> list[tuple[str, Any]]:
        return [(effect.detail["id"], dict(effect.detail["row"])) for effect in self.vendor.ledger]

    def stands(self, name: str) -> dict[str, Any]:
        return {row["Id"]: row.get(name) for row in self.vendor.rows("Account")}

    def hub(self) -> Any:
        return open_hub(self.config, lambda: self.at[0])


@pytest.fixture
def acme(tmp_path: Path) -> Iterator[Company]:
    acme = Company(SalesforceSandbox(), tmp_path / "steward.yaml")
    acme.vendor.now = lambda: acme.at[0]
    acme.vendor.start()
    acme.vendor.seed(ACCOUNTS)
    acme.config.write_text(_CONFIG.format(settings=json.dumps(acme.vendor.settings())))
    (tmp_path / "playbooks").mkdir()
    yield acme
    acme.vendor.stop()


def _facts(hub: Hub) -> dict[str, Any]:
    from steward.store import facts, identity

    with hub.db.read() as tx:
        snapshot, ids = facts.latest(tx, names=["renewal.days_left"]), identity.live_ids(tx, "crm")
    assert snapshot
    return {ids[row["account_id"]]: row["renewal.days_left"] for row in snapshot.frame.iter_rows(named=True)}


def test_facts_stand_in_the_crm_and_follow_it(acme: Company) -> None:
    """The whole way: read, derive, write, and read again what we wrote without writing it again."""
    assert acme.round() == 50, "a few of each field, to see whether the target takes them"
    assert acme.round() == 2 * (ACCOUNTS - 25)
    assert acme.round() == 0
    with acme.hub() as hub:
        known = _facts(hub)
    assert acme.stands("Health_Score__c") == known
    assert set(acme.stands("Risk__c").values()) == {"enterprise", "mid_market", "smb"}
    assert len(acme.written()) == 2 * ACCOUNTS, "each value was applied once"

    changed = SalesforceSandbox.make_id("Account", 7)
    acme.vendor.upsert("Account", [{"Id": changed, "Segment__c": None}])
    assert acme.round() == 1
    assert acme.stands("Risk__c")[changed] is None, "emptied, where the settings say so"
    assert acme.round(timedelta(days=1)) == ACCOUNTS, "a day nearer to every renewal"
    assert acme.vendor.breaches == []


def test_many_values_cost_few_calls(acme: Company) -> None:
    """People need the day's calls."""
    acme.round()
    acme.vendor.calls.clear()
    acme.round()

    writes = [path for _, method, path, _ in acme.vendor.calls if method == "PATCH"]
    assert len(writes) == 2, "35 values of two fields: one call for each turn of an account"


def test_a_crm_that_breaks_in_the_middle_ends_with_the_same(acme: Company) -> None:
    """Cut lines, refusals and a used-up quota: each value stands there once in the end."""
    acme.round()
    acme.vendor.faults = [Fault("cut", "PATCH"), Fault("status", "PATCH", status=503), Fault("html", "PATCH", status=502)]
    for _ in range(6):
        acme.round()
    acme.vendor.exhaust_quota(1)
    for _ in range(3):
        with acme.hub() as hub:
            hub.sleep = lambda _: None
            acme.at[0] += timedelta(hours=1)
            hub.deliver()
    with acme.hub() as hub:
        assert acme.stands("Health_Score__c") == _facts(hub)
    assert len(acme.written()) == 2 * ACCOUNTS


def test_a_field_that_is_not_there_stops_after_a_few(acme: Company, capsys: pytest.CaptureFixture[str]) -> None:
    """Nobody wants 20,000 dead letters; `doctor` and `writeback` say what to do."""
    acme.vendor.hide("Account.Health_Score__c")
    acme.round()
    assert acme.round() == ACCOUNTS - 25, "the other field goes on"
    assert acme.round() == 0

    capsys.readouterr()
    assert run(["doctor", "--config", str(acme.config)]) == 1
    told = capsys.readouterr().out
    assert "write back renewal.days_left to crm Health_Score__c: 0 stand there" in told
    assert "25 refused" in told
    run(["writeback", "--config", str(acme.config)])
    assert "took none of the first values for Health_Score__c" in capsys.readouterr().out
    run(["outbox", "list", "--state", "failed", "--config", str(acme.config)])
    assert '"Health_Score__c" of Account cannot be written' in capsys.readouterr().out


def test_the_dry_look_says_what_would_be_written(acme: Company, capsys: pytest.CaptureFixture[str]) -> None:
    """Before it is switched on, and without a call that changes anything."""
    acme.at[0] = datetime.now(UTC)
    with acme.hub() as hub:
        hub.sync("crm")
        hub.derive()
    capsys.readouterr()

    assert run(["writeback", "--json", "--config", str(acme.config)]) == 0
    report = json.loads(capsys.readouterr().out)

    assert [(each["fact"], each["field"], len(each["changes"]) + each["later"]) for each in report["fields"]] == [
        ("renewal.days_left", "Health_Score__c", ACCOUNTS), ("account.segment", "Risk__c", ACCOUNTS)]
    assert run(["writeback", "--config", str(acme.config)]) == 0
    assert "50 values would be written" in capsys.readouterr().out
    assert list(acme.vendor.ledger) == []
