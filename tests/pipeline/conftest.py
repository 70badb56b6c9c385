"""For the tests of verbs: a small company in the store, and what is known of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest

from steward.contracts import Connector
from steward.engine.language import Playbook
from steward.engine.load import load_playbook
from steward.facts.catalog import catalog as real_catalog
from steward.model.actions import DeliveryClass
from steward.model.enrollments import Decision, Enrollment, State
from steward.model.events import Event
from steward.model.records import Noun, Record
from steward.pipeline.evaluate import EvaluateReport, evaluate
from steward.settings import Company, Routing, Settings
from steward.store import enrollments, events, facts, identity, incidents, outbox, records, releases, versions
from steward.store.database import Database
from steward.store.releases import Release

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)                # a Monday
CATALOG = real_catalog()
TEXT = """\
id: health_drop
title: Health drop
why: A call in time saves most.
mode: live
scope: account.lifecycle == customer
when: health.score < 60
until: health.score >= 70
again_after: 30d
do:
  - cta: {type: risk, due: 3bd, assign: csm}
  - message: {to: csm}
escalate:
  - {after: 2bd, unless: acknowledged, to: csm_manager}
"""
SETTINGS = Settings(
    company=Company(roles={"vp_cs": "vp@steward.test"}), routing=Routing(message="slack", cta=("crm",), channel="#cs"))


def connector(name: str, **actions: DeliveryClass) -> Connector:
    def absent(*_: object) -> Any:
        raise AssertionError("evaluating connects to nothing")

    return Connector(name, name, absent, absent, absent, actions=actions)


CONNECTORS = {
    "crm": connector("salesforce", open_cta=DeliveryClass.A), "slack": connector("slack", message=DeliveryClass.C)}


def playbook(text: str = TEXT) -> Playbook:
    return load_playbook(text, "playbooks/it.yaml", CATALOG)


class Us:
    """A few accounts in the store, and what is known of them."""

    now, text, catalog, settings = NOW, TEXT, CATALOG, SETTINGS
    connectors = CONNECTORS
    playbook = staticmethod(playbook)
    connector = staticmethod(connector)

    def __init__(self, db: Database, count: int) -> None:
        self.db = db
        people = [
            Record(Noun.PERSON, "ana", {
                "name": "Ana", "email": "ana@us.test", "active": True, "manager_external_id": "dee"}),
            Record(Noun.PERSON, "dee", {"name": "Dee", "email": "dee@us.test", "active": True}),
        ]
        accounts = [
            Record(Noun.ACCOUNT, f"a{at}", {"name": f"Acme {at}", "domain": f"a{at}.test", "csm_external_id": "ana"})
            for at in range(count)]
        with db.write() as tx:
            records.upsert(tx, "crm", "people", people, NOW)
            records.upsert(tx, "crm", "accounts", accounts, NOW)
            identity.resolve(tx, NOW, {})
            known = identity.external_ids(tx)
        self.ids = {names["crm"]: account_id for account_id, names in known.items()}

    def know(self, scores: Sequence[float | None], at: datetime = NOW, *, hot: bool = False, **more: Any) -> None:
        """A snapshot (or hot rows) with these health scores, taken at `at`."""
        frame = pl.DataFrame({
            "account_id": [self.ids[f"a{place}"] for place in range(len(scores))],
            "account.name": [f"Acme {place}" for place in range(len(scores))],
            "account.lifecycle": ["customer"] * len(scores),
            "account.arr": [60000.0] * len(scores),
            "health.score": pl.Series(scores, dtype=pl.Float64),
            **{name.replace("__", "."): values for name, values in more.items()},
        }).with_columns(pl.lit(at).dt.cast_time_unit("us").alias(f"as_of.{group}") for group in ("crm", "health"))
        if hot:
            with self.db.write() as tx:
                facts.save_hot(tx, frame, at)
        else:
            facts.save_snapshot(self.db, frame, at)

    def run(self, at: datetime = NOW, *playbooks: Playbook, accounts: Sequence[str] | None = None,
            settings: Settings = SETTINGS, connectors: Mapping[str, Connector] = CONNECTORS) -> EvaluateReport:
        chosen = [self.ids[each] for each in accounts] if accounts is not None else None
        return evaluate(self.db, playbooks or (playbook(),), CATALOG, settings, connectors, at, chosen)

    def states(self, playbook_id: str = "health_drop") -> dict[str, State]:
        """By external id."""
        mine = {account_id: name for name, account_id in self.ids.items()}
        with self.db.read() as tx:
            return {mine[each.account_id]: each.state for each in enrollments.list_(tx, playbook_id=playbook_id)}

    def apply(self, book: Playbook, at: datetime) -> Playbook:
        """Switch the playbook on."""
        from steward.engine.canonical import canonical

        with self.db.write() as tx:
            versions.keep(tx, book.id, book.version, body=canonical(book), mode=book.mode.value, now=at)
            releases.apply(tx, Release(book.id, book.version, book.mode.value, at, "ops"))
        return book

    def happens(self, name: str, account: str, record: str, at: datetime, connection: str = "crm") -> Event:
        """An event at one of the accounts."""
        event = Event(f"{connection}/{record}/{name}/{at:%H%M%S%f}", name, connection, self.ids[account], record, at, at)
        with self.db.write() as tx:
            events.add(tx, [event])
        return event

    def enrollments(self, **asked: Any) -> list[Enrollment]:
        with self.db.read() as tx:
            return enrollments.list_(tx, **asked)

    def decisions(self, **asked: Any) -> list[Decision]:
        with self.db.read() as tx:
            return enrollments.decisions(tx, **asked)

    def rows(self, state: str | None = None) -> list[Any]:
        """What stands in the outbox."""
        with self.db.read() as tx:
            return outbox.list_(tx, state)

    def write(self, act: Callable[[Any], Any]) -> Any:
        """Do `act` in a transaction."""
        with self.db.write() as tx:
            return act(tx)

    def everything(self) -> tuple[object, ...]:
        with self.db.read() as tx:
            return (enrollments.list_(tx), enrollments.decisions(tx), outbox.list_(tx), incidents.list_(tx))


@pytest.fixture
def company(database: Database) -> Callable[[int], Us]:
    return lambda count: Us(database, count)


