"""What a source lost in silence is found, what merely moved is not, and a source that lost much is not believed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.churnzero import CONNECTOR
from connectors.churnzero.sandbox import ChurnZeroSandbox
from connectors.webhook import CONNECTOR as WEBHOOK
from connectors.webhook.sandbox import WebhookSandbox
from steward.contracts import Connection, Cursor, Page, Tools
from steward.kit.sandbox import Fault, Reply, Request
from steward.model.errors import ConfigError
from steward.model.records import Noun, Record, Refusal
from steward.pipeline.reconcile import Reconciled, reconcile
from steward.pipeline.sync import sync
from steward.settings import Settings
from steward.store import records
from steward.store.database import Database
from steward.wiring import Hub

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)


def tools() -> Tools:
    return Tools(now=lambda: datetime.now(UTC), sleep=lambda _: None, deadline_s=5.0)


class Us:
    """ChurnZero with sixty accounts, synced."""

    def __init__(self, db: Database, sandbox: ChurnZeroSandbox) -> None:
        self.db, self.sandbox = db, sandbox
        sandbox.seed(60)
        self.connection = CONNECTOR.connect(
            CONNECTOR.load_settings().model_validate(sandbox.settings()), tools())
        self.sync()

    def sync(self) -> None:
        assert not sync(self.db, "cz", CONNECTOR, self.connection, lambda: NOW, lambda _: None).troubles

    def reconcile(self, **how: Any) -> Reconciled:
        return reconcile(self.db, "cz", CONNECTOR, self.connection, lambda: NOW, sleep=lambda _: None, **how)

    def accounts(self) -> int:
        with self.db.read() as tx:
            return records.frame(tx, Noun.ACCOUNT).height


@pytest.fixture
def us(database: Database) -> Iterator[Us]:
    with ChurnZeroSandbox() as sandbox:
        yield Us(database, sandbox)


def test_what_is_gone_in_silence_becomes_a_tombstone(us: Us) -> None:
    """A customer who was deleted must not be called for a renewal."""
    us.sandbox.delete("Account", [101, 102])
    us.sandbox.delete("Task", [5001])
    done = us.reconcile()
    again = us.reconcile()

    assert {each.stream: each.gone for each in done.streams if each.gone} == {
        "accounts": 2, "subscriptions": 2, "tasks": 1}
    assert us.accounts() == 58
    assert not any(each.gone for each in again.streams)
    assert "usage_events" not in {each.stream for each in done.streams}


def test_what_comes_back_lives_again(us: Us) -> None:
    """A person undid it."""
    row = next(row for row in us.sandbox.rows("Account") if row["Id"] == 101)
    us.sandbox.delete("Account", [101])
    us.reconcile()
    us.sandbox.load("Account", [row])
    us.sandbox.load("Account", [{**row, "ObjectLastModifiedDate": (datetime.now(UTC)).isoformat()}])
    us.sync()

    assert us.accounts() == 60


def test_a_row_that_moved_while_pages_were_read_is_not_gone(us: Us) -> None:
    """Somebody edits an account just now; it must not be deleted for that."""
    us.sandbox.page_size = 7
    first = next(row for row in us.sandbox.rows("Account") if row["Id"] == 101)
    hidden = False

    def hide(request: Request, reply: Reply) -> Reply:
        nonlocal hidden
        if request.path.endswith("/Account"):
            hidden = True
            rows = [row for row in reply.body["value"] if row["Id"] != first["Id"]]
            return Reply(reply.status, {**reply.body, "value": rows})
        return reply

    us.sandbox.alter = hide
    done = us.reconcile(streams=["accounts"])

    assert hidden
    assert [(each.gone, each.held) for each in done.streams] == [(0, False)]
    assert us.accounts() == 60


def test_a_source_that_lost_much_is_believed_only_by_a_person(us: Us) -> None:
    """A permission that was taken away looks like a company that lost all its customers."""
    us.sandbox.delete("Account", list(range(101, 131)))
    held = us.reconcile(streams=["accounts"])
    before = us.accounts()
    done = us.reconcile(streams=["accounts"], confirmed=True)

    assert [(each.gone, each.held) for each in held.streams] == [(30, True)]
    assert not held.is_well
    assert before == 60
    assert done.is_well
    assert us.accounts() == 30


def test_trouble_deletes_nothing(us: Us) -> None:
    """What cannot be asked for is not gone."""
    us.sandbox.delete("Account", [101])
    us.sandbox.faults = [Fault("status", on=r"/Account\\(", times=100, status=500)]
    done = us.reconcile(streams=["accounts"])

    assert done.streams[0].trouble
    assert us.accounts() == 60


def test_a_bug_in_one_connector_leaves_the_night_to_the_others(us: Us) -> None:
    """What comes after it in the nightly round, and another source's deletions, must not wait for its mending."""
    class Broken:
        def pull(self, stream: str, after: Cursor | None) -> Iterator[Page]:
            raise KeyError("a secret")

        def fetch(self, stream: str, external_ids: Sequence[str]) -> Iterator[Page]:
            raise KeyError("a secret")

    hub = Hub(Settings(), us.db, lambda: NOW, lambda _: None)
    hub.connectors = {"broken": CONNECTOR, "cz": CONNECTOR}   # what steward.yaml would say
    hub._connected = {"broken": Connection(source=Broken()), "cz": us.connection}
    us.sandbox.delete("Account", [101])
    broken, well = hub.reconcile_silent()

    assert "KeyError" in str(broken.streams[0].trouble)
    assert "secret" not in str(broken)
    assert sum(each.gone for each in well.streams if each.stream == "accounts") == 1


@pytest.mark.parametrize("refused", [
    Refusal("Account Acme Ltd", None, "no name"), Refusal("page 1 row 2", None, "no name", external_id="Acme Ltd"),
])
def test_what_cannot_be_read_is_there_all_the_same(database: Database, refused: Refusal) -> None:
    """An account must not be deleted as its row broke; ids may hold spaces."""
    class Source:
        def pull(self, stream: str, after: Cursor | None) -> Iterator[Page]:
            yield Page((), Cursor(""), (refused,))

        def fetch(self, stream: str, external_ids: Sequence[str]) -> Iterator[Page]:
            yield Page((), Cursor(""), (refused,))

    with database.write() as tx:
        records.upsert(tx, "cz", "accounts", [Record(Noun.ACCOUNT, "Acme Ltd", {"name": "Acme"})], NOW)
    done = reconcile(database, "cz", CONNECTOR, Connection(source=Source()), lambda: NOW, sleep=lambda _: None,
                     streams=["accounts"])

    assert [(each.live, each.gone) for each in done.streams] == [(1, 0)]


def test_a_source_that_cannot_be_asked_says_so(database: Database) -> None:
    """The command is for those that tell of no deletions."""
    with WebhookSandbox() as sandbox:
        connection = WEBHOOK.connect(WEBHOOK.load_settings().model_validate(sandbox.settings()), tools())
        with pytest.raises(ConfigError, match="cannot be asked"):
            reconcile(database, "w", WEBHOOK, connection, lambda: NOW, sleep=lambda _: None)
