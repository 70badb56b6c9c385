"""Refused rows come again until they are well, schema drift is noticed, and each is told once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from threading import Thread
from typing import Any

import pytest

from steward.contracts import Connection, Connector, Cursor, Page, SourceField, Stream
from steward.kit.sandbox import Sandbox
from steward.model.actions import DeliveryClass, Message
from steward.model.errors import AccessDenied, RateLimited
from steward.model.records import Noun, Record, Refusal
from steward.pipeline import sync as verb
from steward.pipeline.audit import AuditReport, audit
from steward.pipeline.notify import notify
from steward.pipeline.sync import SyncReport
from steward.settings import Routing
from steward.store import notices, outbox, records, refusals
from steward.store.database import Database
from steward.store.notices import Notice, What

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)


@dataclass
class Crm:
    """A source of accounts: `rows` by id, at `arr`; one whose arr is no number is kept without it and refused."""

    rows: dict[str, tuple[object, datetime]]
    asked: list[list[str]] = field(default_factory=list)
    schema: dict[str, dict[str, SourceField]] = field(default_factory=dict)
    faults: list[Exception] = field(default_factory=list)

    def pull(self, stream: str, after: Cursor | None) -> Iterator[Page]:
        since = datetime.fromisoformat(after) if after else datetime.min.replace(tzinfo=UTC)
        newest = max([since, *(at for _, at in self.rows.values())])
        yield replace(self._page([name for name, (_, at) in self.rows.items() if at > since]),
                      cursor=Cursor(newest.isoformat()), watermark=newest, schema=self.schema)

    def fetch(self, stream: str, external_ids: Sequence[str]) -> Iterator[Page]:
        if self.faults:
            raise self.faults.pop(0)
        self.asked.append(list(external_ids))
        yield self._page([name for name in external_ids if name in self.rows])

    def _page(self, names: Sequence[str]) -> Page:
        told, refused = [], []
        for name in names:
            seats, at = self.rows[name]
            values = {"name": name} | ({"custom.seats": seats} if isinstance(seats, int) else {})
            told.append(Record(Noun.ACCOUNT, name, values, at))
            if not isinstance(seats, int):
                refused.append(Refusal(f"Account {name}", "custom.seats", f"{seats!r} is no number"))
        return Page(told, Cursor(""), refused)


CONNECTOR = Connector(
    name="crm", title="A CRM", load_settings=lambda: pytest.fail("not needed"), load_sandbox=lambda: Sandbox,
    connect=lambda settings, tools: Connection(), streams={"accounts": Stream(Noun.ACCOUNT, "companies")},
)
CHAT = replace(CONNECTOR, name="chat", streams={}, actions={"message": DeliveryClass.C})


@pytest.fixture
def sync(database: Database) -> Any:
    ticks = count()

    def run(source: Crm, waits: list[float] | None = None) -> SyncReport:
        return verb.sync(database, "crm", CONNECTOR, Connection(source=source),
                         lambda: NOW + timedelta(minutes=next(ticks)), (waits if waits is not None else []).append)
    return run


def _compare(database: Database, source: Crm, **asked: Any) -> AuditReport:
    return audit(database, "crm", CONNECTOR, Connection(source=source), lambda _: None, **asked)


def _standing(database: Database) -> list[tuple[str, int]]:
    with database.read() as tx:
        return [(each.where, each.attempts) for each in refusals.list_(tx)]


def test_what_was_refused_is_asked_for_with_each_sync_until_it_is_well(database: Database, sync: Any) -> None:
    """Somebody mended the value, or our mapping; neither makes the source send the row again."""
    source = Crm({"a1": (3, NOW), "a2": ("many", NOW), "a3": ("few", NOW)})
    first, second = sync(source), sync(source)
    stood = _standing(database)
    source.rows["a2"] = (7, NOW)            # the same version: a pull would not bring it
    third = sync(source)
    with database.read() as tx:
        frame = records.frame(tx, Noun.ACCOUNT).sort("external_id")
        told = [(each.what.value, each.subject) for each in reversed(notices.list_(tx))]

    assert source.asked == [["a2", "a3"], ["a2", "a3"]]
    assert [(each.streams[0].again, each.streams[0].refusals) for each in (first, second, third)] == [
        (0, 2), (2, 2), (2, 1)]
    assert stood == [("Account a2", 2), ("Account a3", 2)]
    assert _standing(database) == [("Account a3", 3)]
    assert frame["custom.seats"].to_list() == [3, 7, None]
    assert told == [("refused", "Account a2"), ("refused", "Account a3"), ("over", "Account a2")]


def test_a_refused_record_that_is_gone_is_refused_no_more(database: Database, sync: Any) -> None:
    """A list of what is wrong with rows that nobody has any more cannot be worked off."""
    source = Crm({"a1": ("many", NOW)})
    sync(source)
    del source.rows["a1"]
    sync(source)
    with database.read() as tx:
        said = notices.list_(tx)[0].said

    assert _standing(database) == []
    assert said == "the source has it no more"


def test_asking_again_is_as_patient_as_a_pull_and_stops_nothing(database: Database, sync: Any) -> None:
    """The rows that came have come, whatever becomes of those that are asked for again."""
    source = Crm({"a1": ("many", NOW)})
    sync(source)
    waits: list[float] = []
    source.faults = [RateLimited("slow down", 7.0)]
    patient = sync(source, waits)
    source.faults = [AccessDenied("no more")]
    denied = sync(source)

    assert (patient.troubles, waits) == ((), [7.0])
    assert denied.troubles == ("accounts: no more",)
    assert _standing(database) == [("Account a1", 2)]


def test_drift_is_noticed_and_the_sync_goes_on(database: Database, sync: Any) -> None:
    """A field that somebody renamed must not cost the other forty."""
    source = Crm({"a1": (3, NOW)}, schema={"Account": {"Seats": SourceField("int")}})
    sync(source)
    source.schema = {"Account": {"Seats": SourceField("string"), "Tier": SourceField("picklist", ("gold",))}}
    source.rows["a1"] = ("three", NOW + timedelta(hours=1))
    report = sync(source)
    with database.read() as tx:
        drift = [(each.what.value, each.subject) for each in reversed(notices.list_(tx, drift_only=True))]
        frame = records.frame(tx, Noun.ACCOUNT)

    assert report.troubles == ()
    assert drift == [("other_type", "Account.Seats"), ("new_field", "Account.Tier")]
    assert (frame["name"].to_list(), "custom.seats" in frame.columns) == (["a1"], False)


def test_one_message_tells_what_changed_and_the_next_sync_tells_nothing(database: Database, sync: Any) -> None:
    """Three hundred rows that fail are one thing to know, once."""
    source = Crm({f"a{number}": ("many", NOW) for number in range(30)})
    parts = (Routing(channel="#ops"), {"crm": CONNECTOR, "chat": CHAT}, NOW)
    sync(source)
    first = notify(database, "crm", *parts)
    sync(source)
    second = notify(database, "crm", *parts)
    with database.read() as tx:
        [row] = outbox.list_(tx)

    assert (first, second) == (30, 0)
    assert row.key.startswith("sync/crm/")
    assert isinstance(row.action, Message)
    assert row.action.to.channel == "#ops"
    assert row.action.card.title == "crm: 30 rows cannot be read"
    assert row.action.card.fields[0].value == "custom.seats: 'many' is no number"
    assert row.action.card.fields[-1].label == "and 21 more"


@pytest.mark.parametrize("routing", [Routing(), Routing(channel="#ops", message="crm")])
def test_nobody_is_told_where_nobody_can_be(database: Database, sync: Any, routing: Routing) -> None:
    """A channel that is set up next year does not begin with last year's rows."""
    sync(Crm({"a1": ("many", NOW)}))
    told = notify(database, "crm", routing, {"crm": CONNECTOR}, NOW)
    later = notify(database, "crm", Routing(channel="#ops"), {"crm": CONNECTOR, "chat": CHAT}, NOW)

    assert (told, later) == (0, 0)
    with database.read() as tx:
        assert outbox.list_(tx) == []


def test_an_audit_of_what_agrees_is_whole(database: Database, sync: Any) -> None:
    """The number that the mission asks for, measured and not promised."""
    source = Crm({f"a{number}": (number, NOW) for number in range(20)})
    sync(source)
    whole, sampled = _compare(database, source), _compare(database, source, sample=5)

    assert (whole.ratio, whole.is_well, whole.streams[0].compared) == (1.0, True, {"name": 20, "custom.seats": 20})
    assert (sampled.ratio, sampled.streams[0].records, len(source.asked[-1])) == (1.0, 5, 5)


def test_each_disagreement_has_its_reason(database: Database, sync: Any) -> None:
    """Late is waited for, refused is mended, unexplained is our bug: who reads it must know which it is."""
    source = Crm(dict.fromkeys(("changed", "drifted", "lost", "gone", "well"), (1, NOW)) | {"odd": ("x", NOW)})
    sync(source)
    source.rows["changed"] = (2, NOW + timedelta(days=1))
    source.rows["drifted"] = (2, NOW)
    source.rows["late"] = (1, NOW - timedelta(hours=1))
    del source.rows["gone"]
    with database.write() as tx:
        records.upsert(tx, "crm", "accounts", [Record(Noun.ACCOUNT, "lost", {}, NOW, deleted=True)], NOW)
    report = _compare(database, source)

    assert {(each.external_id, each.field, each.reason) for each in report.streams[0].examples} == {
        ("changed", "custom.seats", "changed_since"), ("drifted", "custom.seats", "unexplained"),
        ("late", "name", "late"), ("late", "custom.seats", "late"), ("gone", "(record)", "not_at_source"),
        ("lost", "name", "unexplained"), ("lost", "custom.seats", "unexplained"),
        ("Account odd", "custom.seats", "refused"),
    }
    assert report.streams[0].agreed == {"name": 4, "custom.seats": 1}
    assert not report.is_well


def test_two_who_tell_at_once_tell_each_notice_once(database: Database) -> None:
    """A sync by hand beside the one of the schedule must not send everything twice."""
    def add(place: str) -> None:
        with database.write() as tx:
            notices.add(tx, [Notice("crm", "accounts", What.REFUSED, place, "no number", NOW)])

    def tell_too() -> None:
        add("Account 2")
        notify(database, "crm", routing, {"chat": CHAT}, NOW)

    class Slow(dict[str, Connector]):
        """Lets another one tell in the middle of the first."""

        other: Thread | None = None

        def __getitem__(self, name: str) -> Connector:
            if self.other is None:
                self.other = Thread(target=tell_too)
                self.other.start()
                self.other.join(0.5)
            return super().__getitem__(name)

    routing = Routing(channel="#ops", message="chat")
    add("Account 1")
    connectors = Slow({"chat": CHAT})
    notify(database, "crm", routing, connectors, NOW)
    assert connectors.other
    connectors.other.join()

    with database.read() as tx:
        said = [row.action.model_dump_json() for row in outbox.list_(tx)]
    assert sum(each.count("Account 1:") for each in said) == 1
    assert sum(each.count("Account 2:") for each in said) == 1
