"""Facts written back into other systems: each change once, nothing that did not change, nothing that is not known."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from steward.model.actions import DeliveryClass, Receipt, UpdateRecord
from steward.model.records import Noun, Record
from steward.pipeline.sending import close_unsent
from steward.pipeline.writeback import MOST_A_ROUND, MOST_UNPROVEN, WriteBackReport, plan_write_back, write_back
from steward.settings import Settings
from steward.store import identity, outbox, records, written
from steward.store.outbox import OutboxRow

FACTS = {"health.score": "Health_Score__c", "health.band": {"field": "Risk__c", "empty": True}}


class Us:
    """The company of the verbs' tests, with a CRM whose accounts take two of our facts."""

    def __init__(self, company: Any) -> None:
        self.company, self.db, self.now = company, company.db, company.now
        self.connectors = {"crm": company.connector("salesforce", update_record=DeliveryClass.A),
                           "slack": company.connector("slack", message=DeliveryClass.C)}
        self.settings = Settings.model_validate({"writeback": {"crm": FACTS}})

    def know(self, *scores: float | None, band: str | None = "red") -> None:
        self.company.know(scores, self.now, health__band=[band] * len(scores))

    def write_back(self) -> WriteBackReport:
        return write_back(self.db, self.settings, self.company.catalog, self.connectors, self.now)

    def plan(self) -> WriteBackReport:
        return plan_write_back(self.db, self.settings, self.company.catalog, self.connectors, self.now)

    def later(self, **time: float) -> None:
        self.now += timedelta(**time)

    def rows(self, state: str | None = None) -> list[OutboxRow]:
        with self.db.read() as tx:
            return outbox.list_(tx, state, limit=100_000)

    def end(self, how: str = "delivered") -> int:
        """Let the target take, or refuse, all that is due."""
        ended = 0
        while True:
            with self.db.write() as tx:
                claims = outbox.claim(tx, self.now, 5_000, 60)
                for claimed in claims:
                    begun = outbox.sending(tx, claimed, self.now, 60)
                    assert begun
                    if how == "delivered":
                        action = begun.row.action
                        assert isinstance(action, UpdateRecord)
                        proof = Receipt(external_id=action.external_id, delivered_at=self.now)
                        assert outbox.complete(tx, begun, proof, self.now)
                    elif how == "expired":
                        assert outbox.expire(tx, begun, self.now)
                    else:
                        assert outbox.fail(tx, begun, self.now, "No such column")
            if not claims:
                return ended
            ended += len(claims)


def _values(rows: list[OutboxRow]) -> Counter[tuple[str, str, str]]:
    return Counter((row.action.external_id, row.action.field, row.action.value) for row in rows
                   if isinstance(row.action, UpdateRecord))


@pytest.fixture
def us(company: Any) -> Us:
    return Us(company(3))


def test_each_fact_is_written_once_and_again_when_it_changes(us: Us) -> None:
    """The account team reads our score in the CRM; a round that changes nothing costs no call."""
    us.know(40.0, 71.0, 90.0)
    assert us.write_back().queued == 6
    assert us.write_back().queued == 0, "on the way"
    us.end()
    us.later(minutes=5)
    assert us.write_back().queued == 0, "stands there"

    us.know(40.0, 71.0, 55.5)
    us.later(minutes=5)

    assert us.write_back().queued == 1
    assert _values(us.rows("pending")) == {("a2", "Health_Score__c", "55.5"): 1}
    assert us.rows("pending")[0].key.endswith("/crm/Health_Score__c/2")


def test_a_change_too_small_to_see_is_not_written(us: Us) -> None:
    """A score that trembles in the third digit would write every account every day."""
    us.know(40.04, 71.0, 90.0)
    us.write_back()
    us.end()
    us.later(minutes=5)
    us.know(40.01, 70.96, 90.0)

    assert us.write_back().queued == 0
    assert _values(us.rows())["a1", "Health_Score__c", "71"] == 1


def test_a_value_that_gave_way_to_a_newer_one_is_not_written_again(us: Us) -> None:
    """Who tries again what failed last week must not put last week's score over today's, where it would stay."""
    us.know(40.0, 71.0, 90.0)
    us.write_back()
    us.end("failed")
    stale = next(row for row in us.rows("failed") if row.action.external_id == "a2" and row.key.endswith("Health_Score__c/1"))
    us.later(days=7)
    us.know(40.0, 71.0, 55.5)
    us.write_back()
    us.end()
    with us.db.write() as tx:
        assert outbox.retry(tx, stale.key, us.now)
        (claimed,) = outbox.claim(tx, us.now, 10, 60)
        ended = close_unsent(tx, claimed, DeliveryClass.A, us.now)
        again = outbox.one(tx, stale.key)

    assert ended
    assert ended.what == "cancelled"
    assert again
    assert "newer" in str(again.trouble)


def test_what_failed_is_tried_again_while_it_is_the_newest(us: Us) -> None:
    """The field was made writable in the meantime."""
    us.know(40.0)
    us.write_back()
    us.end("failed")
    with us.db.write() as tx:
        for row in outbox.list_(tx):
            outbox.retry(tx, row.key, us.now)
        claims = outbox.claim(tx, us.now, 10, 60)

        assert claims
        assert not any(close_unsent(tx, each, DeliveryClass.A, us.now) for each in claims)


def test_what_is_not_known_is_left_or_emptied_never_zero(us: Us) -> None:
    """A zero would say that the customer is lost."""
    us.know(40.0, None, 90.0)
    us.write_back()
    us.end()
    assert {value for _, field, value in _values(us.rows()) if field == "Health_Score__c"} == {"40", "90"}

    us.know(None, None, 90.0, band=None)
    us.later(minutes=5)
    report = us.write_back()

    assert _values(us.rows("pending")) == {("a0", "Risk__c", ""): 1, ("a1", "Risk__c", ""): 1, ("a2", "Risk__c", ""): 1}
    assert report.fields[0].unknown == 2
    us.end()
    us.later(minutes=5)
    assert us.write_back().queued == 0, "empty stays empty"


def test_a_newer_value_waits_for_the_one_on_its_way(us: Us) -> None:
    """A target that is down for a night must not wake up to a heap of old scores."""
    us.know(40.0, 71.0, 90.0)
    us.write_back()
    us.know(41.0, 71.0, 90.0)
    us.later(minutes=5)

    assert us.write_back().queued == 0
    assert us.plan().fields[0].on_the_way == 3
    us.end()
    us.later(minutes=5)
    assert us.write_back().queued == 1
    assert _values(us.rows("pending")) == {("a0", "Health_Score__c", "41"): 1}


def test_what_came_too_late_gives_way_to_today_s_value(us: Us) -> None:
    """Yesterday's score is not delivered tomorrow."""
    us.know(40.0, 71.0, 90.0)
    us.write_back()
    assert {row.not_after for row in us.rows()} == {us.now + timedelta(days=1)}
    us.end("expired")
    us.later(days=1)

    assert us.write_back().queued == 6
    assert {row.key.rsplit("/", 1)[1] for row in us.rows("pending")} == {"2"}


def test_what_was_refused_is_not_sent_again_before_it_changes(us: Us) -> None:
    """One record that a validation rule refuses must not cost a call each round."""
    us.know(40.0, 71.0, 90.0)
    us.write_back()
    us.end("failed")
    us.later(minutes=5)
    assert us.write_back().queued == 0
    assert us.plan().fields[0].failed == 3

    us.know(50.0, 71.0, 90.0)
    assert us.write_back().queued == 1


def test_a_new_record_at_the_target_gets_the_value_too(us: Us) -> None:
    """Two accounts were merged in the CRM: the survivor must show the score."""
    us.know(40.0, 71.0, 90.0)
    us.write_back()
    us.end()
    with us.db.write() as tx:
        records.upsert(tx, "crm", "accounts", [
            Record(Noun.ACCOUNT, "b0", {"name": "Acme 0", "domain": "a0.test"}, us.now),
            Record(Noun.ACCOUNT, "a0", {}, us.now, deleted=True, merged_into="b0")], us.now)
        identity.resolve(tx, us.now)

    us.later(minutes=5)
    us.write_back()

    assert _values(us.rows("pending")) == {("b0", "Health_Score__c", "40"): 1, ("b0", "Risk__c", "red"): 1}


def test_two_rounds_at_once_decide_once(us: Us, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two evaluators that overlap: the second, which looked before the first wrote, must not write another value
    under the same number."""
    us.know(40.0, 71.0, 90.0)
    looked = us.plan()
    us.know(41.0, 71.0, 90.0)
    us.write_back()
    monkeypatch.setattr("steward.pipeline.writeback.plan_write_back", lambda *_: looked)
    us.write_back()

    assert len(us.rows()) == 6
    with us.db.read() as tx:
        kept = {each.key: each.value for each in written.of(tx, "crm", "Health_Score__c").values()}
    assert kept == {row.key: row.action.value for row in us.rows()
                    if isinstance(row.action, UpdateRecord) and row.action.field == "Health_Score__c"}


def test_a_deleted_record_is_not_written_to(us: Us) -> None:
    """It would be refused, each account a dead letter."""
    with us.db.write() as tx:
        records.upsert(tx, "crm", "accounts", [Record(Noun.ACCOUNT, "a0", {}, us.now, deleted=True)], us.now)
    us.know(40.0, 71.0, 90.0)

    us.write_back()

    assert "a0" not in {external_id for external_id, _, _ in _values(us.rows())}


def test_the_dry_look_writes_nothing(us: Us) -> None:
    """"What would it do to my CRM?" is asked before it is switched on."""
    us.know(40.0, 71.0, 90.0)

    report = us.plan()

    changes = report.fields[0].changes
    assert sorted((each.value, each.before) for each in changes) == [("40", None), ("71", None), ("90", None)]
    assert us.rows() == []


@pytest.mark.parametrize(("writeback", "said"), [
    ({"crn": {"health.score": "X__c"}}, 'no connection "crn". Did you mean "crm"?'),
    ({"crm": {"health.scor": "X__c"}}, 'no fact "health.scor" about accounts. Did you mean "health.score"?'),
    ({"slack": {"health.score": "X__c"}}, "writes no fields"),
    ({"crm": {"health.score": "X__c", "health.band": "X__c"}}, '"health.score" is written into "X__c" already'),
])
def test_what_the_settings_have_wrong_is_told_and_the_rest_goes_on(us: Us, writeback: Any, said: str) -> None:
    """A misspelt fact must not stop the others, nor the playbooks."""
    us.settings = Settings.model_validate({"writeback": {"crm": {"health.band": "Risk__c"}, **writeback}})
    us.know(40.0, 71.0, 90.0)

    report = us.write_back()

    assert len(report.wrong) == 1
    assert said in report.wrong[0]


def test_a_first_write_of_many_comes_in_rounds_and_a_wrong_field_is_noticed_early(company: Any) -> None:
    """20,000 accounts must not fill the outbox, and a field that is not there must not make 20,000 dead letters."""
    us = Us(company(MOST_A_ROUND + 300))
    us.settings = Settings.model_validate({"writeback": {"crm": {"health.score": "Health_Score__c"}}})
    us.know(*[float(number % 90) for number in range(MOST_A_ROUND + 300)])

    report = us.write_back()
    assert (report.queued, report.fields[0].later, report.fields[0].unproven) == (25, MOST_A_ROUND + 275, True)
    us.later(minutes=5)
    assert us.write_back().queued == 0, f"none of the first {MOST_UNPROVEN} was taken yet"
    us.end()

    us.later(minutes=5)
    assert us.write_back().queued == MOST_A_ROUND
    us.end()
    us.later(minutes=5)
    assert us.write_back().queued == 275
    with us.db.read() as tx:
        assert written.counts(tx)["crm", "Health_Score__c"] == {"delivered": MOST_A_ROUND + 25, "pending": 275}


def test_values_that_stand_no_more_are_let_go_after_a_month(us: Us) -> None:
    """20,000 scores a day would be seven million rows a year; what stands at the target keeps its proof."""
    for score in (40.0, 50.0, 60.0):
        us.know(score, 71.0, None)
        us.write_back()
        us.end()
        us.later(days=1)
    with us.db.write() as tx:
        assert written.forget(tx, us.now) == 0
    us.later(days=40)

    with us.db.write() as tx:
        assert written.forget(tx, us.now) == 2

    assert _values(us.rows())["a0", "Health_Score__c", "60"] == 1
    assert _values(us.rows())["a0", "Health_Score__c", "40"] == 0
    with us.db.read() as tx:
        assert outbox.conservation(tx).holds
    us.know(40.0, 71.0, None)
    us.write_back()
    assert us.rows("pending")[0].key.endswith("/Health_Score__c/4"), "and its number is never used again"
