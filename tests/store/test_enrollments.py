"""Every account's way through every playbook."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from steward.model.enrollments import Arm, Clause, Decision, Enrollment, State, Verdict
from steward.model.errors import StewardError
from steward.model.missing import MISSING
from steward.model.money import Money
from steward.model.records import Value
from steward.store import enrollments

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def enrolled(account: str = "a", number: int = 1, **changes: Any) -> Enrollment:
    base = Enrollment(
        id=f"drop/{account}/{number}", playbook_id="drop", version="7c1e", account_id=account, number=number,
        state=State.PENDING, since=NOW, looked_at=NOW,
    )
    return replace(base, **changes)


def closed(account: str = "a", number: int = 1, **changes: Any) -> Enrollment:
    return enrolled(account, number, state=State.CLOSED, closed_at=NOW, reason="cleared", **changes)


def test_an_enrollment_comes_back_as_it_was_saved(database: Any) -> None:
    """A restart loses no clock."""
    full = enrolled(
        state=State.ACTIVE, entered_at=NOW, arm=Arm.CONTROL, step=2, rung=1, acknowledged_at=LATER,
        acknowledged_by="ana@example.com", body={"facts": ["usage.sum_7d"], "note": "é"},
    )
    with database.write() as tx:
        assert enrollments.save(tx, [full, enrolled("b")]) == 2

        assert enrollments.one(tx, "drop/a/1") == full
        assert enrollments.open_of(tx, "drop") == {"a": full, "b": enrolled("b")}
        assert enrollments.open_of(tx, "drop", ["b", "c"]) == {"b": enrolled("b")}
        assert enrollments.open_of(tx, "other") == {}


def test_the_last_closed_one_and_the_next_number_are_found(database: Any) -> None:
    """The cooldown counts from the last close, and an enrollment's id is never used twice."""
    with database.write() as tx:
        enrollments.save(tx, [closed("a", 1), closed("a", 2), enrolled("a", 3), closed("b", 10), closed("b", 9)])

        assert enrollments.last_closed(tx, "drop") == {"a": closed("a", 2), "b": closed("b", 10)}
        assert enrollments.last_closed(tx, "drop", ["b"]) == {"b": closed("b", 10)}
        assert enrollments.numbers(tx, "drop") == {"a": 4, "b": 11}
        assert enrollments.numbers(tx, "drop", ["a", "z"]) == {"a": 4}


def test_more_accounts_than_a_statement_takes_are_asked_for(database: Any) -> None:
    """Twenty thousand accounts go the same way as two."""
    many = [enrolled(f"a{number}") for number in range(2500)]
    with database.write() as tx:
        assert enrollments.save(tx, many) == 2500

        assert len(enrollments.open_of(tx, "drop", [each.account_id for each in many])) == 2500
        assert len(enrollments.numbers(tx, "drop", [each.account_id for each in many])) == 2500


def test_what_is_closed_stays_closed(database: Any) -> None:
    """An evaluation that read the row before it was closed must not bring it back to life."""
    with database.write() as tx:
        enrollments.save(tx, [closed()])
        assert enrollments.save(tx, [closed()]) == 0, "the same again changes nothing"

    with pytest.raises(StewardError, match='"drop/a/1" was closed'), database.write() as tx:
        enrollments.save(tx, [enrolled("b"), enrolled(state=State.ACTIVE, looked_at=LATER)])

    with database.read() as tx:
        assert enrollments.one(tx, "drop/b/1") is None, "all of it is undone"


def test_an_older_evaluation_does_not_overwrite_a_newer_one(database: Any) -> None:
    """Two evaluators at once: the later look at the account counts."""
    with database.write() as tx:
        enrollments.save(tx, [enrolled(state=State.ACTIVE, looked_at=LATER)])

    with pytest.raises(StewardError, match="looked at later"), database.write() as tx:
        enrollments.save(tx, [enrolled(looked_at=NOW)])


def test_an_evaluation_does_not_undo_an_acknowledgement(database: Any) -> None:
    """Ana pressed the button while the evaluation ran; she must not be escalated over."""
    with database.write() as tx:
        enrollments.save(tx, [enrolled(state=State.ACTIVE)])
    with database.write() as tx:
        assert enrollments.acknowledge(tx, "drop/a/1", "ana@example.com", NOW)
        assert not enrollments.acknowledge(tx, "drop/a/1", "bo@example.com", LATER)
        assert not enrollments.acknowledge(tx, "drop/nobody/1", "bo@example.com", LATER)
    with database.write() as tx:
        enrollments.save(tx, [enrolled(state=State.ACTIVE, looked_at=LATER, step=3)])

        stored = enrollments.one(tx, "drop/a/1")
        assert stored
        assert (stored.acknowledged_by, stored.acknowledged_at, stored.step) == ("ana@example.com", NOW, 3)


def test_an_account_has_one_open_enrollment_of_a_playbook(database: Any) -> None:
    """The database itself refuses a second one."""
    with pytest.raises(Exception, match=r"UNIQUE|unique"), database.write() as tx:
        enrollments.save(tx, [enrolled("a", 1), enrolled("a", 2)])


def test_enrollments_are_listed_and_counted(database: Any) -> None:
    """The queue page and the demo's summary."""
    with database.write() as tx:
        enrollments.save(tx, [closed("a", 1), enrolled("a", 2), enrolled("b", state=State.ACTIVE)])

        assert [each.id for each in enrollments.list_(tx, state="open")] == ["drop/a/2", "drop/b/1"]
        assert [each.id for each in enrollments.list_(tx, state="closed")] == ["drop/a/1"]
        assert [each.id for each in enrollments.list_(tx, account_id="a", limit=1)] == ["drop/a/1"]
        assert enrollments.list_(tx, playbook_id="other") == []
        assert enrollments.counts(tx) == {"drop": {"active": 1, "closed": 1, "pending": 1}}
        assert enrollments.ids(tx) == ["drop/a/2", "drop/b/1", "drop/a/1"]


@pytest.mark.parametrize("observed", [
    MISSING, 58, 0.25, True, "mid_market", "", date(2026, 3, 5), NOW, Decimal("1.10"), Money(Decimal("50000.00"), "EUR"),
])
def test_a_decision_keeps_what_it_observed(database: Any, observed: Value) -> None:
    """An explanation a year later shows the values as they were, of the type that they were."""
    clause = Clause("when.all[0]", "health.score < 60", Verdict.TRUE, observed, NOW, "health", nearest=">= 60 (+2)")
    decision = Decision("drop/a/1", "drop", "a", NOW, "idle", "pending", "when is TRUE", (clause,))
    with database.write() as tx:
        assert enrollments.record(tx, [decision]) == 1
        assert enrollments.record(tx, [decision]) == 0, "a run that is repeated records nothing twice"

        assert enrollments.decisions(tx, enrollment_id="drop/a/1") == [decision]
        assert type(enrollments.decisions(tx)[0].clauses[0].observed) is type(observed)
        assert enrollments.decisions(tx, account_id="b") == []


def test_a_look_over_everybody_sees_where_each_stands(database: Any) -> None:
    """A million rows are read as a few texts: nobody may be mistaken for somebody else on the way."""
    save = [
        enrolled("a", wake_at=NOW), enrolled("b", wake_at=LATER), enrolled("c", body={"held": True}),
        enrolled("d", state=State.ACTIVE, body={"needs_attention": ["do.0: could not be delivered"], "held": True}),
        enrolled("e", state=State.AWAITING_APPROVAL, body={"approved_by": "ana"}),
        enrolled("f", state=State.ACTIVE, body={"approved_by": "ana"}), closed("g"),
        replace(enrolled("h"), id="drop/con_1/1", subject_id="con_1"),
        replace(enrolled("a", version="8d2f"), id="rise/a/1", playbook_id="rise"),
    ]
    with database.write() as tx:
        enrollments.save(tx, save)

        found = enrollments.open_frame(tx, NOW)
        of_some = enrollments.open_frame(tx, NOW, ["h", "a"], "drop")
        nobody = enrollments.open_frame(tx, NOW, ["nobody"])
    rows = {(row["playbook_id"], row["subject_id"]): row for row in found.iter_rows(named=True)}
    for each in save:
        if each.state is State.CLOSED:
            assert (each.playbook_id, each.subject_id) not in rows
            continue
        row = rows[each.playbook_id, each.subject_id]
        assert (row["version"], row["account_id"], row["state"], row["arm"]) == (each.version, each.account_id, each.state, each.arm)
        assert row["held"] is bool(each.body.get("held"))
        assert row["looks_each_run"] is (each.subject_id in ("d", "e"))
        assert (row["wake_at"] is None) is (each.wake_at is None)
        assert each.wake_at is None or (row["wake_at"] <= NOW) is (each.wake_at <= NOW)
    assert len(rows) == found.height == len(save) - 1
    assert sorted(of_some["subject_id"]) == ["a", "con_1"]
    assert nobody.is_empty()
    assert nobody.schema == found.schema


def test_those_who_go_on_are_overwritten_and_nobody_else(database: Any) -> None:
    """What was closed, or looked at later, by somebody else meanwhile undoes the whole evaluation."""
    with database.write() as tx:
        enrollments.save(tx, [enrolled("a", body={"held": True}), enrolled("b"), closed("c")])
        enrollments.acknowledge(tx, "drop/a/1", "ana@example.com", NOW)
        assert enrollments.go_on(tx, [enrolled("a", state=State.ACTIVE, looked_at=LATER, step=1)]) == 1
        assert enrollments.go_on(tx, []) == 0

        stored = enrollments.open_by_subject(tx, "drop", ["a", "c", "z"])
        assert enrollments.open_frame(tx, NOW, ["a"])["held"].to_list() == [False]
    assert stored == {"a": enrolled(
        "a", state=State.ACTIVE, looked_at=LATER, step=1, acknowledged_at=NOW, acknowledged_by="ana@example.com")}
    for fault, match in ((enrolled("c"), '"drop/c/1" was closed'), (enrolled("a", step=2), "looked at later")):
        with pytest.raises(StewardError, match=match), database.write() as tx:
            enrollments.go_on(tx, [enrolled("b", state=State.ACTIVE, looked_at=LATER), fault])
    with database.read() as tx:
        assert enrollments.one(tx, "drop/b/1") == enrolled("b"), "all of it is undone"
