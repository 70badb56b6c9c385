"""The sources go away, come back, and ask us to slow down: nothing lost, nothing double, no limit broken."""

from __future__ import annotations

import itertools
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from steward.kit.sandbox import Fault
from steward.store import identity, outbox
from steward.store.schema import record
from steward.wiring import Hub, open_hub

CRMS = ("salesforce", "hubspot")
_MINE = ("connection", "noun", "external_id", "account_external_id", "modified_at", "deleted", "body")


def _stored(hub: Hub, connection: str) -> list[tuple[Any, ...]]:
    """Every record of a connection, whole."""
    columns = [record.c[name] for name in _MINE]
    with hub.db.read() as tx:
        statement = select(*columns).where(record.c.connection == connection).order_by(*columns[:3])
        return [tuple(row) for row in tx.execute(statement)]


def _undisturbed(company: Any, tmp_path: Any, story: Any, connection: str) -> list[tuple[Any, ...]]:
    """What a Steward without any history has after one quiet sync."""
    settings = {name: each.settings() for name, each in company.sandboxes.items()}
    config = story.write_config(tmp_path / "undisturbed", settings, tmp_path / "playbooks")
    with open_hub(config) as hub:
        assert not hub.sync(connection).troubles
        return _stored(hub, connection)


def test_salesforce_stops_in_the_middle_of_paging(company: Any, story: Any, tmp_path: Any) -> None:
    """Vendors have outages: what was read stays, what was not comes later, and nobody is told twice."""
    acme = company(40, salesforce=7)
    vendor = acme.sandboxes["salesforce"]
    with open_hub(acme.config) as hub:
        hub.sleep = lambda _: None
        # Again and again, each time some pages further on, until nothing is left that could break.
        troubles, pages = [], 0
        for stop_after in (2, 1, 3, 5, 8):
            left = itertools.count(stop_after, -1)

            def stop(stream: str, records: int, share: float | None, left: Any = left) -> None:
                if next(left) == 0:
                    vendor.stop()

            report = hub.sync("salesforce", stop)
            troubles.append(report.troubles)
            pages += sum(each.pages for each in report.streams)
            if stop_after == 3:             # while it is away somebody works in it
                changed = vendor.rows("Account")[0]["Id"]
                vendor.upsert("Account", [{"Id": changed, "Name": "Renamed meanwhile"}])
            acme.restart("salesforce")
        assert all(troubles), "each stop is reported"
        assert all("salesforce" in " ".join(each) for each in troubles)
        assert not hub.sync("salesforce").troubles
        found = _stored(hub, "salesforce")
        with hub.db.read() as tx:
            accounts = {row["salesforce"] for row in identity.external_ids(tx).values() if "salesforce" in row}

    assert pages > 15
    assert found == _undisturbed(acme, tmp_path, story, "salesforce")
    live = {row[2] for row in found if row[1] == "account" and not row[5]}
    assert live == {row["Id"] for row in vendor.rows("Account")}
    assert accounts <= live
    assert any("Renamed meanwhile" in row[6] for row in found)


def test_one_sync_outlives_a_short_outage(company: Any, story: Any, tmp_path: Any) -> None:
    """An outage of seconds must not cost a person anything, not even a line in a report."""
    acme = company(30, salesforce=7)
    vendor, stopped = acme.sandboxes["salesforce"], []
    with open_hub(acme.config) as hub:

        def come_back(_: float) -> None:
            if len(stopped) == 1:
                stopped.append("back")
                acme.restart("salesforce")

        def stop(stream: str, records: int, share: float | None) -> None:
            if stream == "contacts" and not stopped:
                stopped.append("gone")
                vendor.stop()

        hub.sleep = come_back
        report = hub.sync("salesforce", stop)
        found = _stored(hub, "salesforce")

    assert stopped == ["gone", "back"]
    assert not report.troubles
    assert found == _undisturbed(acme, tmp_path, story, "salesforce")


STORMS: dict[str, Sequence[dict[str, Any]]] = {
    "429 with Retry-After": [
        {"kind": "status", "status": 429, "retry_after": "1", "times": 2, "skip": skip} for skip in (2, 5, 9)],
    "429 without Retry-After": [{"kind": "status", "status": 429, "times": 2, "skip": skip} for skip in (1, 6)],
    "500 and cut lines": [
        {"kind": "status", "status": 500, "times": 2, "skip": 3}, {"kind": "cut", "skip": 4},
        {"kind": "html", "status": 502, "skip": 5}, {"kind": "refuse", "skip": 2}],
}


@pytest.mark.parametrize("storm", STORMS)
def test_a_storm_is_sat_out_within_the_limits(company: Any, story: Any, tmp_path: Any, storm: str) -> None:
    """Who is told to slow down and does not is locked out, and with it the customer's other programs."""
    acme = company(20, salesforce=20, hubspot=20)
    hubspot = acme.sandboxes["hubspot"]
    hubspot.ten_secondly, hubspot.search_per_second = 100, 5          # a private app on the smallest plan
    for name in CRMS:
        acme.sandboxes[name].faults += [Fault(on="/(services/data|crm)/", **each) for each in STORMS[storm]]
    with open_hub(acme.config) as hub:
        rounds = 0
        for name in CRMS:
            while hub.sync(name).troubles:
                rounds += 1
                assert rounds < 5, "it is never done"
        found = {name: _stored(hub, name) for name in CRMS}

    for name in CRMS:
        sandbox = acme.sandboxes[name]
        assert not [fault for fault in sandbox.faults if fault.times], "the whole storm came"
        calls = list(sandbox.calls)
        _assert_patient(calls, 1.0 if storm == "429 with Retry-After" else 0.4)
        asked_for = sum(each.get("times", 1) for each in STORMS[storm] if each.get("status") == 429)
        assert sum(status == 429 for *_, status in calls) == asked_for, "no limit was broken by ourselves"
        assert found[name] == _undisturbed(acme, tmp_path, story, name)
    assert _most_within(hubspot.calls, 10.0, lambda _: True) <= 100
    assert _most_within(hubspot.calls, 1.0, lambda path: path.endswith("/search")) <= 5


def _assert_patient(calls: Sequence[tuple[float, str, str, int]], wait_s: float) -> None:
    """After each 429 nothing comes for at least `wait_s` seconds."""
    for (at, _, _, status), (following, *_) in itertools.pairwise(calls):
        if status == 429:
            assert following - at >= wait_s - 0.05


def _most_within(calls: Sequence[tuple[float, str, str, int]], window_s: float, counts: Callable[[str], bool]) -> int:
    """The most calls in any window of so many seconds."""
    times = [at for at, _, path, _ in calls if counts(path)]
    return max((sum(at <= each < at + window_s for each in times) for at in times), default=0)


def test_slack_s_pace_is_kept_while_we_deliver(company: Any) -> None:
    """Slack takes one message a second in a channel; what it refuses is sent later, once."""
    acme = company(6, "check_in")
    slack, salesforce = acme.sandboxes["slack"], acme.sandboxes["salesforce"]
    slack.per_channel_s = 1.0
    slack.faults.append(Fault("status", "chat.postMessage", times=2, skip=1, status=429, retry_after="2"))
    salesforce.faults.append(Fault("status", "/services/data", times=3, status=429))
    began = time.monotonic()
    with open_hub(acme.config) as hub:
        for name in ("salesforce", "hubspot", "usage"):
            while hub.sync(name).troubles:
                assert time.monotonic() - began < 120
        hub.derive()
        hub.apply(hub.draft(), "test")
        hub.evaluate()
        while hub.deliver().next_due_at:
            assert time.monotonic() - began < 240
        with hub.db.read() as tx:
            ended = {row.key: row.state for row in outbox.list_(tx)}

    assert set(ended.values()) == {"delivered"}
    applied = Counter(effect.key for each in acme.sandboxes.values() for effect in each.ledger if effect.key)
    assert applied == dict.fromkeys(ended, 1)
    posts = [(at, status) for at, _, path, status in slack.calls if re.search("chat.postMessage", path)]
    assert [status for _, status in posts].count(200) == sum("/do.1/" in key for key in ended)
    for (at, status), (following, _) in itertools.pairwise(posts):
        assert status != 429 or following - at >= 0.95
