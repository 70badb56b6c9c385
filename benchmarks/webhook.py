"""From a signed webhook to the message in Slack: events at a steady rate in; p50 and p95 of the time between out.

Every event tells of another account of a synced company that it grew; a playbook writes to its CSM at once. The clock
runs from before the call is made until the Slack sandbox has applied the message. The first event warms up and does
not count.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

from benchmarks.processes import Watch
from steward.demo.config import config_text
from steward.store import identity
from steward.wiring import installed, open_hub, shipped_playbooks

MANY = 70_000                                   # more people than any account of the company has
GREW = f"""\
id: grew
title: Grew beyond measure
why: Who grows like that needs another plan.
mode: live
limit: 100000 or 100%
when: account.employees >= {MANY}
again_after: 90d
do:
  - message: {{to: [csm, channel:cs-alerts]}}
"""
LAST_WITHIN_S = 60.0


def main() -> int:
    """Print one JSON object; 1 when a message did not come."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.webhook", description=__doc__)
    parser.add_argument("--events", type=int, default=50)
    parser.add_argument("--per-s", type=float, default=2.0, help="events a second")
    parser.add_argument("--accounts", type=int, default=0, help="accounts of the company (default: what it takes)")
    parser.add_argument("--json", action="store_true", help="one line instead of an indented object")
    chosen = parser.parse_args()
    accounts = chosen.accounts or max(100, chosen.events * 2)
    with tempfile.TemporaryDirectory(prefix="steward-bench-") as folder:
        found = measure(Path(folder), accounts, chosen.events, chosen.per_s)
    print(json.dumps(found, indent=None if chosen.json else 2))
    return 0 if found["missing"] == 0 else 1


def measure(home: Path, accounts: int, events: int, per_s: float) -> dict[str, Any]:
    """Sync a company of so many accounts in `home`, serve it, and call it `events` times."""
    vendors = _start("steward.cli.main", "sandbox", "serve", "--json", f"--accounts={accounts}", f"--state={home}")
    try:
        config, companies = _synced(home, _said(vendors))
        if len(companies) <= events:
            raise SystemExit(f"{events} events need as many accounts that HubSpot knows; ask for more --accounts")
        server = _start("steward.cli.main", "serve", "--json", "--port=0", f"--config={config}")
        try:
            url = f"{_said(server)['url']}/hooks/hubspot"
            with Watch(server.pid) as watch:
                sent = _call(url, dict(list(companies.items())[:events + 1]), home, per_s)
            came = _came(home)
        finally:
            _stop(server)
    finally:
        _stop(vendors)
    took_ms = sorted((came[account] - at) * 1000 for account, at in sent.items() if account in came)
    cuts = quantiles(took_ms, n=100, method="inclusive") if len(took_ms) > 1 else [float("nan")] * 99
    return {
        "benchmark": "webhook", "events": events, "per_s": per_s, "accounts": accounts,
        "ours_s": round(cuts[49] / 1000, 4), "peers_s": {}, "ratios": {},
        "peak_mb": max(cost.peak_mb for cost in watch.costs().values()), "answers_equal": len(took_ms) == events,
        "missing": events - len(took_ms), "p50_ms": round(cuts[49], 1), "p95_ms": round(cuts[94], 1),
        "worst_ms": round(took_ms[-1], 1) if took_ms else None,
        "processes": {name: asdict(cost) for name, cost in watch.costs().items()},
    }


def _synced(home: Path, described: Mapping[str, Any]) -> tuple[Path, dict[str, str]]:
    """The steward.yaml of a company at rest; our account id -> HubSpot's company, for every account HubSpot knows."""
    shutil.copytree(shipped_playbooks(), home / "playbooks")
    (home / "playbooks" / "grew.yaml").write_text(GREW)
    config = home / "steward.yaml"
    config.write_text(config_text(
        {name: each["settings"] for name, each in described.items()}, playbooks=home / "playbooks"))
    with open_hub(config) as hub:
        for name in ("salesforce", "hubspot", "usage"):
            hub.sync(name)
        hub.derive()
        hub.apply(hub.draft(), "benchmark")
        hub.evaluate()
        hub.deliver()
        with hub.db.read() as tx:
            known = identity.external_ids(tx)
    return config, {account: names["hubspot"] for account, names in known.items() if "hubspot" in names}


def _call(url: str, companies: Mapping[str, str], home: Path, per_s: float) -> dict[str, float]:
    """Tell of each company; when each call began, in seconds of the wall clock. The first one warms up."""
    vendor = installed()["hubspot"].load_sandbox()(None)
    began: dict[str, float] = {}
    due = 0.0
    for number, (account, company) in enumerate(companies.items()):
        time.sleep(max(0.0, due - time.time()))
        began[account] = time.time()
        due = began[account] + 1 / per_s
        status = vendor.post_webhook(url, [{
            "eventId": 5_000 + number, "subscriptionId": 33, "portalId": 4727653, "appId": 1160452,
            "occurredAt": round(time.time() * 1000), "subscriptionType": "company.propertyChange",
            "attemptNumber": 0, "objectId": int(company), "changeSource": "CRM",
            "propertyName": "numberofemployees", "propertyValue": str(MANY + number),
        }])
        assert status == 200, status
        if number == 0:
            _wait_for(1, home)
            del began[account]
    _wait_for(len(companies), home)
    return began


def _wait_for(messages: int, home: Path) -> None:
    ends = time.monotonic() + LAST_WITHIN_S
    while len(_came(home)) < messages and time.monotonic() < ends:
        time.sleep(0.1)


def _came(home: Path) -> dict[str, float]:
    """By account, when Slack applied the message, in seconds of the wall clock."""
    with suppress(FileNotFoundError):
        effects = [json.loads(line) for line in (home / "slack" / "ledger.jsonl").read_text().splitlines()]
        return {
            effect["key"].split("/")[1]: datetime.fromisoformat(effect["applied_at"]).astimezone(UTC).timestamp()
            for effect in effects if effect["key"].startswith("grew/")
        }
    return {}


def _start(module: str, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=subprocess.PIPE, text=True)


def _said(process: subprocess.Popen[str]) -> Any:
    assert process.stdout
    return json.loads(process.stdout.readline())


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    process.communicate()


if __name__ == "__main__":
    sys.exit(main())
