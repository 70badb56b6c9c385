"""A company that was really evaluated every day for a season, on this machine's SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from benchmarks.snapshots import frames
from steward import operate
from steward.contracts import Connector
from steward.engine.language import Playbook
from steward.engine.load import load_playbook
from steward.facts.catalog import catalog as real_catalog
from steward.model.actions import DeliveryClass
from steward.model.facts import FactSpec
from steward.model.records import Noun, Record
from steward.pipeline.evaluate import evaluate
from steward.settings import Company, Routing, Settings
from steward.store import facts, identity, records
from steward.store.database import Database

UNTIL = datetime(2026, 6, 30, 6, tzinfo=UTC)
SETTINGS = Settings(company=Company(), routing=Routing(message="slack", cta=("crm",), channel="#cs"))
CATALOG = real_catalog()


def _connector(name: str, **actions: DeliveryClass) -> Connector:
    def absent(*_: object) -> Any:
        raise AssertionError("evaluating connects to nothing")

    return Connector(name, name, absent, absent, absent, actions=actions)


CONNECTORS = {"crm": _connector("salesforce", open_cta=DeliveryClass.A), "slack": _connector("slack", message=DeliveryClass.C)}


class Season:
    """Accounts a0, a1, … of one CRM, their daily snapshots, and what was decided about them."""

    settings, catalog, until = SETTINGS, CATALOG, UNTIL

    def __init__(self, db: Database, accounts: int) -> None:
        self.db = db
        told = [Record(Noun.PERSON, "ana", {"name": "Ana", "email": "ana@us.test", "active": True})]
        named = [Record(Noun.ACCOUNT, f"a{at}", {"name": f"Acme {at}", "domain": f"a{at}.test", "csm_external_id": "ana"})
                 for at in range(accounts)]
        with db.write() as tx:
            records.upsert(tx, "crm", "people", told, UNTIL)
            records.upsert(tx, "crm", "accounts", named, UNTIL)
            identity.resolve(tx, UNTIL, {})
            known = identity.external_ids(tx)
        by_name = {names["crm"]: account_id for account_id, names in known.items()}
        self.ids = [by_name[f"a{at}"] for at in range(accounts)]

    def playbook(self, text: str) -> Playbook:
        return load_playbook(text, "it.yaml", CATALOG)

    def apply(self, playbook: Playbook, at: datetime) -> None:
        operate.apply(self.db, [playbook], "ana", at)

    def wander(self, days: int, seed: int = 7) -> Iterator[datetime]:
        """Stores made-up snapshots day by day; the caller decides what happens in between."""
        for at, frame in frames(len(self.ids), days, UNTIL, seed=seed):
            facts.save_snapshot(self.db, frame.with_columns(pl.Series("account_id", self.ids)), at)
            yield at

    def know(self, at: datetime, scores: Sequence[float | None], **more: Any) -> None:
        """One snapshot with these health scores."""
        facts.save_snapshot(self.db, pl.DataFrame({
            "account_id": self.ids[:len(scores)], "account.name": [f"Acme {place}" for place in range(len(scores))],
            "account.csm_email": ["ana@us.test"] * len(scores), "account.arr": [60_000.0] * len(scores),
            "health.score": pl.Series(scores, dtype=pl.Float64),
            **{name.replace("__", "."): values for name, values in more.items()},
        }).with_columns(pl.lit(at).cast(pl.Datetime("us", "UTC")).alias(f"as_of.{group}") for group in ("crm", "health")), at)

    def evaluate(self, playbook: Playbook, at: datetime) -> None:
        evaluate(self.db, [playbook], CATALOG, SETTINGS, CONNECTORS, at + timedelta(minutes=5))

    @property
    def ground(self) -> tuple[Mapping[str, FactSpec], Settings]:
        return CATALOG, SETTINGS


@pytest.fixture
def season(_sqlite_template: Path, tmp_path: Path) -> Iterator[Callable[[int], Season]]:
    """So many accounts in a database of this test's own."""
    (tmp_path / "steward.db").write_bytes(_sqlite_template.read_bytes())
    opened = Database.open(f"sqlite:///{tmp_path / 'steward.db'}", tmp_path / "data")
    yield lambda accounts: Season(opened, accounts)
    opened.close()
