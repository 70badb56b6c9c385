"""An event is made once and found again; an attribute is set; what the account lacks is said."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.churnzero import CONNECTOR
from connectors.churnzero.sandbox import ChurnZeroSandbox
from connectors.churnzero.sink import mark
from steward.contracts import Sink, Tools
from steward.kit.sandbox import Fault
from steward.model.actions import IdempotencyKey, OpenCta, UpdateRecord
from steward.model.errors import OutcomeUnknown, RecordRejected, StewardError

KEY = IdempotencyKey("health_drop/acct_1/1/do.1/1")


@pytest.fixture
def sandbox() -> Iterator[ChurnZeroSandbox]:
    with ChurnZeroSandbox() as started:
        started.seed(5)
        started.page_size = 5
        yield started


def sink(sandbox: ChurnZeroSandbox, **changed: Any) -> Sink:
    settings = CONNECTOR.load_settings().model_validate({**sandbox.settings(), **changed})
    made = CONNECTOR.connect(
        settings, Tools(now=lambda: datetime.now(UTC), sleep=lambda _: None, deadline_s=5.0)).sink
    assert made
    return made


@pytest.mark.parametrize("which", [0, 1])
def test_an_event_is_found_again_by_its_mark(sandbox: ChurnZeroSandbox, which: int) -> None:
    """A crash after sending must find the CTA, not open another."""
    action = sandbox.sample_actions()[which]
    before = sink(sandbox).find(action, KEY)
    made = sink(sandbox).deliver(action, KEY)
    found = sink(sandbox).find(action, KEY)

    assert before is None
    assert found
    assert (found.external_id, found.found) == (made.external_id, True)
    assert sink(sandbox).find(action, IdempotencyKey("another")) is None
    assert len(sandbox.ledger.of(mark(KEY))) == 1


def test_a_look_that_fails_is_not_a_no(sandbox: ChurnZeroSandbox) -> None:
    """Else a hiccup of ChurnZero's would open the CTA twice."""
    action = sandbox.sample_actions()[0]
    sandbox.faults = [Fault("status", status=503)]
    with pytest.raises(StewardError):
        sink(sandbox).find(action, KEY)
    with pytest.raises(OutcomeUnknown):
        sink(sandbox, rest=None).find(action, KEY)


def test_the_mark_survives_a_long_subject(sandbox: ChurnZeroSandbox) -> None:
    """ChurnZero keeps 255 characters; the key may be as long itself."""
    action = sandbox.sample_actions()[0]
    assert isinstance(action, OpenCta)
    sink(sandbox).deliver(action.model_copy(update={"subject": "ä" * 400}), KEY)
    made = sandbox.rows("Event")[-1]

    assert len(made["Description"]) <= 255
    assert made["Description"].endswith(f"[{mark(KEY)}]")
    assert not sandbox.breaches


def test_an_attribute_is_set_in_its_own_type(sandbox: ChurnZeroSandbox) -> None:
    """The health score that the CSM sees in ChurnZero is ours."""
    sink(sandbox).deliver(UpdateRecord(external_id="101", field="LicenseCount", value="77"), KEY)

    assert sandbox.rows("Account")[0]["LicenseCount"] == 77
    with pytest.raises(RecordRejected, match="LicenseCount is no number"):
        sink(sandbox).deliver(UpdateRecord(external_id="101", field="LicenseCount", value="many"), KEY)


@pytest.mark.parametrize(("external_id", "said"), [("999", "404"), ("x", "no account id"), ("500", "no ExternalId")])
def test_an_account_that_cannot_be_written_to_is_named(sandbox: ChurnZeroSandbox, external_id: str, said: str) -> None:
    """setAttribute would make a new account for an id that nobody knows."""
    sandbox.load("Account", [{"Id": 500, "Name": "No external id"}])

    with pytest.raises(RecordRejected, match=said):
        sink(sandbox).deliver(UpdateRecord(external_id=external_id, field="Tier", value="gold"), KEY)
    assert not sandbox.ledger
