"""One key is one task, tied to its company, and stays as people have left it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import Any

import pytest

from connectors.hubspot.sandbox import HubSpotSandbox
from steward.kit.sandbox import Fault
from steward.model.actions import IdempotencyKey, OpenCta
from steward.model.errors import OutcomeUnknown, RecordRejected, TryAgain

KEY = IdempotencyKey("health_drop/acct_1/1/0/open_cta")
CTA = OpenCta(
    account_external_id="1000001", type="risk", subject="Call  Acme\n& Söhne 🚀", due_on=date(2026, 3, 5), priority="high",
    body="Users fell.\n<script>alert(1)</script>", assignee_email="Grace.Hopper@steward.example.com",
)


@pytest.fixture
def sandbox(sandbox: HubSpotSandbox) -> HubSpotSandbox:
    sandbox.seed(3)
    return sandbox


def tasks(sandbox: HubSpotSandbox) -> list[Any]:
    return [each for each in sandbox.portal.shelves["tasks"] if each.properties.get("steward_key") == KEY]


@pytest.mark.parametrize("api", ["v3", "2026-03"])
def test_a_cta_becomes_a_task_of_the_company_and_its_owner(sandbox: HubSpotSandbox, connect: Any, api: str) -> None:
    """The CSM finds it where she works, in words that cannot run as a script."""
    receipt = connect(api=api).sink.deliver(CTA, KEY)

    (task,) = tasks(sandbox)
    assert task.properties == {
        "steward_key": KEY, "hs_task_subject": "Call Acme & Söhne 🚀", "hs_task_status": "NOT_STARTED",
        "hs_task_body": "Users fell.<br>&lt;script&gt;alert(1)&lt;/script&gt;", "hs_timestamp": "2026-03-05T12:00:00.000Z",
        "hs_task_priority": "HIGH", "hs_task_type": "TODO", "hubspot_owner_id": "7002",
    }
    assert sandbox.portal.links["tasks", task.id, "companies"] == [1_000_001]
    assert receipt.url == f"https://app.hubspot.com/contacts/4727653/record/0-27/{task.id}"


def test_delivering_again_leaves_what_people_changed(sandbox: HubSpotSandbox, connect: Any) -> None:
    """A crash after delivery delivers again, perhaps days later; a finished task must not open anew."""
    first = connect().sink.deliver(CTA, KEY)
    sandbox.change("tasks", first.external_id, {"hs_task_status": "COMPLETED"})

    again = connect().sink.deliver(CTA, KEY)

    assert again.external_id == first.external_id
    assert again.found
    assert tasks(sandbox)[0].properties["hs_task_status"] == "COMPLETED"
    assert len(sandbox.ledger.of(KEY)) == 1


def test_a_line_cut_between_task_and_company_is_mended_by_delivering_again(sandbox: HubSpotSandbox, connect: Any) -> None:
    """HubSpot's upsert takes no association, so a crash can fall between the two calls."""
    sandbox.faults = [Fault("refuse", on="associate/default")]
    with pytest.raises(OutcomeUnknown):
        connect().sink.deliver(CTA, KEY)
    assert connect().sink.find(CTA, KEY) is None

    receipt = connect().sink.deliver(CTA, KEY)

    assert len(tasks(sandbox)) == 1
    assert sandbox.portal.links["tasks", int(receipt.external_id), "companies"] == [1_000_001]
    assert connect().sink.find(CTA, KEY).external_id == receipt.external_id


def test_workers_that_race_with_one_key_make_one_task(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Two workers may hold the same action after a lease ran out."""
    with ThreadPoolExecutor(8) as workers:
        receipts = list(workers.map(lambda _: connect().sink.deliver(CTA, KEY), range(8)))

    assert len({receipt.external_id for receipt in receipts}) == 1
    assert len(tasks(sandbox)) == len(sandbox.ledger.of(KEY)) == 1


def test_a_company_that_is_gone_is_refused_before_anything_is_written(sandbox: HubSpotSandbox, connect: Any) -> None:
    """A task without a company is found by nobody."""
    for company in ("1000001x", "999", "../1000001"):
        with pytest.raises(RecordRejected, match="there is no company") as raised:
            connect().sink.deliver(CTA.model_copy(update={"account_external_id": company}), KEY)
        assert raised.value.field == "account_external_id"

    assert not len(sandbox.ledger)


def test_somebody_hubspot_does_not_know_leaves_the_task_unassigned(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Better a task without an owner than none."""
    connect().sink.deliver(CTA.model_copy(update={"assignee_email": "nobody@example.com"}), KEY)

    assert "hubspot_owner_id" not in tasks(sandbox)[0].properties


def test_a_failing_owner_lookup_is_not_taken_for_nobody(sandbox: HubSpotSandbox, connect: Any) -> None:
    """An outage of a second must not make an unassigned task for ever."""
    sandbox.faults = [Fault("status", on="owners", status=500)]
    with pytest.raises(TryAgain):
        connect().sink.deliver(CTA, KEY)

    assert not tasks(sandbox)


def test_without_a_unique_property_nothing_is_written_and_check_says_what_to_do(
    sandbox: HubSpotSandbox, connect: Any,
) -> None:
    """The class A promise stands on it."""
    sandbox.load("properties", [{"objectType": "tasks", "name": "steward_key", "hasUniqueValue": False}])
    with pytest.raises(RecordRejected, match="not a unique property"):
        connect().sink.deliver(CTA, KEY)
    bad = [finding for finding in connect().check() if not finding.ok]

    assert not len(sandbox.ledger)
    assert ["does not require unique values" in finding.remedy for finding in bad] == [True]
    del sandbox.portal.properties["tasks"]["steward_key"]
    assert ["Create it" in finding.remedy for finding in connect().check() if not finding.ok] == [True]


def test_a_value_hubspot_refuses_names_the_property(sandbox: HubSpotSandbox, connect: Any) -> None:
    """A validation rule of the portal; the remedy is in HubSpot, at that property."""
    del sandbox.portal.properties["tasks"]["hs_task_priority"]
    with pytest.raises(RecordRejected) as raised:
        connect().sink.deliver(CTA, KEY)

    assert raised.value.field == "hs_task_priority"
    assert "PROPERTY_DOESNT_EXIST" in str(raised.value)
    assert "VALIDATION_ERROR" in str(raised.value)
