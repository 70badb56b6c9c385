"""Received calls become records, responses and the accounts to look at again."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from steward import operate
from steward.contracts import Connection, Connector, Stream
from steward.kit.sandbox import Sandbox
from steward.model.enrollments import Enrollment, State
from steward.model.errors import ConfigError, RecordRejected
from steward.model.records import Noun, Record, Value
from steward.pipeline.drain import DrainReport, drain
from steward.settings import Settings
from steward.store import audit, enrollments, identity, inbox, records

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)


class Json:
    """Takes [{"noun", "id", "values", "at"}]; breaks where it is told to."""

    def verify(self, headers: Mapping[str, str], body: bytes) -> None: ...

    def delivery_id(self, headers: Mapping[str, str], body: bytes) -> str:
        return "unused"

    def parse(self, body: bytes) -> Sequence[Record]:
        if body == b"bug":
            raise KeyError("a secret")
        if body == b"nonsense":
            raise RecordRejected("vendor: the body is not JSON")
        return [_record(each) for each in json.loads(body)]


def _record(each: dict[str, Any]) -> Record:
    values: dict[str, Value] = each["values"]
    if each["noun"] == "response" and each["at"]:
        values = {**values, "responded_at": datetime.fromisoformat(each["at"])}
    only = frozenset(each["only"]) if "only" in each else None
    at = datetime.fromisoformat(each["at"]) if each["at"] else None
    return Record(Noun(each["noun"]), each["id"], values, at, only=only)


CRM = Connector(
    name="crm", title="CRM", load_settings=lambda: Settings, connect=lambda *_: Connection(),
    load_sandbox=lambda: Sandbox, inbox=True,
    streams={"companies": Stream(Noun.ACCOUNT, "companies"), "tickets": Stream(Noun.TICKET, "tickets")},
)


class Bench:
    def __init__(self, db: Any) -> None:
        self.db, self.now = db, NOW
        self.connections: dict[str, Connection] = {"crm": Connection(inbox=Json())}

    def put(self, name: str, body: bytes | list[dict[str, Any]]) -> None:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        with self.db.write() as tx:
            inbox.put(tx, "crm", name, raw, self.now)

    def drain(self, after_s: float = 0, **more: Any) -> DrainReport:
        self.now += timedelta(seconds=after_s)
        return drain(self.db, self.connections, {"crm": CRM}, operate.acknowledge_in, self.now, **more)

    def states(self) -> dict[str, int]:
        with self.db.read() as tx:
            return inbox.counts(tx)


@pytest.fixture
def bench(database: Any) -> Bench:
    return Bench(database)


def told(noun: str, external_id: str, at: datetime = NOW, only: Sequence[str] | None = None, **values: Any) -> dict[str, Any]:
    said = {"noun": noun, "id": external_id, "values": values, "at": at.isoformat()}
    return said if only is None else {**said, "only": list(only)}


def test_a_new_account_and_its_ticket_are_known_at_once(bench: Bench) -> None:
    """The hub reacts to a webhook without waiting for the next sync."""
    bench.put("e1", [told("account", "1", name="Acme", domain="acme.com")])
    bench.put("e2", [told("ticket", "9", account_external_id="1", subject="Down", priority="urgent", status="open")])

    report = bench.drain()

    with bench.db.read() as tx:
        account = identity.account_of(tx, "crm", "1")
        assert records.frame(tx, Noun.TICKET)["account_id"].to_list() == [account]
        assert records.counts(tx) == {"crm": {"companies": 1, "tickets": 1}}, "as a sync would have named them"
    assert report == DrainReport(done=2, records=2, account_ids=(str(account),))
    assert bench.drain() == DrainReport()
    assert bench.states() == {"done": 2}


def test_an_account_is_touched_by_what_is_its_own_even_where_the_call_does_not_name_it(bench: Bench) -> None:
    """HubSpot tells a ticket's new status and not whose ticket it is."""
    bench.put("e1", [told("account", "1", name="Acme"), told("ticket", "9", account_external_id="1", status="open")])
    [account] = bench.drain().account_ids

    bench.put("e2", [told("ticket", "9", NOW + timedelta(hours=1), ["status"], status="closed")])
    assert bench.drain(3600).account_ids == (account,)


def test_a_call_that_tells_no_moment_is_of_the_one_in_which_it_came(bench: Bench) -> None:
    """It waited while its connection was away; what came after it must not give way to it."""
    undated = {"noun": "ticket", "id": "9", "at": None, "only": ["status"]}
    there, bench.connections = bench.connections, {}
    bench.put("e1", [{**undated, "values": {"status": "open"}}])
    assert bench.drain().later == 1
    bench.connections = there
    bench.now += timedelta(seconds=60)
    bench.put("e2", [{**undated, "values": {"status": "closed"}}])
    assert bench.drain().done == 1
    assert bench.drain(600).done == 1

    with bench.db.read() as tx:
        assert records.frame(tx, Noun.TICKET)["status"].to_list() == ["closed"]


def test_who_answered_is_noted_as_of_the_call_that_waited(bench: Bench) -> None:
    """An hour in which the store was busy is no hour in which nobody had the customer in hand."""
    enrol(bench.db)
    bench.put("e1", [{"noun": "response", "id": "r", "at": None, "values": {
        "enrollment_id": "drop/acct_a/1", "answer": "acknowledge", "by": "U_ANA"}}])
    assert bench.drain(3600).responses == 1

    with bench.db.read() as tx:
        found = enrollments.one(tx, "drop/acct_a/1")
    assert found
    assert found.acknowledged_at == NOW


def test_an_older_call_does_not_overwrite_what_is_newer(bench: Bench) -> None:
    """Webhooks come in any order."""
    bench.put("e2", [told("account", "1", NOW, name="Acme GmbH")])
    bench.put("e1", [told("account", "1", NOW - timedelta(hours=1), name="Acme")])
    bench.drain()

    with bench.db.read() as tx:
        assert records.frame(tx, Noun.ACCOUNT)["name"].to_list() == ["Acme GmbH"]


def enrol(db: Any, state: State = State.ACTIVE) -> None:
    with db.write() as tx:
        enrollments.save(tx, [Enrollment(
            id="drop/acct_a/1", playbook_id="drop", version="7c1e", account_id="acct_a", number=1, state=state,
            since=NOW, looked_at=NOW,
        )])


def test_a_pressed_button_acknowledges_once(bench: Bench) -> None:
    """Who pressed first has it; a second press, or Slack's repetition, changes nothing."""
    enrol(bench.db)
    pressed = {"enrollment_id": "drop/acct_a/1", "answer": "acknowledge"}
    bench.put("p1", [told("response", "C1:1:1", NOW + timedelta(seconds=5), by="U_ANA", **pressed)])
    bench.put("p2", [told("response", "C1:1:2", NOW + timedelta(seconds=9), by="U_BO", **pressed)])

    report = bench.drain(60)

    assert (report.done, report.responses, report.account_ids) == (2, 2, ("acct_a",))
    with bench.db.read() as tx:
        stored = enrollments.one(tx, "drop/acct_a/1")
        assert stored
        assert (stored.acknowledged_by, stored.acknowledged_at) == ("U_ANA", NOW + timedelta(seconds=5))
        assert len(audit.list_(tx, about="drop/acct_a/1")) == 1


def test_a_button_for_what_never_was_is_set_aside_alone(bench: Bench) -> None:
    """A forged or very old button must not stop the calls that came with it."""
    bench.put("p1", [told("response", "C1:1:1", enrollment_id="drop/nobody/1", answer="acknowledge", by="U1")])
    bench.put("e1", [told("account", "1", name="Acme")])

    report = bench.drain()

    assert (report.done, report.parked, report.records) == (1, 1, 1)
    with bench.db.read() as tx:
        assert 'no enrollment "drop/nobody/1"' in str(inbox.list_(tx, "parked")[0].trouble)
        assert records.counts(tx) == {"crm": {"companies": 1}}


def test_a_body_that_is_not_what_was_promised_is_set_aside(bench: Bench) -> None:
    """Trying again would not make it JSON; it stays for a person with its reason."""
    bench.put("e1", b"nonsense")

    assert bench.drain().parked == 1
    with bench.db.read() as tx:
        assert inbox.list_(tx, "parked")[0].trouble == "vendor: the body is not JSON"


@pytest.mark.parametrize("body", [b"bug", b'[{"noun": "ticket", "id": "1", "values": {"nonsense": 1}, "at": "2026-03-05T08:00:00+00:00"}]'])
def test_a_bug_parks_the_call_after_three_attempts(bench: Bench, body: bytes) -> None:
    """A connector's bug, in its parser or in what it gives, must neither loop for ever nor lose the call."""
    bench.put("e1", body)
    bench.put("e2", [told("account", "1", name="Acme")])

    assert [bench.drain().done, bench.drain(60).later, bench.drain(60).parked] == [1, 1, 1]
    with bench.db.read() as tx:
        trouble = str(inbox.list_(tx, "parked")[0].trouble)
    assert "This is a bug" in trouble
    assert "secret" not in trouble
    assert bench.drain(600) == DrainReport()


def test_calls_wait_while_their_connection_is_not_set_up(bench: Bench) -> None:
    """A wrong setting costs time, not events, however long it takes to mend."""
    class Lazy(dict[str, Connection]):
        def __getitem__(self, name: str) -> Connection:
            raise ConfigError("crm: the secret is missing")

    good, bench.connections = bench.connections, Lazy(bench.connections)
    bench.put("e1", [told("account", "1", name="Acme")])
    assert [bench.drain(600).later for _ in range(5)] == [1] * 5
    bench.connections = {}
    assert bench.drain(600).later == 1

    bench.connections = good
    assert bench.drain(600).done == 1


def test_a_batch_has_its_limit(bench: Bench) -> None:
    """A flood is worked off in bites, so that what it touched is acted on in between."""
    for number in range(5):
        bench.put(f"e{number}", [told("account", str(number), name=f"Acme {number}", domain=f"acme{number}.com")])

    reports = [bench.drain(limit=2) for _ in range(4)]
    assert [report.done for report in reports] == [2, 2, 1, 0]
    assert len({each for report in reports for each in report.account_ids}) == 5
