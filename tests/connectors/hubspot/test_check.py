"""`steward connector check hubspot` says what is missing, down to the scope and the property."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.hubspot.sandbox import HubSpotSandbox
from steward.contracts import Finding
from steward.kit.sandbox import Fault


@pytest.fixture
def sandbox(sandbox: HubSpotSandbox) -> HubSpotSandbox:
    sandbox.seed(3)
    return sandbox


def bad(connect: Any, **settings: Any) -> list[Finding]:
    return [finding for finding in connect(**settings).check() if not finding.ok]


def test_a_portal_that_is_set_up_has_nothing_to_mend_and_is_not_changed(sandbox: HubSpotSandbox, connect: Any) -> None:
    """A check is run in the middle of the day."""
    assert bad(connect) == []
    assert not len(sandbox.ledger)


def test_a_scope_that_is_missing_is_named(sandbox: HubSpotSandbox, connect: Any) -> None:
    """The operator grants it in the app's settings."""
    sandbox.faults = [Fault("status", on="GET /crm/v3/objects/contacts", status=403)]
    (finding,) = bad(connect)

    assert finding.what == "contacts: contacts can be read"
    assert "MISSING_SCOPES" in finding.remedy


def test_a_key_property_that_is_missing_matters_on_tasks_and_is_mentioned_elsewhere(
    sandbox: HubSpotSandbox, connect: Any,
) -> None:
    """Every company has CTAs; not every one logs calls."""
    for kind in ("tasks", "calls"):
        del sandbox.portal.properties[kind]["steward_key"]
    findings = connect().check()

    assert [each.what for each in findings if not each.ok] == [
        'the task property "steward_key" keeps a task from being made twice']
    assert ["Only where playbooks use it. Create it" in each.remedy for each in findings if "call property" in each.what] == [True]


def test_a_key_property_that_allows_doubles_is_wrong_wherever_it_is(sandbox: HubSpotSandbox, connect: Any) -> None:
    """It looks set up, and every crash would make a second deal."""
    sandbox.load("properties", [{"objectType": "deals", "name": "steward_key", "hasUniqueValue": False}])
    (finding,) = bad(connect)

    assert finding.what.startswith('the deal property "steward_key"')
    assert "does not require unique values" in finding.remedy


def test_a_token_that_is_wrong_ends_the_check(sandbox: HubSpotSandbox, connect: Any) -> None:
    """Twenty times the same refusal says no more than one."""
    (finding,) = bad(connect, access_token="pat-na1-wrong", refresh_token=None, client_id="")

    assert "INVALID_AUTHENTICATION" in finding.remedy
    assert len(sandbox.calls) == 1
