"""What the library's page promises of the demo company is what its facts say: how many each playbook would enrol."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from steward import wiring
from steward.demo.config import config_text
from steward.demo.sandboxes import start_sandboxes
from steward.engine.closures import closure
from steward.engine.expression import ALWAYS
from steward.engine.language import Playbook, Subject, TriggerKind
from steward.model.events import Event, connection_and_name
from steward.pipeline.derive import derive
from steward.store import events as told
from steward.store import facts, subject_facts

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ACCOUNTS, SEED = 500, 7
A_MONTH = timedelta(days=30)
PLAYBOOKS = Path(__file__).parents[2] / "playbooks"
VOLUMES = json.loads((PLAYBOOKS / "volumes.json").read_text(encoding="utf-8"))

Row = Mapping[str, Any]


class Company:
    """The facts of the demo company's accounts, contacts and opportunities, and what happened there in a month."""

    def __init__(self, hub: wiring.Hub) -> None:
        self.playbooks = {each.id: each for each in hub.drafts.playbooks}
        with hub.db.read() as tx:
            snapshot = facts.latest(tx)
            assert snapshot is not None
            self.accounts = {row["account_id"]: row for row in snapshot.frame.to_dicts()}
            self.subjects = {
                kind: [] if (frame := subject_facts.subjects(tx, kind)) is None else frame.to_dicts()
                for kind in ("contact", "opportunity")
            }
            self.events = [each for each in told.list_(tx, limit=1_000_000) if each.happened_at >= NOW - A_MONTH]

    def rows(self, playbook: Playbook) -> list[Row]:
        """The facts of each that the playbook may enrol."""
        if playbook.subject is Subject.ACCOUNT:
            return list(self.accounts.values())
        return [{**self.accounts[row["account_id"]], **row} for row in self.subjects[playbook.subject]]

    def happened(self, playbook: Playbook, row: Row) -> bool:
        """Whether the event that the playbook waits for happened to it within a month."""
        connection, name = connection_and_name(playbook.trigger.event)

        def fits(event: Event) -> bool:
            of_it = event.record == row["external_id"] if playbook.subject is Subject.OPPORTUNITY else True
            return event.name == name and connection in ("", event.connection) and of_it

        return any(fits(event) for event in self.events if event.account_id == row["account_id"])

    def matching(self, playbook: Playbook) -> list[Row]:
        """Those of whom the conditions are true, whatever the other gates say."""
        if playbook.trigger.kind is TriggerKind.MANUAL:
            return []
        when, scope = closure(playbook.when), closure(playbook.scope or ALWAYS)
        exits = [closure(condition) for _, condition in playbook.exits]
        found = [row for row in self.rows(playbook)
                 if when(row) is True and scope(row) is True and not any(over(row) for over in exits)]
        if playbook.trigger.kind is TriggerKind.EVENT:
            return [row for row in found if self.happened(playbook, row)]
        return found

    def volume(self, playbook: Playbook) -> int:
        """How many would be in it today."""
        inhibited = {row["account_id"] for name in playbook.inhibited_by for row in self.matching(self.playbooks[name])}
        return sum(row["account_id"] not in inhibited for row in self.matching(playbook))


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    """Synced and derived once; nothing is evaluated, nothing is delivered."""
    home = tmp_path_factory.mktemp("library")
    sandboxes = start_sandboxes(wiring.installed(), (), accounts=ACCOUNTS, seed=SEED, as_of=TODAY, state=None)
    config = home / "steward.yaml"
    config.write_text(config_text({name: each.settings() for name, each in sandboxes.items()}, playbooks=PLAYBOOKS))
    with wiring.open_hub(config, lambda: NOW) as hub:
        for name, known in hub.connectors.items():
            if known.streams:
                assert not hub.sync(name).troubles
        asked = {each.trigger.event for each in hub.drafts.playbooks if each.trigger.event}
        derive(hub.db, hub.settings, hub.catalog, hub.scorecard, NOW, connectors=hub.connectors, events=asked,
               subjects={"contact", "opportunity"})
        yield Company(hub)
    for sandbox in sandboxes.values():
        sandbox.stop()


@pytest.mark.parametrize("name", VOLUMES)
def test_the_demo_has_as_many_as_the_page_says(company: Company, name: str) -> None:
    """Who copies a playbook wants to know how much work it makes before it makes it."""
    low, high = VOLUMES[name]

    assert low <= company.volume(company.playbooks[name]) <= high


def test_every_playbook_has_a_volume(company: Company) -> None:
    """A playbook without one would be copied blindly."""
    assert set(VOLUMES) == set(company.playbooks)
