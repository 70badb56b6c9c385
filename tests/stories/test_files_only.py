"""A company with nothing but spreadsheets, which others made: synced, scored, one playbook run; only settings say how."""

from __future__ import annotations

import csv
import gzip
import json
import shutil
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from connectors.slack.sandbox import SlackSandbox
from steward import views
from steward.store import facts, outbox
from steward.wiring import open_hub

DATA = Path(__file__).parents[3] / "shared" / "data" / "fightchurn" / "crm5_seed11"
pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the data that others made is not beside the checkout")
TODAY = datetime(2024, 1, 15, 8, tzinfo=UTC)  # the files end two days before
SOME = 100                                   # of 1,355 accounts: all their events take longer than a test should

CONFIG = """\
company: {name: CRM5, currency: USD, timezone: UTC, roles: {success: team@crm5.example}}
connections:
  files:
    connector: csvfile
    settings:
      folder: %(folder)s
      files:
        - path: accounts.csv
          noun: account
          external_id: account_id
          columns:
            name: account_id
            lifecycle: {constant: customer}
            custom.channel: channel
        - path: subscriptions.csv
          noun: subscription
          external_id: [account_id, product, start_date, units, end_date, quantity]
          columns:
            account_external_id: account_id
            product: product
            plan: units
            starts_on: start_date
            ends_on: end_date
      usage:
        - path: active_users_weekly.csv.gz
          account: account_id
          day: week_ending
          bucket: week_ending
          metrics: {active_users: active_users}
          repeat: [active_users]
        - path: events_weekly.csv.gz
          account: account_id
          day: week_ending
          bucket: week_ending
          metric: event_type
          value: n
  slack: {connector: slack, settings: %(slack)s}
usage_metrics: [active_users, %(metrics)s]
scorecard: scorecard.yaml
store: {data_dir: data}
routing: {message: slack, channel: cs-alerts}
"""
SCORECARD = """\
title: What spreadsheets tell
least_coverage: 40%
bands: {yellow: 50, green: 70}
measures:
  - {fact: usage.active_users.change_28d, title: People who come, part: Adoption, weight: 60,
     points: {-60%: 0, 0%: 80, 20%: 100}}
  - {fact: usage.features_used_28d, title: Features used, part: Adoption, weight: 40, points: {0: 0, 4: 60, 10: 100}}
"""
PLAYBOOK = """\
id: quiet
title: Gone quiet
why: Who stops working with it does not come back by themselves.
mode: live
limit: 1000 or 100%
when:
  all:
    - health.score < 50
    - usage.active_users.change_28d <= -20%
do:
  - message: {to: channel:cs-alerts}
"""


def _exports(folder: Path) -> list[str]:
    """The files, the events of some accounts only; the names of the events."""
    folder.mkdir()
    kinds: set[str] = set()
    for name in ("accounts.csv", "subscriptions.csv"):
        shutil.copyfile(DATA / name, folder / name)
    for name in ("active_users_weekly.csv.gz", "events_weekly.csv.gz"):
        with gzip.open(DATA / name, "rt") as whole, gzip.open(folder / name, "wt") as part:
            head = next(whole)
            part.write(head)
            for line in whole:
                if int(line.partition(",")[0]) < SOME:
                    part.write(line)
                    if name.startswith("events"):
                        kinds.add(next(csv.DictReader([head, line]))["event_type"])
    return sorted(kinds)


def test_a_company_of_spreadsheets_gets_its_playbook(tmp_path: Path, story: Any) -> None:
    """Most companies begin with exports; nobody should need a CRM to be told who goes quiet."""
    metrics = _exports(tmp_path / "exports")
    (tmp_path / "playbooks").mkdir()
    (tmp_path / "playbooks" / "quiet.yaml").write_text(PLAYBOOK)
    (tmp_path / "scorecard.yaml").write_text(SCORECARD)
    config = tmp_path / "steward.yaml"
    with SlackSandbox() as slack:
        config.write_text(CONFIG % {
            "folder": tmp_path / "exports", "metrics": ", ".join(metrics), "slack": json.dumps(slack.settings())})
        with open_hub(config, clock=lambda: TODAY) as hub:
            synced, again = hub.sync("files"), hub.sync("files")
            hub.apply(hub.draft(), "test")
            derived, evaluated = hub.derive(), hub.evaluate()
            delivered = hub.deliver()
            hub.evaluate()
            assert hub.deliver().delivered == 0, "everybody is told once"
            with hub.db.read() as tx:
                latest = facts.latest(tx)
                states = Counter(row.state for row in outbox.list_(tx, limit=10_000))
            counted = views.summary(hub.db)

        with (DATA / "accounts.csv").open() as opened:
            accounts = sum(1 for _ in csv.DictReader(opened))
        assert not synced.troubles
        assert not any(each.refusals for each in synced.streams)
        assert not sum(each.changed for each in again.streams), "files that nobody touched are not read again"
        assert counted.accounts == derived.accounts == accounts
        assert latest is not None
        scored = latest.frame.drop_nulls("health.score")
        due = scored.filter((scored["health.score"] < 50) & (scored["usage.active_users.change_28d"] <= -0.2))
        assert scored.height > SOME / 4
        assert 0 < due.height < scored.height
        assert evaluated.playbooks[0].enrolled == delivered.delivered == due.height
        assert states == {"delivered": due.height}
        told = {effect.key.split("/")[1] for effect in slack.ledger}
        assert told == set(due["account_id"])
        assert len(slack.ledger) == due.height
    story.tell(f"{accounts} accounts, {sum(each.records for each in synced.streams)} rows, {len(metrics) + 1} metrics, "
               f"{derived.facts} facts, {scored.height} scored, {due.height} told")
