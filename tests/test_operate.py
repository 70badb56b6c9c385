"""What a person may do."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from steward import operate
from steward.contracts import Connection, Connector
from steward.engine.language import Mode, Playbook, Subject, Trigger, TriggerKind
from steward.engine.load import load_playbook, reload
from steward.engine.moves import cooldown_from
from steward.facts.catalog import catalog
from steward.kit.sandbox import Sandbox
from steward.model.actions import (
    Button,
    Card,
    DeliveryClass,
    IdempotencyKey,
    Message,
    Receipt,
    Recipient,
    UpdateMessage,
)
from steward.model.enrollments import Arm, Enrollment, State
from steward.model.errors import StewardError
from steward.model.records import Noun, Record
from steward.settings import Settings
from steward.store import audit, digests, enrollments, identity, inbox, outbox, records, releases, versions
from steward.store.outbox import OutboxRow

NOW = datetime(2026, 3, 5, 8, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
ENROLLMENT = "drop/acct_a/1"
BUTTONS = (Button(label="Acknowledge", answer="acknowledge"), Button(label="Open", url="https://crm.test/1"))


def enrol(database: Any, state: State = State.ACTIVE) -> None:
    with database.write() as tx:
        enrollments.save(tx, [Enrollment(
            id=ENROLLMENT, playbook_id="drop", version="7c1e", account_id="acct_a", number=1, state=state, since=NOW,
            looked_at=NOW, closed_at=NOW if state is State.CLOSED else None,
        )])


def message(step: int = 0, connection: str = "slack") -> OutboxRow:
    card = Card(sentence="Acme <!channel> is at risk", title="Acme", tone="risk", buttons=BUTTONS, context=("drop@7c1e",))
    return OutboxRow(
        key=IdempotencyKey(f"{ENROLLMENT}/{step}"), enrollment_id=ENROLLMENT, account_id="acct_a", playbook_id="drop",
        connection=connection, connector=connection, delivery_class=DeliveryClass.C, created_at=NOW, due_at=NOW,
        action=Message(to=Recipient(channel="#cs"), card=card, enrollment_id=ENROLLMENT),
    )


def send(database: Any, *rows: OutboxRow) -> None:
    """Deliver those, and nothing that was added before."""
    with database.write() as tx:
        outbox.add(tx, rows)
        for claimed in outbox.claim(tx, NOW, 10, 30):
            proof = Receipt(external_id=f"C1/{claimed.row.key[-1]}", delivered_at=NOW)
            assert outbox.complete(tx, claimed, proof, NOW)


def connector(name: str, **actions: DeliveryClass) -> Connector:
    return Connector(
        name=name, title=name, load_settings=lambda: Settings, connect=lambda *_: Connection(),
        load_sandbox=lambda: Sandbox, actions=actions,
    )


def test_acknowledging_stops_the_escalation_and_redraws_every_message(database: Any) -> None:
    """Everybody who got the alert sees who has it, and its button is gone."""
    enrol(database)
    send(database, message(0))
    send(database, message(1))
    with database.write() as tx:
        outbox.add(tx, [message(2)])           # not delivered: there is nothing to redraw

    done = operate.acknowledge(database, ENROLLMENT, "ana@example.com", LATER)

    assert (done.changed, done.redrawn) == (True, 2)
    assert (done.enrollment.acknowledged_by, done.enrollment.acknowledged_at) == ("ana@example.com", LATER)
    with database.read() as tx:
        row = outbox.one(tx, f"{ENROLLMENT}/0/ack")
        [line] = audit.list_(tx)
    assert row
    assert isinstance(row.action, UpdateMessage)
    assert (row.action.message_id, row.enrollment_id, row.state) == ("C1/0", ENROLLMENT, "pending")
    assert [button.label for button in row.action.card.buttons] == ["Open"]
    assert row.action.card.context == ("👀 Acknowledged by ana@example.com · 2026-03-05 09:00 UTC", "drop@7c1e")
    assert (line.by, line.what, line.about) == ("ana@example.com", "acknowledge", ENROLLMENT)


def test_who_comes_second_is_told_who_was_first(database: Any) -> None:
    """Two people press at once; one of them has it."""
    enrol(database)
    operate.acknowledge(database, ENROLLMENT, "ana@example.com", NOW)

    second = operate.acknowledge(database, ENROLLMENT, "bo@example.com", LATER)

    assert not second.changed
    assert second.enrollment.acknowledged_by == "ana@example.com"
    with database.read() as tx:
        assert len(audit.list_(tx)) == 1


def test_what_is_closed_needs_nobody(database: Any) -> None:
    """An old button in the channel still answers politely."""
    enrol(database, State.CLOSED)

    assert not operate.acknowledge(database, ENROLLMENT, "ana@example.com", NOW).changed


def test_only_targets_that_can_redraw_are_asked_to(database: Any) -> None:
    """A Teams webhook cannot change what it sent; that must not become a dead letter."""
    enrol(database)
    send(database, message(0), message(1, "teams"))
    known = {
        "slack": connector("slack", message=DeliveryClass.C, update_message=DeliveryClass.B),
        "teams": connector("teams", message=DeliveryClass.C),
    }

    assert operate.acknowledge(database, ENROLLMENT, "ana", LATER, known).redrawn == 1
    with database.read() as tx:
        [row] = outbox.list_(tx, "pending")
    assert (row.connection, row.delivery_class) == ("slack", DeliveryClass.B)


def test_a_mistyped_enrollment_is_answered_with_the_nearest(database: Any) -> None:
    """At 3 a.m. nobody wants to look an id up twice."""
    enrol(database)

    with pytest.raises(StewardError, match=r'no enrollment "drop/acct_b/1"\. Did you mean "drop/acct_a/1"\?'):
        operate.acknowledge(database, "drop/acct_b/1", "ana", NOW)


def test_a_dead_letter_is_made_due_again_once(database: Any) -> None:
    """The same key, so the target still knows it; pressing twice is pressing once."""
    with database.write() as tx:
        outbox.add(tx, [message()])
        [claimed] = outbox.claim(tx, NOW, 10, 30)
        outbox.fail(tx, claimed, NOW, "refused")

    assert operate.retry(database, f"{ENROLLMENT}/0", "ana", LATER)
    assert not operate.retry(database, f"{ENROLLMENT}/0", "ana", LATER)
    with database.read() as tx:
        [line] = audit.list_(tx)
        assert outbox.counts(tx) == {"slack": {"pending": 1}}
    assert (line.what, line.detail) == ("retry", {"was": "failed", "attempts": 0})


def test_what_was_delivered_is_not_sent_again(database: Any) -> None:
    """A person's slip must not reach the customer's team."""
    send(database, message())

    with pytest.raises(StewardError, match=r"is delivered; only what is failed, unknown, expired"):
        operate.retry(database, f"{ENROLLMENT}/0", "ana", NOW)
    with pytest.raises(StewardError, match=r'no action "drop/acct_a/1/9"\. Did you mean "drop/acct_a/1/0"'):
        operate.retry(database, "drop/acct_a/1/9", "ana", NOW)


def test_a_parked_call_is_worked_off_again(database: Any) -> None:
    """Once the connector is mended, no event is missing."""
    with database.write() as tx:
        inbox.put(tx, "crm", "e1", b"{}", NOW)
        [claimed] = inbox.claim(tx, NOW, 10, 30)
        inbox.park(tx, claimed, "a bug")

    assert operate.retry_call(database, "crm", "e1", "ana", LATER)
    assert not operate.retry_call(database, "crm", "e1", "ana", LATER)
    with pytest.raises(StewardError, match='made no call "e2"'):
        operate.retry_call(database, "crm", "e2", "ana", LATER)


def two_accounts(database: Any) -> tuple[str, str]:
    with database.write() as tx:
        for connection, domain in (("crm", "acme.com"), ("desk", "acme-group.com")):
            account = Record(Noun.ACCOUNT, "1", {"name": "Acme", "domain": domain}, NOW)
            records.upsert(tx, connection, "accounts", [account], NOW)
        identity.resolve(tx, NOW)
        left, right = identity.account_of(tx, "crm", "1"), identity.account_of(tx, "desk", "1")
    assert left
    assert right
    assert left != right
    return left, right


def who(database: Any) -> list[str | None]:
    with database.read() as tx:
        return [identity.account_of(tx, connection, "1") for connection in ("crm", "desk")]


def lines(database: Any) -> list[str]:
    with database.read() as tx:
        return [line.what for line in reversed(audit.list_(tx))]


def test_a_merge_can_be_undone_and_stays_undone(database: Any) -> None:
    """The person has the last word over the machine, in both directions."""
    left, right = two_accounts(database)

    operate.merge(database, left, right, "ana", NOW)
    operate.merge(database, left, right, "ana", NOW)
    assert who(database) == [left, left]

    operate.keep_apart(database, left, right, "ana", LATER)
    operate.keep_apart(database, left, right, "ana", LATER)
    assert who(database) == [left, right]
    with database.write() as tx:
        identity.resolve(tx, LATER)
    assert who(database) == [left, right]
    assert lines(database) == ["merge", "unmerge"]


def test_two_accounts_are_kept_apart_before_anything_joins_them(database: Any) -> None:
    """Acme Inc and Acme Group are two customers, whatever their names say."""
    left, right = two_accounts(database)

    operate.keep_apart(database, right, left, "ana", NOW)
    operate.keep_apart(database, left, right, "ana", LATER)

    assert who(database) == [left, right]
    assert lines(database) == ["keep_apart"]
    with pytest.raises(StewardError, match=f'no account "{left}x". Did you mean "{left}"'):
        operate.merge(database, f"{left}x", right, "ana", NOW)


def test_what_is_held_at_the_limit_goes_when_somebody_lets_it(database: Any) -> None:
    """A threshold typo must contact nobody; a real wave must not need a database client to go on."""
    enrol(database, State.AWAITING_APPROVAL)

    approved = operate.approve(database, "drop", by="ana", now=NOW)
    again = operate.approve(database, "drop", by="bo", now=NOW)

    assert (approved, again) == (1, 0)
    with database.read() as tx:
        assert [each.body["approved_by"] for each in enrollments.list_(tx)] == ["ana"]
    assert any("approve" in line for line in lines(database))


def test_approving_what_does_not_wait_says_so(database: Any) -> None:
    """A mistyped playbook must not look like success."""
    enrol(database, State.AWAITING_APPROVAL)

    with pytest.raises(StewardError, match="drpo"):
        operate.approve(database, "drpo", by="ana", now=NOW)


# ---- playbooks ----


def playbook(name: str = "drop", **changes: Any) -> Playbook:
    text = f"""\
id: {name}
title: Drop
why: To have one.
mode: live
when: health.score < 60
do:
  - message: {{to: csm}}
"""
    return replace(load_playbook(text, f"{name}.yaml", catalog()), **changes)


def live(database: Any) -> Any:
    with database.read() as tx:
        return {name: (each.version, each.mode, each.by) for name, each in releases.live(tx).items()}


def test_what_is_applied_is_live_and_the_same_again_is_nothing(database: Any) -> None:
    """Two people press at once; the history must show one act."""
    one = playbook()

    [first] = operate.apply(database, [one], "ana", NOW, "the renewal season")
    [again] = operate.apply(database, [one], "bo", LATER)

    assert (first.changed, again.changed) == (True, False)
    assert live(database) == {"drop": (one.version, "live", "ana")}
    assert lines(database) == ["apply"]
    with database.read() as tx:
        body = versions.body(tx, "drop", one.version)
    assert body
    assert reload(body, "drop.yaml", catalog(), mode=Mode.LIVE) == one


def test_a_rollback_brings_back_version_and_mode_and_can_be_taken_back(database: Any) -> None:
    """The night's edit was wrong: one word, and one more should it have been right."""
    one, two = playbook(mode=Mode.RAMP, ramp=0.25, version="aaaa"), playbook(version="bbbb")
    operate.apply(database, [one], "ana", NOW)
    operate.apply(database, [two], "ana", LATER)

    back = operate.rollback(database, "drop", "bo", LATER)
    forth = operate.rollback(database, "drop", "bo", LATER)

    assert (back.now.version, back.now.mode, back.now.ramp) == ("aaaa", "ramp", 0.25)
    assert (forth.now.version, forth.now.mode) == ("bbbb", "live")
    with pytest.raises(StewardError, match=r'no playbook "dropp" is live\. Did you mean "drop"'):
        operate.rollback(database, "dropp", "bo", LATER)


def test_a_rollback_goes_to_the_version_that_is_named(database: Any) -> None:
    """Two edits later, the good one is not the one before."""
    for version in ("aaaa1111", "aaaa2222", "bbbb3333"):
        operate.apply(database, [playbook(mode=Mode.RAMP, ramp=0.25, version=version)], "ana", NOW)

    back = operate.rollback(database, "drop", "bo", LATER, to="aaaa1")
    again = operate.rollback(database, "drop", "bo", LATER, to="aaaa1111")

    assert (back.now.version, back.now.mode, back.now.ramp, back.changed) == ("aaaa1111", "ramp", 0.25, True)
    assert not again.changed
    assert live(database)["drop"] == ("aaaa1111", "ramp", "bo")
    with pytest.raises(StewardError, match="more than one version: aaaa1, aaaa2"):
        operate.rollback(database, "drop", "bo", LATER, to="aaaa")


def test_there_is_nothing_to_roll_back_to_before_a_second_version(database: Any) -> None:
    """The answer names what stops it instead."""
    operate.apply(database, [playbook()], "ana", NOW)

    with pytest.raises(StewardError, match="steward playbook pause drop"):
        operate.rollback(database, "drop", "bo", LATER)


def test_pausing_and_resuming_returns_to_the_mode_before(database: Any) -> None:
    """A ramp of 25 % must not come back as everybody."""
    operate.apply(database, [playbook(mode=Mode.RAMP, ramp=0.25)], "ana", NOW)

    operate.pause(database, "drop", "bo", LATER)
    assert not operate.pause(database, "drop", "bo", LATER).changed
    back = operate.resume(database, "drop", "bo", LATER)

    assert (back.now.mode, back.now.ramp) == ("ramp", 0.25)
    assert not operate.resume(database, "drop", "bo", LATER).changed


def test_retiring_closes_what_is_open_and_stops_what_is_due(database: Any) -> None:
    """Nobody may be called for a playbook that is no more."""
    operate.apply(database, [playbook()], "ana", NOW)
    enrol(database)
    with database.write() as tx:
        outbox.add(tx, [message()])
        digests.add(tx, [digests.DigestLine(f"{ENROLLMENT}/1", "ana@us.test", NOW, ENROLLMENT, "acct_a", "drop",
                                            "slack", message().action)])

    done = operate.retire(database, "drop", "ana", LATER)

    assert done.closed == 1
    assert live(database) == {}
    with database.read() as tx:
        [found] = enrollments.list_(tx)
        [decision] = enrollments.decisions(tx)
        assert outbox.counts(tx) == {"slack": {"cancelled": 1}}
        assert digests.due(tx, LATER) == []
    assert (found.state, found.reason) == (State.CLOSED, "cancelled")
    assert "retired by ana" in decision.reason


@pytest.mark.parametrize(("was", "becomes", "ended"), [
    ((Mode.SHADOW, 0.0), (Mode.LIVE, 0.0), 1), ((Mode.SHADOW, 0.0), (Mode.RAMP, 0.1), 1),
    ((Mode.RAMP, 0.1), (Mode.RAMP, 0.5), 1), ((Mode.RAMP, 0.5), (Mode.RAMP, 0.1), 0),
    ((Mode.LIVE, 0.0), (Mode.SHADOW, 0.0), 0), ((Mode.SHADOW, 0.0), (Mode.PAUSED, 0.0), 0),
])
def test_what_was_begun_in_shadow_may_begin_anew_once_more_is_acted_on(
    database: Any, was: Any, becomes: Any, ended: int,
) -> None:
    """Whoever entered while a playbook only watched must be acted on once it acts; without a cooldown for nothing."""
    operate.apply(database, [playbook(mode=was[0], ramp=was[1])], "ana", NOW)
    enrol(database)
    with database.write() as tx:
        [found] = enrollments.list_(tx)
        enrollments.save(tx, [replace(found, arm=Arm.SHADOW, entered_at=NOW)])

    [done] = operate.apply(database, [playbook(mode=becomes[0], ramp=becomes[1])], "ana", LATER)

    with database.read() as tx:
        [after] = enrollments.list_(tx)
        counted = enrollments.entered(tx, "drop", NOW - timedelta(days=1), [after.subject_id])
    assert done.closed == ended
    assert (after.state is State.CLOSED) is bool(ended)
    if ended:
        assert cooldown_from(after) is None
        assert counted == {}


def test_a_live_playbook_goes_on_enrolling_what_it_enrols(database: Any) -> None:
    """What is in flight about accounts would be closed as if its contacts were gone."""
    operate.apply(database, [playbook()], "ana", NOW)
    changed = playbook(subject=Subject.CONTACT, version="bbbb")

    with pytest.raises(StewardError, match="steward playbook retire drop"):
        operate.apply(database, [changed], "ana", LATER)
    operate.retire(database, "drop", "ana", LATER)
    [done] = operate.apply(database, [changed], "ana", LATER)
    assert done.changed


def test_enrolling_by_hand_is_for_playbooks_that_wait_for_a_hand(database: Any) -> None:
    """A second open enrollment, or one past its condition, would surprise everybody."""
    by_hand = playbook(trigger=Trigger(TriggerKind.MANUAL))

    first = operate.enroll(database, by_hand, "acct_a", "ana", NOW)
    again = operate.enroll(database, by_hand, "acct_a", "bo", LATER)

    assert (first.changed, again.changed) == (True, False)
    assert first.enrollment == again.enrollment
    assert (first.enrollment.state, first.enrollment.cause) == (State.PENDING, f"manual:ana@{NOW.isoformat()}")
    assert lines(database) == ["enroll"]
    with pytest.raises(StewardError, match="enrols by itself and not by hand"):
        operate.enroll(database, playbook(), "acct_a", "ana", NOW)
    with pytest.raises(StewardError, match="steward playbook resume drop"):
        operate.enroll(database, replace(by_hand, mode=Mode.PAUSED), "acct_a", "ana", NOW)


def test_a_step_that_waits_for_a_yes_gets_it_once(database: Any) -> None:
    """The first who says yes is the one whom the audit names."""
    enrol(database)

    assert operate.approve_step(database, "drop", "do[0]", "ana", LATER) == 1
    assert operate.approve_step(database, ENROLLMENT, "do.0", "bo", LATER) == 0
    with database.read() as tx:
        [found] = enrollments.list_(tx)
    assert found.body["approvals"] == {"do.0": "ana"}
    assert lines(database) == ["approve_step"]


def test_those_in_flight_go_on_with_the_live_version_where_their_step_has_an_image(database: Any) -> None:
    """Whose place is gone stays on the version that knows it, and a person hears of it."""
    steps = "do:\n  - message: {to: csm}\n  - wait: 5d\n"
    old = load_playbook(f"id: drop\ntitle: D\nwhy: W.\nwhen: health.score < 60\n{steps}", "old.yaml", catalog())
    new = playbook()
    with database.write() as tx:
        enrollments.save(tx, [
            Enrollment(id=f"drop/acct_{at}/1", playbook_id="drop", version=version, account_id=f"acct_{at}", number=1,
                       state=State.ACTIVE, since=NOW, looked_at=NOW, entered_at=NOW, step=step)
            for at, version, step in (("a", old.version, 0), ("b", old.version, 1), ("c", "gone", 0))])

    would = operate.migrate(database, new, {old.version: old}.get, "ana", LATER, perform=False)
    did = operate.migrate(database, new, {old.version: old}.get, "ana", LATER)

    assert would == did
    assert [(each.path, each.was) for each in did] == [("do[0]", old.version), (None, old.version), (None, "gone")]
    assert "do[1]" in did[1].trouble
    with database.read() as tx:
        assert [each.version for each in enrollments.list_(tx)] == [new.version, old.version, "gone"]
    assert lines(database) == ["migrate"]


def test_a_silence_is_ended_by_how_its_id_begins(database: Any) -> None:
    """Nobody types 36 characters."""
    made = operate.silence(database, {"playbook": "drop"}, "ana", NOW, reason="fair", ends_at=LATER)

    assert operate.unsilence(database, made.id[:8], "bo", NOW + timedelta(minutes=1))
    assert not operate.unsilence(database, made.id, "bo", NOW + timedelta(minutes=2))
    with pytest.raises(StewardError, match="there is no silence"):
        operate.unsilence(database, "", "bo", NOW)
    assert lines(database) == ["silence", "unsilence"]
