"""For tests of listeners: a hub whose accounts have entered a playbook, connected to Zapier's sandbox."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from connectors.zapier.sandbox import ZapierSandbox
from steward.model.enrollments import Arm, Enrollment, State
from steward.model.records import Noun, Record
from steward.settings import Settings, StoreBlock
from steward.store import enrollments, identity, records
from steward.store.database import Database
from steward.wiring import Hub

TOKEN = "stw_" + "0" * 40
BEGAN = datetime(2026, 3, 5, 8, tzinfo=UTC)


class Listening:
    """`hub.clock()` is `now`, which a test moves; `enter` and `close` are what an evaluation would have decided."""

    def __init__(self, db: Database, home: Path, zapier: ZapierSandbox) -> None:
        self.db, self.now, self.zapier = db, BEGAN, zapier
        settings = Settings.model_validate({
            "connections": {"zapier": {"connector": "zapier", "settings": zapier.settings()}},
            "web": {"tokens": {"zaps": TOKEN}}, "path": home / "steward.yaml", "playbooks": home,
        })
        self.hub = Hub(settings.model_copy(update={"store": StoreBlock(data_dir=home)}), db, lambda: self.now,
                       lambda _: None)
        with db.write() as tx:
            records.upsert(tx, "crm", "persons", [
                Record(Noun.PERSON, "ana", {"name": "Ana", "email": "ana@us.test", "active": True})], BEGAN)
            records.upsert(tx, "crm", "accounts", [
                Record(Noun.ACCOUNT, "a1", {"name": "Acme <!channel>", "csm_external_id": "ana"})], BEGAN)
            identity.resolve(tx, BEGAN, {})
            self.account_id = str(identity.account_of(tx, "crm", "a1"))

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)

    def enter(self, number: int = 1, arm: Arm = Arm.TREATMENT, playbook_id: str = "health_drop") -> str:
        """The account enters `playbook_id` now."""
        name = f"{playbook_id}/{self.account_id}/{number}"
        found = Enrollment(name, playbook_id, "7c1e09ab", self.account_id, number, State.ACTIVE, self.now, self.now,
                           entered_at=self.now, arm=arm)
        with self.db.write() as tx:
            enrollments.save(tx, [found])
        return name

    def close(self, name: str, reason: str = "cleared") -> None:
        from dataclasses import replace

        with self.db.write() as tx:
            found = enrollments.one(tx, name)
            assert found
            enrollments.save(tx, [replace(
                found, state=State.CLOSED, closed_at=self.now, looked_at=self.now, reason=reason)])

    def announce(self) -> int:
        from steward.pipeline.announce import announce

        return announce(self.db, self.hub.settings, self.hub.connectors, (), self.now)
