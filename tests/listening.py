"""For tests of the API: a hub whose account has entered a playbook, connected to Zapier; and a real server for any hub."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import uvicorn

from connectors.zapier.sandbox import ZapierSandbox
from steward.model.enrollments import Arm, Enrollment, State
from steward.model.records import Noun, Record
from steward.settings import Settings, StoreBlock
from steward.store import enrollments, identity, records
from steward.store.database import Database
from steward.web.app import create_app
from steward.wiring import Hub


@contextmanager
def serving(hub: Hub) -> Iterator[str]:
    """The application over `hub` behind a real server on a free port; its URL."""
    server = uvicorn.Server(uvicorn.Config(create_app(hub), port=0, log_level="error"))
    with socket.create_server(("127.0.0.1", 0)) as line:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [line]})
        thread.start()
        while not server.started and thread.is_alive():
            thread.join(0.02)
        yield f"http://127.0.0.1:{line.getsockname()[1]}"
        server.should_exit = True
        thread.join()


TOKEN = "stw_" + "0" * 40
BEGAN = datetime(2026, 3, 5, 8, tzinfo=UTC)


class Listening:
    """`hub.clock()` is `now`, which a test moves; `enter` and `close` are what an evaluation would have decided."""

    def __init__(self, db: Database, home: Path, zapier: ZapierSandbox) -> None:
        self.db, self.now, self.zapier = db, BEGAN, zapier
        settings = Settings.model_validate({
            "connections": {"zapier": {"connector": "zapier", "settings": {
                **zapier.settings(), "hosts": ["127.0.0.1", "hooks.zapier.com"]}}},
            "web": {"tokens": {"zaps": TOKEN}}, "path": home / "steward.yaml", "playbooks": home,
        })
        self.hub = Hub(settings.model_copy(update={"store": StoreBlock(data_dir=home)}), db, lambda: self.now,
                       lambda _: None)
        self.account_id = _account(db)

    @staticmethod
    def enrolled(db: Database) -> str:
        """The id of an enrollment that is active in `db`, for tests that need no more."""
        account_id = _account(db)
        name = f"health_drop/{account_id}/1"
        with db.write() as tx:
            enrollments.save(tx, [Enrollment(
                name, "health_drop", "7c1e09ab", account_id, 1, State.ACTIVE, BEGAN, BEGAN, entered_at=BEGAN)])
        return name

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


def _account(db: Database) -> str:
    """Our id of the one account, which a person of ours owns."""
    with db.write() as tx:
        records.upsert(tx, "crm", "persons", [
            Record(Noun.PERSON, "ana", {"name": "Ana", "email": "ana@us.test", "active": True})], BEGAN)
        records.upsert(tx, "crm", "accounts", [
            Record(Noun.ACCOUNT, "a1", {"name": "Acme <!channel>", "csm_external_id": "ana"})], BEGAN)
        identity.resolve(tx, BEGAN, {})
        return str(identity.account_of(tx, "crm", "a1"))
