"""The demo's own promise: every playbook notices its stories, and none of what only looks like them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from steward import wiring
from steward.demo.company import build
from steward.demo.company.stories import PLAYBOOK
from steward.demo.config import config_text
from steward.demo.sandboxes import start_sandboxes
from steward.kit.sandbox import Sandbox
from steward.store import enrollments, identity

TODAY = date(2026, 11, 22)
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
ACCOUNTS, SEED = 120, 7
PLAYBOOKS = Path(__file__).parents[2] / "playbooks"


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[wiring.Hub, dict[str, Sandbox]]]:
    """The whole way once: synced, derived, evaluated, delivered."""
    home = tmp_path_factory.mktemp("demo")
    sandboxes = start_sandboxes(wiring.installed(), (), accounts=ACCOUNTS, seed=SEED, as_of=TODAY, state=None)
    config = home / "steward.yaml"
    config.write_text(config_text({name: each.settings() for name, each in sandboxes.items()}, playbooks=PLAYBOOKS))
    with wiring.open_hub(config, lambda: NOW) as hub:
        for name, known in hub.connectors.items():
            if known.streams:
                report = hub.sync(name)
                assert not report.troubles
        hub.apply(hub.draft(), "demo", "the shipped playbooks")
        hub.derive()
        hub.evaluate()
        hub.deliver()
        yield hub, sandboxes
    for sandbox in sandboxes.values():
        sandbox.stop()


def _noticed(hub: wiring.Hub) -> set[tuple[str, int]]:
    """Playbook and number of every account that it enrolled."""
    number_of: dict[tuple[str, str], int] = {}
    for label in build(ACCOUNTS, SEED, TODAY).labels():
        for vendor, external_id in (("salesforce", label.salesforce_id), ("hubspot", label.hubspot_id)):
            if external_id:
                number_of[vendor, external_id] = label.number
    with hub.db.read() as tx:
        known = identity.external_ids(tx)
        return {
            (name, next(number_of[each] for each in known[account].items() if each in number_of))
            for name in set(PLAYBOOK.values()) for account in enrollments.open_of(tx, name)
        }


def test_every_story_is_noticed_and_no_noise_is(done: tuple[wiring.Hub, dict[str, Any]]) -> None:
    """Who tries Steward sees it find what is there, and nothing else."""
    wanted = {(label.playbook, label.number) for label in build(ACCOUNTS, SEED, TODAY).labels() if label.playbook}

    assert _noticed(done[0]) == wanted


def test_people_are_told_in_slack_and_tasks_stand_in_the_crm(done: tuple[wiring.Hub, dict[str, Any]]) -> None:
    """Each action once, where the account team works."""
    _, sandboxes = done
    for name in ("slack", "salesforce", "hubspot"):
        keys = [effect.key for effect in sandboxes[name].ledger if effect.key]

        assert keys, name
        assert len(keys) == len(set(keys)), name


def test_a_message_in_slack_names_the_account_and_pages_nobody(done: tuple[wiring.Hub, dict[str, Any]]) -> None:
    """Names from the CRM are shown, and are never commands."""
    texts = [effect.detail["text"] for effect in done[1]["slack"].ledger]

    assert all("<" not in text and ">" not in text for text in texts)
    assert len(set(texts)) == len(texts)
