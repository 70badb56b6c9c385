"""Who asked to be told is told of each event once, whatever happens in between; who is gone is told no more."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from connectors.zapier.sandbox import ZapierSandbox
from steward import operate, views
from steward.kit.sandbox import Reply, Request
from steward.model.enrollments import Arm
from steward.model.errors import StewardError
from steward.store import outbox
from steward.store.database import Database
from steward.store.listeners import CLOSED, ENTERED, Listener
from tests.listening import Listening


@pytest.fixture
def us(database: Database, tmp_path: Path) -> Iterator[Listening]:
    with ZapierSandbox() as zapier:
        yield Listening(database, tmp_path, zapier)


def listen(us: Listening, event: str = ENTERED, hook: str = "abc", **more: Any) -> Listener:
    return operate.listen(us.db, us.hub.connectors, f"{us.zapier.url}/hooks/standard/1/{hook}/", event,
                          by="zaps", now=us.now, **more)


def told(us: Listening) -> list[dict[str, Any]]:
    return [effect.detail["event"] for effect in us.zapier.ledger]


def test_each_event_is_told_once_to_each_who_asked(us: Listening) -> None:
    """A Zap that starts twice writes to a customer twice."""
    listen(us)
    listen(us, hook="xyz")
    listen(us, CLOSED)
    us.later(minutes=5)
    name = us.enter()
    assert us.announce() == 2
    us.later(minutes=5)
    us.close(name)
    assert us.announce() == 1
    assert us.announce() == 0
    us.hub.deliver()

    events = told(us)
    assert sorted(each["event"] for each in events) == [CLOSED, ENTERED, ENTERED]
    entered = [each for each in events if each["event"] == ENTERED]
    assert entered[0]["id"] == entered[1]["id"]           # the event's own
    assert entered[0]["owner_email"] == "ana@us.test"
    assert entered[0]["external_ids"] == {"crm": "a1"}
    assert next(each for each in events if each["event"] == CLOSED)["reason"] == "cleared"


def test_what_performs_nothing_is_no_event(us: Listening) -> None:
    """Control and shadow must stay as they are, or the experiment says nothing."""
    listen(us)
    us.later(minutes=5)
    us.enter(1, Arm.CONTROL)
    us.enter(1, Arm.SHADOW, "other")

    assert us.announce() == 0


def test_one_hears_nothing_of_before_it_asked_and_of_other_playbooks(us: Listening) -> None:
    """Switching a Zap on must not flood it with a year."""
    us.enter(1, playbook_id="health_drop")
    us.later(minutes=5)
    listen(us)
    us.later(minutes=5)
    assert us.announce() == 0
    with pytest.raises(StewardError, match="no playbook"):
        listen(us, playbook_id="helth_drop")


def test_what_committed_late_is_told_all_the_same(us: Listening) -> None:
    """A long evaluation may commit an entry with an instant that was passed by."""
    listen(us)
    us.later(minutes=30)
    us.announce()
    us.now, now = us.now.replace(minute=10), us.now
    us.enter()
    us.now = now

    assert us.announce() == 1


def test_what_happens_while_the_connection_is_out_of_the_settings_is_told_once_it_is_back(us: Listening) -> None:
    """Somebody took it out for an afternoon; the Zap must not lack those customers for ever."""
    listen(us)
    us.later(minutes=5)
    us.enter()
    connectors, us.hub.connectors = us.hub.connectors, {}
    for _ in range(3):
        us.later(hours=2)
        assert us.announce() == 0
    us.hub.connectors = connectors

    assert us.announce() == 1


def test_a_clock_that_was_a_day_ahead_hides_nothing_from_a_listener(us: Listening) -> None:
    """What was told then, or asked then, was in the future; what happens now is news all the same."""
    listen(us)
    right = us.now
    us.later(hours=24)
    listen(us, hook="xyz")
    us.announce()
    us.now = right
    us.later(minutes=5)
    us.announce()
    us.later(minutes=5)
    us.enter()

    assert us.announce() == 2
    assert us.announce() == 0


def test_what_was_on_its_way_when_a_listener_ended_is_not_sent_again(us: Listening) -> None:
    """The Zap is off: a call that failed just then must not be repeated for three days."""
    made = listen(us)
    us.later(minutes=5)
    us.enter()
    us.announce()
    ended = []

    def end(_request: Request, _reply: Reply) -> Reply:
        ended.append(operate.unlisten(us.db, made.id, "zaps", us.now))
        return us.zapier.error(503)

    us.zapier.alter = end
    us.hub.deliver()
    us.later(hours=1)
    us.hub.deliver()

    with us.db.read() as tx:
        assert [row.state for row in outbox.list_(tx)] == ["cancelled"]
    assert ended == [True]                                # it was called once


def test_who_dies_in_the_middle_of_many_leaves_the_rest_to_the_next(
    us: Listening, monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Thousands who enter at once are not queued in one transaction, as nothing else could be written meanwhile."""
    from steward.pipeline import announce

    monkeypatch.setattr(announce, "AT_ONCE", 2)
    add, calls = outbox.add, count(1)

    def die(tx: Any, rows: Any) -> int:
        if next(calls) == 2:
            raise KeyboardInterrupt
        return add(tx, rows)

    listen(us)
    us.later(minutes=5)
    for number in range(1, 6):
        us.enter(number, playbook_id=f"p{number}")
    monkeypatch.setattr(outbox, "add", die)
    with pytest.raises(KeyboardInterrupt):
        us.announce()
    monkeypatch.setattr(outbox, "add", add)

    assert us.announce() == 3
    with us.db.read() as tx:
        assert len(outbox.list_(tx)) == 5


def test_410_ends_a_listener_with_all_that_waits(us: Listening) -> None:
    """The Zap was switched off; Steward must not call it for ever."""
    made = listen(us)
    us.later(minutes=5)
    us.enter(1)
    us.enter(1, playbook_id="other")
    us.announce()
    us.zapier.gone = True
    us.hub.deliver()

    with us.db.read() as tx:
        states = sorted(row.state for row in outbox.list_(tx))
    assert states == ["cancelled", "failed"]
    assert views.listeners(us.db) == []
    (line,) = views.listeners(us.db, ended=True)
    assert (line.id, line.ended_because) == (made.id, "its receiver answered 410")
    us.later(minutes=5)
    us.enter(1, playbook_id="third")
    assert us.announce() == 0


def test_one_that_fails_holds_up_nobody_else(us: Listening) -> None:
    """A scenario of one team that is down must not silence another's."""
    from steward.kit.sandbox import Fault

    listen(us, hook="down")
    listen(us, hook="up")
    us.later(minutes=5)
    us.enter()
    us.zapier.faults.append(Fault("status", on="/1/down/", times=100, status=503))
    us.announce()
    us.hub.deliver()

    assert len(told(us)) == 1


def test_asking_again_for_the_same_is_the_same_listener(us: Listening) -> None:
    """Zapier may ask twice when its own call is lost."""
    assert listen(us).id == listen(us).id
    assert listen(us).id != listen(us, CLOSED).id


def test_the_address_is_shown_by_its_host_alone(us: Listening) -> None:
    """Who knows the address of a hook can post to it."""
    listen(us)
    us.later(minutes=5)
    us.enter()
    us.announce()

    (line,) = views.outbox(us.db)
    assert line.to == "127.0.0.1"
    assert "/hooks/standard" not in repr((line, views.listeners(us.db)))
